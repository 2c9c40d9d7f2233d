// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/test/e2e/load"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// The providers of these tests, each with a fake provider of its own.
const (
	primary = "primary"
	backup  = "backup"
)

// lone is a fake provider with a name of its own.
func lone(name string) string {
	manifest := strings.TrimSuffix(helpers, loadPod)
	manifest = strings.ReplaceAll(manifest, "{name: fake}", "{name: "+name+"}")
	return strings.ReplaceAll(manifest, "{app: fake}", "{app: "+name+"}")
}

// policyOf is the policy of a provider at a Service of its name, with the model of-NAME and further lines.
func policyOf(name string, lines ...string) string {
	return fmt.Sprintf(`
---
apiVersion: sparkgateway.dev/v1alpha1
kind: ProviderPolicy
metadata: {name: %s}
spec:
  gatewayRefs: [{name: main}]
  type: OpenAI
  endpoint: http://%[1]s.NAMESPACE.svc:9000/v1
  credentials: {secretRef: {name: provider}}
  models: [{name: of-%[1]s, upstream: fake-model}]
`, name) + strings.Join(lines, "\n")
}

// routeOf is the route of a model to providers, each in the tier of its place.
func routeOf(name, models string, providers ...string) string {
	manifest := fmt.Sprintf(`
---
apiVersion: sparkgateway.dev/v1alpha1
kind: ModelRoute
metadata: {name: %s}
spec:
  gatewayRefs: [{name: main}]
  models: [%s]
  targets:
`, name, models)
	for tier, provider := range providers {
		manifest += fmt.Sprintf("  - {providerRef: {name: %s}, model: of-%[1]s, tier: %d}\n", provider, tier)
	}
	return manifest
}

// stage brings up the two providers, the load pod, a gateway of two pods and what is in front of them, and waits until
// all of it is Ready.
func (s *space) stage(manifests string) *loader {
	s.Helper()
	s.apply(lone(primary) + lone(backup) + strings.ReplaceAll(loadPod, "{app: fake}", "{app: "+backup+"}"))
	s.apply(two + manifests)
	for _, name := range []string{primary, backup} {
		s.kubectl("rollout", "status", "deployment/"+name, "--timeout=90s")
	}
	l := s.loader("load")
	for _, name := range []string{primary, backup} {
		l.reaches(fmt.Sprintf("http://%s.%s.svc:9000/livez", name, s.name), http.StatusOK)
	}
	s.waitFor("Ready", "sparkgateway/main")
	s.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "providerpolicies,modelroutes,apikeys", "--all")
	return l
}

// smartly is a load on the model of that name: a hundred requests a second over both pods, a tenth of them streams.
func (l *loader) smartly() *run {
	l.s.Helper()
	return l.begin(load.Spec{
		Targets: l.s.addresses("main"), Rate: 50, StreamEvery: 10, Key: l.s.apiKey("alice"), Model: "smart",
		Steer: "tokens=5", SteerStream: "tokens=20 delay=20ms", Headers: map[string]string{"X-Tier": "gold", "X-Session": "one"},
	})
}

// goesOn waits until a load has sent so many requests more.
func (r *run) goesOn(requests int) {
	r.l.s.Helper()
	sent := r.report().Total().Sent
	eventually(r.l.s, 30*time.Second, func() string {
		if n := r.report().Total().Sent - sent; n < requests {
			return fmt.Sprintf("%d requests were sent", n)
		}
		return ""
	})
}

// podOf gives the pod of a lone provider.
func (s *space) podOf(name string) string {
	s.Helper()
	var pods corev1.PodList
	if err := on.List(s.Context(), &pods, client.InNamespace(s.name), client.MatchingLabels{"app": name}); err != nil || len(pods.Items) != 1 {
		s.Fatalf("%d pods of provider %s: %v", len(pods.Items), name, err)
	}
	return pods.Items[0].Name
}

// script has a provider misbehave as the rules say; without any it behaves.
func (s *space) script(name string, rules ...fakeprovider.Rule) {
	s.Helper()
	if rules == nil {
		rules = []fakeprovider.Rule{}
	}
	if err := on.post(s.Context(), s.name, s.podOf(name)+":9000", "fake/script", rules, new([]fakeprovider.Rule)); err != nil {
		s.Fatal(err)
	}
}

// chatsAt gives the requests for a chat that a provider still knows of, the newest last.
func (s *space) chatsAt(name string) []fakeprovider.Record {
	s.Helper()
	var said struct{ Records []fakeprovider.Record }
	if err := on.get(s.Context(), s.name, s.podOf(name)+":9000", "fake/records", &said); err != nil {
		s.Fatal(err)
	}
	return slices.DeleteFunc(said.Records, func(r fakeprovider.Record) bool { return r.Path != "/v1/chat/completions" })
}

// newest gives the number of a provider's newest request for a chat, which rises.
func (s *space) newest(name string) int64 {
	s.Helper()
	if all := s.chatsAt(name); len(all) > 0 {
		return all[len(all)-1].ID
	}
	return 0
}

// servedBy asks each pod of the gateway for a model, and says which of the providers were asked then.
func (l *loader) servedBy(model string) []string {
	l.s.Helper()
	before := map[string]int64{primary: l.s.newest(primary), backup: l.s.newest(backup)}
	var questions []load.Question
	for _, pod := range l.s.addresses("main") {
		questions = append(questions, load.Question{
			Method: http.MethodPost, URL: pod + "/v1/chat/completions", Body: load.Chat(model, "tokens=3", false),
			Headers: map[string]string{"Authorization": "Bearer " + l.s.apiKey("alice"), "Content-Type": "application/json"},
		})
	}
	for _, a := range l.ask(questions...) {
		if a.Status != http.StatusOK {
			l.s.Errorf("%s is answered %d %s %s", model, a.Status, a.Body, a.Error)
		}
	}
	served := map[string]bool{}
	for name, id := range before {
		for _, record := range l.s.chatsAt(name) {
			if record.ID > id {
				served[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(served))
}

// table gives the rows of kubectl get by column, and checks that a terminal is wide enough for it.
func (s *space) table(resource string, columns ...string) []map[string]string {
	s.Helper()
	out := s.kubectl("get", resource)
	s.Logf("kubectl get %s\n%s", resource, out)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if got := strings.Fields(lines[0]); !slices.Equal(got, columns) {
		s.Fatalf("the columns of %s are %q, want %q", resource, got, columns)
	}
	var rows []map[string]string
	for _, line := range lines[1:] {
		if text := strings.TrimRight(line, " "); len(text) > terminal {
			s.Errorf("wider than %d columns: %s", terminal, text)
		}
		// A cell may be empty, so that its place in the line says whose it is.
		row, rest := map[string]string{}, len(line)
		for _, column := range slices.Backward(columns) {
			at := min(strings.Index(lines[0], column), rest)
			row[column], rest = strings.TrimSpace(line[at:rest]), at
		}
		rows = append(rows, row)
	}
	return rows
}

// eventAbout gives an Event about a provider, nil where there is none.
func (s *space) eventAbout(provider, kind, reason string) *corev1.Event {
	s.Helper()
	var list corev1.EventList
	if err := on.List(s.Context(), &list, inNamespace(s.name)); err != nil {
		s.Fatal(err)
	}
	for i, e := range list.Items {
		if e.InvolvedObject.Kind == "ProviderPolicy" && e.InvolvedObject.Name == provider && e.Type == kind && e.Reason == reason {
			return &list.Items[i]
		}
	}
	return nil
}

// health gives a provider's status and what it says of Healthy.
func (s *space) health(provider string) (v1alpha1.ProviderPolicyStatus, metav1.Condition) {
	s.Helper()
	status := get(s, provider, &v1alpha1.ProviderPolicy{}).Status
	return status, find(status.Conditions, v1alpha1.Healthy)
}
