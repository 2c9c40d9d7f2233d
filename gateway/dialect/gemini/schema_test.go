// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestGeminisSchemasBecomeJSONSchema(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"a type":                         {`{"type":"STRING"}`, `{"type":"string"}`},
		"a type in lower case":           {`{"type":"object"}`, `{"type":"object"}`},
		"no type":                        {`{"type":"TYPE_UNSPECIFIED","description":"a"}`, `{"description":"a"}`},
		"types as JSON Schema has them":  {`{"type":["string","null"]}`, `{"type":["string","null"]}`},
		"nothing":                        {`{}`, `{}`},
		"nullable":                       {`{"nullable":true,"type":"INTEGER"}`, `{"type":["integer","null"]}`},
		"not nullable":                   {`{"nullable":false,"type":"INTEGER"}`, `{"type":"integer"}`},
		"null that is nullable":          {`{"type":"NULL","nullable":true}`, `{"type":"null"}`},
		"a nullable enum":                {`{"type":"STRING","enum":["a"],"nullable":true}`, `{"type":["string","null"],"enum":["a",null]}`},
		"an enum of nothing":             {`{"type":"STRING","enum":[],"nullable":true}`, `{"type":["string","null"],"enum":[null]}`},
		"a nullable choice":              {`{"anyOf":[{"type":"STRING"}],"nullable":true}`, `{"anyOf":[{"type":"string"},{"type":"null"}]}`},
		"an enum of numbers":             {`{"type":"NUMBER","enum":["1","2.5","x"]}`, `{"type":"number","enum":[1,2.5,"x"]}`},
		"an enum of texts like numbers":  {`{"type":"STRING","enum":["1"]}`, `{"type":"string","enum":["1"]}`},
		"the format of an enum":          {`{"type":"STRING","format":"enum","enum":["a"]}`, `{"type":"string","enum":["a"]}`},
		"another format":                 {`{"type":"STRING","format":"date-time"}`, `{"type":"string","format":"date-time"}`},
		"counts as text":                 {`{"type":"STRING","minLength":"1","max_length":"20","pattern":"^a"}`, `{"type":"string","minLength":1,"maxLength":20,"pattern":"^a"}`},
		"counts as numbers":              {`{"type":"OBJECT","minProperties":1,"max_properties":2}`, `{"type":"object","minProperties":1,"maxProperties":2}`},
		"a count that is none":           {`{"minItems":"x"}`, `{"minItems":"x"}`},
		"elements":                       {`{"type":"ARRAY","items":{"type":"BOOLEAN"},"min_items":"1"}`, `{"type":"array","items":{"type":"boolean"},"minItems":1}`},
		"elements by place":              {`{"type":"ARRAY","prefixItems":[{"type":"STRING"},{"type":"NUMBER"}]}`, `{"type":"array","prefixItems":[{"type":"string"},{"type":"number"}]}`},
		"properties named like keywords": {`{"properties":{"type":{"type":"STRING"},"nullable":{"type":"BOOLEAN"},"min_items":{"type":"STRING"}}}`, `{"properties":{"type":{"type":"string"},"nullable":{"type":"boolean"},"min_items":{"type":"string"}}}`},
		"the order of properties":        {`{"property_ordering":["b","a"]}`, `{"propertyOrdering":["b","a"]}`},
		"an example":                     {`{"type":"STRING","example":"a","default":"TYPE"}`, `{"type":"string","examples":["a"],"default":"TYPE"}`},
		"references, as Vertex has them": {`{"defs":{"a":{"type":"STRING"}},"properties":{"x":{"ref":"#/$defs/a"}}}`, `{"$defs":{"a":{"type":"string"}},"properties":{"x":{"$ref":"#/$defs/a"}}}`},
		"more properties":                {`{"additionalProperties":{"type":"STRING"}}`, `{"additionalProperties":{"type":"string"}}`},
		"no more properties":             {`{"additional_properties":false}`, `{"additionalProperties":false}`},
		"what only JSON Schema has":      {`{"const":1,"oneOf":[{"type":"string"}]}`, `{"const":1,"oneOf":[{"type":"string"}]}`},
		"what is null":                   {`{"type":"STRING","items":null,"title":null}`, `{"type":"string"}`},
		"properties that are no object":  {`{"properties":1,"anyOf":"x"}`, `{"properties":1,"anyOf":"x"}`},
		"big numbers":                    {`{"maximum":12345678901234567890,"minimum":0.10}`, `{"maximum":12345678901234567890,"minimum":0.10}`},
		"spaces":                         {" { \"enum\" : [ \"a\" , \"b\" ] , \"nullable\" : true } ", `{"enum":["a","b",null]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := jsonSchema(jsontext.Value(test.in))
			if err != nil {
				t.Fatal(err)
			}
			equalJSON(t, test.want, string(got))
		})
	}
}

func TestTheOrderOfASchemaStays(t *testing.T) {
	got, err := jsonSchema(jsontext.Value(`{"properties":{"z":{"type":"STRING"},"a":{"type":"STRING"}},"type":"OBJECT"}`))
	if want := `{"properties":{"z":{"type":"string"},"a":{"type":"string"}},"type":"object"}`; err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
}

func TestSchemasNestNoDeeperThanTheirBound(t *testing.T) {
	nested := func(n int, open string, end string) jsontext.Value {
		return jsontext.Value(strings.Repeat(open, n) + `{}` + strings.Repeat(end, n))
	}
	for name, test := range map[string]struct{ open, end string }{
		"elements":   {`{"items":`, `}`},
		"properties": {`{"properties":{"a":`, `}}`},
		"choices":    {`{"anyOf":[`, `]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := jsonSchema(nested(maxSchemaDepth, test.open, test.end))
			if err != nil || !json.Valid(got) {
				t.Errorf("at the bound: %s, %v", got, err)
			}
			if _, err := jsonSchema(nested(maxSchemaDepth+1, test.open, test.end)); err == nil {
				t.Error("accepted beyond the bound")
			}
		})
	}
}

func FuzzSchema(f *testing.F) {
	f.Add([]byte(`{"type":"ARRAY","nullable":true,"enum":["1"],"items":{"anyOf":[{"type":"STRING"}]},"example":{"a":1}}`))
	f.Add([]byte(`{"properties":{"a":{"minItems":"3"}},"defs":{},"additionalProperties":false}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if !jsontext.Value(b).IsValid() {
			return
		}
		got, err := jsonSchema(b)
		if err == nil && !json.Valid(got) {
			t.Errorf("%q became %q", b, got)
		}
	})
}
