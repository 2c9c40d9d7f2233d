// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSatisfy(t *testing.T) {
	for name, c := range map[string]struct{ schema, want string }{
		"what is required is filled, by type": {
			`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"},"c":{"type":"boolean"},
			"d":{"type":"null"},"e":{"type":"array","items":{"type":"string"}},"f":{"type":"string"}},
			"required":["a","b","c","d","e"]}`,
			`{"a":"hello","b":5,"c":true,"d":null,"e":[]}`},
		"where nothing is required all is filled": {
			`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"object","properties":{"c":{"type":"number"}}}}}`,
			`{"a":"hello","b":{"c":5}}`},
		"words that are prescribed are taken":    {`{"type":"string","enum":["x","y"]}`, `"x"`},
		"a constant is itself":                   {`{"const":{"k":1}}`, `{"k":1}`},
		"references are followed":                {`{"$ref":"#/$defs/a~1b","$defs":{"a/b":{"type":"boolean"}}}`, `true`},
		"the first alternative is taken":         {`{"anyOf":[{"type":"integer"},{"type":"null"}]}`, `5`},
		"one of several types, but not null":     {`{"type":["null","integer"]}`, `5`},
		"what must hold together is joined":      {`{"allOf":[{"$ref":"#/$defs/p"},{"properties":{"b":{"enum":[2]}},"required":["b"]}],"$defs":{"p":{"type":"object","properties":{"a":{"enum":[1]}},"required":["a"]}}}`, `{"a":1,"b":2}`},
		"as many items as are wanted":            {`{"type":"array","minItems":2,"items":{"type":"integer"}}`, `[5,5]`},
		"numbers stay within their bounds":       {`{"type":"integer","minimum":10}`, `10`},
		"and below the upper ones":               {`{"type":"number","exclusiveMaximum":3}`, `2`},
		"steps are kept":                         {`{"type":"integer","multipleOf":2}`, `4`},
		"text has the length that is wanted":     {`{"type":"string","minLength":7}`, `"helloxx"`},
		"and not more":                           {`{"type":"string","maxLength":2}`, `"he"`},
		"formats have an example each":           {`{"type":"string","format":"date"}`, `"2026-11-23"`},
		"what is no schema allows anything":      {`7`, `"hello"`},
		"a type that shows by its members alone": {`{"properties":{"a":{"enum":[1]}}}`, `{"a":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, string(satisfy(json.RawMessage(c.schema), "hello"))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestARecursiveSchemaHasAnEnd(t *testing.T) {
	for name, schema := range map[string]string{
		"a chain that may be null": `{"type":"object","properties":{"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"required":["next"]}`,
		"a chain without an end":   `{"type":"object","properties":{"next":{"$ref":"#"}},"required":["next"]}`,
		"a reference to itself":    `{"$ref":"#"}`,
		"a tree":                   `{"type":"object","properties":{"l":{"$ref":"#"},"r":{"$ref":"#"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if made := satisfy(json.RawMessage(schema), "x"); !json.Valid(made) || len(made) > 1<<20 {
				t.Errorf("%d bytes: %.200s", len(made), made)
			}
		})
	}
}

func TestSights(t *testing.T) {
	for name, c := range map[string]struct {
		url, want string
		wrong     bool
	}{
		"an address is told as it is":     {url: "https://example.com/a.png", want: "https://example.com/a.png"},
		"of data the type is told":        {url: "data:image/png;base64,aGk=", want: "image/png"},
		"data that is no image":           {url: "data:text/plain;base64,aGk=", wrong: true},
		"data that is not in base64":      {url: "data:image/png,hi", wrong: true},
		"data that says base64 and isn't": {url: "data:image/png;base64,%%%", wrong: true},
		"an address of another kind":      {url: "ftp://example.com/a.png", wrong: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := sightOfURL(c.url)
			if string(got) != c.want || (err != nil) != c.wrong {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
	if got := seeing("what?", []sight{"image/png", "image/gif"}); got != "what? [2 images: image/png, image/gif]" {
		t.Error(got)
	}
	if got := seeing("what?", nil); got != "what?" {
		t.Error(got)
	}
}
