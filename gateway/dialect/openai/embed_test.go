// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sparkgateway/spark/gateway/dialect/embed"
	"github.com/sparkgateway/spark/gateway/exchange"
)

var unnamed = cmpopts.IgnoreFields(embed.Request{}, "Names")

func TestEmbeddingsAreReadInAllShapesOfInput(t *testing.T) {
	dimensions := int64(256)
	for name, tc := range map[string]struct {
		body string
		want embed.Request
	}{
		"a text":          {`{"model":"m","input":"a\u00e9"}`, embed.Request{Inputs: []embed.Input{{Text: "aé", At: "input"}}}},
		"texts":           {`{"model":"m","input":["a",""]}`, embed.Request{Inputs: []embed.Input{{Text: "a", At: "input[0]"}, {At: "input[1]"}}}},
		"tokens":          {`{"model":"m","input":[1,2]}`, embed.Request{Inputs: []embed.Input{{Tokens: []int64{1, 2}, At: "input"}}}},
		"lists of tokens": {`{"model":"m","input":[[1],[2,3]]}`, embed.Request{Inputs: []embed.Input{{Tokens: []int64{1}, At: "input[0]"}, {Tokens: []int64{2, 3}, At: "input[1]"}}}},
		"everything": {
			`{"model":"m","input":["a"],"encoding_format":"base64","dimensions":256,"user":"u","input_type":"search_query"}`,
			embed.Request{
				Inputs: []embed.Input{{Text: "a", Task: embed.Query, At: "input[0]"}}, Dimensions: &dimensions, User: "u", Base64: true,
			},
		},
		"what asks for nothing": {
			`{"model":"m","input":"a","encoding_format":"float","dimensions":null,"user":null,"input_type":null,"truncate":null}`,
			embed.Request{Inputs: []embed.Input{{Text: "a", At: "input"}}},
		},
	} {
		got, err := Decoder{}.DecodeEmbedRequest([]byte(tc.body))
		if err != nil {
			t.Errorf("%s: %s", name, err.Message)
			continue
		}
		if diff := cmp.Diff(&tc.want, got, unnamed); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWrongEmbeddingsAreRefusedByTheirPlace(t *testing.T) {
	for name, tc := range map[string]struct{ body, want string }{
		"no input":             {`{"model":"m"}`, "input"},
		"null":                 {`{"model":"m","input":null}`, "input"},
		"an object":            {`{"model":"m","input":{}}`, "input"},
		"an empty list":        {`{"model":"m","input":[]}`, "input"},
		"a text among tokens":  {`{"model":"m","input":[1,"a"]}`, "input[1]"},
		"tokens among texts":   {`{"model":"m","input":["a",1]}`, "input[1]"},
		"null among texts":     {`{"model":"m","input":["a",null]}`, "input[1]"},
		"a fraction of tokens": {`{"model":"m","input":[[1],[1.5]]}`, "input[1][0]"},
		"another encoding":     {`{"model":"m","input":"a","encoding_format":"hex"}`, "encoding_format"},
		"no dimensions":        {`{"model":"m","input":"a","dimensions":0}`, "dimensions"},
		"a word of dimensions": {`{"model":"m","input":"a","dimensions":"64"}`, "dimensions"},
		"an unknown type":      {`{"model":"m","input":"a","input_type":"passage"}`, "input_type"},
		"an unknown field":     {`{"model":"m","input":"a","output_dtype":"int8"}`, "output_dtype"},
		"a field twice":        {`{"model":"m","input":"a","input":"b"}`, "input"},
	} {
		if _, err := (Decoder{}).DecodeEmbedRequest([]byte(tc.body)); err == nil || err.Param != tc.want || err.Status != 400 {
			t.Errorf("%s: %+v, want %s", name, err, tc.want)
		}
	}
}

func textsOf(texts ...string) *embed.Request {
	r := &embed.Request{Names: func(f embed.Field, _ int) string { return embedNames(f, 0) }}
	for _, text := range texts {
		r.Inputs = append(r.Inputs, embed.Input{Text: text, At: "at"})
	}
	return r
}

func TestEmbeddingsAreAskedForInEachFlavor(t *testing.T) {
	dimensions, no := int64(64), false
	for name, tc := range map[string]struct {
		flavor Flavor
		change func(*embed.Request)
		want   string
	}{
		"texts":                   {OpenAI, nil, `{"model":"m","input":["a","b"],"encoding_format":"float"}`},
		"a user at Ollama":        {Ollama, func(r *embed.Request) { r.User = "u" }, `{"model":"m","input":["a","b"],"encoding_format":"float"}`},
		"everything at OpenAI":    {OpenAI, func(r *embed.Request) { r.Dimensions, r.User = &dimensions, "u" }, `{"model":"m","input":["a","b"],"encoding_format":"float","dimensions":64,"user":"u"}`},
		"dimensions at Mistral":   {Mistral, func(r *embed.Request) { r.Dimensions = &dimensions }, `{"model":"m","input":["a","b"],"encoding_format":"float","output_dimension":64}`},
		"dimensions at Ollama":    {Ollama, func(r *embed.Request) { r.Dimensions = &dimensions }, `{"model":"m","input":["a","b"],"encoding_format":"float","dimensions":64}`},
		"nothing is to be cut":    {Compatible, func(r *embed.Request) { r.Truncate = &no }, `{"model":"m","input":["a","b"],"encoding_format":"float"}`},
		"how the client takes it": {Azure, func(r *embed.Request) { r.Base64, r.Batch = true, true }, `{"model":"m","input":["a","b"],"encoding_format":"float"}`},
	} {
		r := textsOf("a", "b")
		if tc.change != nil {
			tc.change(r)
		}
		got, err := Encoder{Flavor: tc.flavor}.AppendEmbedRequest([]byte("x"), r, embed.Target{Model: "m"})
		if err != nil || string(got) != "x"+tc.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", name, err, got, tc.want)
		}
	}
}

func TestWhatAFlavorHasNoWordForIsRefused(t *testing.T) {
	yes := true
	for name, tc := range map[string]struct {
		flavor Flavor
		change func(*embed.Request)
		want   string
	}{
		"a task":             {OpenAI, func(r *embed.Request) { r.Inputs[0].Task = embed.Query }, "input_type"},
		"a title":            {OpenAI, func(r *embed.Request) { r.Inputs[0].Title = "t" }, "title"},
		"to cut":             {OpenAI, func(r *embed.Request) { r.Truncate = &yes }, "truncate"},
		"a content of parts": {OpenAI, func(r *embed.Request) { r.Inputs[0].Content = jsontext.Value(`{}`) }, "at"},
	} {
		r := textsOf("a")
		tc.change(r)
		_, err := Encoder{Flavor: tc.flavor}.AppendEmbedRequest(nil, r, embed.Target{Model: "m"})
		if err == nil || err.Param != tc.want || err.Reason != exchange.ReasonUntranslatable {
			t.Errorf("%s: %+v, want %s", name, err, tc.want)
		}
	}
}

func TestAnswersOfEmbeddingsAreReadInTheirOrder(t *testing.T) {
	known := exchange.Usage{Prompt: 8, Total: 8, Source: exchange.UsageReported}
	list := func(vectors ...string) []jsontext.Value {
		all := []jsontext.Value{}
		for _, v := range vectors {
			all = append(all, jsontext.Value(v))
		}
		return all
	}
	for name, tc := range map[string]struct {
		body string
		want *embed.Answer
	}{
		"in order": {
			`{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1,2]},{"object":"embedding","index":1,"embedding":[3]}],` +
				`"model":"m-1","usage":{"prompt_tokens":8,"total_tokens":8}}`,
			&embed.Answer{Model: "m-1", Vectors: list(`[1,2]`, `[3]`), Usage: known},
		},
		"out of order":   {`{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}]}`, &embed.Answer{Vectors: list(`[1]`, `[2]`)}},
		"without places": {`{"data":[{"embedding":[1]},{"embedding":[2]}],"usage":[]}`, &embed.Answer{Vectors: list(`[1]`, `[2]`)}},
		"no vectors":     {`{"data":[]}`, &embed.Answer{Vectors: list()}},
		"a place twice":  {`{"data":[{"index":0,"embedding":[2]},{"index":0,"embedding":[1]}]}`, nil},
		"beyond the end": {`{"data":[{"index":1,"embedding":[2]}]}`, nil},
		"before it":      {`{"data":[{"index":-1,"embedding":[2]}]}`, nil},
		"no embedding":   {`{"data":[{"index":0}]}`, nil},
		"a list of none": {`{"data":{}}`, nil},
		"no JSON":        {`{`, nil},
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

func TestEmbeddingsAreAnsweredAsSDKsReadThem(t *testing.T) {
	a := &embed.Answer{
		Model: "m", Vectors: []jsontext.Value{jsontext.Value("[ 0.5,\n-1 ]"), jsontext.Value(`[2]`)},
		Usage: exchange.Usage{Prompt: 3, Total: 3, Source: exchange.UsageReported},
	}
	want := `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1]},{"object":"embedding","index":1,"embedding":[2]}],` +
		`"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}`
	if got := string(Decoder{}.AppendEmbedAnswer(nil, &embed.Request{}, a)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var packed struct {
		Data []struct{ Embedding string }
	}
	if err := json.Unmarshal(Decoder{}.AppendEmbedAnswer(nil, &embed.Request{Base64: true}, a), &packed); err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(packed.Data[0].Embedding)
	if err != nil || len(raw) != 8 || math.Float32frombits(binary.LittleEndian.Uint32(raw[4:])) != -1 {
		t.Errorf("base64 %q: %v", packed.Data[0].Embedding, err)
	}
	a.Usage = exchange.Usage{}
	want = `{"object":"list","data":[],"model":"\"m"}`
	if got := string(Decoder{}.AppendEmbedAnswer(nil, &embed.Request{}, &embed.Answer{Model: `"m`})); got != want {
		t.Errorf("without a usage: %s", got)
	}
}

func FuzzEmbeddings(f *testing.F) {
	f.Add([]byte(`{"model":"m","input":["a",[1]],"dimensions":1,"encoding_format":"base64"}`))
	f.Add([]byte(`{"data":[{"index":0,"embedding":[1]}],"usage":{"prompt_tokens":1}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if r, err := (Decoder{}).DecodeEmbedRequest(body); err == nil {
			if len(r.Inputs) == 0 {
				t.Errorf("%q asks for nothing", body)
			}
			if out, err := (Encoder{Flavor: Mistral}).AppendEmbedRequest(nil, r, embed.Target{Model: "m"}); err == nil && !json.Valid(out) {
				t.Errorf("%q became %q", body, out)
			}
		}
		if a, err := (Encoder{}).DecodeEmbedAnswer(body); err == nil && a.Check(len(a.Vectors)) == nil {
			for _, asked := range []*embed.Request{{}, {Base64: true}} {
				if out := (Decoder{}).AppendEmbedAnswer(nil, asked, a); !json.Valid(out) {
					t.Errorf("%q became %q", body, out)
				}
			}
		}
	})
}
