// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden is what a golden file holds: the parts of a document without secrets, and every verdict.
type golden struct {
	Core     *config.Core             `json:"core"`
	Keys     []config.Key             `json:"keys"`
	Secrets  []string                 `json:"secrets"` // names only
	Parts    []string                 `json:"parts"`
	Verdicts map[string]goldenVerdict `json:"verdicts"`
}

// goldenVerdict leaves out what is fine, and the digest of the content, which certificates bear on.
type goldenVerdict struct {
	Generation   int64             `json:"generation"`
	Served       bool              `json:"served"`
	Accepted     *compiler.Finding `json:"accepted,omitempty"`
	ResolvedRefs *compiler.Finding `json:"resolvedRefs,omitempty"`
	Conflicted   *compiler.Finding `json:"conflicted,omitempty"`
	Partial      bool              `json:"partial,omitempty"`
	Prefix       string            `json:"prefix,omitempty"`
	Previous     string            `json:"previous,omitempty"`
	Members      int32             `json:"members,omitempty"`
}

func goldenVerdicts(out compiler.Output) map[string]goldenVerdict {
	orNil := func(f compiler.Finding) *compiler.Finding {
		if f.OK() {
			return nil
		}
		return &f
	}
	all := map[string]goldenVerdict{}
	for who, v := range verdicts(out) {
		g := goldenVerdict{v.Generation, v.Served(), orNil(v.Accepted), orNil(v.ResolvedRefs), orNil(v.Conflicted), v.Partial, v.Prefix, "", v.Members}
		if v.PreviousPrefix != "" {
			g.Previous = v.PreviousPrefix + " until " + v.PreviousUntil.Format(time.RFC3339)
		}
		all[who] = g
	}
	return all
}

func goldenOf(t *testing.T, out compiler.Output) []byte {
	t.Helper()
	g := golden{Verdicts: goldenVerdicts(out), Parts: slices.Sorted(maps.Keys(out.Bundle.Parts))}
	if out.Document != nil {
		g.Core, g.Keys = &out.Document.Core, out.Document.Keys
		g.Secrets = slices.Sorted(maps.Keys(out.Document.Secrets))
	}
	text, err := json.MarshalIndent(g, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	// Certificates are new with every run.
	for token, value := range certificates() {
		quoted, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.ReplaceAll(text, bytes.Trim(quoted, `"`), []byte(token))
	}
	return append(text, '\n')
}

// readManifest reads an input from YAML documents.
func readManifest(t testing.TB, text string) compiler.Input {
	t.Helper()
	objects := []any{}
	namespaces := map[string]map[string]string{}
	for doc := range strings.SplitSeq(text, "\n---\n") {
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(doc), &kind); err != nil {
			t.Fatal(err)
		}
		read := func(into any) {
			if err := yaml.UnmarshalStrict([]byte(doc), into); err != nil {
				t.Fatalf("%s: %v", kind.Kind, err)
			}
		}
		switch kind.Kind {
		case v1alpha1.KindSparkGateway:
			o := &v1alpha1.SparkGateway{}
			read(o)
			objects = append(objects, o)
		case v1alpha1.KindProviderPolicy:
			var o v1alpha1.ProviderPolicy
			read(&o)
			objects = append(objects, o)
		case v1alpha1.KindModelRoute:
			var o v1alpha1.ModelRoute
			read(&o)
			objects = append(objects, o)
		case v1alpha1.KindAPIKey:
			var o v1alpha1.APIKey
			read(&o)
			objects = append(objects, o)
		case v1alpha1.KindUsagePolicy:
			var o v1alpha1.UsagePolicy
			read(&o)
			objects = append(objects, o)
		case "Secret":
			o := &corev1.Secret{}
			read(o)
			o.Data = map[string][]byte{}
			for k, v := range o.StringData {
				if made, ok := certificates()[v]; ok {
					v = made
				}
				o.Data[k] = []byte(v)
			}
			o.StringData = nil
			objects = append(objects, o)
		case "Namespace":
			var o corev1.Namespace
			read(&o)
			namespaces[o.Name] = o.Labels
		default:
			t.Fatalf("a document of kind %q", kind.Kind)
		}
	}
	return input(append(objects, namespaces)...)
}

func TestGoldenDocuments(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no inputs: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in := readManifest(t, string(text))
			out := compiler.Compile(in)
			got, path := goldenOf(t, out), strings.TrimSuffix(file, ".yaml")+".golden.json"
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("%v; write it with -update", err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
			wantInvariants(t, in, out)
		})
	}
}

// wantInvariants checks what holds of every output.
func wantInvariants(t *testing.T, in compiler.Input, out compiler.Output) {
	t.Helper()
	wantNoSecret(t, in, out)
	wantSameWhenShuffled(t, in, out)
	for who, v := range verdicts(out) {
		for _, f := range []compiler.Finding{v.Accepted, v.ResolvedRefs, v.Conflicted} {
			if (f.Reason == "") != (f.Message == "") {
				t.Errorf("%s has a finding with half of its words: %+v", who, f)
			}
		}
		if v.Partial && (!v.Accepted.OK() || v.ResolvedRefs.OK()) {
			t.Errorf("%s is served in part, and nothing says which: %+v", who, v)
		}
	}
	if out.Document == nil {
		return
	}
	if err := out.Document.Validate(); err != nil {
		t.Errorf("the document is not valid: %v", err)
	}
	decoded, err := config.Decode(out.Bundle)
	if err != nil {
		t.Fatalf("the bundle cannot be decoded: %v", err)
	}
	again, err := config.Encode(decoded)
	if err != nil {
		t.Fatal(err)
	}
	if diff := different(out.Bundle, again); diff != "" {
		t.Errorf("the bundle after a round trip (-want +got):\n%s", diff)
	}
}

// different is cmp.Diff, which is slow under the race detector, of values that are mostly the same.
func different(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return cmp.Diff(want, got)
}

// wantSameWhenShuffled compiles permutations of the input.
func wantSameWhenShuffled(t *testing.T, in compiler.Input, want compiler.Output) {
	t.Helper()
	wantVerdicts := verdicts(want)
	for seed := range uint64(50) {
		shuffled := in
		shuffled.Providers, shuffled.Routes, shuffled.Keys = slices.Clone(in.Providers), slices.Clone(in.Routes), slices.Clone(in.Keys)
		shuffled.Policies = slices.Clone(in.Policies)
		random := rand.New(rand.NewPCG(seed, 0))
		random.Shuffle(len(shuffled.Providers), func(i, j int) {
			shuffled.Providers[i], shuffled.Providers[j] = shuffled.Providers[j], shuffled.Providers[i]
		})
		random.Shuffle(len(shuffled.Routes), func(i, j int) {
			shuffled.Routes[i], shuffled.Routes[j] = shuffled.Routes[j], shuffled.Routes[i]
		})
		random.Shuffle(len(shuffled.Keys), func(i, j int) {
			shuffled.Keys[i], shuffled.Keys[j] = shuffled.Keys[j], shuffled.Keys[i]
		})
		random.Shuffle(len(shuffled.Policies), func(i, j int) {
			shuffled.Policies[i], shuffled.Policies[j] = shuffled.Policies[j], shuffled.Policies[i]
		})
		got := compiler.Compile(shuffled)
		if diff := different(want.Bundle, got.Bundle); diff != "" {
			t.Fatalf("another order gives another bundle (-want +got):\n%s", diff)
		}
		if diff := different(wantVerdicts, verdicts(got)); diff != "" {
			t.Fatalf("another order gives another verdict (-want +got):\n%s", diff)
		}
	}
}

// wantNoSecret looks for the values of Secrets where they must not be: in everything but the part "secrets".
func wantNoSecret(t testing.TB, in compiler.Input, out compiler.Output) {
	t.Helper()
	open := map[string]string{"the manifest": mustJSON(t, out.Bundle.Manifest)}
	for name, part := range out.Bundle.Parts {
		if name != config.SecretsPart {
			open["part "+name] = string(part)
		}
	}
	for who, v := range verdicts(out) {
		open["the verdict on "+who] = mustJSON(t, v)
	}
	if out.Document != nil {
		open["the document in JSON"] = mustJSON(t, out.Document)
	}
	for where, text := range open {
		for _, value := range secretValues(in) {
			quoted := strings.Trim(mustJSON(t, value), `"`)
			if strings.Contains(text, value) || strings.Contains(text, quoted) {
				t.Errorf("%s holds a Secret's value %q", where, value)
			}
		}
	}
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
