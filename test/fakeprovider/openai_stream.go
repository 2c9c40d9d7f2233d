// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"iter"
	"strings"
)

type chatChunk struct {
	ID          string        `json:"id"`
	Object      string        `json:"object"`
	Created     int64         `json:"created"`
	Model       string        `json:"model"`
	ServiceTier string        `json:"service_tier"`
	Fingerprint string        `json:"system_fingerprint"`
	Choices     []chunkChoice `json:"choices"`
	Usage       any           `json:"usage,omitempty"` // json null on every chunk but the last, if usage was asked for
}

type chunkChoice struct {
	Index        int          `json:"index"`
	Delta        delta        `json:"delta"`
	Logprobs     *struct{}    `json:"logprobs"`
	FinishReason *finishCause `json:"finish_reason"`
}

type delta struct {
	Role      string          `json:"role,omitempty"`
	Content   any             `json:"content,omitempty"`
	ToolCalls []toolCallDelta `json:"tool_calls,omitempty"`
	Refusal   any             `json:"refusal,omitempty"`
}

type toolCallDelta struct {
	Index    int          `json:"index"`
	ID       string       `json:"id,omitempty"`
	Type     string       `json:"type,omitempty"`
	Function toolFragment `json:"function"`
}

type toolFragment struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

var jsonNull = json.RawMessage("null")

// events gives the stream: per choice its role, its tokens one an event and its finish_reason; then the usage if it
// was asked for, and the terminator.
func (c *chatCall) events(turns []turn, d directives, s stamp) iter.Seq[event] {
	chunk := chatChunk{
		ID: "chatcmpl-" + s.id, Object: "chat.completion.chunk", Created: s.created, Model: c.Model,
		ServiceTier: "default", Fingerprint: fingerprint(c.Model),
	}
	includeUsage := c.StreamOptions != nil && c.StreamOptions.IncludeUsage && d.faults.Usage != UsageMissing
	if includeUsage {
		chunk.Usage = jsonNull
	}
	return func(yield func(event) bool) {
		total := 0
		for i, t := range turns {
			for choice, tokens := range t.deltas(i, d.faults.BigLine) {
				total += tokens
				chunk.Choices = []chunkChoice{choice}
				if !yield(event{data: marshal(chunk), tokens: tokens}) {
					return
				}
			}
		}
		if includeUsage || d.faults.Usage == UsageMalformed {
			chunk.Choices = []chunkChoice{}
			chunk.Usage = usageOf(d.faults.Usage, c.promptTokens, total)
			if !yield(event{data: marshal(chunk)}) {
				return
			}
		}
		yield(event{data: []byte("[DONE]"), done: true})
	}
}

// deltas gives a choice's chunks, each with the tokens that it carries.
func (t turn) deltas(index, bigLine int) iter.Seq2[chunkChoice, int] {
	return func(yield func(chunkChoice, int) bool) {
		if !yield(chunkChoice{Index: index, Delta: t.opening()}, 0) {
			return
		}
		if bigLine > 0 && index == 0 {
			long := strings.Repeat("x", bigLine)
			if !yield(chunkChoice{Index: index, Delta: t.fragment(long)}, CountTokens(long)) {
				return
			}
		}
		for _, token := range t.tokens {
			if !yield(chunkChoice{Index: index, Delta: t.fragment(token)}, 1) {
				return
			}
		}
		cause := t.finish()
		yield(chunkChoice{Index: index, FinishReason: &cause}, 0)
	}
}

func (t turn) opening() delta {
	if t.tool == nil {
		return delta{Role: "assistant", Content: "", Refusal: jsonNull}
	}
	return delta{Role: "assistant", Content: jsonNull, Refusal: jsonNull, ToolCalls: []toolCallDelta{{
		ID: t.callID, Type: "function", Function: toolFragment{Name: t.tool.Function.Name},
	}}}
}

func (t turn) fragment(token string) delta {
	if t.tool == nil {
		return delta{Content: token}
	}
	return delta{ToolCalls: []toolCallDelta{{Function: toolFragment{Arguments: token}}}}
}
