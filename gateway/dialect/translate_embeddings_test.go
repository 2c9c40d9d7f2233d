// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func embeddings(d exchange.Dialect, body string) Question {
	return Question{Operation: exchange.Embeddings, Dialect: d, Body: []byte(body), Model: "fast", Meta: chat.Meta{Model: "fast"}}
}

func TestEmbeddingsAreTranslatedThereAndBack(t *testing.T) {
	reported := func(n int64) exchange.Usage {
		return exchange.Usage{Prompt: n, Total: n, Source: exchange.UsageReported}
	}
	const texts = `{"model":"fast","input":["a","b"]}`
	for name, tc := range map[string]struct {
		question                 Question
		target                   Target
		prompt                   string
		want, answer, wantAnswer string
		wantUsage                exchange.Usage
	}{
		"of OpenAI at Gemini": {
			question: embeddings(exchange.OpenAI, texts),
			target:   Target{Wire: exchange.Gemini, Type: config.Gemini, Model: "g", Verb: "batchEmbedContents"},
			want:     `{"requests":[{"model":"models/g","content":{"parts":[{"text":"a"}]}},{"model":"models/g","content":{"parts":[{"text":"b"}]}}]}`,
			answer:   `{"embeddings":[{"values":[1]},{"values":[2]}],"usageMetadata":{"promptTokenCount":4}}`,
			wantAnswer: `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1]},{"object":"embedding","index":1,"embedding":[2]}],` +
				`"model":"fast","usage":{"prompt_tokens":4,"total_tokens":4}}`,
			wantUsage: reported(4),
		},
		"of Gemini at Vertex AI": {
			question:   embeddings(exchange.Gemini, `{"content":{"parts":[{"text":"a"}]}}`),
			target:     Target{Wire: exchange.Gemini, Type: config.VertexAI, Model: "g", Verb: "predict"},
			want:       `{"instances":[{"content":"a"}]}`,
			answer:     `{"predictions":[{"embeddings":{"values":[1],"statistics":{"token_count":2}}}]}`,
			wantAnswer: `{"embedding":{"values":[1]},"usageMetadata":{"promptTokenCount":2}}`,
			wantUsage:  reported(2),
		},
		"of Gemini at Mistral": {
			question:   embeddings(exchange.Gemini, `{"requests":[{"content":{"parts":[{"text":"a"}]},"outputDimensionality":8}]}`),
			target:     Target{Wire: exchange.OpenAI, Type: config.Mistral, Model: "m"},
			want:       `{"model":"m","input":["a"],"encoding_format":"float","output_dimension":8}`,
			answer:     `{"data":[{"index":0,"embedding":[1]}],"model":"m","usage":{"prompt_tokens":2}}`,
			wantAnswer: `{"embeddings":[{"values":[1]}],"usageMetadata":{"promptTokenCount":2}}`,
			wantUsage:  reported(2),
		},
		"of OpenAI at Bedrock, which counts in a header": {
			question: embeddings(exchange.OpenAI, texts),
			target:   Target{Wire: exchange.Bedrock, Type: config.Bedrock, Model: "cohere.embed-v4:0"}, prompt: "6",
			want:   `{"texts":["a","b"],"input_type":"search_document","embedding_types":["float"]}`,
			answer: `{"embeddings":{"float":[[1],[2]]}}`,
			wantAnswer: `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1]},{"object":"embedding","index":1,"embedding":[2]}],` +
				`"model":"fast","usage":{"prompt_tokens":6,"total_tokens":6}}`,
			wantUsage: reported(6),
		},
		"of OpenAI at Cohere, which says no usage": {
			question: embeddings(exchange.OpenAI, `{"model":"fast","input":"a"}`), target: Target{Wire: exchange.Cohere, Type: config.Cohere, Model: "c"},
			want:       `{"model":"c","texts":["a"],"input_type":"search_document","embedding_types":["float"]}`,
			answer:     `{"embeddings":{"float":[[1]]}}`,
			wantAnswer: `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1]}],"model":"fast"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var tr Translation
			got, refused := tr.Request(nil, tc.question, tc.target)
			if refused != nil || string(got) != tc.want {
				t.Fatalf("%v\ngot  %s\nwant %s", refused, got, tc.want)
			}
			tr.Prompt = []byte(tc.prompt)
			answer, read, err := tr.Answer([]byte("x"), []byte(tc.answer))
			if err != nil || string(answer) != "x"+tc.wantAnswer {
				t.Errorf("%v\ngot  %s\nwant %s", err, answer, tc.wantAnswer)
			}
			if diff := cmp.Diff(Answer{Usage: tc.wantUsage}, read); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if tr.Reset(); tr.embedding != nil || tr.Prompt != nil {
				t.Error("something is left for the next question")
			}
		})
	}
}

func TestAnAnswerWithoutAVectorForEachInputIsNone(t *testing.T) {
	for name, answer := range map[string]string{
		"one for two": `{"embeddings":{"float":[[1]]}}`, "three for two": `{"embeddings":{"float":[[1],[2],[3]]}}`,
		"one of words": `{"embeddings":{"float":[[1],["2"]]}}`, "no answer": `{"message":"x"}`, "no JSON": `x`,
	} {
		var tr Translation
		target := Target{Wire: exchange.Cohere, Type: config.Cohere, Model: "c"}
		if _, err := tr.Request(nil, embeddings(exchange.OpenAI, `{"model":"m","input":["a","b"]}`), target); err != nil {
			t.Fatal(err)
		}
		if out, _, err := tr.Answer([]byte("x"), []byte(answer)); err == nil || string(out) != "x" {
			t.Errorf("%s: %s", name, out)
		}
	}
}

func TestEmbeddingsOfWhoMakesNoneAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		from, to exchange.Dialect
	}{
		"asked of Anthropic":   {exchange.OpenAI, exchange.Anthropic},
		"asked in Anthropic's": {exchange.Anthropic, exchange.OpenAI},
	} {
		var tr Translation
		_, err := tr.Request(nil, embeddings(tc.from, `{}`), Target{Wire: tc.to, Type: config.Anthropic})
		if err == nil || err.Status != 404 || err.Reason != exchange.ReasonUnsupported {
			t.Errorf("%s: %+v", name, err)
		}
	}
}
