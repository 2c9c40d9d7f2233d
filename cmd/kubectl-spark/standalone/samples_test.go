// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package standalone

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/sparkgateway/spark/api/manifest"
	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/config/crd"
)

const samples = "../../../config/samples"

func TestEverySampleIsValidAndCompiles(t *testing.T) {
	dirs, err := os.ReadDir(samples)
	if err != nil || len(dirs) == 0 {
		t.Fatal("no samples", err)
	}
	for _, dir := range dirs {
		t.Run(dir.Name(), func(t *testing.T) {
			set, problems := manifest.Load(os.DirFS(filepath.Join(samples, dir.Name())))
			var ignored []v1alpha1.Reason
			if dir.Name() == "full" { // it refers to Secrets that only a user can make
				ignored = append(ignored, v1alpha1.ReasonSecretNotFound)
			}
			_, refused := Compile(set, Placeholders(set), ignored...)
			for _, p := range append(problems, refused...) {
				t.Error(p)
			}
			if dir.Name() == "full" && len(set.Routes()) == 0 {
				t.Error("a route is missing")
			}
			if dir.Name() == "full" && len(set.Policies()) == 0 {
				t.Error("a policy is missing")
			}
			if len(set.Gateways()) == 0 || len(set.Providers()) == 0 || len(set.Keys()) == 0 {
				t.Error("a gateway, a provider or a key is missing")
			}
		})
	}
}

func TestTheFullSampleSetsEveryField(t *testing.T) {
	set := map[string]bool{}
	files, err := manifest.Read([]string{filepath.Join(samples, "full")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		for document := range strings.SplitSeq(string(f.Content), "\n---\n") {
			var object map[string]any
			if err := yaml.Unmarshal([]byte(document), &object); err != nil {
				t.Fatal(err)
			}
			mark(set, object["kind"].(string)+" spec", object["spec"])
		}
	}
	names, err := fs.Glob(crd.FS, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		content, err := fs.ReadFile(crd.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		var definition apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(content, &definition); err != nil {
			t.Fatal(err)
		}
		spec := definition.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
		wantSet(t, set, definition.Spec.Names.Kind+" spec", &spec)
	}
}

// mark notes the path of every field.
func mark(set map[string]bool, at string, value any) {
	set[at] = true
	switch value := value.(type) {
	case map[string]any:
		for name, field := range value {
			mark(set, at+"."+name, field)
		}
	case []any:
		for _, item := range value {
			mark(set, at, item)
		}
	}
}

// kubernetesOwn are the fields of Kubernetes' own types, whose parts need not all be shown.
var kubernetesOwn = map[string]bool{
	"SparkGateway spec.resources":                             true,
	"SparkGateway spec.podTemplate.affinity":                  true,
	"SparkGateway spec.podTemplate.tolerations":               true,
	"SparkGateway spec.podTemplate.topologySpreadConstraints": true,
	"SparkGateway spec.allowedNamespaces.selector":            true,
	"UsagePolicy spec.keySelector":                            true,
}

func wantSet(t *testing.T, set map[string]bool, at string, schema *apiextensionsv1.JSONSchemaProps) {
	t.Helper()
	if !set[at] {
		t.Errorf("%s is not in the full sample", at)
	}
	if kubernetesOwn[at] {
		return
	}
	for name, property := range schema.Properties {
		wantSet(t, set, at+"."+name, &property)
	}
	if schema.Items != nil {
		wantSet(t, set, at, schema.Items.Schema)
	}
}
