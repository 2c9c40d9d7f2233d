// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cohere

import (
	"encoding/json"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/embed"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func embeddingOf(inputs ...embed.Input) *embed.Request {
	return &embed.Request{Inputs: inputs, Names: func(f embed.Field, input int) string {
		return [...]string{"inputs", "task", "title", "dimensions", "truncate"}[f] + string(rune('0'+input))
	}}
}

func TestEmbeddingsAreAskedForByTypesOfInput(t *testing.T) {
	dimensions, yes, no := int64(512), true, false
	of := func(task embed.Task) *embed.Request {
		return embeddingOf(embed.Input{Text: "a", Task: task}, embed.Input{Text: "b", Task: task})
	}
	for name, tc := range map[string]struct {
		task   embed.Task
		change func(*embed.Request)
		want   string
	}{
		"unsaid":      {"", nil, `{"model":"m","texts":["a","b"],"input_type":"search_document","embedding_types":["float"]}`},
		"documents":   {embed.Document, nil, `{"model":"m","texts":["a","b"],"input_type":"search_document","embedding_types":["float"]}`},
		"queries":     {embed.Query, nil, `{"model":"m","texts":["a","b"],"input_type":"search_query","embedding_types":["float"]}`},
		"for classes": {embed.Classification, nil, `{"model":"m","texts":["a","b"],"input_type":"classification","embedding_types":["float"]}`},
		"for groups":  {embed.Clustering, nil, `{"model":"m","texts":["a","b"],"input_type":"clustering","embedding_types":["float"]}`},
		"short ones": {
			"", func(r *embed.Request) { r.Dimensions, r.Truncate = &dimensions, &yes },
			`{"model":"m","texts":["a","b"],"input_type":"search_document","embedding_types":["float"],"output_dimension":512,"truncate":"END"}`,
		},
		"not to be cut": {
			"", func(r *embed.Request) { r.Truncate, r.Base64 = &no, true },
			`{"model":"m","texts":["a","b"],"input_type":"search_document","embedding_types":["float"],"truncate":"NONE"}`,
		},
	} {
		r := of(tc.task)
		if tc.change != nil {
			tc.change(r)
		}
		got, err := Encoder{}.AppendEmbedRequest([]byte("x"), r, embed.Target{Model: "m"})
		if err != nil || string(got) != "x"+tc.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", name, err, got, tc.want)
		}
	}
}

func TestEmbeddingsThatCohereHasNoWordForAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		asked *embed.Request
		want  string
	}{
		"another task": {embeddingOf(embed.Input{Text: "a", Task: embed.SemanticSimilarity}), "task0"},
		"two tasks":    {embeddingOf(embed.Input{Text: "a", Task: embed.Query}, embed.Input{Text: "b"}), "task1"},
		"a title":      {embeddingOf(embed.Input{Text: "a"}, embed.Input{Text: "b", Title: "B"}), "title1"},
		"tokens":       {embeddingOf(embed.Input{Tokens: []int64{1}, At: "input"}), "input"},
		"parts":        {embeddingOf(embed.Input{Content: jsontext.Value(`{}`), At: "content"}), "content"},
	} {
		_, err := Encoder{}.AppendEmbedRequest(nil, tc.asked, embed.Target{Model: "m"})
		if err == nil || err.Param != tc.want || err.Reason != exchange.ReasonUntranslatable {
			t.Errorf("%s: %+v, want %s", name, err, tc.want)
		}
	}
}

func TestEmbeddingsOfEachTypeOfAnswerAreRead(t *testing.T) {
	vectors := []jsontext.Value{jsontext.Value(`[1,2]`), jsontext.Value(`[3,4]`)}
	for name, tc := range map[string]struct {
		body string
		want *embed.Answer
	}{
		"by type": {
			`{"id":"x","embeddings":{"float":[[1,2],[3,4]]},"texts":["a","b"],"meta":{"api_version":{"version":"2"},` +
				`"billed_units":{"input_tokens":6}},"response_type":"embeddings_by_type"}`,
			&embed.Answer{Vectors: vectors, Usage: exchange.Usage{Prompt: 6, Total: 6, Source: exchange.UsageReported}},
		},
		"floats":                    {`{"id":"x","embeddings":[[1,2],[3,4]],"response_type":"embeddings_floats"}`, &embed.Answer{Vectors: vectors}},
		"with a usage of no shape":  {`{"embeddings":{"float":[[1,2],[3,4]]},"meta":{"billed_units":[]}}`, &embed.Answer{Vectors: vectors}},
		"of another type":           {`{"embeddings":{"int8":[[1,2]]}}`, nil},
		"without embeddings":        {`{"id":"x"}`, nil},
		"with embeddings of a word": {`{"embeddings":"x"}`, nil},
		"with a list of no lists":   {`{"embeddings":{"float":{}}}`, nil},
		"no JSON":                   {`{`, nil},
	} {
		got, err := Encoder{}.DecodeEmbedAnswer([]byte(tc.body))
		if (err != nil) != (tc.want == nil) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(tc.want, got); err == nil && diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func FuzzEmbeddings(f *testing.F) {
	f.Add([]byte(`{"embeddings":{"float":[[1,2]]},"meta":{"billed_units":{"input_tokens":6}}}`))
	f.Add([]byte(`{"embeddings":[[1,2]]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := Encoder{}.DecodeEmbedAnswer(body)
		if err != nil || a.Check(len(a.Vectors)) != nil {
			return
		}
		for _, v := range a.Vectors {
			if !json.Valid(embed.AppendVector(nil, v)) {
				t.Errorf("%q holds the vector %q", body, v)
			}
		}
	})
}
