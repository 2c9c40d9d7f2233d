// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// what is what a Request says of its body.
type what struct {
	Model                string
	Stream, IncludeUsage bool
	Max                  int64
	MaxParam             string
	Messages             int
	Text                 int64
}

func whatOf(r Request) what {
	return what{string(r.Model), r.Stream, r.IncludeUsage, r.MaxOutputTokens, r.MaxOutputParam, r.Items, r.TextBytes}
}

func decodeChat(body []byte) (Request, *exchange.Error) {
	var r Request
	err := r.Decode(Chat, body)
	return r, err
}

func TestDecodeChat(t *testing.T) {
	tests := map[string]struct {
		body string
		want what
	}{
		"the least": {`{"model":"m","messages":[]}`, what{Model: "m"}},
		"messages and their texts": {
			`{"model":"m","messages":[{"role":"system","content":"abc"},{"role":"user","content":[{"type":"text","text":"de"}]}]}`,
			what{Model: "m", Messages: 2, Text: 5},
		},
		"a stream":                     {`{"model":"m","messages":[],"stream":true}`, what{Model: "m", Stream: true}},
		"no stream":                    {`{"model":"m","messages":[],"stream":false}`, what{Model: "m"}},
		"null is no stream":            {`{"model":"m","messages":[],"stream":null,"stream_options":null}`, what{Model: "m"}},
		"usage asked for":              {`{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}`, what{Model: "m", Stream: true, IncludeUsage: true}},
		"usage declined":               {`{"model":"m","messages":[],"stream":true,"stream_options":{"x":[],"include_usage":false}}`, what{Model: "m", Stream: true}},
		"usage null":                   {`{"model":"m","messages":[],"stream_options":{"include_usage":null}}`, what{Model: "m"}},
		"max_tokens":                   {`{"model":"m","messages":[],"max_tokens":7}`, what{Model: "m", Max: 7, MaxParam: "max_tokens"}},
		"the larger of both bounds":    {`{"model":"m","messages":[],"max_tokens":7,"max_completion_tokens":9}`, what{Model: "m", Max: 9, MaxParam: "max_completion_tokens"}},
		"the larger, in another order": {`{"max_completion_tokens":5,"model":"m","messages":[],"max_tokens":7}`, what{Model: "m", Max: 7, MaxParam: "max_tokens"}},
		"no bound":                     {`{"model":"m","messages":[],"max_tokens":null}`, what{Model: "m"}},
		"white space everywhere":       {" {\n\t\"model\" : \"m\" ,\r\n \"messages\" : [ { } , { } ] } \n", what{Model: "m", Messages: 2}},
		"escapes in the model":         {`{"model":"a\/\u0062\"","messages":[]}`, what{Model: `a/b"`}},
		"escapes in a key":             {`{"mo\u0064el":"m","messages":[]}`, what{Model: "m"}},
		"fields of the same names, deeper": {
			`{"metadata":{"model":"x","stream":true},"model":"m","messages":[{"model":"y"}]}`, what{Model: "m", Messages: 1},
		},
		"unknown fields standing twice are the provider's business": {
			`{"model":"m","messages":[],"x":1,"x":2,"X":3}`, what{Model: "m"},
		},
		"UTF-8 in the model": {`{"model":"modèle","messages":[]}`, what{Model: "modèle"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := decodeChat([]byte(tc.body))
			if err != nil {
				t.Fatalf("%v: %s", err, err.Message)
			}
			if diff := cmp.Diff(tc.want, whatOf(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeChatRefuses(t *testing.T) {
	tests := map[string]struct {
		body, wantParam, wantCode string
	}{
		"nothing":                            {body: ``},
		"white space":                        {body: " \n"},
		"no object":                          {body: `["model"]`},
		"a string":                           {body: `"model"`},
		"half an object":                     {body: `{"model":"m","messages":[]`},
		"something behind":                   {body: `{"model":"m","messages":[]}{}`},
		"a trailing comma":                   {body: `{"model":"m","messages":[],}`},
		"an unknown field's value is broken": {body: `{"model":"m","messages":[],"x":tru}`},
		"a raw control character":            {body: "{\"model\":\"m\",\"messages\":[{\"content\":\"a\nb\"}]}"},
		"nesting without end":                {body: `{"model":"m","messages":` + strings.Repeat("[", 100_000)},
		"no model":                           {body: `{"messages":[]}`, wantParam: "model", wantCode: "missing_required_parameter"},
		"an empty model":                     {body: `{"model":"","messages":[]}`, wantParam: "model", wantCode: "missing_required_parameter"},
		"a model that is a number":           {body: `{"model":1,"messages":[]}`, wantParam: "model", wantCode: "invalid_type"},
		"a model that is null":               {body: `{"model":null,"messages":[]}`, wantParam: "model", wantCode: "invalid_type"},
		"a model that is too long":           {body: `{"model":"` + strings.Repeat("m", MaxModelBytes+1) + `","messages":[]}`, wantParam: "model"},
		"no messages":                        {body: `{"model":"m"}`, wantParam: "messages", wantCode: "missing_required_parameter"},
		"messages that are none":             {body: `{"model":"m","messages":"hello"}`, wantParam: "messages", wantCode: "invalid_type"},
		"messages that are null":             {body: `{"model":"m","messages":null}`, wantParam: "messages", wantCode: "invalid_type"},
		"a stream that is a string":          {body: `{"model":"m","messages":[],"stream":"true"}`, wantParam: "stream", wantCode: "invalid_type"},
		"a stream that is a number":          {body: `{"model":"m","messages":[],"stream":1}`, wantParam: "stream", wantCode: "invalid_type"},
		"options that are none":              {body: `{"model":"m","messages":[],"stream_options":true}`, wantParam: "stream_options", wantCode: "invalid_type"},
		"usage that is no boolean": {
			body: `{"model":"m","messages":[],"stream_options":{"include_usage":"yes"}}`, wantParam: "stream_options.include_usage", wantCode: "invalid_type",
		},
		"usage twice": {
			body: `{"model":"m","messages":[],"stream_options":{"include_usage":true,"include_usage":false}}`, wantParam: "stream_options",
		},
		"usage in another case":          {body: `{"model":"m","messages":[],"stream_options":{"Include_Usage":true}}`, wantParam: "stream_options"},
		"a bound that is a string":       {body: `{"model":"m","messages":[],"max_tokens":"7"}`, wantParam: "max_tokens", wantCode: "invalid_type"},
		"a bound that is a fraction":     {body: `{"model":"m","messages":[],"max_tokens":7.5}`, wantParam: "max_tokens", wantCode: "invalid_type"},
		"a bound in exponents":           {body: `{"model":"m","messages":[],"max_completion_tokens":1e3}`, wantParam: "max_completion_tokens", wantCode: "invalid_type"},
		"a bound beyond 64 bits":         {body: `{"model":"m","messages":[],"max_tokens":99999999999999999999}`, wantParam: "max_tokens", wantCode: "invalid_type"},
		"the model twice":                {body: `{"model":"m","messages":[],"model":"n"}`, wantParam: "model"},
		"the model twice, once escaped":  {body: `{"model":"m","messages":[],"\u006dodel":"n"}`, wantParam: "model"},
		"the model in another case":      {body: `{"Model":"m","messages":[]}`, wantParam: "model"},
		"the model also in another case": {body: `{"model":"m","messages":[],"MODEL":"n"}`, wantParam: "model"},
		"messages twice":                 {body: `{"model":"m","messages":[],"messages":[]}`, wantParam: "messages"},
		"stream twice":                   {body: `{"model":"m","messages":[],"stream":true,"stream":false}`, wantParam: "stream"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := decodeChat([]byte(tc.body))
			if err == nil {
				t.Fatalf("accepted as %+v", whatOf(r))
			}
			if err.Status != 400 || err.Type != exchange.TypeInvalidRequest || err.Outcome != exchange.Refused ||
				err.Param != tc.wantParam || err.Code != tc.wantCode || err.Message == "" {
				t.Errorf("got %+v", err)
			}
		})
	}
}

func TestCheckOutput(t *testing.T) {
	tests := map[string]struct {
		body  string
		bound int64
		want  string // the parameter refused
	}{
		"no bound":           {`{"model":"m","messages":[],"max_tokens":1000}`, 0, ""},
		"exactly the bound":  {`{"model":"m","messages":[],"max_tokens":1000}`, 1000, ""},
		"above":              {`{"model":"m","messages":[],"max_tokens":1001}`, 1000, "max_tokens"},
		"one of both above":  {`{"model":"m","messages":[],"max_tokens":1,"max_completion_tokens":1001}`, 1000, "max_completion_tokens"},
		"nothing asked for":  {`{"model":"m","messages":[]}`, 1000, ""},
		"a negative request": {`{"model":"m","messages":[],"max_tokens":-1}`, 1000, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := decodeChat([]byte(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := r.CheckOutput(tc.bound); err != nil {
				got = err.Param
				if err.Status != 400 || err.Reason != exchange.ReasonOutputTokens || !strings.Contains(err.Message, "1000") {
					t.Errorf("%+v", err)
				}
			}
			if got != tc.want {
				t.Errorf("refused %q, want %q", got, tc.want)
			}
		})
	}
}

func TestAppendEdited(t *testing.T) {
	tests := map[string]struct{ body, model, want string }{
		"only the model changes": {
			`{"model":"m","messages":[],"x": [1, 2.50]}`, "up", `{"model":"up","messages":[],"x": [1, 2.50]}`,
		},
		"white space and order stay": {
			"{ \"messages\" : [ ],\n \"model\" :\t\"m\" }", "up", "{ \"messages\" : [ ],\n \"model\" :\t\"up\" }",
		},
		"the model is quoted": {`{"model":"m","messages":[]}`, `a"b`, `{"model":"a\"b","messages":[]}`},
		"a stream asks for usage": {
			`{"model":"m","messages":[],"stream":true}`, "m", `{"stream_options":{"include_usage":true},"model":"m","messages":[],"stream":true}`,
		},
		"a stream that asks already": {
			`{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}`, "up",
			`{"model":"up","messages":[],"stream":true,"stream_options":{"include_usage":true}}`,
		},
		"usage declined becomes asked for": {
			`{"model":"m","stream":true,"stream_options":{"include_usage": false },"messages":[]}`, "up",
			`{"model":"up","stream":true,"stream_options":{"include_usage": true },"messages":[]}`,
		},
		"options before the model": {
			`{"stream_options":{"include_usage":null},"stream":true,"model":"m","messages":[]}`, "up",
			`{"stream_options":{"include_usage":true},"stream":true,"model":"up","messages":[]}`,
		},
		"empty options": {
			`{"model":"m","stream":true,"stream_options":{ },"messages":[]}`, "m",
			`{"model":"m","stream":true,"stream_options":{"include_usage":true },"messages":[]}`,
		},
		"other options stay": {
			`{"model":"m","stream":true,"stream_options":{"x":1},"messages":[]}`, "m",
			`{"model":"m","stream":true,"stream_options":{"include_usage":true,"x":1},"messages":[]}`,
		},
		"options that are null": {
			`{"model":"m","stream":true,"stream_options":null,"messages":[]}`, "m",
			`{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[]}`,
		},
		"without a stream nothing is asked for": {
			`{"model":"m","stream_options":{},"messages":[]}`, "up", `{"model":"up","stream_options":{},"messages":[]}`,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			body := []byte(tc.body)
			r, err := decodeChat(body)
			if err != nil {
				t.Fatal(err)
			}
			got := r.AppendEdited([]byte("head"), Edit{QuotedModel: AppendString(nil, tc.model), AskUsage: true})
			if string(got) != "head"+tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if string(body) != tc.body {
				t.Error("the client's body was changed")
			}
		})
	}
}

func TestUntouched(t *testing.T) {
	tests := map[string]struct {
		body string
		want bool
	}{
		"the same model":                {`{"model":"m","messages":[]}`, true},
		"another model":                 {`{"model":"n","messages":[]}`, false},
		"the same model, escaped":       {`{"model":"\u006d","messages":[]}`, false},
		"a stream that hides its usage": {`{"model":"m","messages":[],"stream":true}`, false},
		"a stream that wants its usage": {`{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}`, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := decodeChat([]byte(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Untouched(Edit{QuotedModel: []byte(`"m"`), AskUsage: true}); got != tc.want {
				t.Errorf("got %t", got)
			}
			if same := string(r.AppendEdited(nil, Edit{QuotedModel: []byte(`"m"`), AskUsage: true})) == tc.body; tc.want && !same {
				t.Error("and yet the edit changes something")
			}
		})
	}
}

// FuzzDecodeAndEdit: what is accepted is JSON, reads like the standard library reads it, and an edit changes the model
// and the wish for usage and nothing else.
func FuzzDecodeAndEdit(f *testing.F) {
	f.Add([]byte(`{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true,"stream_options":{"x":1}}`), "up")
	f.Add([]byte(`{"stream_options":null,"stream":true,"model":"\u006d","messages":[]}`), `q"`)
	f.Add([]byte(`{"model":"m","messages":[],"max_tokens":5,"stream_options":{"include_usage":false}}`), "")
	f.Fuzz(func(t *testing.T, body []byte, model string) {
		r, refused := decodeChat(body)
		if refused != nil {
			return
		}
		var before, after map[string]json.RawMessage
		if err := json.Unmarshal(body, &before); err != nil {
			t.Fatalf("accepted %q: %v", body, err)
		}
		var plain struct {
			Model  string
			Stream bool
		}
		if json.Unmarshal(before["model"], &plain.Model) != nil || plain.Model != strings.ToValidUTF8(string(r.Model), "\ufffd") && !strings.Contains(plain.Model, "\ufffd") {
			t.Errorf("model %q, the standard library reads %q", r.Model, plain.Model)
		}
		edited := r.AppendEdited(nil, Edit{QuotedModel: AppendString(nil, model), AskUsage: true})
		if err := json.Unmarshal(edited, &after); err != nil {
			t.Fatalf("%q became %q: %v", body, edited, err)
		}
		again, refused := decodeChat(edited)
		// What is not UTF-8 grows when it is quoted.
		if quoted := AppendString(nil, model); model != "" && len(quoted) <= MaxModelBytes && (refused != nil || r.Stream && !again.IncludeUsage) {
			t.Errorf("%q became %q: %v", body, edited, refused)
		}
		for _, changed := range []string{"model", "stream_options"} {
			if changed == "model" || r.HidesUsage() {
				delete(before, changed)
				delete(after, changed)
			}
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%q became %q:\n%s", body, edited, diff)
		}
	})
}

func BenchmarkDecodeAndEdit(b *testing.B) {
	body := []byte(`{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("lorem ipsum ", 90) + `"}],"temperature":0.2,"stream":true}`)
	quoted := []byte(`"upstream-model"`)
	var out []byte
	var r Request
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if err := r.Decode(Chat, body); err != nil {
			b.Fatal(err)
		}
		out = r.AppendEdited(out[:0], Edit{QuotedModel: quoted, AskUsage: true})
	}
}
