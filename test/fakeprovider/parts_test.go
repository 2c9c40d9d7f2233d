// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const testID = "0123456789abcdef0123456789abc"

func offered(names ...string) []offer {
	offers := make([]offer, 0, len(names))
	for _, name := range names {
		offers = append(offers, offer{name: name, schema: json.RawMessage(`{"type":"object","required":["q"],"properties":{"q":{"type":"string"}}}`)})
	}
	return offers
}

// outline tells an answer's parts: the kind and, of a tool's use, its name.
func outline(a answered) string {
	var out []string
	for _, p := range a.parts {
		out = append(out, map[partKind]string{words: "words", thought: "thought", toolUse: "use of " + p.tool}[p.kind])
	}
	return strings.Join(out, ", ")
}

func TestWhatAnAnswerIsMadeOf(t *testing.T) {
	for name, c := range map[string]struct {
		asked   asked
		content contentDirectives
		want    string
		cause   cause
	}{
		"words":                        {asked{}, contentDirectives{}, "words", endOfTurn},
		"thinking first":               {asked{thinks: true}, contentDirectives{}, "thought, words", endOfTurn},
		"words though tools are there": {asked{offers: offered("a")}, contentDirectives{}, "words", endOfTurn},
		"a tool that must be called":   {asked{offers: offered("a", "b"), forced: offered("b")}, contentDirectives{}, "use of b", toolsCalled},
		"tools in turn":                {asked{offers: offered("a", "b")}, contentDirectives{calls: 3}, "use of a, use of b, use of a", toolsCalled},
		"one tool at a time":           {asked{offers: offered("a", "b"), serial: true}, contentDirectives{calls: 3}, "use of a", toolsCalled},
		"no tool where none may":       {asked{offers: offered("a"), muted: true}, contentDirectives{calls: 3}, "words", endOfTurn},
		"a refusal":                    {asked{offers: offered("a"), forced: offered("a")}, contentDirectives{refusal: "yes"}, "", declined},
		"a limit in the words":         {asked{limit: 2}, contentDirectives{}, "words", lengthLimit},
		"a limit in the thinking":      {asked{limit: 2, thinks: true}, contentDirectives{}, "thought", lengthLimit},
		"a limit in a tool's use":      {asked{limit: 2, offers: offered("a")}, contentDirectives{calls: 2}, "use of a", lengthLimit},
		"a limit between two":          {asked{limit: 3, offers: offered("a")}, contentDirectives{calls: 2}, "use of a", lengthLimit},
		"a stop sequence":              {asked{stops: []string{"nowhere", "asked"}}, contentDirectives{}, "words", stopSequence},
		"JSON":                         {asked{schema: json.RawMessage(`{"const":1}`)}, contentDirectives{}, "words", endOfTurn},
	} {
		t.Run(name, func(t *testing.T) {
			c.asked.model, c.asked.prompt = "m", "hi"
			got := c.asked.answer(0, directives{content: c.content}, stamp{id: testID})
			if outline(got) != c.want || got.cause != c.cause {
				t.Errorf("%s, cause %d; want %s, %d", outline(got), got.cause, c.want, c.cause)
			}
			if all, _ := got.tokens(); c.asked.limit > 0 && all != c.asked.limit {
				t.Errorf("%d tokens, the limit is %d", all, c.asked.limit)
			}
		})
	}
}

func TestThinkingIsAsLongAsItIsTold(t *testing.T) {
	a := asked{model: "m", prompt: "hi", thinks: true}
	for _, want := range []int{1, 3, 5, 8, 50, 1000} {
		answer := a.answer(0, directives{content: contentDirectives{reasoning: want}, tokens: 7}, stamp{id: testID})
		if all, thoughts := answer.tokens(); thoughts != want || all != want+7 {
			t.Errorf("%d tokens, %d of thinking; want %d and 7", all, thoughts, want)
		}
	}
}

func TestABigLineGoesBeforeTheWordsOfAStream(t *testing.T) {
	for name, c := range map[string]struct {
		asked asked
		want  string
	}{
		"joined to the words":    {asked{stream: true}, "words"},
		"before a tool's use":    {asked{stream: true, offers: offered("a"), forced: offered("a")}, "words, use of a"},
		"not in a body in whole": {asked{}, "words"},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.asked.answer(0, directives{faults: Faults{BigLine: 100}}, stamp{id: testID})
			if hasLine := strings.HasPrefix(got.parts[0].text(), strings.Repeat("x", 100)); outline(got) != c.want || hasLine != c.asked.stream {
				t.Errorf("%s, line %v", outline(got), hasLine)
			}
		})
	}
}

func TestSignatures(t *testing.T) {
	signature := signatureOf(testID, "text")
	for name, c := range map[string]struct {
		signature, text string
		want            bool
	}{
		"its own text":        {signature, "text", true},
		"another text":        {signature, "text!", false},
		"of another answer":   {signatureOf("x"+testID, "text"), "text", true},
		"cut":                 {signature[:20], "text", false},
		"empty":               {"", "text", false},
		"not base64":          {"!", "text", false},
		"base64 of something": {"c29tZXRoaW5nIGVsc2U=", "text", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := signed(c.signature, c.text); got != c.want {
				t.Errorf("signed = %v", got)
			}
		})
	}
	if signature == signatureOf("x"+testID, "text") {
		t.Error("two answers have the same signature")
	}
	if callText("f", []byte(`{"a":1, "b":[2]}`)) != callText("f", []byte(`{"b":[2],"a":1}`)) {
		t.Error("the order of arguments should not matter")
	}
	if callText("f", []byte(`{"a":1}`)) == callText("g", []byte(`{"a":1}`)) || callText("f", []byte(`{`)) == callText("f", []byte(`}`)) {
		t.Error("a name or arguments were changed and nothing tells")
	}
}

func TestThePromptCacheIsBounded(t *testing.T) {
	var cache promptCache
	if cache.read("a") || !cache.read("a") || cache.read("b") {
		t.Error("a prefix is known from its second time on")
	}
	for i := range maxPrefixes {
		cache.read(string(rune(i)) + "x")
	}
	if len(cache.prefixes) > maxPrefixes || cache.read("a") {
		t.Errorf("%d prefixes are kept", len(cache.prefixes))
	}
	cache.clear()
	if diff := cmp.Diff(map[string]struct{}(nil), cache.prefixes); diff != "" {
		t.Error(diff)
	}
}
