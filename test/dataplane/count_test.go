// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/json"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

func TestOpenAICountsTokensForApplicationsOfOtherDialects(t *testing.T) {
	for kind, path := range map[config.ProviderType]string{
		config.OpenAI: "/v1/responses/input_tokens", config.AzureOpenAI: "/openai/v1/responses/input_tokens",
	} {
		for name, tc := range map[string]struct{ path, body, member string }{
			"of Anthropic": {
				"/v1/messages/count_tokens", `{"model":"gpt-4o","system":"Be brief.","messages":[{"role":"user","content":"hello"}],` +
					`"tools":[{"name":"f","input_schema":{"type":"object"}}]}`, "input_tokens",
			},
			"of Gemini": {
				"/v1beta/models/gpt-4o:countTokens", `{"contents":[{"parts":[{"text":"hello"}]}]}`, "totalTokens",
			},
		} {
			s := start(t, to(t, kind))
			got := s.do(s.request("POST", tc.path, tc.body))
			var counted map[string]int
			if err := json.Unmarshal([]byte(got.body), &counted); err != nil || got.StatusCode != 200 || counted[tc.member] < 1 {
				t.Errorf("%s at %s: status %d: %s", name, kind, got.StatusCode, got.body)
				continue
			}
			if record := s.record(fakeprovider.Completed); record.Path != path || record.Model != "gpt-4o" {
				t.Errorf("%s at %s: asked %s for %s", name, kind, record.Path, record.Model)
			}
			if l := s.lines(1)[0]; l.Outcome != "ok" || l.Usage != nil {
				t.Errorf("%s at %s: access log %+v", name, kind, l)
			}
		}
	}
}
