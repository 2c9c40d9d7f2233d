// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"iter"
	"strings"
)

// bedrockUsage counts cached tokens beside the input; the total holds all.
type bedrockUsage struct {
	Input   int `json:"inputTokens"`
	Output  int `json:"outputTokens"`
	Total   int `json:"totalTokens"`
	Read    int `json:"cacheReadInputTokens"`
	Written int `json:"cacheWriteInputTokens"`
}

var malformedBedrockUsage = json.RawMessage(`{"inputTokens":"many","outputTokens":-1,"totalTokens":[]}`)

var bedrockCauses = map[cause]string{
	endOfTurn: "end_turn", lengthLimit: "max_tokens", stopSequence: "stop_sequence", toolsCalled: "tool_use",
	declined: "content_filtered",
}

type bedrockMetrics struct {
	Latency int64 `json:"latencyMs"`
}

func (c *bedrockCall) reply(d directives, s stamp) reply {
	answer := c.answer(0, d, s)
	usage := c.usage()
	usage.Output, _ = answer.tokens()
	usage.Total = usage.Input + usage.Read + usage.Written + usage.Output
	if c.stream {
		return reply{events: c.events(answer, usage.report(d.faults.Usage), s)}
	}
	content := make([]any, 0, len(answer.parts))
	for _, p := range answer.parts {
		content = append(content, bedrockPart(p, s))
	}
	body := map[string]any{
		"output":     map[string]any{"message": map[string]any{"role": "assistant", "content": content}},
		"stopReason": bedrockCauses[answer.cause], "metrics": bedrockMetrics{s.millis},
	}
	if reported := usage.report(d.faults.Usage); reported != nil {
		body["usage"] = reported
	}
	return reply{body: marshal(body), tokens: usage.Output}
}

func bedrockPart(p part, s stamp) any {
	switch p.kind {
	case thought:
		return map[string]any{"reasoningContent": map[string]any{"reasoningText": map[string]string{
			"text": p.text(), "signature": signatureOf(s.id, p.text()),
		}}}
	case toolUse:
		input := json.RawMessage(p.text())
		if !json.Valid(input) { // it was cut, and only a stream can show how far it came
			input = json.RawMessage(`{}`)
		}
		return map[string]any{"toolUse": map[string]any{"toolUseId": "tooluse_" + p.id, "name": p.tool, "input": input}}
	}
	return map[string]string{"text": p.text()}
}

// cachePrefixes gives the text of the prompt up to every cachePoint.
func (r *bedrockRequest) cachePrefixes() []string {
	var text strings.Builder
	var prefixes []string
	if r.ToolConfig != nil {
		for _, tool := range r.ToolConfig.Tools {
			if tool.CachePoint != nil {
				prefixes = append(prefixes, text.String())
				continue
			}
			text.Write(marshal(tool))
		}
	}
	blocks := append([]bedrockBlock(nil), r.System...)
	for _, message := range r.Messages {
		blocks = append(blocks, message.Content...)
	}
	for _, block := range blocks {
		if block.CachePoint != nil {
			prefixes = append(prefixes, text.String())
		}
		text.WriteString(block.said())
	}
	return prefixes
}

// usage tells the prompt's size and what of it was cached; the longest prefix that came before is read, what is marked
// beyond is written.
func (c *bedrockCall) usage() bedrockUsage {
	var usage bedrockUsage
	for _, prefix := range c.cachePrefixes() {
		size := min(CountTokens(prefix), c.tokens) - usage.Read - usage.Written
		if c.server.prompts.read(BaseModel(c.model) + "\x00" + prefix) {
			usage.Read += size + usage.Written
			usage.Written = 0
		} else {
			usage.Written += size
		}
	}
	usage.Input = c.tokens - usage.Read - usage.Written
	return usage
}

// report gives what an answer says of its usage; nil leaves it out.
func (u bedrockUsage) report(fault UsageFault) any {
	switch fault {
	case UsageMissing:
		return nil
	case UsageMalformed:
		return malformedBedrockUsage
	}
	return u
}

// bedrockEvent pads what an event says, as AWS does, to tell an onlooker nothing by its length.
func bedrockEvent(name string, tokens int, payload map[string]any) event {
	const padding = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	payload["p"] = padding[:1+len(marshal(payload))*7%len(padding)]
	return event{name: name, data: marshal(payload), tokens: tokens, done: name == "messageStop"}
}

// events gives the stream: messageStart, each block's deltas and stop, messageStop and, after it, metadata with the
// usage. Only a tool's use has a start. The reason is what makes an answer whole, so no-done leaves messageStop out and
// the metadata with it.
func (c *bedrockCall) events(answer answered, usage any, s stamp) iter.Seq[event] {
	return func(yield func(event) bool) {
		if !yield(bedrockEvent("messageStart", 0, map[string]any{"role": "assistant"})) {
			return
		}
		for i, p := range answer.parts {
			for e := range bedrockBlockEvents(i, p, s) {
				if !yield(e) {
					return
				}
			}
		}
		if !yield(bedrockEvent("messageStop", 0, map[string]any{"stopReason": bedrockCauses[answer.cause]})) {
			return
		}
		metadata := map[string]any{"metrics": bedrockMetrics{s.millis}}
		if usage != nil {
			metadata["usage"] = usage
		}
		yield(bedrockEvent("metadata", 0, metadata))
	}
}

func bedrockBlockEvents(index int, p part, s stamp) iter.Seq[event] {
	delta := func(value any, tokens int) event {
		return bedrockEvent("contentBlockDelta", tokens, map[string]any{"contentBlockIndex": index, "delta": value})
	}
	return func(yield func(event) bool) {
		if p.kind == toolUse && !yield(bedrockEvent("contentBlockStart", 0, map[string]any{
			"contentBlockIndex": index,
			"start":             map[string]any{"toolUse": map[string]string{"toolUseId": "tooluse_" + p.id, "name": p.tool}},
		})) {
			return
		}
		for _, token := range p.tokens {
			if !yield(delta(bedrockPiece(p.kind, token), CountTokens(token))) {
				return
			}
		}
		if p.kind == thought {
			signature := map[string]any{"reasoningContent": map[string]string{"signature": signatureOf(s.id, p.text())}}
			if !yield(delta(signature, 0)) {
				return
			}
		}
		yield(bedrockEvent("contentBlockStop", 0, map[string]any{"contentBlockIndex": index}))
	}
}

func bedrockPiece(kind partKind, token string) any {
	switch kind {
	case thought:
		return map[string]any{"reasoningContent": map[string]string{"text": token}}
	case toolUse:
		return map[string]any{"toolUse": map[string]string{"input": token}}
	}
	return map[string]string{"text": token}
}
