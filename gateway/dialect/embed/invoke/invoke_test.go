// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package invoke

import (
	"encoding/json"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/embed"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func asking(texts ...string) *embed.Request {
	r := &embed.Request{Names: func(f embed.Field, _ int) string {
		return [...]string{"inputs", "task", "title", "dimensions", "truncate"}[f]
	}}
	for _, text := range texts {
		r.Inputs = append(r.Inputs, embed.Input{Text: text, At: "at"})
	}
	return r
}

func TestEachMakersModelIsAskedInItsOwnWords(t *testing.T) {
	dimensions, yes, no := int64(256), true, false
	short := func(r *embed.Request) { r.Dimensions = &dimensions }
	cut := func(r *embed.Request) { r.Truncate = &yes }
	whole := func(r *embed.Request) { r.Truncate = &no }
	for name, tc := range map[string]struct {
		model  string
		asked  *embed.Request
		change func(*embed.Request)
		want   string
	}{
		"Titan":                    {"amazon.titan-embed-text-v2:0", asking("a"), nil, `{"inputText":"a"}`},
		"Titan, short":             {"amazon.titan-embed-text-v2:0", asking("a"), short, `{"inputText":"a","dimensions":256}`},
		"Titan, nothing to be cut": {"amazon.titan-embed-text-v2:0", asking("a"), whole, `{"inputText":"a"}`},
		"Titan's first":            {"amazon.titan-embed-text-v1", asking("a"), nil, `{"inputText":"a"}`},
		"Titan's first, renamed":   {"amazon.titan-embed-g1-text-02", asking("a"), nil, `{"inputText":"a"}`},
		"Titan of an ARN":          {"arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0", asking("a"), nil, `{"inputText":"a"}`},
		"Cohere's third":           {"cohere.embed-multilingual-v3", asking("a", "b"), nil, `{"texts":["a","b"],"input_type":"search_document","embedding_types":["float"]}`},
		"Cohere's third, cut":      {"cohere.embed-english-v3", asking("a"), cut, `{"texts":["a"],"input_type":"search_document","embedding_types":["float"],"truncate":"END"}`},
		"Cohere's fourth, short":   {"cohere.embed-v4:0", asking("a"), short, `{"texts":["a"],"input_type":"search_document","embedding_types":["float"],"output_dimension":256}`},
		"Cohere's fourth, cut":     {"cohere.embed-v4:0", asking("a"), cut, `{"texts":["a"],"input_type":"search_document","embedding_types":["float"],"truncate":"RIGHT"}`},
		"Cohere's fourth, not cut": {"cohere.embed-v4:0", asking("a"), whole, `{"texts":["a"],"input_type":"search_document","embedding_types":["float"],"truncate":"NONE"}`},
		"Cohere's in a region":     {"us.cohere.embed-v4:0", asking("a"), nil, `{"texts":["a"],"input_type":"search_document","embedding_types":["float"]}`},
		"Cohere's of a profile":    {"arn:aws:bedrock:us-east-1:1:inference-profile/global.cohere.embed-v4:0", asking("a"), nil, `{"texts":["a"],"input_type":"search_document","embedding_types":["float"]}`},
		"Cohere's, queries":        {"cohere.embed-v4:0", asking("a"), func(r *embed.Request) { r.Inputs[0].Task = embed.Query }, `{"texts":["a"],"input_type":"search_query","embedding_types":["float"]}`},
	} {
		if tc.change != nil {
			tc.change(tc.asked)
		}
		got, err := Encoder{}.AppendEmbedRequest([]byte("x"), tc.asked, embed.Target{Model: tc.model})
		if err != nil || string(got) != "x"+tc.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", name, err, got, tc.want)
		}
	}
}

func TestWhatAModelCannotDoIsRefused(t *testing.T) {
	dimensions, yes := int64(256), true
	short := func(r *embed.Request) { r.Dimensions = &dimensions }
	for name, tc := range map[string]struct {
		model  string
		asked  *embed.Request
		change func(*embed.Request)
		want   string
	}{
		"two texts with Titan":        {"amazon.titan-embed-text-v2:0", asking("a", "b"), nil, "inputs"},
		"a task with Titan":           {"amazon.titan-embed-text-v2:0", asking("a"), func(r *embed.Request) { r.Inputs[0].Task = embed.Query }, "task"},
		"a title with Titan":          {"amazon.titan-embed-text-v2:0", asking("a"), func(r *embed.Request) { r.Inputs[0].Title = "t" }, "title"},
		"to cut with Titan":           {"amazon.titan-embed-text-v2:0", asking("a"), func(r *embed.Request) { r.Truncate = &yes }, "truncate"},
		"tokens with Titan":           {"amazon.titan-embed-text-v2:0", asking("a"), func(r *embed.Request) { r.Inputs[0].Tokens = []int64{1} }, "at"},
		"dimensions with Titan's old": {"amazon.titan-embed-text-v1", asking("a"), short, "dimensions"},
		"dimensions with Cohere's":    {"cohere.embed-english-v3", asking("a"), short, "dimensions"},
		"a title with Cohere":         {"cohere.embed-v4:0", asking("a"), func(r *embed.Request) { r.Inputs[0].Title = "t" }, "title"},
	} {
		if tc.change != nil {
			tc.change(tc.asked)
		}
		_, err := Encoder{}.AppendEmbedRequest(nil, tc.asked, embed.Target{Model: tc.model})
		if err == nil || err.Param != tc.want || err.Status != 400 || err.Reason != exchange.ReasonUntranslatable {
			t.Errorf("%s: %+v, want %s", name, err, tc.want)
		}
	}
}

func TestModelsThatAreNotKnownToEmbedAreRefused(t *testing.T) {
	for _, model := range []string{
		"anthropic.claude-sonnet-4-5", "amazon.titan-embed-image-v1", "amazon.nova-2-multimodal-embeddings-v1:0", "",
		"arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", "mycohere.embed-v4",
	} {
		_, err := Encoder{}.AppendEmbedRequest(nil, asking("a"), embed.Target{Model: model})
		if err == nil || err.Status != 404 || err.Reason != exchange.ReasonUnsupported || err.Param != "model" {
			t.Errorf("%q: %+v", model, err)
		}
	}
}

func TestEachMakersAnswerIsRead(t *testing.T) {
	for name, tc := range map[string]struct {
		body string
		want *embed.Answer
	}{
		"Titan's": {
			`{"embedding":[1,2],"inputTextTokenCount":5,"embeddingsByType":{"float":[1,2]}}`,
			&embed.Answer{Vectors: []jsontext.Value{jsontext.Value(`[1,2]`)}, Usage: exchange.Usage{Prompt: 5, Total: 5, Source: exchange.UsageReported}},
		},
		"Titan's without a count": {`{"embedding":[1,2]}`, &embed.Answer{Vectors: []jsontext.Value{jsontext.Value(`[1,2]`)}}},
		"Cohere's by type":        {`{"embeddings":{"float":[[1]]},"response_type":"embeddings_by_type"}`, &embed.Answer{Vectors: []jsontext.Value{jsontext.Value(`[1]`)}}},
		"Cohere's floats":         {`{"embeddings":[[1]],"response_type":"embeddings_floats"}`, &embed.Answer{Vectors: []jsontext.Value{jsontext.Value(`[1]`)}}},
		"nobody's":                {`{"results":[]}`, nil},
		"no JSON":                 {``, nil},
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

func FuzzModels(f *testing.F) {
	f.Add("us.cohere.embed-v4:0", "text", []byte(`{"embedding":[1]}`))
	f.Add("amazon.titan-embed-text-v2:0", "\xff", []byte(`{"embeddings":[[1]]}`))
	f.Fuzz(func(t *testing.T, model, text string, answer []byte) {
		if out, err := (Encoder{}).AppendEmbedRequest(nil, asking(text), embed.Target{Model: model}); err == nil && !json.Valid(out) {
			t.Errorf("%q with %q became %q", model, text, out)
		}
		if a, err := (Encoder{}).DecodeEmbedAnswer(answer); err == nil && len(a.Vectors) == 1 && a.Check(1) == nil {
			if !json.Valid(embed.AppendBase64(nil, a.Vectors[0])) {
				t.Errorf("%q", answer)
			}
		}
	})
}
