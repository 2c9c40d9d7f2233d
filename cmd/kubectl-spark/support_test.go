// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/bundle"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/bundle/bundletest"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/live"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/config"
)

// planted are secrets of which no eight characters may be told.
type planted struct {
	random *rand.Rand
	all    []string
}

func (p *planted) letters(n int) string {
	const from = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	text := make([]byte, n)
	for i := range text {
		text[i] = from[p.random.IntN(len(from))]
	}
	p.all = append(p.all, string(text))
	return string(text)
}

// key is one of a gateway, token one of a provider.
func (p *planted) key() string   { return config.APIKeyPrefix + p.letters(49) }
func (p *planted) token() string { return "sk-proj-" + p.letters(40) }

func (p *planted) leaks(text string) (found []string) {
	for _, secret := range p.all {
		for i := 0; i+8 <= len(secret); i++ {
			if strings.Contains(text, secret[i:i+8]) {
				found = append(found, secret[i:i+8])
				break
			}
		}
	}
	return found
}

// told is a ward whose one pod says too much.
type told struct {
	*planted
	fails error
}

func (w told) Pods(context.Context, string) ([]string, error) { return []string{"main-a"}, w.fails }

func (w told) Health(context.Context, string, string) ([]live.Told[config.Health], error) {
	return []live.Told[config.Health]{{Pod: "main-a", Answer: config.Health{Status: config.HealthOK, Reasons: []string{"password=" + w.letters(20)}}}, {Pod: "main-b", Err: errors.New("Bearer " + w.letters(20))}}, w.fails
}

func (w told) Errors(context.Context, string, string) ([]live.Told[config.ErrorReport], error) {
	return []live.Told[config.ErrorReport]{{Pod: "main-a", Answer: config.ErrorReport{Groups: []config.ErrorGroup{{Reason: "upstream_5xx", Sample: "key " + w.token()}}}}}, w.fails
}

func (w told) Acks(context.Context, string) ([]live.Told[config.Ack], error) {
	return []live.Told[config.Ack]{{Pod: "main-a", Answer: config.Ack{Revision: "1f9c04ab", Rejected: &config.Rejection{Error: "redis://u:" + w.letters(20) + "@redis"}}}}, w.fails
}

func (w told) Metrics(context.Context, string) ([]byte, error) {
	return fmt.Appendf(nil, "spark_requests_total{model=%q} 7\n", w.key()), w.fails
}

func (w told) Logs(_ context.Context, _ string, of *corev1.PodLogOptions) (io.ReadCloser, error) {
	text := fmt.Sprintf("{\"level\":\"info\",\"msg\":\"begun by %s\",\"authorization\":\"Bearer %s\",\"key\":\"%s\"}\n", of.Container, w.letters(30), w.key())
	if of.Container == render.Container {
		text += `{"time":"2026-03-04T12:00:01Z","id":"1","key":"team/alice","outcome":"ok","path":"/` + w.letters(20) + `"}` + "\n"
	}
	return io.NopCloser(strings.NewReader(text)), w.fails
}

// secretive is a cluster with a secret in every place that there is for one.
func secretive(p *planted) []client.Object {
	gw := gatewayNamed("team", "main", "True")
	gw.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": p.letters(30)}
	gw.Status.Conditions[0].Message = "the store redis://:" + p.letters(20) + "@redis does not answer"
	provider := &v1alpha1.ProviderPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "openai"}}
	provider.Spec.GatewayRefs = []v1alpha1.GatewayReference{{Name: "main"}}
	provider.Spec.Type = "OpenAI"
	provider.Spec.Endpoint = "https://me:" + p.letters(20) + "@llm.example.com/v1?key=" + p.letters(20)
	provider.Spec.Headers = &v1alpha1.HeaderEdits{Set: map[string]v1alpha1.HeaderValue{"X-Secret": v1alpha1.HeaderValue(p.letters(30))}}
	key := apiKey("team", "alice", func(k *v1alpha1.APIKey) { k.Status.Prefix = p.letters(12) })
	pod := corev1.PodSpec{Containers: []corev1.Container{{
		Name: "gateway", Image: "sparkgateway/gateway:dev", Args: []string{"--token=" + p.letters(20), p.letters(20)}, Command: []string{p.letters(20)},
		Env: []corev1.EnvVar{{Name: "A", Value: p.letters(20)}},
		LivenessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			HTTPHeaders: []corev1.HTTPHeader{{Name: "X-Probe", Value: p.letters(20)}}}}},
	}}}
	at := func(namespace, name string, labels map[string]string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels, Annotations: map[string]string{"a": p.letters(20)}}
	}
	gateway, operator := map[string]string{render.GatewayLabel: "main"}, map[string]string(operatorLabels)
	deployment := &appsv1.Deployment{ObjectMeta: at("team", "main", gateway)}
	deployment.Spec.Template.Spec = pod
	secret := secretOf("openai-api-key", map[string]string{"apiKey": p.token(), "raw": p.letters(40)})
	secret.Annotations = map[string]string{"was": p.letters(20)}
	return []client.Object{
		gw, provider, key, deployment, secret,
		secretOf(render.AdminSecretName("main"), map[string]string{"key": p.letters(40)}), secretOf("alice-key", map[string]string{"apiKey": p.key()}),
		&corev1.Pod{ObjectMeta: at("team", "main-a", gateway), Spec: pod}, &corev1.Pod{ObjectMeta: at("spark-system", "spark-operator-x", operator), Spec: pod},
		&appsv1.Deployment{ObjectMeta: at("spark-system", "spark-operator", operator), Spec: deployment.Spec},
		&corev1.Event{ObjectMeta: at("team", "e", nil), Reason: "Failed", Message: "the key " + p.key() + " and Bearer " + p.letters(30)},
	}
}

// watched gives a cluster whose Secrets may be listed by name only.
func watched(t *testing.T, objects []client.Object) client.Client {
	t.Helper()
	none := func(object any) error {
		switch object.(type) {
		case *corev1.Secret, *corev1.SecretList:
			t.Error("a Secret's values were read")
			return errors.New("no")
		}
		return nil
	}
	return fake.NewClientBuilder().WithScheme(live.Scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
			return errors.Join(none(into), c.Get(ctx, key, into, options...))
		},
		List: func(ctx context.Context, c client.WithWatch, into client.ObjectList, options ...client.ListOption) error {
			return errors.Join(none(into), c.List(ctx, into, options...))
		},
	}).Build()
}

func TestABundleHoldsNoSecret(t *testing.T) {
	p := &planted{random: rand.New(rand.NewPCG(1, 2))}
	objects := watched(t, secretive(p))
	var out, warnings bytes.Buffer
	s := supporting{origin: origin{space: "team"}, gateway: "main", file: "-", operator: "spark-system"}
	if err := s.save(t.Context(), scene{objects, told{planted: p}, told{planted: p}}, noon, &out, &warnings); err != nil {
		t.Fatal(err)
	}
	files := bundletest.Unpack(t, &out)
	if len(p.all) < 25 {
		t.Fatalf("only %d secrets were planted", len(p.all))
	}
	for name, content := range files {
		if found := p.leaks(content + name); len(found) > 0 {
			t.Errorf("%s tells %v:\n%s", name, found, content)
		}
	}
	if found := p.leaks(warnings.String()); len(found) > 0 {
		t.Errorf("the warnings tell %v", found)
	}
	const want = `about.txt kubernetes/autoscalers.yaml kubernetes/deployments.yaml kubernetes/events.yaml kubernetes/operator-deployments.yaml
kubernetes/operator-events.yaml kubernetes/operator-pods.yaml kubernetes/pods.yaml kubernetes/secrets.yaml kubernetes/services.yaml
operator/spark-operator-x.log pods/main-a/configuration.json pods/main-a/errors.json pods/main-a/health.json pods/main-a/log.txt
pods/main-a/metrics.txt resources.yaml status.txt`
	got := strings.ReplaceAll(strings.Join(slices.Sorted(maps.Keys(files)), " "), "spark-support/", "")
	if got != strings.Join(strings.Fields(want), " ") {
		t.Errorf("files: %s", got)
	}
	for file, holds := range map[string]string{
		"resources.yaml": "kind: ProviderPolicy", "kubernetes/secrets.yaml": "name: openai-api-key", "kubernetes/pods.yaml": "name: A\n", "status.txt": "SparkGateway team/main",
		"pods/main-a/configuration.json": "1f9c04ab", "pods/main-a/metrics.txt": "spark_requests_total", "operator/spark-operator-x.log": "begun by manager",
		"pods/main-a/log.txt": "begun by gateway", "about.txt": "the health of pod main-b",
	} {
		if !strings.Contains(files["spark-support/"+file], holds) {
			t.Errorf("%s lacks %q:\n%s", file, holds, files["spark-support/"+file])
		}
	}
	if strings.Contains(files["spark-support/pods/main-a/log.txt"], "outcome") {
		t.Error("access lines are in the log")
	}
}

func TestABundleDoesWithoutWhatCannotBeHad(t *testing.T) {
	p := &planted{random: rand.New(rand.NewPCG(1, 2))}
	var out, warnings bytes.Buffer
	s := supporting{origin: origin{space: "team"}, gateway: "gone", file: "-", operator: "elsewhere"}
	pods := told{planted: p, fails: errors.New("no route")}
	if err := s.save(t.Context(), scene{fakeCluster(), pods, pods}, noon, &out, &warnings); err != nil {
		t.Fatal(err)
	}
	about := bundletest.Unpack(t, &out)["spark-support/about.txt"]
	for _, want := range []string{"the resources: ", "the operator's logs in namespace elsewhere: there is no pod", "the health of all pods: no route", "the metrics of all pods: no route"} {
		if !strings.Contains(about, want) || !strings.Contains(warnings.String(), "warning: without "+want) {
			t.Errorf("%q is not told:\n%s", want, about)
		}
	}
	out.Reset()
	s.withoutPods = true
	if err := s.save(t.Context(), scene{fakeCluster(), nil, nil}, noon, &out, &warnings); err != nil {
		t.Error(err)
	}
}

func TestABundleIsAFileOfItsOwn(t *testing.T) {
	t.Chdir(t.TempDir())
	s := supporting{origin: origin{space: "team"}, gateway: "main", withoutPods: true}
	const name = "spark-support-main-20260304T120000Z.tar.gz"
	if err := s.save(t.Context(), scene{fakeCluster(), nil, nil}, noon, nil, io.Discard); err != nil {
		t.Fatal(err)
	}
	if at, err := os.Stat(name); err != nil || at.Mode().Perm() != 0o600 {
		t.Error(at, err)
	}
	if err := s.save(t.Context(), scene{fakeCluster(), nil, nil}, noon, nil, io.Discard); !errors.Is(err, os.ErrExist) {
		t.Error("a file was overwritten:", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.file = filepath.Join(t.TempDir(), "x.tar.gz")
	if err := s.save(ctx, scene{fakeCluster(), nil, nil}, noon, nil, io.Discard); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := os.Stat(s.file); !errors.Is(err, os.ErrNotExist) {
		t.Error("what was given up is left:", err)
	}
	if _, _, err := execute(t, "", "support-bundle"); !errors.Is(err, errWhichGateway) {
		t.Error(err)
	}
}

// longLog is one that is longer than a file of a bundle.
type longLog struct{ told }

func (longLog) Logs(context.Context, string, *corev1.PodLogOptions) (io.ReadCloser, error) {
	lines := strings.Repeat(strings.Repeat("x", 1023)+"\n", 3*bundle.MaxFile>>10)
	return io.NopCloser(strings.NewReader("the oldest\n" + lines + "the newest\n")), nil
}

func TestTheEndOfALongLogIsKept(t *testing.T) {
	text, err := podLog(t.Context(), longLog{}, "main-a", render.Container)
	if err != nil || len(text) > bundle.MaxFile || len(text) < bundle.MaxFile-2048 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if !strings.HasPrefix(text, "[cut off]\nxxx") || !strings.HasSuffix(text, "x\nthe newest\n") {
		t.Errorf("it begins with %.20q and ends with %q", text, text[len(text)-20:])
	}
	short, err := podLog(t.Context(), told{planted: &planted{random: rand.New(rand.NewPCG(1, 2))}}, "main-a", "manager")
	if err != nil || !strings.HasPrefix(short, "{") || !strings.HasSuffix(short, "}\n") {
		t.Errorf("a short one became %q, %v", short, err)
	}
}
