// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/sparkgateway/spark/api/manifest"
	"github.com/sparkgateway/spark/api/v1alpha1"
)

const priceList = "testdata/prices/list.json"

func TestPricesIntoManifests(t *testing.T) {
	cmd := root()
	var out, report bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&report)
	cmd.SetArgs([]string{"prices", "import", "-f", priceList, "-f", "testdata/prices/manifests", "--provider", "groq=groq"})
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	golden(t, "prices/updated.golden.yaml", out.Bytes())
	golden(t, "prices/report.golden.txt", report.Bytes())
	if strings.Contains(out.String(), "s3cr3t") {
		t.Error("a Secret was printed")
	}
	set, problems := manifest.Parse([]manifest.File{{Name: "out", Content: out.Bytes()}})
	if len(problems) != 0 || len(set.Providers()) != 3 {
		t.Errorf("what is printed is not valid: %v", problems)
	}
	// Once they are there, nothing changes any more.
	again := filepath.Join(t.TempDir(), "again.yaml")
	if err := os.WriteFile(again, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var second bytes.Buffer
	report.Reset()
	cmd = root()
	cmd.SetOut(&second)
	cmd.SetErr(&report)
	cmd.SetArgs([]string{"prices", "import", "-f", priceList, "-f", again, "--provider", "default/groq=groq"})
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(out.String(), second.String()); diff != "" || strings.Contains(report.String(), ": new") || strings.Contains(report.String(), ": changed") {
		t.Errorf("%s\n%s", diff, report.String())
	}
}

func TestPricesRefusals(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const manifests = "testdata/prices/manifests"
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no list":                     {[]string{"-f", manifests}, "no list of prices"},
		"two lists":                   {[]string{"-f", priceList, "-f", priceList}, "two lists"},
		"standard input":              {[]string{"-f", "-"}, "-f -: name files"},
		"no file":                     {[]string{"-f", "nowhere"}, "no such file"},
		"what is no list":             {[]string{"-f", file("a.json", "[1]")}, "not a list of prices: it is a JSON object"},
		"a list without providers":    {[]string{"-f", file("b.json", `{"a":{"x":1}}`)}, "no model in it has a litellm_provider"},
		"a provider without its key":  {[]string{"-f", priceList, "--provider", "groq"}, "--provider groq: write name=key"},
		"an output that there is not": {[]string{"-f", priceList, "-o", "json"}, "-o json: text and yaml are known"},
		"a dry run of manifests":      {[]string{"-f", priceList, "-f", manifests, "--dry-run"}, "with manifests no cluster is asked"},
		"broken manifests":            {[]string{"-f", priceList, "-f", file("c.yaml", "a: [s3cr3t")}, "c.yaml: not valid YAML"},
		"no manifest":                 {[]string{"-f", priceList, "-f", dir + "/"}, "c.yaml: not valid YAML"},
		"models that are no list":     {[]string{"-f", priceList, "-f", file("d.yaml", "kind: ProviderPolicy\nspec: {models: 1}")}, "line 1: not a ProviderPolicy"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := root()
			cmd.SetOut(&bytes.Buffer{})
			cmd.SetErr(&bytes.Buffer{})
			cmd.SetArgs(append([]string{"prices", "import"}, tt.args...))
			if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestPricesIntoACluster(t *testing.T) {
	provider := func(name, kind string, models ...any) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": v1alpha1.GroupVersion.String(), "kind": "ProviderPolicy",
			"metadata": map[string]any{"namespace": "shop", "name": name, "resourceVersion": "7"},
			"spec":     map[string]any{"type": kind, "models": models},
		}}
	}
	resource := v1alpha1.GroupVersion.WithResource("providerpolicies")
	for name, dryRun := range map[string]bool{"changed": false, "only checked": true} {
		t.Run(name, func(t *testing.T) {
			clients := fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{resource: "ProviderPolicyList"},
				provider("anthropic", "Anthropic", map[string]any{"name": "sonata-4", "price": map[string]any{"inputPerMillion": "3.00", "outputPerMillion": "15", "cachedInputPerMillion": "0.3", "cacheWritePerMillion": "3.75"}}),
				provider("openai", "OpenAI", map[string]any{"name": "other"}, map[string]any{"name": "swift", "upstream": "swift-1"}),
				provider("refused", "OpenAI", map[string]any{"name": "swift-1"}),
			)
			var patches []string
			clients.PrependReactor("patch", "providerpolicies", func(action clienttesting.Action) (bool, runtime.Object, error) {
				patch := action.(clienttesting.PatchActionImpl)
				if patch.Name == "refused" {
					return true, nil, errors.New("no right to")
				}
				if options := patch.PatchOptions; options.FieldManager != "kubectl-spark-prices" || len(options.DryRun) > 0 != dryRun {
					t.Errorf("%+v", options)
				}
				patches = append(patches, patch.Name+" "+string(patch.Patch))
				return false, nil, nil
			})
			i := importing{paths: []string{priceList}, dryRun: dryRun, output: "yaml"}
			if err := i.read(); err != nil {
				t.Fatal(err)
			}
			var report bytes.Buffer
			changed, err := i.apply(context.Background(), clients.Resource(resource).Namespace("shop"), &report)
			if err == nil || err.Error() != "shop/refused: no right to" {
				t.Error(err)
			}
			want := []string{`openai [{"op":"test","path":"/metadata/resourceVersion","value":"7"},{"op":"add","path":"/spec/models/1/price","value":{"inputPerMillion":"2.5","outputPerMillion":"10","cachedInputPerMillion":"1.25"}}]`}
			if diff := cmp.Diff(want, patches); diff != "" {
				t.Error(diff)
			}
			if len(changed) != 1 || !strings.Contains(changed[0], `inputPerMillion: "2.5"`) {
				t.Error(changed)
			}
			for _, line := range []string{
				"shop/anthropic sonata-4: same, $3 in and $15 out a million tokens, $0.3 cached, $3.75 written to the cache; costs more for long prompts, which is not taken over\n",
				"shop/openai other: no price; the list has no such model of openai or text-completion-openai\n", "shop/openai swift: new, ",
			} {
				if !strings.Contains(report.String(), line) {
					t.Errorf("%q is not in %s", line, report.String())
				}
			}
		})
	}
}
