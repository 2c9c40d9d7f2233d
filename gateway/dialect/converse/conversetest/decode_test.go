// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package conversetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

func TestWhatConverseDoesNotTakeIsAnError(t *testing.T) {
	content := func(blocks string) string { return `{"messages":[{"role":"user","content":[` + blocks + `]}]}` }
	for name, body := range map[string]string{
		"a field that does not exist":   `{"messages":[],"max_tokens":1}`,
		"a block of a kind of its own":  content(`{"hologram":{}}`),
		"a block of no kind":            content(`{}`),
		"a block of two kinds":          content(`{"text":"a","cachePoint":{"type":"default"}}`),
		"a cache point with nothing":    content(`{"cachePoint":{"type":"default"}}`),
		"a cache point of another type": content(`{"text":"a"},{"cachePoint":{"type":"x"}}`),
		"a role that does not exist":    `{"messages":[{"role":"developer","content":[]}]}`,
		"two turns of one role":         `{"messages":[{"role":"user","content":[]},{"role":"user","content":[]}]}`,
		"a format that does not exist":  content(`{"image":{"format":"tiff","source":{"bytes":"aaaa"}}}`),
		"media without a source":        content(`{"image":{"format":"png","source":{}}}`),
		"media with two":                content(`{"image":{"format":"png","source":{"bytes":"aaaa","s3Location":{"uri":"s3://b/k"}}}}`),
		"a tool of no kind":             `{"messages":[],"toolConfig":{"tools":[{}]}}`,
		"a cache point before tools":    `{"messages":[],"toolConfig":{"tools":[{"cachePoint":{"type":"default"}}]}}`,
		"a choice that does not exist":  `{"messages":[],"toolConfig":{"tools":[],"toolChoice":{"none":{}}}}`,
		"two choices":                   `{"messages":[],"toolConfig":{"tools":[],"toolChoice":{"any":{},"auto":{}}}}`,
		"a choice with more to it":      `{"messages":[],"toolConfig":{"tools":[],"toolChoice":{"any":{"x":1}}}}`,
		"another format of text":        `{"messages":[],"outputConfig":{"textFormat":{"type":"json","structure":{"jsonSchema":{"schema":"{}"}}}}}`,
		"a schema that is no JSON":      `{"messages":[],"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{"}}}}}`,
		"a kind of thinking not known":  `{"messages":[],"additionalModelRequestFields":{"thinking":{"type":"furious"}}}`,
		"noise":                         `no`,
	} {
		if r, err := DecodeRequest([]byte(body)); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestReasoningIsReadFromEveryFamilysWords(t *testing.T) {
	none := int64(-1)
	budget, shown := int64(2048), true
	for name, test := range map[string]struct {
		body string
		want chat.Reasoning
	}{
		"Converse's own":    {`{"messages":[],"outputConfig":{"effort":"max"}}`, chat.Reasoning{Effort: chat.EffortMax}},
		"gpt-oss":           {`{"messages":[],"additionalModelRequestFields":{"reasoning_effort":"low"}}`, chat.Reasoning{Effort: chat.EffortLow}},
		"Nova":              {`{"messages":[],"additionalModelRequestFields":{"reasoningConfig":{"type":"enabled","maxReasoningEffort":"high"}}}`, chat.Reasoning{Effort: chat.EffortHigh}},
		"a budget":          {`{"messages":[],"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":2048}}}`, chat.Reasoning{Budget: &budget}},
		"left to the model": {`{"messages":[],"additionalModelRequestFields":{"thinking":{"type":"adaptive","display":"summarized"}}}`, chat.Reasoning{Budget: &none, Show: &shown}},
		"none":              {`{"messages":[],"additionalModelRequestFields":{"thinking":{"type":"disabled"}}}`, chat.Reasoning{Effort: chat.EffortNone}},
	} {
		r, err := DecodeRequest([]byte(test.body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(test.want, r.Reasoning); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
