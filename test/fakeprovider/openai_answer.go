// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
)

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

// spent is what an answer took.
type spent struct{ prompt, completion, reasoning int }

// usageOf gives what an answer reports; nil leaves usage out.
func usageOf(d directives, of spent) any {
	switch d.faults.Usage {
	case UsageMissing:
		return nil
	case UsageMalformed:
		return malformedUsage
	}
	usage := openAIUsage{
		PromptTokens: of.prompt, CompletionTokens: of.completion, TotalTokens: of.prompt + of.completion,
	}
	usage.PromptDetails.Cached = min(d.content.cached, of.prompt)
	usage.CompletionDetails.Reasoning = of.reasoning
	return usage
}

type chatCompletion struct {
	ID            string          `json:"id"`
	Object        string          `json:"object"`
	Created       int64           `json:"created"`
	Model         string          `json:"model"`
	Choices       []chatChoice    `json:"choices"`
	Usage         any             `json:"usage,omitempty"`
	ServiceTier   string          `json:"service_tier,omitempty"`
	Fingerprint   string          `json:"system_fingerprint,omitempty"`
	PromptFilters json.RawMessage `json:"prompt_filter_results,omitempty"` // Azure's
}

type chatChoice struct {
	Index        int             `json:"index"`
	Message      chatReply       `json:"message"`
	Logprobs     *chatLogprobs   `json:"logprobs"`
	FinishReason finishCause     `json:"finish_reason"`
	Filters      json.RawMessage `json:"content_filter_results,omitempty"` // Azure's
}

// chatReply is an assistant's message; members that are not set stay out of it.
type chatReply struct {
	Role             string     `json:"role"`
	Content          any        `json:"content"` // a string, null or, of Mistral, parts
	ReasoningContent string     `json:"reasoning_content,omitempty"`
	Reasoning        string     `json:"reasoning,omitempty"` // Ollama's name for it
	ToolCalls        []toolCall `json:"tool_calls,omitempty"`
	Refusal          any        `json:"refusal,omitempty"`
	Annotations      []struct{} `json:"annotations,omitzero"`
}

type chatLogprobs struct {
	Content []tokenLogprob  `json:"content"`
	Refusal json.RawMessage `json:"refusal"`
}

type tokenLogprob struct {
	Token   string         `json:"token"`
	Logprob float64        `json:"logprob"`
	Bytes   []int          `json:"bytes"`
	Top     []tokenLogprob `json:"top_logprobs,omitzero"`
}

type finishCause string

const (
	finishStop   finishCause = "stop"
	finishLength finishCause = "length"
	finishTools  finishCause = "tool_calls"
)

// finishOf is an answer's cause in OpenAI's words; a refusal is an answer as any other.
func finishOf(c cause) finishCause {
	switch c {
	case lengthLimit:
		return finishLength
	case toolsCalled:
		return finishTools
	}
	return finishStop
}

// refusalText is what a refusal says.
const refusalText = "I'm sorry, but I can't help with that."

// turn is one choice as OpenAI tells it apart.
type turn struct {
	reasoning, content, refusal []string // tokens
	calls                       []part
	cause                       cause
}

// turns composes all choices of a call, and counts them.
func (c *chatCall) turns(d directives, s stamp) ([]turn, spent) {
	turns, total := make([]turn, c.choices), spent{prompt: c.tokens}
	question := c.asked
	question.thinks = d.content.reasoning > 0
	for i := range turns {
		answer := question.answer(i, d, s)
		t := turn{cause: answer.cause}
		for _, p := range answer.parts {
			switch p.kind {
			case thought:
				t.reasoning = p.tokens
			case toolUse:
				t.calls = append(t.calls, p)
			case words:
				t.content = append(t.content, p.tokens...)
			}
		}
		all, thoughts := answer.tokens()
		if answer.cause == declined {
			t.refusal = Tokenize(refusalText)
			all += len(t.refusal)
		}
		total.completion += all
		total.reasoning += thoughts
		turns[i] = t
	}
	return turns, total
}

func (c *chatCall) reply(d directives, s stamp) reply {
	turns, total := c.turns(d, s)
	if c.stream {
		return reply{events: c.events(turns, d, s)}
	}
	completion := chatCompletion{
		ID: c.flavor.answerID(s), Object: "chat.completion", Created: s.created, Model: c.model,
		ServiceTier: c.flavor.tier, Fingerprint: c.flavor.fingerprint(c.model), PromptFilters: c.flavor.promptFilters,
	}
	for i, t := range turns {
		completion.Choices = append(completion.Choices, chatChoice{
			Index: i, Message: c.flavor.message(t), FinishReason: finishOf(t.cause), Logprobs: c.logprobs(t.content),
			Filters: c.flavor.filters,
		})
	}
	completion.Usage = usageOf(d, total)
	return reply{body: marshal(completion), tokens: total.completion}
}

// logprobs says how likely tokens were, if that was asked for: all of them were certain.
func (c *chatCall) logprobs(tokens []string) *chatLogprobs {
	if !c.request.Logprobs {
		return nil
	}
	list := make([]tokenLogprob, len(tokens))
	for i, token := range tokens {
		list[i] = tokenLogprob{Token: token, Bytes: bytesOf(token), Top: []tokenLogprob{}}
		if c.request.TopLogprobs != nil && *c.request.TopLogprobs > 0 {
			list[i].Top = []tokenLogprob{{Token: token, Bytes: bytesOf(token)}}
		}
	}
	return &chatLogprobs{Content: list, Refusal: jsonNull}
}

func bytesOf(token string) []int {
	list := make([]int, len(token))
	for i := range len(token) {
		list[i] = int(token[i])
	}
	return list
}

// fingerprint stays the same for a model, as a provider's does between its releases.
func fingerprint(model string) string { return "fp_" + SHA256Of(BaseModel(model))[:10] }
