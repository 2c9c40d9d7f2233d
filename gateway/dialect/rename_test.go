// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestGeminisBodiesNameTheProvidersModel(t *testing.T) {
	for name, tc := range map[string]struct {
		shape             *Shape
		model, body, want string
	}{
		"a batch": {
			GeminiEmbed, "gemini-embedding-001",
			`{ "requests": [ {"model":"models/fast","content":{"model":"x"}} , {"content":{},"model" : "models/fast"}, {"content":{}} ], "x":1}`,
			`{ "requests": [ {"model":"models/gemini-embedding-001","content":{"model":"x"}} , {"content":{},"model" : "models/gemini-embedding-001"}, {"content":{}} ], "x":1}`,
		},
		"one":             {GeminiEmbed, "g", `{"model":"models/fast","content":{"parts":[{"text":"\"model\""}]}}`, `{"model":"models/g","content":{"parts":[{"text":"\"model\""}]}}`},
		"a tuned model":   {GeminiEmbed, "tunedModels/t", `{"model":"fast"}`, `{"model":"tunedModels/t"}`},
		"none":            {GeminiEmbed, "g", ` {"content":{}}`, ` {"content":{}}`},
		"null":            {GeminiEmbed, "g", `{"model":null,"requests":[]}`, `{"model":null,"requests":[]}`},
		"a lone request":  {GeminiEmbed, "g", `{"requests":{"model":"m"}}`, `{"requests":{"model":"models/g"}}`},
		"no deeper":       {GeminiEmbed, "g", `{"requests":[{"requests":[{"model":"m"}]}]}`, `{"requests":[{"requests":[{"model":"m"}]}]}`},
		"no requests":     {GeminiEmbed, "g", `{"requests":["model",{"model":"m"}]}`, `{"requests":["model",{"model":"m"}]}`},
		"a count":         {GeminiCount, "g", `{"generateContentRequest":{"model":"models/fast","contents":[]}}`, `{"generateContentRequest":{"model":"models/g","contents":[]}}`},
		"a count, snaked": {GeminiCount, "g", `{"generate_content_request":{"model":"models/fast"}}`, `{"generate_content_request":{"model":"models/g"}}`},
	} {
		var r Request
		if err := r.Decode(tc.shape, []byte(tc.body)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		edit := Edit{Model: tc.model, QuotedModel: []byte("null")}
		if got := string(r.AppendEdited([]byte("before"), edit)); got != "before"+tc.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, tc.want)
		}
		if r.Untouched(edit) {
			t.Errorf("%s: taken for untouched", name)
		}
	}
}

func TestMistralCallsDimensionsDifferently(t *testing.T) {
	var r Request
	if err := r.Decode(Embeddings, []byte(`{"model":"fast","dimensions":64,"input":"a","output_dtype":"int8"}`)); err != nil {
		t.Fatal(err)
	}
	edit := Edit{Model: "codestral-embed", QuotedModel: []byte(`"codestral-embed"`)}
	if got := string(r.AppendEdited(nil, edit)); got != `{"model":"codestral-embed","dimensions":64,"input":"a","output_dtype":"int8"}` {
		t.Errorf("to others: %s", got)
	}
	edit.Mistral = true
	if got := string(r.AppendEdited(nil, edit)); got != `{"model":"codestral-embed","output_dimension":64,"input":"a","output_dtype":"int8"}` {
		t.Errorf("to Mistral: %s", got)
	}
}

func FuzzGeminisModels(f *testing.F) {
	f.Add([]byte(`{"requests":[{"model":"models/a"},{"model":1},3],"model":"b"}`))
	f.Add([]byte(`{"generateContentRequest":{"model":"m"},"requests":{"model":[]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var r Request
		if r.Decode(GeminiEmbed, body) != nil {
			return
		}
		got := r.AppendEdited(nil, Edit{Model: "g"})
		if json.Valid(body) && !json.Valid(got) {
			t.Errorf("%q became %q", body, got)
		}
		if d := r.shape.Dialect; d != exchange.Gemini || !strings.HasPrefix(string(got), string(body[:r.open])) {
			t.Errorf("%q became %q", body, got)
		}
	})
}
