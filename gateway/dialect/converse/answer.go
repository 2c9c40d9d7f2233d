// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package converse

import (
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

var (
	errNoMessage = errors.New("converse: the answer has no message")
	errMalformed = errors.New("converse: what the model wrote was malformed")
)

// answer is what Converse answers. What may be odd without spoiling the answer stays raw.
type answer struct {
	Output struct {
		Message *struct {
			Content []answerBlock `json:"content"`
		} `json:"message"`
	} `json:"output"`
	StopReason                    string         `json:"stopReason"`
	Usage                         jsontext.Value `json:"usage"`
	AdditionalModelResponseFields jsontext.Value `json:"additionalModelResponseFields"`
}

// answerBlock is a union, as far as it is asked for. Other members, such as images, are passed over.
type answerBlock struct {
	Text             string         `json:"text"`
	ToolUse          *answeredCall  `json:"toolUse"`
	ReasoningContent *reasoning     `json:"reasoningContent"`
	CitationsContent *citationsText `json:"citationsContent"`
}

// answeredCall is a call; Type is there where Bedrock makes the call itself.
type answeredCall struct {
	ToolUseID string         `json:"toolUseId"`
	Name      string         `json:"name"`
	Type      string         `json:"type"`
	Input     jsontext.Value `json:"input"`
}

// citationsText is a text with its sources, which are passed over.
type citationsText struct {
	Content []struct {
		Text string `json:"text"`
	} `json:"content"`
}

// DecodeAnswer reads what Converse answered. An answer that Bedrock itself calls malformed is none.
func (Encoder) DecodeAnswer(body []byte) (*chat.Answer, error) {
	var w answer
	if err := chat.DecodeAnswer(body, &w); err != nil {
		return nil, err
	}
	if w.Output.Message == nil {
		return nil, errNoMessage
	}
	choice := chat.Choice{}
	for i := range w.Output.Message.Content {
		choice.Parts = appendParts(choice.Parts, &w.Output.Message.Content[i])
	}
	var ok bool
	if choice.Finish, ok = finish(w.StopReason); !ok {
		return nil, errMalformed
	}
	if choice.Finish == chat.AtStop {
		choice.StopSequence = stopSequence(w.AdditionalModelResponseFields)
	}
	return &chat.Answer{Choices: []chat.Choice{choice}, Usage: usage(w.Usage)}, nil
}

func appendParts(parts []chat.Part, b *answerBlock) []chat.Part {
	text := b.Text
	if b.CitationsContent != nil {
		for _, c := range b.CitationsContent.Content {
			text += c.Text
		}
	}
	if text != "" {
		parts = append(parts, chat.Part{Kind: chat.Text, Text: text})
	}
	if r := b.ReasoningContent; r != nil {
		if r.ReasoningText != nil {
			parts = append(parts, chat.Part{Kind: chat.Thinking, Text: r.ReasoningText.Text, Signature: r.ReasoningText.Signature})
		}
		if r.RedactedContent != "" {
			parts = append(parts, chat.Part{Kind: chat.Redacted, Signature: r.RedactedContent})
		}
	}
	if c := b.ToolUse; c != nil && c.Type == "" {
		call := &chat.ToolCall{ID: c.ToolUseID, Name: c.Name, Arguments: string(c.Input)}
		parts = append(parts, chat.Part{Kind: chat.Call, Call: call})
	}
	return parts
}

// finish reads a stop reason; false says that the answer is not one. Reasons that came after this was written end an
// answer like any other.
func finish(reason string) (chat.Finish, bool) {
	switch reason {
	case "tool_use":
		return chat.CalledTools, true
	case "max_tokens", "model_context_window_exceeded":
		return chat.AtLength, true
	case "stop_sequence":
		return chat.AtStop, true
	case "guardrail_intervened", "content_filtered":
		return chat.Filtered, true
	case "malformed_model_output", "malformed_tool_use":
		return chat.Unfinished, false
	default:
		return chat.Stopped, true
	}
}

// stopSequence is which of them it was, empty where the model does not say. A stream has it a level below.
func stopSequence(fields jsontext.Value) string {
	type stop struct {
		StopSequence string `json:"stop_sequence"`
	}
	var w struct {
		StopSequence string `json:"stop_sequence"`
		Delta        stop   `json:"delta"`
	}
	if len(fields) == 0 || chat.DecodeAnswer(fields, &w) != nil {
		return ""
	}
	return w.StopSequence + w.Delta.StopSequence
}

// usage reads a TokenUsage. Its inputTokens are those that were neither read from the cache nor written to it (Amazon
// Bedrock User Guide, "Prompt caching"); its outputTokens do not tell reasoning apart. One that is not there, or says
// nothing that can be counted, is none.
func usage(v jsontext.Value) exchange.Usage {
	var w struct {
		InputTokens           *int64 `json:"inputTokens"`
		OutputTokens          *int64 `json:"outputTokens"`
		CacheReadInputTokens  int64  `json:"cacheReadInputTokens"`
		CacheWriteInputTokens int64  `json:"cacheWriteInputTokens"`
	}
	if len(v) == 0 || chat.DecodeAnswer(v, &w) != nil || w.InputTokens == nil || w.OutputTokens == nil {
		return exchange.Usage{}
	}
	const most = 1 << 48
	for _, n := range [...]int64{*w.InputTokens, *w.OutputTokens, w.CacheReadInputTokens, w.CacheWriteInputTokens} {
		if n < 0 || n > most {
			return exchange.Usage{}
		}
	}
	u := exchange.Usage{
		Prompt:     *w.InputTokens + w.CacheReadInputTokens + w.CacheWriteInputTokens,
		Completion: *w.OutputTokens, Cached: w.CacheReadInputTokens, CacheWritten: w.CacheWriteInputTokens,
		Source: exchange.UsageReported,
	}
	u.Total = u.Prompt + u.Completion
	return u
}
