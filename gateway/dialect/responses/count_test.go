// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"testing"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// The members are those of https://platform.openai.com/docs/api-reference/responses/input-tokens.
func TestTokensAreCountedOfWhatIsReadBeforeTheAnswer(t *testing.T) {
	for name, tc := range map[string]struct{ body, want string }{
		"a text": {
			`{"model":"x","input":"hi"}`,
			`{"model":"m","input":[{"type":"message","role":"user","content":"hi"}]}`,
		},
		"everything that counts, and nothing else": {
			`{"model":"x","instructions":"Be brief.","input":"hi","stream":true,"temperature":0.5,"top_p":0.5,"max_output_tokens":9,` +
				`"safety_identifier":"u","include":["message.output_text.logprobs"],"top_logprobs":2,"parallel_tool_calls":false,` +
				`"tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":true}],` +
				`"tool_choice":"required","reasoning":{"effort":"low"},` +
				`"text":{"format":{"type":"json_schema","name":"s","schema":{"type":"object"}}}}`,
			`{"model":"m","instructions":"Be brief.","input":[{"type":"message","role":"user","content":"hi"}],` +
				`"tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":true}],` +
				`"tool_choice":"required","parallel_tool_calls":false,"reasoning":{"effort":"low"},` +
				`"text":{"format":{"type":"json_schema","name":"s","schema":{"type":"object"}}}}`,
		},
	} {
		got, err := Encoder{}.AppendCountRequest(nil, decode(t, tc.body), chat.Target{Model: "m", MaxTokens: 1})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := diffJSON(t, tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWhatCannotBeAskedIsNotCounted(t *testing.T) {
	top := int64(3)
	r := decode(t, `{"model":"x","input":"hi"}`)
	r.TopK = &top
	dst, err := Encoder{}.AppendCountRequest([]byte("x"), r, chat.Target{Model: "m"})
	if err == nil || err.Reason != exchange.ReasonUntranslatable || string(dst) != "x" {
		t.Errorf("%s, %+v", dst, err)
	}
}

func TestCountsAreRead(t *testing.T) {
	for name, tc := range map[string]struct {
		body string
		want int64 // -1: an error
	}{
		"a count":        {`{"object":"response.input_tokens","input_tokens":11}`, 11},
		"none at all":    {`{"object":"response.input_tokens","input_tokens":0,"x":[]}`, 0},
		"below zero":     {`{"input_tokens":-1}`, -1},
		"a word":         {`{"input_tokens":"11"}`, -1},
		"something else": {`{"output_tokens":11}`, -1},
		"no JSON":        {`{`, -1},
	} {
		got, err := ReadCount([]byte(tc.body))
		if (err != nil) != (tc.want < 0) || err == nil && got != tc.want {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
}
