// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import "iter"

// anthropicEvent is any event of a stream, https://platform.claude.com/docs/en/build-with-claude/streaming.
type anthropicEvent struct {
	Type    string `json:"type"`
	Message any    `json:"message,omitempty"`
	Index   *int   `json:"index,omitempty"`
	Block   any    `json:"content_block,omitempty"`
	Delta   any    `json:"delta,omitempty"`
	Usage   any    `json:"usage,omitempty"`
}

type anthropicDelta struct {
	Type      string  `json:"type"`
	Text      *string `json:"text,omitempty"`
	Thinking  *string `json:"thinking,omitempty"`
	Signature *string `json:"signature,omitempty"`
	JSON      *string `json:"partial_json,omitempty"`
}

type anthropicEnding struct {
	StopReason   string  `json:"stop_reason"`
	StopSequence *string `json:"stop_sequence"`
}

func (e anthropicEvent) event(tokens int) event {
	return event{name: e.Type, data: marshal(e), tokens: tokens, done: e.Type == "message_stop"}
}

// events gives the stream: message_start, each block's start, deltas and stop, message_delta and message_stop; a ping
// after the first block has begun, as the API sends one.
func (c *anthropicCall) events(answer answered, usage anthropicUsage, fault UsageFault, s stamp) iter.Seq[event] {
	return func(yield func(event) bool) {
		opening := c.opening(s)
		usage.Output = 1
		opening.Usage = usage.report(fault)
		if !yield(anthropicEvent{Type: "message_start", Message: opening}.event(0)) {
			return
		}
		for i, p := range answer.parts {
			for e := range anthropicBlockEvents(i, p, s) {
				if !yield(e) {
					return
				}
				if i == 0 && e.name == "content_block_start" && !yield(anthropic{}.ping()) {
					return
				}
			}
		}
		usage.Output, _ = answer.tokens()
		ending := anthropicEvent{
			Type: "message_delta", Usage: usage.report(fault),
			Delta: anthropicEnding{StopReason: anthropicCauses[answer.cause], StopSequence: orNull(answer.stop)},
		}
		if yield(ending.event(0)) {
			yield(anthropicEvent{Type: "message_stop"}.event(0))
		}
	}
}

// anthropicBlockEvents gives one block, a token an event. Arguments begin with an empty piece, thinking ends with its
// signature.
func anthropicBlockEvents(index int, p part, s stamp) iter.Seq[event] {
	opened, closing := part{kind: p.kind, tool: p.tool, id: p.id}, ""
	block := anthropicPart(opened, s)
	if p.kind == thought {
		block = anthropicThought{Type: "thinking"}
		closing = signatureOf(s.id, p.text())
	}
	return func(yield func(event) bool) {
		if !yield(anthropicEvent{Type: "content_block_start", Index: &index, Block: block}.event(0)) {
			return
		}
		if p.kind == toolUse && !yield(anthropicPiece(index, p.kind, "").event(0)) {
			return
		}
		for _, token := range p.tokens {
			if !yield(anthropicPiece(index, p.kind, token).event(CountTokens(token))) {
				return
			}
		}
		if closing != "" {
			signature := anthropicDelta{Type: "signature_delta", Signature: &closing}
			if !yield(anthropicEvent{Type: "content_block_delta", Index: &index, Delta: signature}.event(0)) {
				return
			}
		}
		yield(anthropicEvent{Type: "content_block_stop", Index: &index}.event(0))
	}
}

func anthropicPiece(index int, kind partKind, token string) anthropicEvent {
	delta := anthropicDelta{Type: "text_delta", Text: &token}
	switch kind {
	case thought:
		delta = anthropicDelta{Type: "thinking_delta", Thinking: &token}
	case toolUse:
		delta = anthropicDelta{Type: "input_json_delta", JSON: &token}
	}
	return anthropicEvent{Type: "content_block_delta", Index: &index, Delta: delta}
}
