// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"strings"
	"testing"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

func TestGoogleThinks(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, c := range map[string]struct {
		thinking             object
		shown, counted, sign bool
	}{
		"aloud":            {object{"includeThoughts": true}, true, true, true},
		"by a level":       {object{"thinkingLevel": "LOW"}, false, true, true},
		"by a budget":      {object{"thinkingBudget": 100}, false, true, true},
		"not at all":       {object{"thinkingBudget": 0}, false, false, false},
		"when it likes to": {object{"thinkingBudget": -1, "includeThoughts": true}, true, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			body := with(t, contents, config(object{"thinkingConfig": c.thinking}))
			got := generated(t, server, body)
			_, stream := call(t, server, geminiPath+":streamGenerateContent", body)
			thoughts, words, last := "", "", googleAnswer{}
			signature := ""
			for _, chunk := range googleChunks(t, false, stream) {
				thoughts += chunk.text(true)
				words += chunk.text(false)
				last = chunk
				for _, part := range chunk.Candidates[0].Content.Parts {
					signature += part.ThoughtSignature
				}
			}
			if thoughts != got.text(true) || words != got.text(false) || *last.Usage != *got.Usage {
				t.Errorf("the stream says %q and %q, %+v; want %q and %q, %+v", thoughts, words, last.Usage,
					got.text(true), got.text(false), got.Usage)
			}
			if (thoughts != "") != c.shown || (got.Usage.Thoughts > 0) != c.counted || (signature != "") != c.sign {
				t.Errorf("thoughts %q, usage %+v, signature %q", thoughts, got.Usage, signature)
			}
			if got.Usage.Total != got.Usage.Prompt+got.Usage.Candidates+got.Usage.Thoughts {
				t.Errorf("usage %+v", got.Usage)
			}
		})
	}
}

func TestGoogleCanInsistOnSignatures(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	body := with(t, contents, object{"tools": declared("f")})
	response, content := call(t, server, "/v1beta/models/gemini-3-pro:generateContent", body, "x-fake-calls", "2")
	if response.StatusCode != 200 {
		t.Fatalf("%s", content)
	}
	var first googleAnswer
	decode(t, content, &first)
	parts := first.Candidates[0].Content.Parts
	if parts[0].ThoughtSignature == "" || parts[1].ThoughtSignature != "" {
		t.Fatalf("of parallel calls the first is signed: %s", content)
	}
	for name, c := range map[string]struct {
		signature string
		insist    bool
		status    int
		reason    string
	}{
		"given back":           {parts[0].ThoughtSignature, true, 200, ""},
		"left out":             {"", true, 400, "missing a thought_signature"},
		"left out, forgiven":   {"", false, 200, ""},
		"changed":              {"AAAA" + parts[0].ThoughtSignature, false, 400, "not valid"},
		"of no model":          {"skip_thought_signature_validator", true, 200, ""},
		"of no model, in rage": {"context_engineering_is_the_way_to_go", true, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			answered := []googlePart{parts[0], parts[1]}
			answered[0].ThoughtSignature = c.signature
			body := with(t, body, object{"contents": list{turn("user", spoken("hi")), turn("model", answered[0], answered[1]),
				turn("user", functionReply("f"), functionReply("f"))}})
			var headers []string
			if c.insist {
				headers = []string{"x-fake-signatures", "required"}
			}
			response, content := call(t, server, "/v1beta/models/gemini-3-pro:generateContent", body, headers...)
			if response.StatusCode != c.status || !strings.Contains(string(content), c.reason) {
				t.Errorf("%s, want %d about %q: %s", response.Status, c.status, c.reason, content)
			}
		})
	}
}

func TestGoogleWritesJSONThatFitsTheSchema(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, c := range map[string]struct {
		config object
		want   string
	}{
		"Google's own":  {object{"responseSchema": object{"type": "OBJECT", "properties": object{"n": object{"type": "INTEGER"}, "s": object{"type": "STRING"}}}}, `{"n":2,"s":"hi"}`},
		"JSON Schema's": {object{"responseJsonSchema": object{"type": "object", "properties": object{"n": object{"const": 7}}}}, `{"n":7}`},
		"none at all":   {object{}, `{"answer":"hi"}`},
	} {
		t.Run(name, func(t *testing.T) {
			c.config["responseMimeType"] = "application/json"
			if got := generated(t, server, with(t, contents, config(c.config))).text(false); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestGoogleSeesImages(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	got := generated(t, server, with(t, contents, object{"contents": list{turn("user", spoken("what?"), inline("image/png", pixel),
		inline("application/pdf", pixel))}}))
	if want := "«what? [1 image: image/png]»"; !strings.Contains(got.text(false), want) {
		t.Errorf("%s, want %s", got.text(false), want)
	}
}

func TestGoogleGivesSeveralCandidates(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	got := generated(t, server, with(t, contents, config(object{"candidateCount": 3})))
	if len(got.Candidates) != 3 || got.Candidates[2].Index != 2 {
		t.Errorf("%d candidates", len(got.Candidates))
	}
	if declined := generated(t, server, contents, "x-fake-refusal", "yes").Candidates[0]; declined.FinishReason != "SAFETY" || declined.Content != nil {
		t.Errorf("declined %+v", declined)
	}
}
