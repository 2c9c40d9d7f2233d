// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// embedded is an answer with embeddings, in OpenAI's dialect or in Gemini's.
type embedded struct {
	Object, Model string
	Data          []struct {
		Object    string
		Index     int
		Embedding json.RawMessage
	}
	Usage *struct {
		Prompt int `json:"prompt_tokens"`
		Total  int `json:"total_tokens"`
	}
	Embedding  *struct{ Values []float32 }
	Embeddings []struct{ Values []float32 }
	Metadata   *struct {
		Prompt int `json:"promptTokenCount"`
	} `json:"usageMetadata"`
	Error *struct{ Message, Param string }
}

// vectors are those of an answer, whatever it is written in.
func (e *embedded) vectors(t *testing.T) [][]float32 {
	t.Helper()
	var all [][]float32
	for i, d := range e.Data {
		var vector []float32
		if d.Embedding[0] == '"' {
			var text string
			if err := json.Unmarshal(d.Embedding, &text); err != nil {
				t.Fatal(err)
			}
			packed, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			for ; len(packed) >= 4; packed = packed[4:] {
				vector = append(vector, math.Float32frombits(binary.LittleEndian.Uint32(packed)))
			}
		} else if err := json.Unmarshal(d.Embedding, &vector); err != nil {
			t.Fatal(err)
		}
		if d.Index != i || d.Object != "embedding" {
			t.Errorf("vector %d stands as %q at %d", i, d.Object, d.Index)
		}
		all = append(all, vector)
	}
	if e.Embedding != nil {
		all = append(all, e.Embedding.Values)
	}
	for _, v := range e.Embeddings {
		all = append(all, v.Values)
	}
	return all
}

func (s *setup) embed(t *testing.T, path, body string) (answer, embedded) {
	t.Helper()
	got := s.do(s.request("POST", path, body))
	var e embedded
	if err := json.Unmarshal([]byte(got.body), &e); err != nil {
		t.Fatalf("%v in %q", err, got.body)
	}
	return got, e
}

// embedders are all types of providers that embed, each with a model of its, and where it is asked. One takes one input
// at a time.
var embedders = map[string]struct {
	kind        config.ProviderType
	model, path string
	one         bool
}{
	"OpenAI":               {config.OpenAI, "text-embedding-3-small", "/v1/embeddings", false},
	"AzureOpenAI":          {config.AzureOpenAI, "text-embedding-3-small", "/openai/v1/embeddings", false},
	"Mistral":              {config.Mistral, "codestral-embed", "/mistral/v1/embeddings", false},
	"Ollama":               {config.Ollama, "all-minilm", "/ollama/v1/embeddings", false},
	"OpenAICompatible":     {config.OpenAICompatible, "bge-m3", "/compatible/v1/embeddings", false},
	"Gemini":               {config.Gemini, "gemini-embedding-001", "/v1beta/models/gemini-embedding-001:batchEmbedContents", false},
	"VertexAI's first":     {config.VertexAI, "gemini-embedding-001", "/v1/projects/acme/locations/europe-west1/publishers/google/models/gemini-embedding-001:predict", false},
	"VertexAI's second":    {config.VertexAI, "gemini-embedding-2", "/v1/projects/acme/locations/europe-west1/publishers/google/models/gemini-embedding-2:embedContent", true},
	"Cohere":               {config.Cohere, "embed-v4.0", "/v2/embed", false},
	"Bedrock with Titan":   {config.Bedrock, "amazon.titan-embed-text-v2:0", "/model/amazon.titan-embed-text-v2:0/invoke", true},
	"Bedrock with Cohere":  {config.Bedrock, "cohere.embed-v4:0", "/model/cohere.embed-v4:0/invoke", false},
	"Bedrock with Cohere3": {config.Bedrock, "cohere.embed-english-v3", "/model/cohere.embed-english-v3/invoke", false},
}

func TestOpenAIsApplicationsGetEmbeddingsOfEveryProvider(t *testing.T) {
	for name, tc := range embedders {
		t.Run(name, func(t *testing.T) {
			s := start(t, to(t, tc.kind))
			got, alone := s.embed(t, "/v1/embeddings", `{"model":"`+tc.model+`","input":"beta","encoding_format":"float"}`)
			if got.StatusCode != 200 || alone.Object != "list" || alone.Model == "" || len(alone.Data) != 1 {
				t.Fatalf("status %d: %s", got.StatusCode, got.body)
			}
			if alone.Usage == nil || alone.Usage.Prompt == 0 || alone.Usage.Total != alone.Usage.Prompt {
				t.Errorf("usage %+v", alone.Usage)
			}
			record := s.record(fakeprovider.Completed)
			if record.Path != tc.path {
				t.Errorf("asked at %s, want %s", record.Path, tc.path)
			}
			l := s.lines(1)[0]
			if l.Usage == nil || l.Usage.Source != "reported" || int(l.Usage.Prompt) != alone.Usage.Prompt {
				t.Errorf("access log %+v", l)
			}
			input := `["beta"]`
			if !tc.one {
				input = `["alpha","beta"]`
			}
			_, packed := s.embed(t, "/v1/embeddings", `{"model":"`+tc.model+`","input":`+input+`,"encoding_format":"base64"}`)
			one, all := alone.vectors(t)[0], packed.vectors(t)
			if len(one) < 256 || len(all) == 0 || !slices.Equal(one, all[len(all)-1]) {
				t.Errorf("one text has two vectors, of %d numbers and among %d", len(one), len(all))
			}
		})
	}
}

func TestGeminisApplicationsGetEmbeddingsOfEveryProvider(t *testing.T) {
	const request = `{"content":{"parts":[{"text":"beta"}],"role":"user"}}`
	for name, tc := range embedders {
		t.Run(name, func(t *testing.T) {
			s := start(t, to(t, tc.kind))
			got, one := s.embed(t, "/v1beta/models/"+tc.model+":embedContent", request)
			if got.StatusCode != 200 || one.Embedding == nil || one.Metadata == nil || one.Metadata.Prompt == 0 {
				t.Fatalf("status %d: %s", got.StatusCode, got.body)
			}
			requests := `{"model":"models/` + tc.model + `",` + request[1:]
			if !tc.one {
				requests = strings.Replace(requests, "beta", "alpha", 1) + "," + requests
			}
			got, batch := s.embed(t, "/v1beta/models/"+tc.model+":batchEmbedContents", `{"requests":[`+requests+`]}`)
			vectors := batch.vectors(t)
			if got.StatusCode != 200 || batch.Embedding != nil || len(vectors) == 0 {
				t.Fatalf("status %d: %s", got.StatusCode, got.body)
			}
			if !slices.Equal(one.Embedding.Values, vectors[len(vectors)-1]) {
				t.Error("one text has two vectors")
			}
		})
	}
}

func TestGeminisEmbeddingsPassAsTheApplicationAsked(t *testing.T) {
	for name, tc := range map[string]struct{ path, body, wantPath, wantBody string }{
		"one": {
			"/v1beta/models/fake/g:embedContent", `{"model":"models/fake/g", "content":{"parts":[{"text":"a"}]},"taskType":"CODE_RETRIEVAL_QUERY"}`,
			"/v1beta/models/g:embedContent", `{"model":"models/g", "content":{"parts":[{"text":"a"}]},"taskType":"CODE_RETRIEVAL_QUERY"}`,
		},
		"a batch": {
			"/v1beta/models/fake/g:batchEmbedContents", `{"requests":[{"model":"models/fake/g","content":{"parts":[{"text":"a"},{"text":"b"}]}}] }`,
			"/v1beta/models/g:batchEmbedContents", `{"requests":[{"model":"models/g","content":{"parts":[{"text":"a"},{"text":"b"}]}}] }`,
		},
	} {
		s := start(t, to(t, config.Gemini))
		got, _ := s.embed(t, tc.path, tc.body)
		record := s.record(fakeprovider.Completed)
		if got.StatusCode != 200 || record.Path != tc.wantPath || record.Body != tc.wantBody {
			t.Errorf("%s: %d %s\n%s %s", name, got.StatusCode, got.body, record.Path, record.Body)
		}
	}
}

func TestWhatIsAskedOfEmbeddingsIsSaidOrRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		kind       config.ProviderType
		path, body string
		want       string // of the body that the provider gets
		refused    string // by this name
	}{
		"dimensions at Mistral": {
			kind: config.Mistral, path: "/v1/embeddings", body: `{"model":"m","input":"a","dimensions":64}`,
			want: `{"model":"m","input":"a","output_dimension":64}`,
		},
		"queries at Cohere": {
			kind: config.Cohere, path: "/v1/embeddings", body: `{"model":"m","input":["a"],"input_type":"search_query","dimensions":512}`,
			want: `{"model":"m","texts":["a"],"input_type":"search_query","embedding_types":["float"],"output_dimension":512}`,
		},
		"a task at Cohere": {
			kind: config.Cohere, path: "/v1beta/models/m:embedContent", body: `{"content":{"parts":[{"text":"a"}]},"taskType":"CLUSTERING"}`,
			want: `{"model":"m","texts":["a"],"input_type":"clustering","embedding_types":["float"]}`,
		},
		"a title at Vertex AI": {
			kind: config.VertexAI, path: "/v1beta/models/text-embedding-005:embedContent",
			body: `{"content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_DOCUMENT","title":"T","outputDimensionality":64}`,
			want: `{"instances":[{"content":"a","task_type":"RETRIEVAL_DOCUMENT","title":"T"}],"parameters":{"outputDimensionality":64}}`,
		},
		"tokens at Gemini":            {kind: config.Gemini, path: "/v1/embeddings", body: `{"model":"m","input":[[1,2]]}`, refused: "input[0]"},
		"two inputs with Titan":       {kind: config.Bedrock, path: "/v1/embeddings", body: `{"model":"amazon.titan-embed-text-v2:0","input":["a","b"]}`, refused: "input"},
		"dimensions with Titan's old": {kind: config.Bedrock, path: "/v1/embeddings", body: `{"model":"amazon.titan-embed-text-v1","input":"a","dimensions":256}`, refused: "dimensions"},
		"an unknown field":            {kind: config.Cohere, path: "/v1/embeddings", body: `{"model":"m","input":"a","output_dtype":"int8"}`, refused: "output_dtype"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, to(t, tc.kind))
			got, e := s.embed(t, tc.path, tc.body)
			if tc.refused != "" {
				if got.StatusCode != 400 || e.Error == nil || e.Error.Param != tc.refused || len(s.provider.Records()) != 0 {
					t.Errorf("status %d: %s", got.StatusCode, got.body)
				}
				return
			}
			if record := s.record(fakeprovider.Completed); got.StatusCode != 200 || record.Body != tc.want {
				t.Errorf("status %d: %s\nasked %s\nwant  %s", got.StatusCode, got.body, record.Body, tc.want)
			}
		})
	}
}

func TestGeminisApplicationsAreToldWhatOpenAILacks(t *testing.T) {
	s := start(t)
	got, e := s.embed(t, "/v1beta/models/m:batchEmbedContents",
		`{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]},"taskType":"RETRIEVAL_QUERY"}]}`)
	if got.StatusCode != 400 || e.Error == nil || !strings.Contains(e.Error.Message, "'requests[1].taskType'") {
		t.Errorf("status %d: %s", got.StatusCode, got.body)
	}
	if got.Header.Get("X-Spark-Reason") != "untranslatable_field" {
		t.Errorf("reason %q", got.Header.Get("X-Spark-Reason"))
	}
}

func TestFailuresOfEmbeddersAreToldInTheApplicationsWords(t *testing.T) {
	for name, tc := range embedders {
		t.Run(name, func(t *testing.T) {
			s := start(t, to(t, tc.kind))
			got, e := s.embed(t, "/v1/embeddings", `{"model":"`+tc.model+`","input":"a [[fake fault=status:503]]"}`)
			if got.StatusCode != 503 || e.Error == nil || e.Error.Message == "" {
				t.Errorf("status %d: %s", got.StatusCode, got.body)
			}
			if l := s.lines(1)[0]; l.Outcome != "provider_failed" || l.Usage != nil {
				t.Errorf("access log %+v", l)
			}
		})
	}
}

func TestAUsageOfNoShapeLeavesTheEmbeddings(t *testing.T) {
	s := start(t, to(t, config.Cohere))
	got, e := s.embed(t, "/v1/embeddings", `{"model":"embed-v4.0","input":"hello [[fake fault=bad-usage]]"}`)
	if got.StatusCode != 200 || len(e.Data) != 1 || e.Usage != nil {
		t.Errorf("status %d, usage %+v: %.200s", got.StatusCode, e.Usage, got.body)
	}
	if l := s.lines(1)[0]; l.Usage == nil || l.Usage.Source != "estimated" {
		t.Errorf("access log %+v", l)
	}
}
