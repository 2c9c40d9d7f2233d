// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import "encoding/json"

// openAIUsage is the usage object of chat completions.
type openAIUsage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
	PromptDetails    struct {
		Cached int `json:"cached_tokens"`
		Audio  int `json:"audio_tokens"`
	} `json:"prompt_tokens_details"`
	CompletionDetails struct {
		Reasoning          int `json:"reasoning_tokens"`
		Audio              int `json:"audio_tokens"`
		AcceptedPrediction int `json:"accepted_prediction_tokens"`
		RejectedPrediction int `json:"rejected_prediction_tokens"`
	} `json:"completion_tokens_details"`
}

// malformedUsage has the right name and nothing else right.
var malformedUsage = json.RawMessage(`{"prompt_tokens":"many","completion_tokens":-1,"total_tokens":[]}`)

// usageOf gives what an answer reports; nil leaves usage out.
func usageOf(fault UsageFault, prompt, completion int) any {
	switch fault {
	case UsageMissing:
		return nil
	case UsageMalformed:
		return malformedUsage
	}
	return openAIUsage{PromptTokens: prompt, CompletionTokens: completion, TotalTokens: prompt + completion}
}

type chatCompletion struct {
	ID          string       `json:"id"`
	Object      string       `json:"object"`
	Created     int64        `json:"created"`
	Model       string       `json:"model"`
	Choices     []chatChoice `json:"choices"`
	Usage       any          `json:"usage,omitempty"`
	ServiceTier string       `json:"service_tier"`
	Fingerprint string       `json:"system_fingerprint"`
}

type chatChoice struct {
	Index        int         `json:"index"`
	Message      chatReply   `json:"message"`
	Logprobs     *struct{}   `json:"logprobs"`
	FinishReason finishCause `json:"finish_reason"`
}

type chatReply struct {
	Role        string     `json:"role"`
	Content     *string    `json:"content"`
	ToolCalls   []toolCall `json:"tool_calls,omitempty"`
	Refusal     *string    `json:"refusal"`
	Annotations []struct{} `json:"annotations"`
}

type finishCause string

const (
	finishStop   finishCause = "stop"
	finishLength finishCause = "length"
	finishTools  finishCause = "tool_calls"
)

// turn is one choice before it is rendered: words, or a tool call whose arguments are the words.
type turn struct {
	composition
	tool   *chatTool
	callID string
}

func (t turn) finish() finishCause {
	switch {
	case t.cut:
		return finishLength
	case t.tool != nil:
		return finishTools
	}
	return finishStop
}

// turns composes all choices of a call.
func (c *chatCall) turns(d directives, s stamp) []turn {
	turns := make([]turn, c.choices())
	w := wish{tokens: d.tokens, limit: c.limit()}
	for i := range turns {
		if c.tool == nil {
			turns[i] = turn{composition: compose(c.prompt, BaseModel(c.Model), i, w)}
			continue
		}
		arguments := cutTo(Tokenize(c.tool.arguments(c.prompt)), wish{limit: w.limit})
		turns[i] = turn{composition: arguments, tool: c.tool, callID: "call_" + s.id[:23] + string(rune('a'+i))}
	}
	return turns
}

func (c *chatCall) reply(d directives, s stamp) reply {
	turns := c.turns(d, s)
	if c.Stream {
		return reply{events: c.events(turns, d, s)}
	}
	completion := chatCompletion{
		ID: "chatcmpl-" + s.id, Object: "chat.completion", Created: s.created, Model: c.Model,
		ServiceTier: "default", Fingerprint: fingerprint(c.Model),
	}
	tokens := 0
	for i, t := range turns {
		tokens += len(t.tokens)
		completion.Choices = append(completion.Choices, chatChoice{Index: i, Message: t.message(), FinishReason: t.finish()})
	}
	completion.Usage = usageOf(d.faults.Usage, c.promptTokens, tokens)
	return reply{body: marshal(completion), tokens: tokens}
}

func (t turn) message() chatReply {
	message := chatReply{Role: "assistant", Annotations: []struct{}{}}
	text := t.text()
	if t.tool == nil {
		message.Content = &text
		return message
	}
	message.ToolCalls = []toolCall{{ID: t.callID, Type: "function", Function: toolFunction{t.tool.Function.Name, text}}}
	return message
}

// fingerprint stays the same for a model, as a provider's does between its releases.
func fingerprint(model string) string { return "fp_" + SHA256Of(BaseModel(model))[:10] }
