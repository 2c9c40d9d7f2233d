// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

func encode(t *testing.T, r *chat.Request) []byte {
	t.Helper()
	b, err := Encoder{}.AppendRequest(nil, r, chat.Target{Model: r.Model})
	if err != nil {
		t.Fatalf("%s: %s", err.Param, err.Message)
	}
	return b
}

// The corpus is written as the encoder writes; TestNormalForms has what it writes in another way.
func TestRequestsSurviveTheRoundTrip(t *testing.T) {
	files, err := filepath.Glob("testdata/requests/*.json")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r := decode(t, string(body))
			encoded := encode(t, r)
			if diff := diffJSON(t, string(body), encoded); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(r, decode(t, string(encoded)), sameRequest); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNormalForms(t *testing.T) {
	const u = `{"type":"message","role":"user","content":"u"}`
	for name, test := range map[string]struct{ body, want string }{
		"a string is a message": {`"input":"u"`, `"input":[` + u + `]`},
		"a message of one text is a string": {
			`"input":[{"role":"user","content":[{"type":"input_text","text":"u"}]}]`, `"input":[` + u + `]`,
		},
		"instructions that lead the input are instructions": {
			`"input":[{"role":"system","content":"s"},{"role":"user","content":"u"}]`, `"instructions":"s","input":[` + u + `]`,
		},
		"what an answer said of its items is left out": {
			`"input":[{"id":"msg_1","status":"completed","phase":"commentary","role":"assistant","content":[{"type":"output_text","text":"t","annotations":[]}]}]`,
			`"input":[{"type":"message","role":"assistant","content":"t"}]`,
		},
		"thoughts are summaries, of one part": {
			`"input":[{"type":"reasoning","id":"rs_1","summary":[],"content":[{"type":"reasoning_text","text":"a"},{"type":"reasoning_text","text":"b"}]}]`,
			`"input":[{"type":"reasoning","summary":[{"type":"summary_text","text":"a\n\nb"}]}]`,
		},
		"no arguments are an empty object": {
			`"input":[{"type":"function_call","call_id":"c","name":"f","arguments":""}]`,
			`"input":[{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]`,
		},
		"files in base64 are data URLs": {
			`"input":[{"role":"user","content":[{"type":"input_file","file_data":"QUJD","filename":"a.txt"}]}]`,
			`"input":[{"type":"message","role":"user","content":[{"type":"input_file","file_data":"data:text/plain;base64,QUJD","filename":"a.txt"}]}]`,
		},
		"images have a detail; marks of prefixes to cache, and signatures for others, go": {
			`"input":[{"role":"user","content":[{"type":"input_image","file_id":"f","prompt_cache_breakpoint":{"mode":"explicit"}}]},
			  {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"reasoning","summary":[],"encrypted_content":"spark:signs-previous:s"}]`,
			`"input":[{"type":"message","role":"user","content":[{"type":"input_image","file_id":"f","detail":"auto"}]},
			  {"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]`,
		},
		"the user has the newer name": {`"input":"u","user":"x"`, `"input":[` + u + `],"safety_identifier":"x"`},
		"the most effort is xhigh, and summaries are of any length": {
			`"input":"u","reasoning":{"effort":"max","summary":"detailed"}`,
			`"input":[` + u + `],"reasoning":{"effort":"xhigh","summary":"auto"},"include":["reasoning.encrypted_content"]`,
		},
		"encrypted thoughts are asked for with reasoning only": {`"input":"u","include":["reasoning.encrypted_content"]`, `"input":[` + u + `]`},
		"alternatives include log probabilities": {
			`"input":"u","top_logprobs":1`, `"input":[` + u + `],"top_logprobs":1,"include":["message.output_text.logprobs"]`,
		},
		"functions that do not say are not strict": {
			`"input":"u","tools":[{"type":"function","name":"f"}]`,
			`"input":[` + u + `],"tools":[{"type":"function","name":"f","parameters":null,"strict":false}]`,
		},
		"what is not passed on": {
			`"input":"u","metadata":{"a":"b"},"prompt_cache_key":"k","max_tool_calls":3,"text":{"format":{"type":"text"}},"stream":false`,
			`"input":[` + u + `]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := encode(t, decode(t, `{"model":"m",`+test.body+`}`))
			if diff := diffJSON(t, `{"model":"m","store":false,`+test.want+`}`, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
