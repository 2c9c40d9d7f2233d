// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCanonical(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want string // empty: refused
	}{
		"white space":                {" {\n\"a\" :\t[ 1 , 2 ]\r} ", `{"a":[1,2]}`},
		"members are sorted":         {`{"b":{"d":1,"c":2},"a":[{"f":1,"e":2}]}`, `{"a":[{"e":2,"f":1}],"b":{"c":2,"d":1}}`},
		"elements are not":           {`[3,1,2]`, `[3,1,2]`},
		"escapes":                    {`"\u0041\/\u00e9\ud83d\ude00"`, `"A/é😀"`},
		"escapes that must be":       {`"\u0000\"\\\u000a"`, `"\u0000\"\\\n"`},
		"names in escapes":           {`{"\u0062":1,"a":2}`, `{"a":2,"b":1}`},
		"numbers as they are":        {`[1.0,1,1e0,-0,9007199254740993]`, `[1.0,1,1e0,-0,9007199254740993]`},
		"words":                      {`[true,false,null]`, `[true,false,null]`},
		"a name twice":               {`{"a":1,"a":1}`, ``},
		"a name twice, once escaped": {`{"a":1,"\u0061":1}`, ``},
		"a name twice, deep within":  {`{"x":[{"a":1,"a":1}]}`, ``},
		"broken UTF-8":               {"\"\xff\"", ``},
		"UTF-8 of a surrogate":       {"\"\xed\xa0\x80\"", ``},
		"half a surrogate pair":      {`"\udc00"`, ``},
		"a comma too many":           {`[1,]`, ``},
		"no quotes":                  {`{a:1}`, ``},
		"a leading zero":             {`[01]`, ``},
		"a control character":        {"\"\x01\"", ``},
		"two values":                 {`1 2`, ``},
		"nothing":                    {``, ``},
		"as deep as may be":          {strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth), strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)},
		"deeper":                     {strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1), ``},
		"wide is not deep":           {"[" + strings.Repeat("[],", 200) + "[]]", "[" + strings.Repeat("[],", 200) + "[]]"},
		"brackets in a string":       {`"` + strings.Repeat(`[{\"`, 200) + `"`, `"` + strings.Repeat(`[{\"`, 200) + `"`},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := canonical([]byte(test.body))
			if ok != (test.want != "") || ok && string(got) != test.want {
				t.Errorf("got %s %v, want %s", got, ok, test.want)
			}
		})
	}
}

func TestDeepIsSeenInWhatIsNotJSON(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want bool
	}{
		"100,000 arrays that are never closed": {strings.Repeat("[", 100000), true},
		"objects without names":                {strings.Repeat("{", 100), true},
		"arrays in objects":                    {strings.Repeat(`{"a":[`, 40), true},
		"a string that never ends":             {`["` + strings.Repeat("[", 1000), false},
		"a string that ends in a backslash":    {`["\`, false},
		"closed more often than opened":        {strings.Repeat("]", 1000), false},
		"nothing":                              {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := deep([]byte(test.body)); got != test.want {
				t.Errorf("deep: %v, want %v", got, test.want)
			}
		})
	}
}

// tree reads a node into what encoding/json makes of it.
func tree(n node) any {
	switch n.kind() {
	case '{':
		object := map[string]any{}
		if !n.members(func(name string, value node) bool {
			var key string
			if json.Unmarshal([]byte(`"`+name+`"`), &key) != nil {
				return false
			}
			object[key] = tree(value)
			return true
		}) {
			return "an object that was refused"
		}
		return object
	case '[':
		array := []any{}
		if !n.elements(func(value node) bool {
			array = append(array, tree(value))
			return true
		}) {
			return "an array that was refused"
		}
		return array
	case '"':
		return string(n.text())
	}
	var v any
	if err := json.Unmarshal(n.b[n.from:n.to], &v); err != nil {
		return err
	}
	return v
}

// grown is a random JSON value.
func grown(r *rand.Rand, depth int) any {
	words := []string{"", "a", `"`, `\`, `]}`, "{[", ",", ":", "\n", "é", "😀", `\"`}
	kind := r.IntN(7)
	if depth == 0 {
		kind %= 5
	}
	switch kind {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2:
		return r.NormFloat64() * 1e6
	case 3:
		return float64(r.IntN(100))
	case 4:
		return words[r.IntN(len(words))] + words[r.IntN(len(words))]
	case 5:
		array := []any{}
		for range r.IntN(4) {
			array = append(array, grown(r, depth-1))
		}
		return array
	}
	object := map[string]any{}
	for i := range r.IntN(4) {
		object[fmt.Sprint(words[r.IntN(len(words))], i)] = grown(r, depth-1)
	}
	return object
}

func TestNodesSayWhatEncodingJSONSays(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for range 3000 {
		want := grown(r, 4)
		body, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		b, ok := canonical(body)
		if !ok {
			t.Fatalf("refused: %s", body)
		}
		if diff := cmp.Diff(want, tree(node{b, 0, len(b)})); diff != "" {
			t.Fatalf("%s: %s", body, diff)
		}
	}
}

func TestVisitsEndWhereTheyAreRefused(t *testing.T) {
	b := []byte(`[1,2,3]`)
	n := 0
	if (node{b, 0, len(b)}).elements(func(node) bool { n++; return n < 2 }) || n != 2 {
		t.Errorf("%d elements were visited", n)
	}
	b, n = []byte(`{"a":1,"b":2,"c":3}`), 0
	if (node{b, 0, len(b)}).members(func(string, node) bool { n++; return n < 2 }) || n != 2 {
		t.Errorf("%d members were visited", n)
	}
	if (node{b, 0, len(b)}).elements(func(node) bool { return true }) {
		t.Error("an object has elements")
	}
	b = []byte(`"{}"`)
	if (node{b, 0, len(b)}).members(func(string, node) bool { return true }) {
		t.Error("a string has members")
	}
}
