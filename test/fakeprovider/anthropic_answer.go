// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
)

// anthropicMessageAnswer is a Message, https://platform.claude.com/docs/en/api/messages.
type anthropicMessageAnswer struct {
	ID           string  `json:"id"`
	Type         string  `json:"type"`
	Role         string  `json:"role"`
	Model        string  `json:"model"`
	Content      []any   `json:"content"`
	StopReason   *string `json:"stop_reason"`
	StopSequence *string `json:"stop_sequence"`
	Usage        any     `json:"usage,omitempty"`
}

type anthropicUsage struct {
	Input    int `json:"input_tokens"`
	Written  int `json:"cache_creation_input_tokens"`
	Read     int `json:"cache_read_input_tokens"`
	Creation struct {
		FiveMinutes int `json:"ephemeral_5m_input_tokens"`
		OneHour     int `json:"ephemeral_1h_input_tokens"`
	} `json:"cache_creation"`
	Output int    `json:"output_tokens"`
	Tier   string `json:"service_tier"`
}

var malformedAnthropicUsage = json.RawMessage(`{"input_tokens":"many","output_tokens":-1}`)

type anthropicText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type anthropicThought struct {
	Type      string `json:"type"`
	Thinking  string `json:"thinking"`
	Signature string `json:"signature"`
}

type anthropicUse struct {
	Type  string          `json:"type"`
	ID    string          `json:"id"`
	Name  string          `json:"name"`
	Input json.RawMessage `json:"input"`
}

var anthropicCauses = map[cause]string{
	endOfTurn: "end_turn", lengthLimit: "max_tokens", stopSequence: "stop_sequence", toolsCalled: "tool_use",
	declined: "refusal",
}

func (c *anthropicCall) reply(d directives, s stamp) reply {
	answer := c.answer(0, d, s)
	c.conceal(&answer)
	usage := c.usage()
	if c.stream {
		return reply{events: c.events(answer, usage, d.faults.Usage, s)}
	}
	message := c.opening(s)
	for _, p := range answer.parts {
		message.Content = append(message.Content, anthropicPart(p, s))
	}
	reason := anthropicCauses[answer.cause]
	message.StopReason, message.StopSequence = &reason, orNull(answer.stop)
	usage.Output, _ = answer.tokens()
	message.Usage = usage.report(d.faults.Usage)
	return reply{body: marshal(message), tokens: usage.Output}
}

// opening is a message before anything was said.
func (c *anthropicCall) opening(s stamp) anthropicMessageAnswer {
	return anthropicMessageAnswer{
		ID: "msg_01" + s.id[:22], Type: "message", Role: "assistant", Model: c.model, Content: []any{},
	}
}

// conceal empties the thinking that is not to be shown; its signature remains.
func (c *anthropicCall) conceal(answer *answered) {
	display := ""
	if c.Thinking != nil && c.Thinking.Display != nil {
		display = *c.Thinking.Display
	}
	for i := range answer.parts {
		if display == "omitted" && answer.parts[i].kind == thought {
			answer.parts[i].tokens = nil
		}
	}
}

func anthropicPart(p part, s stamp) any {
	switch p.kind {
	case thought:
		return anthropicThought{Type: "thinking", Thinking: p.text(), Signature: signatureOf(s.id, p.text())}
	case toolUse:
		input := json.RawMessage(p.text())
		if !json.Valid(input) { // it was cut, and only a stream can show how far it came
			input = json.RawMessage(`{}`)
		}
		return anthropicUse{Type: "tool_use", ID: "toolu_01" + p.id, Name: p.tool, Input: input}
	}
	return anthropicText{Type: "text", Text: p.text()}
}

// usage tells the prompt's size and what of it was cached. Of the marked prefixes those that came before are read, up
// to the longest; what is marked beyond is written.
func (c *anthropicCall) usage() anthropicUsage {
	usage := anthropicUsage{Tier: "standard"}
	marks, prefixes := c.cacheMarks()
	for i, prefix := range prefixes {
		size := min(CountTokens(prefix), c.tokens) - usage.Read - usage.Written
		switch {
		case c.server.prompts.read(BaseModel(c.model) + "\x00" + prefix):
			usage.Read += size + usage.Written
			usage.Written, usage.Creation.FiveMinutes, usage.Creation.OneHour = 0, 0, 0
		case marks[i].TTL == "1h":
			usage.Written += size
			usage.Creation.OneHour += size
		default:
			usage.Written += size
			usage.Creation.FiveMinutes += size
		}
	}
	usage.Input = c.tokens - usage.Read - usage.Written
	return usage
}

// report gives what an answer says of its usage; nil leaves it out.
func (u anthropicUsage) report(fault UsageFault) any {
	switch fault {
	case UsageMissing:
		return nil
	case UsageMalformed:
		return malformedAnthropicUsage
	}
	return u
}
