// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"errors"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// usage is the API's count of tokens, of which input_tokens is only what was neither read from the cache nor put there.
// In message_delta it is cumulative, and what it leaves out stays as it was.
type usage struct {
	Input         *int64         `json:"input_tokens"`
	CacheCreation *int64         `json:"cache_creation_input_tokens"`
	CacheRead     *int64         `json:"cache_read_input_tokens"`
	Output        *int64         `json:"output_tokens"`
	Details       *outputDetails `json:"output_tokens_details,omitzero"`
}

type outputDetails struct {
	Thinking int64 `json:"thinking_tokens"`
}

// UnmarshalJSON never fails: a usage of another shape says nothing, and what was answered is there all the same.
func (w *usage) UnmarshalJSON(b []byte) error {
	type plain usage
	var told plain
	if chat.DecodeAnswer(b, &told) != nil {
		told = plain{}
	}
	for _, n := range []**int64{&told.Input, &told.CacheCreation, &told.CacheRead, &told.Output} {
		if *n != nil && **n < 0 {
			*n = nil
		}
	}
	*w = usage(told)
	return nil
}

// silent says that nothing was counted.
func (w *usage) silent() bool {
	return w.Input == nil && w.CacheCreation == nil && w.CacheRead == nil && w.Output == nil
}

// most bounds a count so that sums of counts do not overflow.
const most = 1 << 50

func count(v *int64) int64 { return min(max(*v, 0), most) }

// update takes up what the API reported.
func (w *usage) update(u *exchange.Usage) {
	if w.silent() {
		return
	}
	fresh := max(u.Prompt-u.Cached-u.CacheWritten, 0)
	if w.Input != nil {
		fresh = count(w.Input)
	}
	if w.CacheCreation != nil {
		u.CacheWritten = count(w.CacheCreation)
	}
	if w.CacheRead != nil {
		u.Cached = count(w.CacheRead)
	}
	if w.Output != nil {
		u.Completion = count(w.Output)
	}
	if w.Details != nil {
		u.Reasoning = min(count(&w.Details.Thinking), u.Completion)
	}
	u.Prompt = fresh + u.Cached + u.CacheWritten
	u.Total = u.Prompt + u.Completion
	u.Source = exchange.UsageReported
}

// encodeUsage gives the API's counts; zeros where nothing is known.
func encodeUsage(u *exchange.Usage) usage {
	fresh := max(u.Prompt-u.Cached-u.CacheWritten, 0)
	w := usage{Input: &fresh, CacheCreation: &u.CacheWritten, CacheRead: &u.Cached, Output: &u.Completion}
	if u.Reasoning > 0 {
		w.Details = &outputDetails{Thinking: u.Reasoning}
	}
	return w
}

type tokenCount struct {
	InputTokens *int64 `json:"input_tokens"`
}

// AppendCount renders the answer of POST /v1/messages/count_tokens.
func AppendCount(dst []byte, tokens int64) []byte {
	return chat.Append(dst, tokenCount{InputTokens: &tokens})
}

// ReadCount reads the answer of POST /v1/messages/count_tokens. An error says that it is not one.
func ReadCount(body []byte) (int64, error) {
	var w tokenCount
	if err := chat.DecodeAnswer(body, &w); err != nil {
		return 0, err
	}
	if w.InputTokens == nil || *w.InputTokens < 0 {
		return 0, errors.New("anthropic: no count of tokens")
	}
	return *w.InputTokens, nil
}
