// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/test/e2e/load"
)

const operator = "deployment/spark-operator"

// broken is a resource that is refused, and must not keep the operator busy either.
const broken = `
---
apiVersion: sparkgateway.dev/v1alpha1
kind: ProviderPolicy
metadata: {name: broken}
spec:
  gatewayRefs: [{name: main}, {name: nowhere}]
  type: OpenAI
  credentials: {secretRef: {name: nothing}}
`

// Without the operator everything goes on, pods that come anew included; once it is back it takes up what it missed,
// and then writes nothing.
func TestTheOperatorMayDie(t *testing.T) {
	s := newSpace(t)
	l := s.start(minimal + broken)
	s.waitFor("Stalled", "providerpolicy/broken")
	header := func(value string) {
		s.patch(&v1alpha1.SparkGateway{}, "main", fmt.Sprintf(`{"spec":{"securityHeaders":{"extra":{"X-Round":%q}}}}`, value))
	}
	header("before")
	s.waitFor("Programmed", "sparkgateway/main")

	t.Cleanup(func() { s.scaleOperator(1) })
	s.killOperator()
	r := l.begin(load.Spec{
		Targets: []string{l.service("main")}, Rate: 50, StreamEvery: 10, Key: s.apiKey("alice"),
		Steer: "tokens=5", SteerStream: "tokens=20 delay=50ms",
	})
	header("meanwhile")
	victim := s.pods("main")[0]
	if err := on.Delete(t.Context(), &victim); err != nil {
		t.Fatal(err)
	}
	s.gone(&victim, time.Minute)
	s.kubectl("rollout", "status", "deployment/main", "--timeout=60s")
	pods := s.addresses("main")
	for i, a := range l.chat(s.apiKey("alice"), pods...) {
		if a.Status != 200 || a.Headers.Get("X-Round") != "before" {
			t.Errorf("without the operator %s answers %d %v %s", pods[i], a.Status, a.Headers, a.Error)
		}
	}
	total := r.stop().Total()
	if wrong := faultless(total); wrong != "" || len(pods) != 3 {
		t.Error(wrong, len(pods), "pods")
	}
	t.Logf("operator killed, a pod deleted and replaced: %s", figures(total))

	written := s.observe()
	start := time.Now()
	s.scaleOperator(1)
	s.waitFor("Programmed", "sparkgateway/main")
	for i, a := range l.chat(s.apiKey("alice"), pods...) {
		if a.Status != 200 || a.Headers.Get("X-Round") != "meanwhile" {
			t.Errorf("with the operator again %s answers %d %v %s", pods[i], a.Status, a.Headers, a.Error)
		}
	}
	t.Logf("operator started: what was edited meanwhile is Programmed after %s", millis(time.Since(start)))
	s.restarts(written)
	s.rests(l, written)
}

// restarts checks that an operator that starts where nothing is to do changes nothing.
func (s *space) restarts(written *observation) {
	s.Helper()
	s.figuresGo()
	s.quiet(written)
	s.killOperator()
	s.quiet(written)
	written.take()
	s.scaleOperator(1)
	s.quiet(written)
	var told []string
	for _, w := range written.take() {
		if !strings.Contains(w, " "+system+"/") {
			told = append(told, w)
		}
	}
	if len(told) > 0 {
		s.Errorf("an operator that starts where nothing is to do writes %q", told)
	}
	s.Logf("operator restarted where nothing is to do: %d writes to what it manages", len(told))
}

// rests watches the operator at rest.
func (s *space) rests(l *loader, written *observation) {
	s.Helper()
	rest := time.Minute
	if text := os.Getenv("E2E_REST"); text != "" {
		rest = must[time.Duration](s)(time.ParseDuration(text))
	}
	read := s.metricsReader(l)
	s.quiet(written)
	written.take()
	leases := s.observeLeases()
	before := read()
	<-time.After(rest)
	after, renewals, changes := read(), len(leases.take()), written.take()
	if len(changes) > 0 {
		s.Errorf("writes at rest: %q", changes)
	}
	delta := map[string]int{}
	for method, n := range after {
		delta[method] = n - before[method]
	}
	// The second look at the metrics itself has the operator ask who looks, and whether they may.
	const reviews = 2
	if delta["PATCH"] != 0 || delta["DELETE"] != 0 || delta["POST"] > reviews || delta["PUT"] > renewals+1 || delta["PUT"] < renewals-1 {
		s.Errorf("the operator's own count of its requests at rest: %v, with %d renewals of its lease", delta, renewals)
	}
	s.Logf("at rest for %s: %d objects of the operator or with its status were written; its own count of requests: %v, of which PUT are the %d renewals of its lease and POST the questions who reads its metrics",
		rest, len(changes), delta, renewals)
}

// quiet waits until nothing was written for some seconds.
func (s *space) quiet(written *observation) {
	s.Helper()
	const silence = 8 * time.Second
	s.operatorLeads()
	count, since := written.count(), time.Now()
	eventually(s, time.Minute, func() string {
		if n := written.count(); n != count {
			count, since = n, time.Now()
		}
		if time.Since(since) < silence {
			return "something is written still"
		}
		return ""
	})
}

// killOperator ends the operator without letting it say goodbye.
func (s *space) killOperator() {
	s.Helper()
	for _, args := range [][]string{
		{"-n", system, "scale", operator, "--replicas=0"},
		{"-n", system, "delete", "pods", "-l", "app.kubernetes.io/name=spark-operator", "--grace-period=0", "--force"},
	} {
		if _, err := on.kubectl(s.Context(), "", args...); err != nil {
			s.Fatal(err)
		}
	}
	eventually(s, time.Minute, func() string {
		if n := len(s.operatorPods()); n > 0 {
			return fmt.Sprintf("%d pods of the operator are left", n)
		}
		return ""
	})
}

// scaleOperator brings the operator back, also when the test has failed.
func (s *space) scaleOperator(replicas int) {
	s.Helper()
	ctx, cancel := backgroundFor(2 * time.Minute)
	defer cancel()
	if _, err := on.kubectl(ctx, "", "-n", system, "scale", operator, fmt.Sprint("--replicas=", replicas)); err != nil {
		s.Error(err)
	}
	if _, err := on.kubectl(ctx, "", "-n", system, "rollout", "status", operator, "--timeout=2m"); err != nil {
		s.Error(err)
	}
}

func (s *space) operatorPods() []corev1.Pod {
	s.Helper()
	var list corev1.PodList
	if err := on.List(s.Context(), &list, inNamespace(system), client.MatchingLabels{"app.kubernetes.io/name": "spark-operator"}); err != nil {
		s.Fatal(err)
	}
	return list.Items
}

// operatorLeads waits, where there is an operator, until it holds the lease: one that was killed did not give it back.
func (s *space) operatorLeads() {
	s.Helper()
	pods := s.operatorPods()
	if len(pods) == 0 {
		return
	}
	eventually(s, time.Minute, func() string {
		for _, holder := range s.leaseHolders() {
			if strings.HasPrefix(holder, pods[0].Name) {
				return ""
			}
		}
		return "the operator does not lead yet"
	})
}

var requestsTotal = regexp.MustCompile(`(?m)^rest_client_requests_total\{.*method="(PUT|POST|PATCH|DELETE)".*\} (\S+)$`)

// metricsReader gives a function that reads, as one whom the operator authorizes, how many writing requests it has
// sent, by method.
func (s *space) metricsReader(l *loader) func() map[string]int {
	s.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: "metrics-reader"}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: s.name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "spark-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: s.name, Name: account.Name}},
	}
	for _, o := range []client.Object{account, binding} {
		if err := on.Create(s.Context(), o); err != nil {
			s.Fatal(err)
		}
	}
	s.Cleanup(func() {
		ctx, cancel := backgroundFor(10 * time.Second)
		defer cancel()
		if err := on.Delete(ctx, binding); err != nil {
			s.Error(err)
		}
	})
	token := must[*authenticationv1.TokenRequest](s)(on.clients.CoreV1().ServiceAccounts(s.name).CreateToken(
		s.Context(), account.Name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{}))
	return func() map[string]int {
		s.Helper()
		url := "https://" + s.operatorPods()[0].Status.PodIP + ":8443/metrics"
		if a := l.ask(load.Question{Method: http.MethodGet, URL: url})[0]; a.Status != http.StatusUnauthorized {
			s.Errorf("metrics are given to anybody: %d %s", a.Status, a.Error)
		}
		a := l.ask(load.Question{Method: http.MethodGet, URL: url, Headers: map[string]string{"Authorization": "Bearer " + token.Status.Token}})[0]
		if a.Status != http.StatusOK {
			s.Fatalf("metrics: %d %.300s %s", a.Status, a.Body, a.Error)
		}
		counts := map[string]int{}
		for _, match := range requestsTotal.FindAllStringSubmatch(a.Body, -1) {
			counts[match[1]] += int(must[float64](s)(strconv.ParseFloat(match[2], 64)))
		}
		if counts["PUT"] == 0 {
			s.Errorf("the operator counts no requests: %v", counts)
		}
		return counts
	}
}
