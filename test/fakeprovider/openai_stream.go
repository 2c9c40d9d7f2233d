// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"iter"
)

type chatChunk struct {
	ID            string          `json:"id"`
	Object        string          `json:"object"`
	Created       int64           `json:"created"`
	Model         string          `json:"model"`
	ServiceTier   string          `json:"service_tier,omitempty"`
	Fingerprint   string          `json:"system_fingerprint,omitempty"`
	Choices       []chunkChoice   `json:"choices"`
	PromptFilters json.RawMessage `json:"prompt_filter_results,omitempty"`
	Usage         any             `json:"usage,omitempty"` // json null on every chunk but the last, if usage was asked for
}

type chunkChoice struct {
	Index        int             `json:"index"`
	Delta        delta           `json:"delta"`
	Logprobs     *chatLogprobs   `json:"logprobs"`
	FinishReason *finishCause    `json:"finish_reason"`
	Filters      json.RawMessage `json:"content_filter_results,omitempty"`
}

type delta struct {
	Role             string          `json:"role,omitempty"`
	Content          any             `json:"content,omitempty"`
	ReasoningContent string          `json:"reasoning_content,omitempty"`
	Reasoning        string          `json:"reasoning,omitempty"`
	ToolCalls        []toolCallDelta `json:"tool_calls,omitempty"`
	Refusal          any             `json:"refusal,omitempty"`
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
		ID: c.flavor.answerID(s), Object: "chat.completion.chunk", Created: s.created, Model: c.model,
		ServiceTier: c.flavor.tier, Fingerprint: c.flavor.fingerprint(c.model),
	}
	includeUsage := c.request.StreamOptions != nil && c.request.StreamOptions.IncludeUsage &&
		d.faults.Usage != UsageMissing
	if includeUsage {
		chunk.Usage = jsonNull
	}
	return func(yield func(event) bool) {
		if c.flavor.promptFilters != nil && !yield(event{data: marshal(chatChunk{
			Choices: []chunkChoice{}, PromptFilters: c.flavor.promptFilters,
		})}) {
			return
		}
		total := spent{prompt: c.tokens}
		for i, t := range turns {
			for choice, tokens := range c.deltas(i, t) {
				total.completion += tokens
				chunk.Choices = []chunkChoice{choice}
				if choice.FinishReason != nil && c.flavor.usageAtFinish && i == len(turns)-1 {
					chunk.Usage = usageOf(d, total)
				}
				if !yield(event{data: marshal(chunk), tokens: tokens}) {
					return
				}
			}
			total.reasoning += len(t.reasoning)
		}
		if !c.flavor.usageAtFinish && (includeUsage || d.faults.Usage == UsageMalformed) {
			chunk.Choices, chunk.Usage = []chunkChoice{}, usageOf(d, total)
			if !yield(event{data: marshal(chunk)}) {
				return
			}
		}
		yield(event{data: []byte("[DONE]"), done: true})
	}
}

// deltas gives a choice's chunks, each with the tokens that it carries.
func (c *chatCall) deltas(index int, t turn) iter.Seq2[chunkChoice, int] {
	return func(yield func(chunkChoice, int) bool) {
		send := func(d delta, tokens int, logprobs *chatLogprobs) bool {
			return yield(chunkChoice{Index: index, Delta: d, Logprobs: logprobs, Filters: c.flavor.filters}, tokens)
		}
		opening := c.flavor.opening(t)
		carried := 0
		if len(opening.ToolCalls) > 0 && c.flavor.wholeCalls {
			carried = len(t.calls[0].tokens)
		}
		if !send(opening, carried, nil) {
			return
		}
		for _, token := range t.reasoning {
			if !send(c.flavor.thinking(token), CountTokens(token), nil) {
				return
			}
		}
		for _, token := range t.content {
			if !send(delta{Content: token}, CountTokens(token), c.logprobs([]string{token})) {
				return
			}
		}
		for _, token := range t.refusal {
			if !send(delta{Refusal: token}, CountTokens(token), nil) {
				return
			}
		}
		if !c.flavor.calls(t, len(opening.ToolCalls), send) {
			return
		}
		finish := finishOf(t.cause)
		yield(chunkChoice{Index: index, FinishReason: &finish, Filters: c.flavor.filters}, 0)
	}
}

// opening is a choice's first delta. A call that nothing comes before is named in it.
func (f *chatFlavor) opening(t turn) delta {
	first := delta{Role: "assistant", Content: ""}
	if f.nullRefusal {
		first.Refusal = jsonNull
	}
	if len(t.calls) > 0 && len(t.reasoning) == 0 && len(t.content) == 0 {
		first.Content = jsonNull
		first.ToolCalls = []toolCallDelta{f.call(0, t.calls[0])}
	}
	return first
}

// call is the delta that names a call; it has the arguments where the provider does not stream them.
func (f *chatFlavor) call(index int, p part) toolCallDelta {
	named := toolCallDelta{Index: index, ID: f.callID(p.id), Type: "function", Function: toolFragment{Name: p.tool}}
	if f.wholeCalls {
		named.Function.Arguments = p.text()
	}
	return named
}

// calls sends a choice's calls, of which the opening has named so many.
func (f *chatFlavor) calls(t turn, named int, send func(delta, int, *chatLogprobs) bool) bool {
	for i, p := range t.calls {
		carried := 0
		if f.wholeCalls {
			carried = len(p.tokens)
		}
		if i >= named && !send(delta{ToolCalls: []toolCallDelta{f.call(i, p)}}, carried, nil) {
			return false
		}
		if f.wholeCalls {
			continue
		}
		for _, token := range p.tokens {
			if !send(delta{ToolCalls: []toolCallDelta{{Index: i, Function: toolFragment{Arguments: token}}}}, 1, nil) {
				return false
			}
		}
	}
	return true
}

// thinking is one token of what the model thought.
func (f *chatFlavor) thinking(token string) delta {
	switch f.reasoning {
	case reasoningField:
		return delta{Reasoning: token}
	case reasoningParts:
		return delta{Content: thinkingPart(token)}
	}
	return delta{ReasoningContent: token}
}
