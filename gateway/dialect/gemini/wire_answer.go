// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// The types below are GenerateContentResponse and what it is made of.

type response struct {
	Candidates []candidate    `json:"candidates,omitzero"`
	Feedback   *feedback      `json:"promptFeedback,omitzero"`
	Usage      *usageMetadata `json:"usageMetadata,omitzero"`
	Model      string         `json:"modelVersion,omitzero"`
	ID         string         `json:"responseId,omitzero"`
	Error      *failure       `json:"error,omitzero"`
}

type candidate struct {
	Content  *content        `json:"content,omitzero"`
	Finish   string          `json:"finishReason,omitzero"`
	Index    *int            `json:"index,omitzero"`
	LogProbs *logProbsResult `json:"logprobsResult,omitzero"`
}

// feedback says that the prompt was blocked; there are no candidates then.
type feedback struct {
	BlockReason string `json:"blockReason,omitzero"`
}

// usageMetadata counts tokens. Prompt includes Cached; ToolUse is beside it, and Thoughts beside Candidates.
type usageMetadata struct {
	Prompt     int64 `json:"promptTokenCount"`
	Candidates int64 `json:"candidatesTokenCount"`
	Total      int64 `json:"totalTokenCount"`
	Cached     int64 `json:"cachedContentTokenCount,omitzero"`
	Thoughts   int64 `json:"thoughtsTokenCount,omitzero"`
	ToolUse    int64 `json:"toolUsePromptTokenCount,omitzero"`
}

// UnmarshalJSON never fails: a usage of another shape says nothing, and what was answered is there all the same.
func (u *usageMetadata) UnmarshalJSON(b []byte) error {
	type plain usageMetadata
	var told plain
	if chat.DecodeAnswer(b, &told) != nil {
		told = plain{}
	}
	*u = usageMetadata(told)
	return nil
}

// neutral is the usage as others count. It has no source where the provider counted nothing.
func (u *usageMetadata) neutral() exchange.Usage {
	const most = 1 << 40 // sums of which still fit
	if u == nil || min(u.Prompt, u.Candidates, u.Total, u.Cached, u.Thoughts, u.ToolUse) < 0 ||
		max(u.Prompt, u.Candidates, u.Total, u.Cached, u.Thoughts, u.ToolUse) > most {
		return exchange.Usage{}
	}
	out := exchange.Usage{
		Prompt: u.Prompt + u.ToolUse, Completion: u.Candidates + u.Thoughts, Total: u.Total,
		Cached: u.Cached, Reasoning: u.Thoughts, Source: exchange.UsageReported,
	}
	if out.Total == 0 {
		out.Total = out.Prompt + out.Completion
	}
	if out.Total == 0 {
		return exchange.Usage{}
	}
	return out
}

// usageOf is a usage as Gemini counts; nil where none is known.
func usageOf(u exchange.Usage) *usageMetadata {
	if u.Source == exchange.UsageNone {
		return nil
	}
	out := &usageMetadata{
		Prompt: u.Prompt, Candidates: max(u.Completion-u.Reasoning, 0), Total: u.Total, Cached: u.Cached, Thoughts: u.Reasoning,
	}
	if out.Total == 0 {
		out.Total = u.Prompt + u.Completion
	}
	return out
}

// Reasons to finish: https://ai.google.dev/api/generate-content#FinishReason
const (
	finishStop       = "STOP"
	finishMaxTokens  = "MAX_TOKENS"
	finishSafety     = "SAFETY"
	finishOther      = "OTHER"
	finishMalformed  = "MALFORMED_FUNCTION_CALL"
	finishUnfinished = "FINISH_REASON_UNSPECIFIED"
)

// finishOf is why an answer ended. What is neither a stop nor a bound, now or in a release to come, withheld something:
// safety, recitation, a malformed call. None of it is told as a success.
func finishOf(reason string, called bool) chat.Finish {
	switch reason {
	case "", finishUnfinished:
		return chat.Unfinished
	case finishStop:
		if called {
			return chat.CalledTools
		}
		return chat.Stopped
	case finishMaxTokens:
		return chat.AtLength
	}
	return chat.Filtered
}

// reasonOf is Gemini's word for why an answer ended. A paused turn is no whole one, and Gemini has no word for it.
func reasonOf(f chat.Finish) string {
	switch f {
	case chat.Stopped, chat.AtStop, chat.CalledTools:
		return finishStop
	case chat.AtLength:
		return finishMaxTokens
	case chat.Filtered, chat.Declined:
		return finishSafety
	case chat.Paused, chat.Unfinished:
	}
	return finishOther
}
