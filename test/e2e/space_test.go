// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// space is one test's namespace.
type space struct {
	testing.TB
	name string
}

// newSpace makes a namespace that goes with the test. What went wrong in it is told before.
func newSpace(t testing.TB) *space {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "spark-e2e-",
		// One test stops processes, which takes a privileged pod.
		Labels: map[string]string{"pod-security.kubernetes.io/enforce": "privileged", spaceLabel: thisRun},
	}}
	if err := on.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	s := &space{TB: t, name: ns.Name}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if t.Failed() {
			s.dump(ctx)
		}
		if os.Getenv("E2E_KEEP") == "1" {
			return
		}
		s.empty(ctx)
		if err := on.Delete(ctx, ns); err != nil {
			t.Errorf("delete namespace: %v", err)
		}
	})
	return s
}

// empty takes the pods away before the namespace goes: its controller would wait for half of the longest grace period,
// which for a gateway is minutes, before it looks again.
func (s *space) empty(ctx context.Context) {
	for _, kinds := range []string{"sparkgateways", "deployments,pods"} {
		if _, err := on.kubectl(ctx, "", "-n", s.name, "delete", kinds, "--all", "--wait=false"); err != nil {
			s.Logf("empty the namespace: %v", err)
		}
	}
	if missing := poll(ctx, time.Minute, func() string {
		var pods corev1.PodList
		if err := on.List(ctx, &pods, client.InNamespace(s.name)); err != nil || len(pods.Items) > 0 {
			return fmt.Sprintf("%d pods are left: %v", len(pods.Items), err)
		}
		return ""
	}); missing != "" {
		s.Log(missing)
	}
}

func (s *space) dump(ctx context.Context) {
	for _, args := range [][]string{
		{"-n", s.name, "get", "sgw,pp,mr,ak,up,deployments,pods,services", "-o", "wide"},
		{"-n", s.name, "get", "sgw,pp,mr,ak,up", "-o", "yaml"},
		{"-n", s.name, "get", "events", "--sort-by=.metadata.creationTimestamp"},
		{"-n", s.name, "logs", "-l", "sparkgateway.dev/gateway", "--prefix", "--tail=30"},
		{"-n", system, "logs", "-l", "app.kubernetes.io/name=spark-operator", "--tail=60"},
	} {
		out, err := on.kubectl(ctx, "", args...)
		s.Logf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// apply does what kubectl apply does, with each YAML document's NAMESPACE filled in.
func (s *space) apply(manifests string) string {
	s.Helper()
	return must[string](s)(on.kubectl(s.Context(), s.fill(manifests), "-n", s.name, "apply", "-f", "-"))
}

func (s *space) fill(manifests string) string {
	return strings.ReplaceAll(manifests, "NAMESPACE", s.name)
}

// shown is what kubectl get prints, which must fit a terminal.
func (s *space) shown(kind string) string {
	s.Helper()
	out := s.kubectl("get", kind)
	s.Logf("kubectl get %s\n%s", kind, out)
	for line := range strings.Lines(out) {
		if len([]rune(strings.TrimRight(line, " \n"))) > terminal {
			s.Errorf("wider than %d columns: %s", terminal, line)
		}
	}
	return out
}

func (s *space) kubectl(args ...string) string {
	s.Helper()
	return must[string](s)(on.kubectl(s.Context(), "", append([]string{"-n", s.name}, args...)...))
}

// waitFor does what a user or a pipeline does: kubectl wait.
func (s *space) waitFor(condition, object string) {
	s.Helper()
	s.kubectl("wait", "--for=condition="+condition, "--timeout=90s", object)
}

// get reads one of the namespace's objects.
func get[T client.Object](s *space, name string, into T) T {
	s.Helper()
	if err := on.Get(s.Context(), key(s.name, name), into); err != nil {
		s.Fatal(err)
	}
	return into
}

// patch changes an object by a JSON merge patch, and gives its new generation.
func (s *space) patch(o client.Object, name, merge string) int64 {
	s.Helper()
	o.SetNamespace(s.name)
	o.SetName(name)
	if err := on.Patch(s.Context(), o, client.RawPatch(types.MergePatchType, []byte(merge))); err != nil {
		s.Fatal(err)
	}
	return o.GetGeneration()
}

// pods gives a gateway's pods that were not asked to leave, in order of name.
func (s *space) pods(gateway string) []corev1.Pod {
	s.Helper()
	var list corev1.PodList
	if err := on.List(s.Context(), &list, client.InNamespace(s.name), client.MatchingLabels{"sparkgateway.dev/gateway": gateway}); err != nil {
		s.Fatal(err)
	}
	pods := slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods
}

// addresses gives the base URL of each of the gateway's pods.
func (s *space) addresses(gateway string) []string {
	s.Helper()
	var out []string
	for _, pod := range s.pods(gateway) {
		out = append(out, "http://"+pod.Status.PodIP+":8080")
	}
	return out
}

// service gives the base URL of the gateway's Service, once the load pod's node knows the way there.
func (l *loader) service(gateway string) string {
	l.s.Helper()
	url := fmt.Sprintf("http://%s.%s.svc:8080", gateway, l.s.name)
	l.reaches(url+"/v1/models", 401)
	return url
}

// apiKey reads a generated key.
func (s *space) apiKey(name string) string {
	s.Helper()
	return string(get(s, name+"-key", &corev1.Secret{}).Data["apiKey"])
}

// condition gives a condition of a SparkGateway, ProviderPolicy, ModelRoute or APIKey.
func (s *space) condition(o client.Object, name string, want v1alpha1.ConditionType) metav1.Condition {
	s.Helper()
	var list []metav1.Condition
	switch o := get(s, name, o).(type) {
	case *v1alpha1.SparkGateway:
		list = o.Status.Conditions
	case *v1alpha1.ProviderPolicy:
		list = o.Status.Conditions
	case *v1alpha1.ModelRoute:
		list = o.Status.Conditions
	case *v1alpha1.APIKey:
		list = o.Status.Conditions
	}
	return find(list, want)
}

func find(list []metav1.Condition, want v1alpha1.ConditionType) metav1.Condition {
	for _, c := range list {
		if c.Type == string(want) {
			return c
		}
	}
	return metav1.Condition{}
}

// becomes waits for a SparkGateway's Programmed condition to be so, and gives it and how long that took.
func (s *space) becomes(gateway string, status metav1.ConditionStatus, reason v1alpha1.Reason, within time.Duration) (metav1.Condition, time.Duration) {
	s.Helper()
	start := time.Now()
	var c metav1.Condition
	eventually(s, within, func() string {
		c = s.condition(&v1alpha1.SparkGateway{}, gateway, v1alpha1.Programmed)
		if c.Status == status && c.Reason == string(reason) {
			return ""
		}
		return fmt.Sprintf("Programmed is %s/%s: %s; want %s/%s", c.Status, c.Reason, c.Message, status, reason)
	})
	return c, time.Since(start)
}

// minimal is the smallest useful set with three pods, in front of a fake provider.
const minimal = `
apiVersion: v1
kind: Secret
metadata: {name: openai-api-key}
stringData: {apiKey: ` + providerKey + `}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: SparkGateway
metadata: {name: main}
spec: {replicas: 3}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: ProviderPolicy
metadata: {name: openai}
spec:
  gatewayRefs: [{name: main}]
  type: OpenAI
  endpoint: http://fake.NAMESPACE.svc:9000/v1
  credentials: {secretRef: {name: openai-api-key, key: apiKey}}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: alice}
spec:
  gatewayRefs: [{name: main}]
  user: alice
`

// start brings up a fake provider, the load pod and a set of resources, and waits until its gateway "main" is
// Programmed and each of its pods serves: one that has no address yet can receive nothing, and is not waited for by the former.
func (s *space) start(manifests string) *loader {
	s.Helper()
	s.apply(helpers)
	s.kubectl("rollout", "status", "deployment/fake", "--timeout=90s")
	l := s.loader("load")
	l.reaches(fmt.Sprintf("http://fake.%s.svc:9000/livez", s.name), 200)
	s.apply(manifests)
	s.waitFor("Programmed", "sparkgateway/main")
	s.kubectl("rollout", "status", "deployment/main", "--timeout=90s")
	return l
}

// records gives what the fake provider received.
func (s *space) records() []fakeprovider.Record {
	s.Helper()
	var pods corev1.PodList
	if err := on.List(s.Context(), &pods, client.InNamespace(s.name), client.MatchingLabels{"app": "fake"}); err != nil || len(pods.Items) != 1 {
		s.Fatalf("%d pods of the fake provider: %v", len(pods.Items), err)
	}
	var said struct{ Records []fakeprovider.Record }
	if err := on.get(s.Context(), s.name, pods.Items[0].Name+":9000", "fake/records", &said); err != nil {
		s.Fatal(err)
	}
	return said.Records
}

// line is one of a gateway's access log.
type line struct {
	ID, Key, Provider, Outcome, Reason, Error string
	Status                                    int
	Stream                                    bool
	Usage                                     *lineUsage
	// Attempts are there where there were several.
	Attempts []attempt
	// Pod is whose log it stands in.
	Pod string
}

type attempt struct{ Kind, Provider, Outcome string }

type lineUsage struct {
	Source                    string
	Prompt, Completion, Total int64
}

// accessLog gives the lines that a gateway's pods wrote about requests with a key.
func (s *space) accessLog(gateway string) []line {
	s.Helper()
	var lines []line
	for _, pod := range s.pods(gateway) {
		for text := range strings.Lines(must[string](s)(on.logs(s.Context(), s.name, pod.Name))) {
			l := line{Pod: pod.Name}
			if err := json.Unmarshal([]byte(text), &l); err == nil && l.Key != "" {
				lines = append(lines, l)
			}
		}
	}
	return lines
}

// untouched checks that a gateway has the pods that it had, none of them started again.
func (s *space) untouched(gateway string, before []corev1.Pod) {
	s.Helper()
	after := s.pods(gateway)
	if len(after) != len(before) {
		s.Errorf("%d pods, were %d", len(after), len(before))
		return
	}
	for i, pod := range after {
		if pod.UID != before[i].UID || pod.Status.ContainerStatuses[0].RestartCount != 0 {
			s.Errorf("pod %s was replaced or restarted", pod.Name)
		}
	}
}

// template gives what a Deployment's pods are made from, and how often it changed.
func (s *space) template(name string) (appsv1.Deployment, string) {
	s.Helper()
	d := get(s, name, &appsv1.Deployment{})
	encoded, err := json.Marshal(d.Spec.Template)
	if err != nil {
		s.Fatal(err)
	}
	return *d, string(encoded)
}
