// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sparkgateway/spark/gateway/config"
)

const healthSchema = "../../docs/health.schema.json"

var update = flag.Bool("update", false, "write docs/health.schema.json anew")

// checkHealth holds an answer against the published schema, formats of times included.
func checkHealth(t *testing.T, text string) {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile(healthSchema)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(parsed); err != nil {
		t.Errorf("%v in %s", err, text)
	}
}

// objectSchema is that of an object.
type objectSchema struct {
	AdditionalProperties *bool
	Required             []string
	Properties           map[string]struct {
		Type  string
		Ref   string `json:"$ref"`
		Items struct {
			Type string
			Ref  string `json:"$ref"`
		}
	}
}

// The document of the gateway's endpoints holds the schema; what is published is taken from it.
func TestThePublishedSchemaOfHealthIsThatOfTheOpenAPIDocument(t *testing.T) {
	s := start(t)
	var document struct {
		Components struct {
			Schemas map[string]any
		}
	}
	if err := json.Unmarshal([]byte(s.do(s.request("GET", "/api/openapi.json", "")).body), &document); err != nil {
		t.Fatal(err)
	}
	definitions := map[string]any{}
	whole, _ := moved(document.Components.Schemas["Health"], document.Components.Schemas, definitions).(map[string]any)
	maps.Copy(whole, map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://sparkgateway.dev/schemas/health.schema.json",
		"title": "Health of a Spark gateway process", "$defs": definitions,
	})
	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(whole); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(healthSchema, want.Bytes(), 0o644); err != nil { //nolint:gosec // It is published.
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(healthSchema)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), string(got)); diff != "" {
		t.Errorf("docs/health.schema.json is not that of gateway/openapi.json; write it with -update (-want +got):\n%s", diff)
	}
}

// moved gives a schema whose references are to definitions, which it adds.
func moved(schema any, from, definitions map[string]any) any {
	switch schema := schema.(type) {
	case map[string]any:
		made := map[string]any{}
		for name, value := range schema {
			if text, ok := value.(string); ok && name == "$ref" {
				of := strings.TrimPrefix(text, "#/components/schemas/")
				if _, known := definitions[of]; !known {
					definitions[of] = nil
					definitions[of] = moved(from[of], from, definitions)
				}
				value = "#/$defs/" + of
			}
			made[name] = moved(value, from, definitions)
		}
		return made
	case []any:
		made := make([]any, len(schema))
		for i := range schema {
			made[i] = moved(schema[i], from, definitions)
		}
		return made
	default:
		return schema
	}
}

func TestTheSchemaOfHealthHasEveryMemberAndNoOther(t *testing.T) {
	text, err := os.ReadFile(healthSchema)
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		objectSchema
		Defs map[string]objectSchema `json:"$defs"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	checked := map[string]bool{}
	var compare func(of reflect.Type, with objectSchema)
	compare = func(of reflect.Type, with objectSchema) {
		checked[of.Name()] = true
		if with.AdditionalProperties == nil || *with.AdditionalProperties {
			t.Errorf("%s may have other members", of.Name())
		}
		var names, required []string
		for i := range of.NumField() {
			name, options, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			names = append(names, name)
			if options == "" {
				required = append(required, name)
			}
			is := with.Properties[name]
			ref, kind := is.Ref+is.Items.Ref, is.Type
			inner := element(of.Field(i).Type)
			if inner.Kind() == reflect.Struct && inner != reflect.TypeFor[time.Time]() {
				if ref != "#/$defs/"+inner.Name() {
					t.Errorf("%s.%s refers to %q, and is a %s", of.Name(), name, ref, inner.Name())
				}
				if !checked[inner.Name()] {
					compare(inner, schema.Defs[inner.Name()])
				}
			} else if want := jsonKind(of.Field(i).Type); kind != "" && kind != want {
				t.Errorf("%s.%s is of type %s, want %s", of.Name(), name, kind, want)
			}
		}
		slices.Sort(names)
		slices.Sort(required)
		slices.Sort(with.Required)
		if diff := cmp.Diff(names, slices.Sorted(maps.Keys(with.Properties))); diff != "" {
			t.Errorf("members of %s (-want +got):\n%s", of.Name(), diff)
		}
		if diff := cmp.Diff(required, with.Required); diff != "" {
			t.Errorf("required of %s (-want +got):\n%s", of.Name(), diff)
		}
	}
	compare(reflect.TypeFor[config.Health](), schema.objectSchema)
	delete(checked, "Health")
	if diff := cmp.Diff(slices.Sorted(maps.Keys(checked)), slices.Sorted(maps.Keys(schema.Defs))); diff != "" {
		t.Errorf("definitions (-want +got):\n%s", diff)
	}
}

// element is what a list holds or a pointer points to, or the type itself.
func element(of reflect.Type) reflect.Type {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	return of
}

// jsonKind is JSON Schema's word for a type.
func jsonKind(of reflect.Type) string {
	switch of.Kind() {
	case reflect.Slice:
		return "array"
	case reflect.Bool:
		return "boolean"
	case reflect.Float64:
		return "number"
	case reflect.Int, reflect.Int64:
		return "integer"
	default:
		return "string" // of times, too
	}
}
