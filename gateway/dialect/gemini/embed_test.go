// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"encoding/json"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sparkgateway/spark/gateway/dialect/embed"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestEmbeddingsAreReadOneByOneAndInBatches(t *testing.T) {
	dimensions, no := int64(64), false
	image := `{"parts":[{"text":"a"},{"inlineData":{"mimeType":"image/png","data":"AA=="}}]}`
	for name, tc := range map[string]struct {
		body string
		want embed.Request
	}{
		"one": {
			`{"model":"models/g","content":{"parts":[{"text":"a"}],"role":"user"}}`,
			embed.Request{Inputs: []embed.Input{{Text: "a", At: "content"}}},
		},
		"all that it takes": {
			`{"content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_DOCUMENT","title":"T","outputDimensionality":64,"autoTruncate":false}`,
			embed.Request{
				Inputs:     []embed.Input{{Text: "a", Task: embed.Document, Title: "T", At: "content"}},
				Dimensions: &dimensions, Truncate: &no,
			},
		},
		"in its config, in snake case": {
			`{"content":{"parts":{"text":"a"}},"embed_content_config":{"task_type":"CLUSTERING","output_dimensionality":64.0}}`,
			embed.Request{Inputs: []embed.Input{{Text: "a", Task: embed.Clustering, At: "content"}}, Dimensions: &dimensions},
		},
		"a task that is none": {
			`{"content":{"parts":[{"text":"a"}]},"taskType":"TASK_TYPE_UNSPECIFIED","title":null}`,
			embed.Request{Inputs: []embed.Input{{Text: "a", At: "content"}}},
		},
		"a batch, as Google's SDKs send it": {
			`{"requests":[{"model":"models/g","content":{"parts":[{"text":"a"}],"role":"user"},"taskType":"RETRIEVAL_QUERY","outputDimensionality":64},` +
				`{"model":"models/g","content":{"parts":[{"text":"b"}],"role":"user"},"taskType":"RETRIEVAL_DOCUMENT","title":"B","outputDimensionality":64}]}`,
			embed.Request{
				Inputs: []embed.Input{
					{Text: "a", Task: embed.Query, At: "requests[0].content"},
					{Text: "b", Task: embed.Document, Title: "B", At: "requests[1].content"},
				},
				Dimensions: &dimensions, Batch: true,
			},
		},
		"parts that are one vector": {
			`{"content":` + image + `}`,
			embed.Request{Inputs: []embed.Input{{Content: jsontext.Value(image), At: "content"}}},
		},
	} {
		got, err := Decoder{}.DecodeEmbedRequest([]byte(tc.body))
		if err != nil {
			t.Errorf("%s: %s", name, err.Message)
			continue
		}
		if diff := cmp.Diff(&tc.want, got, cmpopts.IgnoreFields(embed.Request{}, "Names")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWrongEmbeddingsAreRefusedByTheirPlace(t *testing.T) {
	const good = `{"content":{"parts":[{"text":"a"}]}}`
	for name, tc := range map[string]struct{ body, want string }{
		"no content":                {`{}`, "content"},
		"no content in a batch":     {`{"requests":[` + good + `,{}]}`, "requests[1].content"},
		"no parts":                  {`{"content":{"parts":[]}}`, "content"},
		"no text":                   {`{"content":{"parts":[{"text":1}]}}`, "content.parts[0].text"},
		"an unknown part":           {`{"content":{"parts":[{"text":"a","x":1}]}}`, "content.parts[0].x"},
		"an unknown member":         {`{"content":{"parts":[{"text":"a"}],"x":1}}`, "content.x"},
		"an unknown field":          {`{"content":{"parts":[{"text":"a"}]},"x":1}`, "x"},
		"one beside a config":       {`{"content":{"parts":[{"text":"a"}]},"embedContentConfig":{},"title":"t"}`, "title"},
		"one within it":             {`{"content":{"parts":[{"text":"a"}]},"embedContentConfig":{"documentOcr":true}}`, "embedContentConfig.documentOcr"},
		"one beside a batch":        {`{"requests":[` + good + `],"taskType":"CLUSTERING"}`, "taskType"},
		"an empty batch":            {`{"requests":[]}`, "requests"},
		"a text for a request":      {`{"requests":["a"]}`, "requests[0]"},
		"no dimensions":             {`{"content":{"parts":[{"text":"a"}]},"outputDimensionality":0}`, "outputDimensionality"},
		"dimensions that differ":    {`{"requests":[` + good + `,{"content":{"parts":[{"text":"a"}]},"outputDimensionality":8}]}`, "requests[1].outputDimensionality"},
		"one is to be cut, one not": {`{"requests":[{"content":{"parts":[{"text":"a"}]},"autoTruncate":true},` + good + `]}`, "requests[1].autoTruncate"},
	} {
		if _, err := (Decoder{}).DecodeEmbedRequest([]byte(tc.body)); err == nil || err.Param != tc.want || err.Status != 400 {
			t.Errorf("%s: %+v, want %s", name, err, tc.want)
		}
	}
}

func embedding(t *testing.T, body string) *embed.Request {
	t.Helper()
	r, err := Decoder{}.DecodeEmbedRequest([]byte(body))
	if err != nil {
		t.Fatalf("%s: %s", err.Param, err.Message)
	}
	return r
}

func TestEmbeddingsAreAskedForByEachVerb(t *testing.T) {
	const (
		two = `{"requests":[{"content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY","outputDimensionality":64},` +
			`{"content":{"parts":[{"text":"b\u00e9"}]},"title":"B","outputDimensionality":64}]}`
		one   = `{"requests":[{"content":{"parts":[{"text":"a"}]},"title":"A","autoTruncate":true}]}`
		image = `{"content":{"parts":[{"text":"a"},{"inlineData":{"mimeType":"image/png","data":"AA=="}}]}}`
	)
	for name, tc := range map[string]struct{ verb, model, body, want string }{
		"a batch": {
			"batchEmbedContents", "g", two,
			`{"requests":[{"model":"models/g","content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY","outputDimensionality":64},` +
				`{"model":"models/g","content":{"parts":[{"text":"bé"}]},"title":"B","outputDimensionality":64}]}`,
		},
		"a tuned model":  {"batchEmbedContents", "tunedModels/t", `{"content":{"parts":[{"text":"a"}]}}`, `{"requests":[{"model":"tunedModels/t","content":{"parts":[{"text":"a"}]}}]}`},
		"one":            {"embedContent", "g", one, `{"content":{"parts":[{"text":"a"}]},"title":"A","autoTruncate":true}`},
		"one of parts":   {"embedContent", "g", image, image},
		"predicting":     {"predict", "g", two, `{"instances":[{"content":"a","task_type":"RETRIEVAL_QUERY"},{"content":"bé","title":"B"}],"parameters":{"outputDimensionality":64}}`},
		"predicting one": {"predict", "g", `{"content":{"parts":[{"text":"a"}]}}`, `{"instances":[{"content":"a"}]}`},
		"cutting":        {"predict", "g", one, `{"instances":[{"content":"a","title":"A"}],"parameters":{"autoTruncate":true}}`},
	} {
		got, err := Encoder{}.AppendEmbedRequest([]byte("x"), embedding(t, tc.body), embed.Target{Model: tc.model, Verb: tc.verb})
		if err != nil || string(got) != "x"+tc.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", name, err, got, tc.want)
		}
	}
}

func TestWhatAVerbCannotSayIsRefused(t *testing.T) {
	const two = `{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"},{"text":"c"}]}}]}`
	for name, tc := range map[string]struct {
		verb, body string
		change     func(*embed.Request)
		want       string
	}{
		"two at once":           {"embedContent", two, nil, "requests"},
		"parts where texts are": {"predict", two, nil, "requests[1].content"},
		"tokens":                {"batchEmbedContents", two, func(r *embed.Request) { r.Inputs[0].Tokens = []int64{1} }, "requests[0].content"},
		"one of tokens":         {"embedContent", `{"content":{"parts":[{"text":"a"}]}}`, func(r *embed.Request) { r.Inputs[0].Tokens = []int64{1} }, "content"},
	} {
		r := embedding(t, tc.body)
		if tc.change != nil {
			tc.change(r)
		}
		_, err := Encoder{}.AppendEmbedRequest(nil, r, embed.Target{Model: "g", Verb: tc.verb})
		if err == nil || err.Param != tc.want || err.Reason != exchange.ReasonUntranslatable {
			t.Errorf("%s: %+v, want %s", name, err, tc.want)
		}
	}
}

func TestAnswersOfEachVerbAreRead(t *testing.T) {
	reported := func(n int64) exchange.Usage {
		return exchange.Usage{Prompt: n, Total: n, Source: exchange.UsageReported}
	}
	vectors := []jsontext.Value{jsontext.Value(`[1,2]`), jsontext.Value(`[3]`)}
	for name, tc := range map[string]struct {
		body string
		want *embed.Answer
	}{
		"a batch":             {`{"embeddings":[{"values":[1,2]},{"values":[3]}]}`, &embed.Answer{Vectors: vectors}},
		"with its usage":      {`{"embeddings":[{"values":[1,2]},{"values":[3]}],"usageMetadata":{"promptTokenCount":5}}`, &embed.Answer{Vectors: vectors, Usage: reported(5)}},
		"one":                 {`{"embedding":{"values":[1,2]},"usageMetadata":{"promptTokenCount":2,"totalTokenCount":2},"truncated":false}`, &embed.Answer{Vectors: vectors[:1], Usage: reported(2)}},
		"a usage of no shape": {`{"embedding":{"values":[1,2]},"usageMetadata":"many"}`, &embed.Answer{Vectors: vectors[:1]}},
		"predictions": {
			`{"predictions":[{"embeddings":{"values":[1,2],"statistics":{"token_count":4,"truncated":false}}},` +
				`{"embeddings":{"values":[3],"statistics":{"token_count":3.0}}}],"metadata":{"billableCharacterCount":9}}`,
			&embed.Answer{Vectors: vectors, Usage: reported(7)},
		},
		"no statistics": {`{"predictions":[{"embeddings":{"values":[3]}}]}`, &embed.Answer{Vectors: vectors[1:]}},
		"nothing":       {`{}`, nil},
		"a list":        {`{"embeddings":{}}`, nil},
		"no JSON":       {`[`, nil},
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

func TestEmbeddingsAreAnsweredOneByOneAndInBatches(t *testing.T) {
	a := &embed.Answer{Vectors: []jsontext.Value{jsontext.Value("[ 0.5,\n1 ]")}}
	for name, tc := range map[string]struct {
		batch bool
		usage exchange.Usage
		want  string
	}{
		"one":             {false, exchange.Usage{}, `{"embedding":{"values":[0.5,1]}}`},
		"a batch":         {true, exchange.Usage{}, `{"embeddings":[{"values":[0.5,1]}]}`},
		"with its usage":  {true, exchange.Usage{Prompt: 3, Total: 3, Source: exchange.UsageReported}, `{"embeddings":[{"values":[0.5,1]}],"usageMetadata":{"promptTokenCount":3}}`},
		"one, with usage": {false, exchange.Usage{Prompt: 3, Total: 3, Source: exchange.UsageReported}, `{"embedding":{"values":[0.5,1]},"usageMetadata":{"promptTokenCount":3}}`},
	} {
		a.Usage = tc.usage
		if got := string(Decoder{}.AppendEmbedAnswer(nil, &embed.Request{Batch: tc.batch}, a)); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

func FuzzEmbeddings(f *testing.F) {
	f.Add([]byte(`{"requests":[{"content":{"parts":[{"text":"a"}]},"embedContentConfig":{"title":"t"}}]}`))
	f.Add([]byte(`{"content":{"parts":[{"text":"a"},{"inlineData":{}}]},"embeddings":[{"values":[1]}],"usageMetadata":{"promptTokenCount":1}}`))
	f.Add([]byte(`{"predictions":[{"embeddings":{"values":[3],"statistics":{"token_count":3}}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if r, err := (Decoder{}).DecodeEmbedRequest(body); err == nil {
			for _, verb := range []string{"batchEmbedContents", "embedContent", "predict"} {
				out, err := (Encoder{}).AppendEmbedRequest(nil, r, embed.Target{Model: "g", Verb: verb})
				if err == nil && !json.Valid(out) {
					t.Errorf("%q became %q", body, out)
				}
			}
		}
		if a, err := (Encoder{}).DecodeEmbedAnswer(body); err == nil && a.Check(len(a.Vectors)) == nil {
			if out := (Decoder{}).AppendEmbedAnswer(nil, &embed.Request{Batch: true}, a); !json.Valid(out) {
				t.Errorf("%q became %q", body, out)
			}
		}
	})
}
