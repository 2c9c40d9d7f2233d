// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/sparkgateway/spark/config/crd"
)

// constraint is one thing that a schema asks of a value: a rule, by its message, or a keyword such as "maximum";
// "required x" asks for a field.
type constraint struct{ kind, at, rule string }

// foreign are Kubernetes' own types, which it does not bound itself.
var foreign = []string{
	"SparkGateway spec.podTemplate.affinity",
	"SparkGateway spec.podTemplate.tolerations[0]",
	"SparkGateway spec.podTemplate.topologySpreadConstraints[0]",
	"SparkGateway spec.allowedNamespaces.selector",
}

// constraints are those of all schemas. Status is left out: only the operator writes it.
func constraints(t *testing.T) []constraint {
	t.Helper()
	var all []constraint
	for _, w := range walks(t) {
		all = append(all, w.found...)
	}
	return all
}

// walks goes over the schemas of all kinds.
func walks(t *testing.T) []*walk {
	t.Helper()
	names, err := fs.Glob(crd.FS, "*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal("no CRDs", err)
	}
	var all []*walk
	for _, name := range names {
		content, err := fs.ReadFile(crd.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		var definition apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(content, &definition); err != nil {
			t.Fatal(err)
		}
		w := &walk{kind: definition.Spec.Names.Kind}
		w.node("", definition.Spec.Versions[0].Schema.OpenAPIV3Schema)
		all = append(all, w)
	}
	return all
}

type walk struct {
	kind  string
	found []constraint
	// fields are the names of all fields.
	fields []string
}

func (w *walk) add(at string, asked bool, rule string) {
	if asked {
		w.found = append(w.found, constraint{w.kind, at, rule})
	}
}

func (w *walk) node(at string, s *apiextensionsv1.JSONSchemaProps) {
	if slices.Contains(foreign, w.kind+" "+at) {
		return
	}
	for _, rule := range s.XValidations {
		w.add(at, true, rule.Message)
	}
	for _, name := range s.Required {
		w.add(at, true, "required "+name)
	}
	w.add(at, s.Minimum != nil, "minimum")
	w.add(at, s.Maximum != nil, "maximum")
	w.add(at, s.MinLength != nil, "minLength")
	w.add(at, s.MaxLength != nil, "maxLength")
	w.add(at, s.Pattern != "", "pattern")
	w.add(at, s.MinItems != nil, "minItems")
	w.add(at, s.MaxItems != nil, "maxItems")
	w.add(at, s.MinProperties != nil, "minProperties")
	w.add(at, s.MaxProperties != nil, "maxProperties")
	w.add(at, len(s.Enum) > 0, "enum")
	w.add(at, s.XListType != nil && *s.XListType != "atomic", "listType")
	for name, property := range s.Properties {
		w.fields = append(w.fields, name)
		if at != "" || name == "spec" {
			w.node(strings.TrimPrefix(at+"."+name, "."), &property)
		}
	}
	if s.Items != nil {
		w.node(at+"[0]", s.Items.Schema)
	}
	if s.AdditionalProperties != nil {
		w.node(at+".*", s.AdditionalProperties.Schema)
	}
}

// kubectl reads YAML 1.1, where these words are booleans unless they stand in quotes: nobody could write such a field.
func TestNoFieldHasANameThatYAMLTakesForABoolean(t *testing.T) {
	fields := 0
	for _, w := range walks(t) {
		fields += len(w.fields)
		for _, name := range w.fields {
			if slices.Contains([]string{"y", "yes", "on", "true", "n", "no", "off", "false"}, strings.ToLower(name)) {
				t.Errorf("%s has a field %q", w.kind, name)
			}
		}
	}
	if fields < 100 {
		t.Errorf("only %d fields were found", fields)
	}
}
