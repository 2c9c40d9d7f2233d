// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// parse gives the problems of one file, as lines.
func parse(t *testing.T, content string) (*Set, []string) {
	t.Helper()
	set, problems := Parse([]File{{Name: "f.yaml", Content: []byte(content)}})
	return set, lines(problems)
}

func lines(problems []Problem) []string {
	var printed []string
	for _, p := range problems {
		printed = append(printed, p.String())
	}
	return printed
}

func TestParseRefusesAndSaysWhere(t *testing.T) {
	tests := map[string]struct {
		content string
		want    []string
	}{
		"the line is that of the field": {
			content: "apiVersion: sparkgateway.dev/v1alpha1\nkind: SparkGateway\nmetadata:\n  name: main\nspec:\n  replicas: 2000\n",
			want:    []string{"f.yaml:6: SparkGateway default/main: spec.replicas: should be less than or equal to 1000, not 2000"},
		},
		"the line of a later document counts from the file's first": {
			content: "# one\n---\n# two\napiVersion: sparkgateway.dev/v1alpha1\nkind: SparkGateway\nmetadata: {name: main}\nspec:\n  nonsense: 1\n",
			want:    []string{"f.yaml:8: SparkGateway default/main: spec.nonsense: unknown field"},
		},
		"a missing field is at the line of what should hold it": {
			content: "apiVersion: sparkgateway.dev/v1alpha1\nkind: APIKey\nmetadata: {name: a, namespace: team}\nspec:\n  gatewayRefs: [{name: main}]\n",
			want:    []string{"f.yaml:4: APIKey team/a: spec.user: is required"},
		},
		"a field of a list item is found": {
			content: "apiVersion: v1\nkind: List\nitems:\n- apiVersion: sparkgateway.dev/v1alpha1\n  kind: SparkGateway\n  metadata: {name: main}\n  spec:\n    image: ' '\n",
			want:    []string{"f.yaml:8: SparkGateway default/main: spec.image: should match '^[a-zA-Z0-9][a-zA-Z0-9._/:@-]*$'"},
		},
		"broken YAML": {
			content: "# one\n---\nb: 1\nc: [\n",
			want:    []string{"f.yaml:4: not valid YAML: line 4: did not find expected node content"},
		},
		"a repeated key": {
			content: "---\napiVersion: v1\nkind: Secret\nkind: Secret\n",
			want:    []string{`f.yaml:4: not valid YAML: unmarshal errors: line 4: key "kind" already set in map`},
		},
		"a thing that is no resource": {
			content: "[1, 2]",
			want:    []string{"f.yaml:1: not a resource: must be a map with apiVersion and kind"},
		},
		"a resource without a kind": {
			content: "apiVersion: v1",
			want:    []string{"f.yaml:1: not a resource: apiVersion and kind are required"},
		},
		"a kind that the group does not have": {
			content: "apiVersion: sparkgateway.dev/v1alpha1\nkind: Gateway\nmetadata: {name: x}",
			want:    []string{"f.yaml:1: Gateway default/x: there is no kind Gateway in sparkgateway.dev/v1alpha1"},
		},
		"a version that the group does not have": {
			content: "apiVersion: sparkgateway.dev/v1\nkind: SparkGateway\nmetadata: {name: x}",
			want:    []string{"f.yaml:1: SparkGateway default/x: there is no kind SparkGateway in sparkgateway.dev/v1"},
		},
		"one name twice, the default namespace said and unsaid": {
			content: "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: x, namespace: default}\n",
			want:    []string{"f.yaml:7: Secret default/x: metadata.name: stands twice: it is already in f.yaml:3"},
		},
		"a route's field that is not known": {
			content: "apiVersion: sparkgateway.dev/v1alpha1\nkind: ModelRoute\nmetadata: {name: a}\nspec:\n  gatewayRefs: [{name: main}]\n  models: [a]\n" +
				"  targets:\n  - {providerRef: {name: p}, model: m}\n  - {providerRef: {name: p}, model: o, share: 1}\n",
			want: []string{"f.yaml:9: ModelRoute default/a: spec.targets[1].share: unknown field"},
		},
		"a route that breaks a rule": {
			content: "apiVersion: sparkgateway.dev/v1alpha1\nkind: ModelRoute\nmetadata: {name: a}\nspec:\n  gatewayRefs: [{name: main}]\n  models: [a]\n" +
				"  targets: [{providerRef: {name: p}, model: m, weight: 0}]\n",
			want: []string{"f.yaml:4: ModelRoute default/a: spec: every target has weight 0"},
		},
		"no metadata": {
			content: "apiVersion: sparkgateway.dev/v1alpha1\nkind: SparkGateway\nspec: {}",
			want:    []string{"f.yaml:1: SparkGateway default/: metadata: is required"},
		},
		"a generated name, which only create understands": {
			content: "apiVersion: sparkgateway.dev/v1alpha1\nkind: SparkGateway\nmetadata: {generateName: x-}\nspec: {}",
			want:    []string{"f.yaml:3: SparkGateway default/: metadata.name: name or generateName is required"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, got := parse(t, tt.content)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseKeepsWhatIsValid(t *testing.T) {
	set, problems := parse(t, `
apiVersion: v1
kind: List
items:
- {apiVersion: sparkgateway.dev/v1alpha1, kind: APIKey, metadata: {name: b}, spec: {gatewayRefs: [{name: main}], user: b}}
- {apiVersion: sparkgateway.dev/v1alpha1, kind: APIKey, metadata: {name: a}, spec: {gatewayRefs: [{name: main}], user: a}}
- {apiVersion: sparkgateway.dev/v1alpha1, kind: UsagePolicy, metadata: {name: q}, spec: {gatewayRefs: [{name: main}], keySelector: {}, limits: {concurrency: 1}}}
- {apiVersion: sparkgateway.dev/v1alpha1, kind: UsagePolicy, metadata: {name: p}, spec: {gatewayRefs: [{name: main}], keySelector: {}, limits: {concurrency: 1}}}
- {apiVersion: sparkgateway.dev/v1alpha1, kind: ModelRoute, metadata: {name: z}, spec: {gatewayRefs: [{name: main}], models: [a], targets: [{providerRef: {name: p}, model: m}]}}
- {apiVersion: sparkgateway.dev/v1alpha1, kind: ModelRoute, metadata: {name: x}, spec: {gatewayRefs: [{name: main}], models: [a], targets: [{providerRef: {name: p}, model: m}]}}
--- # a comment
apiVersion: sparkgateway.dev/v1alpha1
kind: SparkGateway
metadata: {name: main, namespace: infra, uid: u, resourceVersion: "7", creationTimestamp: "2026-01-01T00:00:00Z"}
spec: {}
status: {revision: old}
---
apiVersion: v1
kind: Secret
metadata: {name: s}
data: {a: b25l, b: dHdv}
stringData: {b: three}
---
apiVersion: v1
kind: Namespace
metadata: {name: infra, labels: {team: platform}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: other}
`)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if got := []string{set.Keys()[0].Name, set.Keys()[1].Name, set.Keys()[0].Namespace}; !cmp.Equal(got, []string{"a", "b", "default"}) {
		t.Error("keys are not sorted, or not in the default namespace:", got)
	}
	if got := []string{set.Routes()[0].Name, set.Routes()[1].Name}; !cmp.Equal(got, []string{"x", "z"}) {
		t.Error("routes are not sorted:", got)
	}
	if got := []string{set.Policies()[0].Name, set.Policies()[1].Name}; !cmp.Equal(got, []string{"p", "q"}) {
		t.Error("policies are not sorted:", got)
	}
	gateway := set.Gateways()[0]
	if gateway.UID != "" || gateway.ResourceVersion != "" || !gateway.CreationTimestamp.IsZero() || gateway.Generation != 1 {
		t.Errorf("metadata that only a cluster gives is kept: %+v", gateway.ObjectMeta)
	}
	if gateway.Status.Revision != "" {
		t.Error("status is kept, which the API server drops")
	}
	secret := set.Secrets()[types.NamespacedName{Namespace: "default", Name: "s"}]
	if string(secret.Data["a"]) != "one" || string(secret.Data["b"]) != "three" || secret.StringData != nil || secret.Type != corev1.SecretTypeOpaque {
		t.Error("stringData is not merged into data as the API server does")
	}
	want := map[string]map[string]string{
		"infra":   {"team": "platform", "kubernetes.io/metadata.name": "infra"},
		"default": {"kubernetes.io/metadata.name": "default"},
	}
	if diff := cmp.Diff(want, set.Namespaces()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"f.yaml:28: Deployment default/other: ignored: apps/v1 means nothing to a gateway"}, lines(set.Notes())); diff != "" {
		t.Error(diff)
	}
}

func TestASecretsValueIsInNoProblem(t *testing.T) {
	const value = "hunter2"
	tests := map[string]string{
		"not base64":               `data: {a: "` + value + `!"}`,
		"a number":                 `stringData: {a: 1234567}`,
		"data is text":             `data: ` + value,
		"of a type without a key":  `{type: kubernetes.io/tls, stringData: {a: ` + value + `}}`,
		"a bad key":                `stringData: {"a b": ` + value + `}`,
		"an unknown field":         `stringdata: {a: ` + value + `}`,
		"docker config not JSON":   `{type: kubernetes.io/dockerconfigjson, stringData: {".dockerconfigjson": ` + value + `}}`,
		"a YAML tag that mismatch": `stringData: {a: !!int ` + value + `}`,
		"a name of the wrong type": `{metadata: {name: [` + value + `]}}`,
	}
	for name, fields := range tests {
		t.Run(name, func(t *testing.T) {
			content := "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n" + fields
			if inner, ok := strings.CutPrefix(fields, "{"); ok {
				content = "{apiVersion: v1, kind: Secret, metadata: {name: s}, " + inner
			}
			_, problems := parse(t, content)
			if len(problems) == 0 {
				t.Fatal("accepted")
			}
			if all := strings.Join(problems, "\n"); strings.Contains(all, value) || strings.Contains(all, "1234567") {
				t.Error("the value shows:", all)
			}
		})
	}
}

func TestLoadReadsTheManifestsOfADirectory(t *testing.T) {
	namespace := func(name string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("apiVersion: v1\nkind: Namespace\nmetadata: {name: " + name + "}\n")}
	}
	set, problems := Load(fstest.MapFS{
		"a.yaml": namespace("a"), "b.yml": namespace("b"),
		"c.json":             {Data: []byte(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"c"}}`)},
		"README.md":          {Data: []byte("not: [yaml")},
		"kustomization.yaml": {Data: []byte("resources: [a.yaml]")},
		".hidden.yaml":       namespace("hidden"),
		".spark/key.yaml":    namespace("generated"),
		"below/d.yaml":       namespace("d"),
		"dir.yaml":           {Mode: fs.ModeDir},
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if got := len(set.Namespaces()); got != 3 || set.Namespaces()["c"] == nil {
		t.Error("want namespaces a, b and c, got", set.Namespaces())
	}
	_, problems = Load(fstest.MapFS{"below/d.yaml": namespace("d")})
	want := []string{".: . holds no manifest: no *.yaml, *.yml or *.json (directories below it are not read)"}
	if diff := cmp.Diff(want, lines(problems)); diff != "" {
		t.Error(diff)
	}
}

func TestAProblemWithAnObjectIsAtItsField(t *testing.T) {
	set, _ := parse(t, "apiVersion: sparkgateway.dev/v1alpha1\nkind: APIKey\nmetadata: {name: a}\nspec:\n  user: a\n  gatewayRefs:\n  - name: main\n  - name: other\n")
	got := set.Problem("APIKey", types.NamespacedName{Namespace: "default", Name: "a"}, "spec.gatewayRefs[1]", "no such\ngateway")
	if want := "f.yaml:8: APIKey default/a: spec.gatewayRefs[1]: no such gateway"; got.String() != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
