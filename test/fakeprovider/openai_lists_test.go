// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"encoding/base64"
	"encoding/binary"
	"io"
	"math"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

func TestModels(t *testing.T) {
	server := start(t, fakeprovider.Options{Models: []string{"a", "org/b"}})
	var list struct {
		Object string
		Data   []struct{ ID, Object string }
	}
	get(t, server, "/v1/models", &list)
	if list.Object != "list" || len(list.Data) != 2 || list.Data[1].ID != "org/b" || list.Data[0].Object != "model" {
		t.Errorf("list %+v", list)
	}
	for id, status := range map[string]int{"a": 200, "org/b": 200, "c": 404} {
		var model struct{ ID string }
		if response := get(t, server, "/v1/models/"+id, &model); response.StatusCode != status {
			t.Errorf("model %s: status %d, want %d", id, response.StatusCode, status)
		} else if status == http.StatusOK && model.ID != id {
			t.Errorf("model %s: id %s", id, model.ID)
		}
	}
}

func TestListsSufferFaultsToo(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	response, err := send(t, server, "/v1/models", "", fault("status:500")...)
	if err != nil || response.StatusCode != 500 {
		t.Errorf("%v, %v", response, err)
	}
}

type embeddings struct {
	Data []struct {
		Index     int
		Embedding any
	}
	Usage *struct {
		PromptTokens int `json:"prompt_tokens"`
		TotalTokens  int `json:"total_tokens"`
	}
}

func embed(t *testing.T, server *fakeprovider.Server, body string) (int, embeddings) {
	t.Helper()
	response, err := send(t, server, "/v1/embeddings", body)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var got embeddings
	decode(t, content, &got)
	return response.StatusCode, got
}

func TestEmbeddingsTakeEveryShapeOfInput(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, c := range map[string]struct {
		input   string
		vectors int
		tokens  int
	}{
		"a string":        {`"12345678"`, 1, 2},
		"strings":         {`["1234","56781234"]`, 2, 3},
		"tokens":          {`[1,2,3]`, 1, 3},
		"lists of tokens": {`[[1,2],[3]]`, 2, 3},
	} {
		t.Run(name, func(t *testing.T) {
			status, got := embed(t, server, `{"model":"e","input":`+c.input+`}`)
			if status != 200 || len(got.Data) != c.vectors || got.Usage.PromptTokens != c.tokens {
				t.Errorf("%d: %d vectors, %+v; want %d and %d tokens", status, len(got.Data), got.Usage, c.vectors, c.tokens)
			}
		})
	}
	for _, body := range []string{`{"model":"e","input":{}}`, `{"model":"e"}`, `{"input":"a"}`, `{`,
		`{"model":"e","input":"a","dimensions":-1}`, `{"model":"e","input":"a","encoding_format":"hex"}`,
		`{"model":"e","input":"a","input_type":"query"}`} {
		if status, _ := embed(t, server, body); status != 400 {
			t.Errorf("%s: status %d, want 400", body, status)
		}
	}
}

func TestEmbeddingsAreUnitVectorsInBothEncodings(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	_, floats := embed(t, server, `{"model":"e","input":"a","dimensions":8}`)
	_, packed := embed(t, server, `{"model":"e","input":"a","dimensions":8,"encoding_format":"base64"}`)
	raw, err := base64.StdEncoding.DecodeString(packed.Data[0].Embedding.(string))
	if err != nil {
		t.Fatal(err)
	}
	fromBase64 := make([]float32, len(raw)/4)
	if _, err := binary.Decode(raw, binary.LittleEndian, fromBase64); err != nil {
		t.Fatal(err)
	}
	var fromJSON []float32
	square := 0.0
	for _, value := range floats.Data[0].Embedding.([]any) {
		fromJSON = append(fromJSON, float32(value.(float64)))
		square += value.(float64) * value.(float64)
	}
	if diff := cmp.Diff(fromJSON, fromBase64); diff != "" || len(fromJSON) != 8 {
		t.Errorf("encodings differ: %s", diff)
	}
	if math.Abs(square-1) > 1e-3 {
		t.Errorf("length² is %f", square)
	}
}

func TestEmbeddingsOfOthers(t *testing.T) {
	server := start(t, fakeprovider.Options{StrictModels: true, Models: []string{"e"}})
	for name, c := range map[string]struct {
		path, body string
		status     int
	}{
		"a server that takes anything":     {"/compatible/v1/embeddings", `{"model":"e","input":"a","input_type":"query"}`, 200},
		"Ollama takes anything too":        {"/ollama/v1/embeddings", `{"model":"e","input":["a","b"],"keep_alive":1}`, 200},
		"not what is no JSON":              {"/ollama/v1/embeddings", `{`, 400},
		"Mistral has a name of its own":    {"/mistral/v1/embeddings", `{"model":"e","input":"a","output_dimension":8,"output_dtype":"float"}`, 200},
		"and not OpenAI's":                 {"/mistral/v1/embeddings", `{"model":"e","input":"a","dimensions":8}`, 422},
		"nor a type that it does not have": {"/mistral/v1/embeddings", `{"model":"e","input":"a","output_dtype":"double"}`, 422},
		"nor no dimensions":                {"/mistral/v1/embeddings", `{"model":"e","input":"a","output_dimension":0}`, 422},
		"nor a model that there is not":    {"/mistral/v1/embeddings", `{"model":"x","input":"a"}`, 400},
	} {
		t.Run(name, func(t *testing.T) {
			if response, content := tell(t, server, c.path, c.body); response.StatusCode != c.status {
				t.Errorf("%d %.200s, want %d", response.StatusCode, content, c.status)
			}
		})
	}
	_, content := tell(t, server, "/mistral/v1/embeddings", `{"model":"e","input":"a","output_dimension":8}`)
	var got struct {
		Data []struct{ Embedding []float32 }
	}
	if decode(t, content, &got); len(got.Data[0].Embedding) != 8 {
		t.Errorf("%d dimensions", len(got.Data[0].Embedding))
	}
}
