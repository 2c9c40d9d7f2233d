// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/manifest"
)

func TestEverySampleIsAppliedByARealAPIServer(t *testing.T) {
	files, err := filepath.Glob("../../config/samples/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no samples", err)
	}
	namespaces := map[string]string{}
	for _, file := range files {
		sample := filepath.Base(filepath.Dir(file))
		if namespaces[sample] == "" {
			namespaces[sample] = newNamespace(t)
		}
		t.Run(sample+"/"+filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
			for applied := 0; ; applied++ {
				object := &unstructured.Unstructured{}
				if err := documents.Decode(object); err != nil {
					if !errors.Is(err, io.EOF) || applied == 0 {
						t.Fatal(applied, err)
					}
					return
				}
				object.SetNamespace(namespaces[sample])
				// Twice, as GitOps does: the second must change nothing.
				version := apply(t, object.DeepCopy())
				if again := apply(t, object); version == "" || again != version {
					t.Errorf("%s %s changes when it is applied again", object.GetKind(), object.GetName())
				}
			}
		})
	}
}

func TestEveryTypeOfProviderHasASample(t *testing.T) {
	set, problems := manifest.Load(os.DirFS("../../config/samples/providers"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	shown := map[string]bool{}
	for _, p := range set.Providers() {
		shown[string(p.Spec.Type)] = true
	}
	for kind := range providerTypes {
		if !shown[kind] {
			t.Errorf("no sample shows type %s", kind)
		}
	}
}

// apply gives the resource version of an object applied with strict field validation.
func apply(t *testing.T, object *unstructured.Unstructured) string {
	t.Helper()
	strict := client.WithFieldValidation(cluster, "Strict")
	err := strict.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("samples"), client.ForceOwnership)
	if err != nil {
		t.Fatalf("%s %s: %v", object.GetKind(), object.GetName(), err)
	}
	return object.GetResourceVersion()
}
