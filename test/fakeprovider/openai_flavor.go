// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"strings"
)

// chatFlavor is how providers that share OpenAI's chat differ in what they answer.
type chatFlavor struct {
	answerID      func(stamp) string
	callID        func(id string) string // from letters and digits that are different for each call
	fingerprint   func(model string) string
	tier          string          // service_tier; "" leaves it out
	nullRefusal   bool            // a message that refuses nothing says so
	reasoning     reasoningMember // where reasoning goes
	wholeCalls    bool            // a tool call streams in one piece
	usageAtFinish bool            // usage comes with the last choice, asked for or not, and in no event of its own
	promptFilters json.RawMessage // Azure's verdict on the prompt, first in a stream
	filters       json.RawMessage // Azure's verdict on a choice
}

// reasoningMember is where a provider puts what a model thought.
type reasoningMember int

const (
	reasoningContent reasoningMember = iota // reasoning_content
	reasoningField                          // reasoning
	reasoningParts                          // parts of the content of type thinking
)

var openAIFlavor = chatFlavor{
	answerID: func(s stamp) string { return "chatcmpl-" + s.id }, callID: func(id string) string { return "call_" + id },
	fingerprint: fingerprint, tier: "default", nullRefusal: true,
}

// message renders a choice of an answer that is not streamed.
func (f *chatFlavor) message(t turn) chatReply {
	message := chatReply{Role: "assistant"}
	if f.nullRefusal {
		message.Refusal, message.Annotations = jsonNull, []struct{}{}
	}
	content := strings.Join(t.content, "")
	switch {
	case len(t.refusal) > 0:
		message.Refusal = strings.Join(t.refusal, "")
	case len(t.calls) == 0 || content != "":
		message.Content = content
	}
	if thoughts := strings.Join(t.reasoning, ""); thoughts != "" {
		switch f.reasoning {
		case reasoningContent:
			message.ReasoningContent = thoughts
		case reasoningField:
			message.Reasoning = thoughts
		case reasoningParts:
			message.Content = append(thinkingPart(thoughts), map[string]any{"type": "text", "text": content})
		}
	}
	for _, call := range t.calls {
		message.ToolCalls = append(message.ToolCalls, toolCall{
			ID: f.callID(call.id), Type: "function", Function: toolFunction{call.tool, call.text()},
		})
	}
	return message
}

// thinkingPart is what Mistral's models thought, as a list of content parts.
func thinkingPart(thoughts string) []any {
	return []any{map[string]any{
		"type": "thinking", "thinking": []any{map[string]any{"type": "text", "text": thoughts}},
	}}
}
