// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fields tests that no field of a resource is dead: each one changes what a gateway does, or the objects that it
// runs as. The fields are found in the types, so that one that is new is missed here before it is in anybody's manifest.
package fields

import (
	"encoding/json"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/config/crd"
)

// walk finds the fields that need a case: "Kind.spec.a.b[].c", and where a schema has an enum, "Kind.spec.a=Value" for
// each of its values. A list of words is one field, and so is a map, and whatever is of a type that is not ours.
type walk struct {
	t     *testing.T
	ours  string // the package whose types are gone into
	found []string
	// inner are the fields that have fields: they may have a case, and need none.
	inner []string
}

func (w *walk) fields(at string, of reflect.Type, schema *apiextensionsv1.JSONSchemaProps) {
	for i := range of.NumField() {
		field := of.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if options == "inline" {
			w.fields(at, field.Type, schema)
			continue
		}
		property, ok := schema.Properties[name]
		if !ok {
			w.t.Errorf("%s.%s is not in the schema", at, name)
			continue
		}
		w.value(at+"."+name, field.Type, &property)
	}
}

func (w *walk) value(at string, of reflect.Type, schema *apiextensionsv1.JSONSchemaProps) {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	switch {
	case w.has(of):
		w.inner = append(w.inner, at)
		w.fields(at, of, schema)
	case of.Kind() == reflect.Slice && w.has(of.Elem()):
		w.inner = append(w.inner, at)
		w.fields(at+"[]", of.Elem(), schema.Items.Schema)
	case of.Kind() == reflect.Map && w.has(of.Elem()):
		w.inner = append(w.inner, at)
		w.fields(at+".*", of.Elem(), schema.AdditionalProperties.Schema)
	case of.Kind() == reflect.Slice && schema.Items != nil:
		w.leaf(at, schema.Items.Schema.Enum)
	default:
		w.leaf(at, schema.Enum)
	}
}

// has says whether a type is a struct of ours that is written by its fields.
func (w *walk) has(of reflect.Type) bool {
	return of.Kind() == reflect.Struct && of.PkgPath() == w.ours && !reflect.PointerTo(of).Implements(reflect.TypeFor[json.Marshaler]())
}

func (w *walk) leaf(at string, enum []apiextensionsv1.JSON) {
	if len(enum) == 0 {
		w.found = append(w.found, at)
		return
	}
	w.inner = append(w.inner, at)
	for _, value := range enum {
		w.found = append(w.found, at+"="+strings.Trim(string(value.Raw), `"`))
	}
}

// walked goes over the spec of every kind of the group.
func walked(t *testing.T) *walk {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	schemas := schemas(t)
	w := &walk{t: t, ours: reflect.TypeFor[v1alpha1.SparkGateway]().PkgPath()}
	kinds := 0
	for kind, of := range scheme.KnownTypes(v1alpha1.GroupVersion) {
		spec, ok := of.FieldByName("Spec")
		if _, list := of.FieldByName("Items"); list || of.PkgPath() != w.ours {
			continue
		}
		schema := schemas[kind]
		if !ok || schema == nil {
			t.Errorf("%s has no spec or no schema", kind)
			continue
		}
		kinds++
		property := schema.Properties["spec"]
		w.fields(kind+".spec", spec.Type, &property)
	}
	if kinds != len(schemas) {
		t.Errorf("%d kinds, but %d schemas", kinds, len(schemas))
	}
	slices.Sort(w.found)
	return w
}

// schemas are those of the custom resources, by kind.
func schemas(t *testing.T) map[string]*apiextensionsv1.JSONSchemaProps {
	t.Helper()
	names, err := fs.Glob(crd.FS, "*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal("no custom resources", err)
	}
	found := map[string]*apiextensionsv1.JSONSchemaProps{}
	for _, name := range names {
		content, err := fs.ReadFile(crd.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		var definition apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(content, &definition); err != nil {
			t.Fatal(err)
		}
		found[definition.Spec.Names.Kind] = definition.Spec.Versions[0].Schema.OpenAPIV3Schema
	}
	return found
}

// judge compares the fields with the names of the cases. A name is a field's, and may tell behind a space which of its
// effects the case shows.
func judge(w *walk, cases []string) (lacking, idle []string) {
	shown := map[string]bool{}
	for _, name := range cases {
		path, _, _ := strings.Cut(name, " ")
		shown[path] = true
		if !slices.Contains(w.found, path) && !slices.Contains(w.inner, path) {
			idle = append(idle, name)
		}
	}
	for _, path := range w.found {
		if !shown[path] {
			lacking = append(lacking, path)
		}
	}
	slices.Sort(idle)
	return lacking, idle
}

// Sample and part stand for a kind that somebody adds.
type sample struct {
	Word   string                `json:"word"`
	Number *int32                `json:"number,omitempty"`
	Mode   string                `json:"mode,omitempty"`
	Modes  []string              `json:"modes,omitempty"`
	Parts  []part                `json:"parts,omitempty"`
	Named  map[string]part       `json:"named,omitempty"`
	Texts  map[string]string     `json:"texts,omitempty"`
	Theirs *metav1.LabelSelector `json:"theirs,omitempty"`
	Either amount                `json:"either,omitempty"`
	part   `json:",inline"`
}

type part struct {
	Deep *struct{} `json:"deep,omitempty"`
}

type amount intstr.IntOrString

func (amount) MarshalJSON() ([]byte, error) { return nil, nil }

func TestTheWalkFindsEveryField(t *testing.T) {
	enum := apiextensionsv1.JSONSchemaProps{Enum: []apiextensionsv1.JSON{{Raw: []byte(`"A"`)}, {Raw: []byte(`"B"`)}}}
	deep := apiextensionsv1.JSONSchemaProps{Properties: map[string]apiextensionsv1.JSONSchemaProps{"deep": {}}}
	schema := &apiextensionsv1.JSONSchemaProps{Properties: map[string]apiextensionsv1.JSONSchemaProps{
		"word": {}, "number": {}, "mode": enum, "texts": {}, "theirs": {}, "either": {}, "deep": {},
		"modes": {Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &enum}},
		"parts": {Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &deep}},
		"named": {AdditionalProperties: &apiextensionsv1.JSONSchemaPropsOrBool{Schema: &deep}},
	}}
	w := &walk{t: t, ours: reflect.TypeFor[sample]().PkgPath()}
	w.fields("X.spec", reflect.TypeFor[sample](), schema)
	want := []string{
		"X.spec.word", "X.spec.number", "X.spec.mode=A", "X.spec.mode=B", "X.spec.modes=A", "X.spec.modes=B",
		"X.spec.parts[].deep", "X.spec.named.*.deep", "X.spec.texts", "X.spec.theirs", "X.spec.either", "X.spec.deep",
	}
	if diff := cmp.Diff(want, w.found); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestFieldsWithoutACaseAreNamed(t *testing.T) {
	w := &walk{found: []string{"X.spec.a", "X.spec.b=One", "X.spec.b=Two"}, inner: []string{"X.spec", "X.spec.b"}}
	all := []string{"X.spec.a", "X.spec.b=One", "X.spec.b=Two"}
	tests := map[string]struct{ cases, wantLacking, wantIdle []string }{
		"every field has one":                     {all, nil, nil},
		"a field may have several":                {append(all, "X.spec.a and more"), nil, nil},
		"what holds fields may have one":          {append(all, "X.spec"), nil, nil},
		"a field without a case is lacking":       {all[1:], []string{"X.spec.a"}, nil},
		"a value of an enum needs one of its own": {[]string{"X.spec.a", "X.spec.b=One", "X.spec.b"}, []string{"X.spec.b=Two"}, nil},
		"a case of no field is idle":              {append(all, "X.spec.c"), nil, []string{"X.spec.c"}},
		"a case of no value of an enum is idle":   {append(all, "X.spec.b=Three"), nil, []string{"X.spec.b=Three"}},
		"there are no wildcards":                  {[]string{"X.spec.*"}, all, []string{"X.spec.*"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			lacking, idle := judge(w, test.cases)
			if diff := cmp.Diff([2][]string{test.wantLacking, test.wantIdle}, [2][]string{lacking, idle}); diff != "" {
				t.Errorf("lacking, idle (-want +got):\n%s", diff)
			}
		})
	}
}
