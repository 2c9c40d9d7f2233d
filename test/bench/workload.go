// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"strings"
)

// The sizes of the workload: bytes of a request's and a response's body unless the flag says others, and events of a stream.
const (
	bodyBytes    = 1200
	minBodyBytes = 600
	streamEvents = 100
	benchModel   = "bench-model"
)

// requestBody is a chat request of so many bytes.
func requestBody(size int, stream bool) []byte {
	asked := ""
	if stream {
		asked = `"stream":true,`
	}
	before := `{"model":"` + benchModel + `",` + asked + `"temperature":0.7,"messages":[` +
		`{"role":"system","content":"You are a terse assistant."},{"role":"user","content":"`
	after := `"}]}`
	return []byte(before + prose(size-len(before)-len(after)) + after)
}

// responseBody is a chat completion of so many bytes.
func responseBody(size int) []byte {
	before := `{"id":"chatcmpl-bench0123456789abcdefghijklm","object":"chat.completion","created":1735689600,` +
		`"model":"` + benchModel + `","choices":[{"index":0,"message":{"role":"assistant","content":"`
	after := `","refusal":null},"logprobs":null,"finish_reason":"stop"}],` + usageField + `,"system_fingerprint":"fp_bench"}`
	return []byte(before + prose(size-len(before)-len(after)) + after)
}

const usageField = `"usage":{"prompt_tokens":270,"completion_tokens":200,"total_tokens":470,` +
	`"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}`

// streamParts are the events of a streamed response, [DONE] left out.
func streamParts() [][]byte {
	const chunk = "data: {\"id\":\"chatcmpl-bench0123456789abcdefghijklm\",\"object\":\"chat.completion.chunk\"," +
		"\"created\":1735689600,\"model\":\"" + benchModel + "\",\"system_fingerprint\":\"fp_bench\",\"choices\":[" +
		"{\"index\":0,\"delta\":%s,\"logprobs\":null,\"finish_reason\":%s}]}\n\n"
	parts := [][]byte{fmt.Appendf(nil, chunk, `{"role":"assistant","content":""}`, "null")}
	for len(parts) < streamEvents-1 {
		parts = append(parts, fmt.Appendf(nil, chunk, `{"content":" token"}`, "null"))
	}
	return append(parts, fmt.Appendf(nil, chunk, `{}`, `"stop"`))
}

// streamUsage is the event that a request with include_usage gets besides; streamDone is the terminator.
var (
	streamUsage = []byte(`data: {"id":"chatcmpl-bench0123456789abcdefghijklm","object":"chat.completion.chunk",` +
		`"created":1735689600,"model":"` + benchModel + `","choices":[],` + usageField + "}\n\n")
	streamDone = []byte("data: [DONE]\n\n")
)

// checkResponse says what is wrong with an answer that a client got, or nothing.
func checkResponse(status int, body []byte, size int, stream bool) string {
	if status != 200 {
		return fmt.Sprintf("status %d: %.200s", status, body)
	}
	if !stream {
		if !bytes.Contains(body, []byte(usageField)) || len(body) < size {
			return fmt.Sprintf("%d bytes, not the completion: %.200s", len(body), body)
		}
		return ""
	}
	// Who looks at the words on the way holds a few back, and may need an event more for the last of them.
	words, events := bytes.Count(body, []byte("token")), bytes.Count(body, []byte("data: "))
	if words != streamEvents-2 || events < streamEvents+1 || events > streamEvents+2 || !bytes.HasSuffix(body, streamDone) {
		return fmt.Sprintf("%d words in %d events, want %d in %d and [DONE]", words, events, streamEvents-2, streamEvents)
	}
	return ""
}

func prose(size int) string {
	const sentence = "Explain how a gateway counts what it relays and settles what it reserved, in plain words. "
	return strings.Repeat(sentence, size/len(sentence)+1)[:size]
}
