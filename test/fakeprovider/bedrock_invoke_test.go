// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

// invoked is an answer of any of the models.
type invoked struct {
	Embedding  []float32
	Embeddings struct{ Float [][]float32 }
	Type       string `json:"response_type"`
	Tokens     any    `json:"inputTextTokenCount"`
}

func TestInvokedModelsEmbed(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, test := range map[string]struct {
		model, body      string
		length, vectors  int
		wantType, tokens string
	}{
		"Titan":              {"amazon.titan-embed-text-v2:0", `{"inputText":"hello"}`, 1024, 1, "", "2"},
		"Titan, short":       {"amazon.titan-embed-text-v2:0", `{"inputText":"hello","dimensions":256,"normalize":true}`, 256, 1, "", "2"},
		"Titan's first":      {"amazon.titan-embed-text-v1", `{"inputText":"hello"}`, 1024, 1, "", "2"},
		"Cohere's third":     {"cohere.embed-english-v3", `{"texts":["hello","hi"],"input_type":"search_query","embedding_types":["float"],"truncate":"END"}`, 1024, 2, "embeddings_by_type", "3"},
		"Cohere's, regional": {"us.cohere.embed-v4:0", `{"texts":["hello"],"input_type":"clustering","embedding_types":["float"],"output_dimension":512,"truncate":"RIGHT"}`, 512, 1, "embeddings_by_type", "2"},
	} {
		response, content := call(t, server, "/model/"+strings.ReplaceAll(test.model, ":", "%3A")+"/invoke", test.body)
		var got invoked
		decode(t, content, &got)
		vectors := got.Embeddings.Float
		if got.Embedding != nil {
			vectors = [][]float32{got.Embedding}
		}
		if response.StatusCode != 200 || got.Type != test.wantType || len(vectors) != test.vectors || len(vectors[0]) != test.length {
			t.Errorf("%s: %d, %d vectors of %q", name, response.StatusCode, len(vectors), got.Type)
		}
		if tokens := response.Header.Get("X-Amzn-Bedrock-Input-Token-Count"); tokens != test.tokens {
			t.Errorf("%s: %q tokens, want %q", name, tokens, test.tokens)
		}
	}
}

func TestInvokedModelsRefuseWhatTheirMakersDo(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, test := range map[string]struct{ model, body, want string }{
		"no text":                     {"amazon.titan-embed-text-v2", `{}`, "minLength"},
		"an odd length":               {"amazon.titan-embed-text-v2", `{"inputText":"a","dimensions":300}`, "dimensions"},
		"a length of Titan's first":   {"amazon.titan-embed-text-v1", `{"inputText":"a","dimensions":256}`, "extraneous"},
		"a list with Titan":           {"amazon.titan-embed-text-v2", `{"inputText":["a"]}`, "Unexpected"},
		"the model in Cohere's body":  {"cohere.embed-v4", `{"model":"m","texts":["a"],"input_type":"clustering"}`, "extraneous key [model]"},
		"no type with Cohere":         {"cohere.embed-v4", `{"texts":["a"]}`, "input_type"},
		"a length of Cohere's third":  {"cohere.embed-english-v3", `{"texts":["a"],"input_type":"clustering","output_dimension":256}`, "extraneous"},
		"the third's word for cuts":   {"cohere.embed-v4", `{"texts":["a"],"input_type":"clustering","truncate":"END"}`, "truncate"},
		"the fourth's word for cuts":  {"cohere.embed-english-v3", `{"texts":["a"],"input_type":"clustering","truncate":"RIGHT"}`, "truncate"},
		"a model that does not embed": {"anthropic.claude", `{}`, "only"},
	} {
		response, content := call(t, server, "/model/"+test.model+"/invoke", test.body)
		if response.StatusCode != 400 || !strings.Contains(string(content), test.want) {
			t.Errorf("%s: %d %s, want %q", name, response.StatusCode, content, test.want)
		}
	}
}

func TestVertexEmbedsByTheVerbThatAModelHas(t *testing.T) {
	const base = "/v1/projects/p/locations/l/publishers/google/models/"
	server := start(t, fakeprovider.Options{})
	var alone, both struct {
		Predictions []struct {
			Embeddings struct {
				Values     []float32
				Statistics struct {
					Tokens int `json:"token_count"`
				}
			}
		}
	}
	_, content := call(t, server, base+"text-embedding-005:predict", `{"instances":[{"content":"hello"}],"parameters":{"outputDimensionality":8}}`)
	decode(t, content, &alone)
	_, content = call(t, server, base+"text-embedding-005:predict",
		`{"instances":[{"content":"a","task_type":"RETRIEVAL_QUERY"},{"content":"hello","title":"t"}],"parameters":{"outputDimensionality":8,"autoTruncate":false}}`)
	decode(t, content, &both)
	if len(alone.Predictions) != 1 || len(both.Predictions) != 2 || both.Predictions[1].Embeddings.Statistics.Tokens != 2 {
		t.Fatalf("%+v, %+v", alone, both)
	}
	if a, b := alone.Predictions[0].Embeddings.Values, both.Predictions[1].Embeddings.Values; len(a) != 8 || !slices.Equal(a, b) {
		t.Errorf("one text has two vectors: %v, %v", a, b)
	}
	for name, test := range map[string]struct{ call, body, want string }{
		"a newer model predicts nothing":  {"gemini-embedding-2:predict", `{"instances":[{"content":"a"}]}`, "use embedContent"},
		"an older one embeds no contents": {"gemini-embedding-001:embedContent", `{"content":{"parts":[{"text":"a"}]}}`, "use predict"},
		"no instances":                    {"text-embedding-005:predict", `{"instances":[]}`, "instance(s)"},
		"an empty text":                   {"text-embedding-005:predict", `{"instances":[{"content":""}]}`, "empty"},
		"a title of a query":              {"text-embedding-005:predict", `{"instances":[{"content":"a","title":"t","task_type":"RETRIEVAL_QUERY"}]}`, "title"},
		"no dimensions":                   {"text-embedding-005:predict", `{"instances":[{"content":"a"}],"parameters":{"outputDimensionality":0}}`, "outputDimensionality"},
		"Gemini's name for a task":        {"text-embedding-005:predict", `{"instances":[{"content":"a","taskType":"CLUSTERING"}]}`, "taskType"},
	} {
		response, content := call(t, server, base+test.call, test.body)
		if response.StatusCode != 400 || !strings.Contains(string(content), test.want) {
			t.Errorf("%s: %d %s, want %q", name, response.StatusCode, content, test.want)
		}
	}
}
