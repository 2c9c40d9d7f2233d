// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type strictShape struct {
	Name   string                 `json:"name"`
	List   []strictShape          `json:"list"`
	Map    map[string]strictShape `json:"map"`
	Raw    json.RawMessage        `json:"raw"`
	Free   map[string]any         `json:"free"`
	Inner  *strictShape           `json:"innerShape"`
	Union  *strictUnion           `json:"union"`
	hidden string                 //nolint:unused // that a field without a JSON name is none is what is tested
}

type strictUnion struct {
	Type string `json:"type"`
	A    int    `json:"a"`
	B    int    `json:"b"`
}

func (strictUnion) members(kind string) ([]string, bool) {
	switch kind {
	case "a":
		return []string{"a"}, true
	case "any":
		return nil, true
	}
	return nil, false
}

func TestStrangers(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		path []string // of the stranger
		want string
		tag  bool
	}{
		"none":                       {`{"name":"x","list":[{"name":"y"}],"map":{"k":{"name":"z"}}}`, nil, "", false},
		"at the root":                {`{"nme":"x"}`, []string{}, "nme", false},
		"in another case":            {`{"Name":"x"}`, []string{}, "Name", false},
		"a field without JSON name":  {`{"hidden":"x"}`, []string{}, "hidden", false},
		"in a list":                  {`{"list":[{},{"x":1}]}`, []string{"list", "1"}, "x", false},
		"in a map":                   {`{"map":{"k":{"x":1}}}`, []string{"map", "k"}, "x", false},
		"behind a pointer":           {`{"innerShape":{"innerShape":{"x":1}}}`, []string{"innerShape", "innerShape"}, "x", false},
		"raw JSON has none":          {`{"raw":{"x":1},"free":{"y":{"z":1}}}`, nil, "", false},
		"the first by the alphabet":  {`{"z":1,"b":1}`, []string{}, "b", false},
		"in another spelling":        {`{"inner_shape":{"name":"x"}}`, nil, "", false},
		"a kind's member":            {`{"union":{"type":"a","a":1}}`, nil, "", false},
		"another kind's member":      {`{"union":{"type":"a","b":1}}`, []string{"union"}, "b", false},
		"a kind that takes all":      {`{"union":{"type":"any","b":1}}`, nil, "", false},
		"a kind that takes no other": {`{"union":{"type":"any","c":1}}`, []string{"union"}, "c", false},
		"a kind that is none":        {`{"union":{"type":"b"}}`, []string{"union"}, "b", true},
	} {
		t.Run(name, func(t *testing.T) {
			var got strictShape
			found, err := decodeStrictly([]byte(c.body), &got, camelCase)
			if err != nil {
				t.Fatal(err)
			}
			if (found != nil) != (c.want != "") {
				t.Fatalf("found %+v, want %q", found, c.want)
			}
			if found != nil && (found.name != c.want || found.tag != c.tag || len(found.path) != len(c.path) ||
				!cmp.Equal(append([]string{}, found.path...), c.path)) {
				t.Errorf("found %+v, want %s at %v", found, c.want, c.path)
			}
		})
	}
}

func TestStrictDecodingKeepsValuesAndSpellings(t *testing.T) {
	var got strictShape
	found, err := decodeStrictly([]byte(`{"inner_shape":{"name":"<é>"},"raw":{"a":1.50,"b":12345678901234567890}}`), &got, camelCase)
	if found != nil || err != nil || got.Inner == nil {
		t.Fatal(found, err)
	}
	if got.Inner.Name != "<é>" || string(got.Raw) != `{"a":1.50,"b":12345678901234567890}` {
		t.Errorf("%q %s", got.Inner.Name, got.Raw)
	}
}

func TestStrictDecodingRefusesWhatIsNoJSON(t *testing.T) {
	for _, body := range []string{``, `{`, `{} {}`, `{"name":1}`, `{"list":{}}`, `7`} {
		var got strictShape
		if found, err := decodeStrictly([]byte(body), &got, nil); err == nil {
			t.Errorf("%q was taken, stranger %+v", body, found)
		}
	}
}

func TestCamelCase(t *testing.T) {
	for name, want := range map[string]string{
		"max_output_tokens": "maxOutputTokens", "maxOutputTokens": "maxOutputTokens", "a": "a", "": "", "a__b_": "aB",
	} {
		if got := camelCase(name); got != want {
			t.Errorf("camelCase(%q) = %q, want %q", name, got, want)
		}
	}
}
