// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"testing"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

func TestCountRequestsAreRead(t *testing.T) {
	for name, test := range map[string]struct{ body, want string }{
		"contents":           {`{"model":"models/m","contents":[{"parts":[{"text":"a"}]}]}`, `contents[0].parts[0]`},
		"a whole request":    {`{"generateContentRequest":{"model":"models/m",` + hello + `,"generationConfig":{"topK":1}}}`, `generateContentRequest.contents[0].parts[0]`},
		"in snake case":      {`{"generate_content_request":{` + hello + `}}`, `generateContentRequest.contents[0].parts[0]`},
		"as Vertex has it":   {`{` + hello + `,"tools":[{"functionDeclarations":[{"name":"f"}]}]}`, `contents[0].parts[0]`},
		"with null for none": {`{"generateContentRequest":null,` + hello + `}`, `contents[0].parts[0]`},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Decoder{}.DecodeCountRequest([]byte(test.body))
			if err != nil {
				t.Fatal(err.Message)
			}
			if got := r.Messages[0].Parts[0].At; got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestCountRequestsAreRefusedByPlace(t *testing.T) {
	for name, test := range map[string]struct{ body, want string }{
		"no contents":                  {`{}`, "contents"},
		"no JSON":                      {`[`, ""},
		"contents beside a request":    {`{"generateContentRequest":{` + hello + `},` + hello + `}`, "contents"},
		"a request of nothing":         {`{"generateContentRequest":{}}`, "generateContentRequest.contents"},
		"a request that is text":       {`{"generateContentRequest":"a"}`, "generateContentRequest"},
		"a wrong type within":          {`{"generateContentRequest":{"contents":[{"parts":[{"text":1}]}]}}`, "generateContentRequest.contents[0].parts[0].text"},
		"what only Google has, within": {`{"generateContentRequest":{` + hello + `,"cachedContent":"a"}}`, "generateContentRequest.cachedContent"},
		"a parameter within":           {`{"generateContentRequest":{` + hello + `,"generationConfig":{"a":1}}}`, "generateContentRequest.generationConfig.a"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := (Decoder{}).DecodeCountRequest([]byte(test.body)); err == nil || err.Param != test.want || err.Status != 400 {
				t.Errorf("%+v, want %q", err, test.want)
			}
		})
	}
	r, err := Decoder{}.DecodeCountRequest([]byte(`{"generateContentRequest":{` + hello + `}}`))
	if err != nil {
		t.Fatal(err.Message)
	}
	if got := r.Names(chat.FieldFormat); got != "generateContentRequest.generationConfig.responseMimeType" {
		t.Errorf("names are not of their place: %q", got)
	}
}

func TestCountRequestsAreRendered(t *testing.T) {
	plain := func(*chat.Request) {}
	full := func(r *chat.Request) {
		r.Messages = append([]chat.Message{{Role: chat.System, Parts: []chat.Part{{Text: "s"}}}}, r.Messages...)
		r.Tools, r.Choice.Mode, r.MaxTokens = []chat.Tool{{Name: "f"}}, chat.AnyTool, ptr(int64(5))
	}
	const inner = `"systemInstruction":{"parts":[{"text":"s"}]},"contents":[` + userX + `],"tools":[{"functionDeclarations":[{"name":"f"}]}]`
	for name, test := range map[string]struct {
		encoder Encoder
		change  func(*chat.Request)
		want    string
	}{
		"contents alone":           {Encoder{}, plain, `{"contents":[` + userX + `]}`},
		"contents alone, Vertex":   {Encoder{Vertex: true}, plain, `{"contents":[` + userX + `]}`},
		"instructions and tools":   {Encoder{}, full, `{"generateContentRequest":{"model":"models/gemini-2.5-flash",` + inner + `}}`},
		"the same, to Vertex":      {Encoder{Vertex: true}, full, `{` + inner + `}`},
		"a format does not matter": {Encoder{}, func(r *chat.Request) { r.Format.Kind = chat.JSONObject }, `{"contents":[` + userX + `]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.encoder.AppendCountRequest(nil, asked(test.change), chat.Target{Model: older})
			if err != nil {
				t.Fatal(err.Message)
			}
			equalJSON(t, test.want, string(got))
		})
	}
	if got, err := (Encoder{}).AppendCountRequest([]byte("x"), asked(said(chat.System, chat.Part{Text: "s"})), chat.Target{}); err == nil || string(got) != "x" {
		t.Errorf("accepted: %s", got)
	}
}

func TestCounts(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want int64
		ok   bool
	}{
		"a count":           {`{"totalTokens":31,"promptTokensDetails":[{"modality":"TEXT","tokenCount":31}]}`, 31, true},
		"as Vertex has it":  {`{"totalTokens":31,"totalBillableCharacters":96}`, 31, true},
		"none":              {`{"totalTokens":0}`, 0, true},
		"no count":          {`{}`, 0, false},
		"a negative count":  {`{"totalTokens":-1}`, 0, false},
		"a count in words":  {`{"totalTokens":"many"}`, 0, false},
		"an error":          {`{"error":{"code":400}}`, 0, false},
		"no JSON":           {`x`, 0, false},
		"a count of halves": {`{"totalTokens":1.5}`, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Encoder{}.ReadCount([]byte(test.body))
			if got != test.want || (err == nil) != test.ok {
				t.Errorf("%d, %v", got, err)
			}
		})
	}
	if got := string(Decoder{}.AppendCount([]byte("x"), 0)); got != `x{"totalTokens":0}` {
		t.Errorf("%s", got)
	}
	if back, err := (Encoder{}).ReadCount(Decoder{}.AppendCount(nil, 1<<40)); back != 1<<40 || err != nil {
		t.Errorf("%d, %v", back, err)
	}
}
