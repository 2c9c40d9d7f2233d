// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"strconv"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// Answer is what the gateway reads of an answer that passes through, whole or one event of it. Its slices point into
// the data.
type Answer struct {
	// Usage is what the provider reported; its Source is UsageNone when it did not. Of a stream's event it may be a
	// part, for Merge.
	Usage exchange.Usage
	// UsageOnly says that the event is there to tell the usage, even if it does so badly: `"choices":[]`.
	UsageOnly bool
	// TextBytes is the length of the texts of the answer, as JSON; Texts their number.
	TextBytes, Texts int64
	// Error is what stands in place of an answer, nil when there is none.
	Error []byte
	// Ended says that the event is a stream's last. Finished says that it may be: Gemini's streams just end.
	Ended, Finished bool
	// Model is the provider's own name for who answers, without quotes; empty where it does not say, or not plainly.
	Model []byte
	// Next is the number that the event after this one has, in streams that number theirs; 0 in others.
	Next int64
}

// ReadAnswer reads an answer or an event of one; false says that the data is not one JSON object. It does not allocate.
func ReadAnswer(d exchange.Dialect, data []byte) (Answer, bool) {
	var a Answer
	w := walker{b: data}
	start := skipSpace(data, 0)
	if start >= len(data) || data[start] != '{' {
		return a, false
	}
	o := object{w: &w, i: start}
	var usage []byte
	empty, begins := false, false
	for o.next() {
		text, texts := w.text, w.texts
		if o.to = w.value(o.from, 1, textKey(o.key)); o.to < 0 {
			return a, false
		}
		value := data[o.from:o.to]
		switch string(o.key) {
		case "choices":
			empty = value[0] == '[' && skipSpace(value, 1) == len(value)-1
			a.count(&w, text, texts)
		case "delta", "content", "output": // of Anthropic's and of Responses'
			if d != exchange.OpenAI {
				a.count(&w, text, texts)
			}
		case "candidates":
			a.Finished = a.Finished || finished(value)
			a.count(&w, text, texts)
		case "promptFeedback":
			a.Finished = a.Finished || told(member(value, "blockReason"))
		case "usage", "usageMetadata":
			usage = value
		case "message", "response": // of Anthropic's and of Responses' events
			if nested := member(value, "usage"); nested != nil {
				usage, begins = nested, string(o.key) == "message"
			}
			a.Model = plain(member(value, "model"))
		case "model", "modelVersion":
			a.Model = plain(value)
		case "type":
			a.event(value, data)
		case "object": // Mistral and older servers of vLLM's say so of an error
			if string(value) == `"error"` && a.Error == nil {
				a.Error = data
			}
		case "sequence_number": // of Responses' events
			if n, ok := integer(value); ok {
				a.Next = n + 1
			}
		case "error":
			if told(value) {
				a.Error = value
			}
		}
	}
	if len(usage) > 0 && usage[0] == '{' {
		a.Usage, a.UsageOnly = readUsage(d, usage), empty
	}
	if begins {
		// What stands there of the answer is said before there is any of it.
		a.Usage.Completion = 0
	}
	return a, o.end >= 0 && skipSpace(data, o.end) == len(data)
}

// plain gives a string of JSON that has nothing escaped; nil where it is none.
func plain(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' || bytes.IndexByte(value, '\\') >= 0 {
		return nil
	}
	return value[1 : len(value)-1]
}

// count takes up the texts that the walker met since.
func (a *Answer) count(w *walker, text, texts int64) {
	a.TextBytes += w.text - text
	a.Texts += w.texts - texts
}

// event reads the type of an event, of Anthropic's or of Responses'.
func (a *Answer) event(value, data []byte) {
	switch string(value) {
	case `"message_stop"`, `"response.completed"`, `"response.incomplete"`:
		a.Ended = true
	case `"error"`, `"response.failed"`:
		if a.Error == nil {
			a.Error = data
		}
	}
}

// finished says that every candidate in a list has said why it ended.
func finished(list []byte) bool {
	w := walker{b: list}
	n := 0
	for i := skipSpace(list, 1); i < len(list) && list[i] == '{'; n++ {
		to := w.value(i, 2, false)
		if to < 0 || !told(member(list[i:to], "finishReason")) {
			return false
		}
		if i = skipSpace(list, to); i >= len(list) || list[i] != ',' {
			return true
		}
		i = skipSpace(list, i+1)
	}
	return false
}

func told(value []byte) bool { return len(value) > 0 && string(value) != "null" }

// readUsage reads a usage object. One without a count, or with something else in a count's place, says nothing.
func readUsage(d exchange.Dialect, value []byte) exchange.Usage {
	u := exchange.Usage{}
	counts, wrong := 0, false
	w := walker{b: value}
	for o := (object{w: &w}); o.next(); {
		o.to = w.value(o.from, 1, false)
		inner := value[o.from:max(o.to, o.from)]
		if into := place(&u, o.key); into != nil && told(inner) {
			n, ok := integer(inner)
			*into, counts, wrong = *into+n, counts+1, wrong || !ok
			continue
		}
		switch string(o.key) {
		case "prompt_tokens_details", "input_tokens_details", "input_token_details":
			u.Cached, _ = integer(member(inner, "cached_tokens"))
		case "completion_tokens_details", "output_tokens_details", "output_token_details":
			u.Reasoning, _ = integer(member(inner, "reasoning_tokens"))
		}
	}
	if counts == 0 || wrong {
		return exchange.Usage{}
	}
	switch d {
	case exchange.Anthropic:
		// Its input_tokens are those that had nothing to do with the cache.
		u.Prompt += u.Cached + u.CacheWritten
	case exchange.Gemini:
		// Its candidates do not count what was only thought.
		u.Completion += u.Reasoning
	default:
	}
	if d != exchange.Anthropic && u.Total == 0 {
		u.Total = u.Prompt + u.Completion
	}
	u.Source = exchange.UsageReported
	return u
}

// place gives where a count of a usage object belongs, nil for other members. No two dialects mean different things by
// one name, but for what readUsage mends.
func place(u *exchange.Usage, key []byte) *int64 {
	switch string(key) {
	case "prompt_tokens", "input_tokens", "promptTokenCount", "toolUsePromptTokenCount":
		return &u.Prompt
	case "completion_tokens", "output_tokens", "candidatesTokenCount":
		return &u.Completion
	case "total_tokens", "totalTokenCount":
		return &u.Total
	case "cache_read_input_tokens", "cachedContentTokenCount":
		return &u.Cached
	case "cache_creation_input_tokens":
		return &u.CacheWritten
	case "thoughtsTokenCount":
		return &u.Reasoning
	}
	return nil
}

// Merge gives what is known of a usage after another part of it came. Counts are cumulative, so that the later stands.
func Merge(known, came exchange.Usage) exchange.Usage {
	if came.Source == exchange.UsageNone {
		return known
	}
	for _, c := range [...]struct{ into, from *int64 }{
		{&known.Prompt, &came.Prompt}, {&known.Completion, &came.Completion}, {&known.Cached, &came.Cached},
		{&known.CacheWritten, &came.CacheWritten}, {&known.Reasoning, &came.Reasoning},
	} {
		if *c.from != 0 {
			*c.into = *c.from
		}
	}
	known.Source = came.Source
	known.Total = came.Total
	if known.Total == 0 {
		known.Total = known.Prompt + known.Completion
	}
	return known
}

// Sum gives what two answers cost together.
func Sum(a, b exchange.Usage) exchange.Usage {
	return exchange.Usage{
		Prompt: a.Prompt + b.Prompt, Completion: a.Completion + b.Completion, Total: a.Total + b.Total,
		Cached: a.Cached + b.Cached, CacheWritten: a.CacheWritten + b.CacheWritten, Reasoning: a.Reasoning + b.Reasoning,
		Source: max(a.Source, b.Source),
	}
}

// member gives the value of an object's member, nil when it is not there.
func member(value []byte, name string) []byte {
	if len(value) == 0 || value[0] != '{' {
		return nil
	}
	w := walker{b: value}
	for o := (object{w: &w}); o.next(); {
		o.to = w.value(o.from, 1, false)
		if string(o.key) == name {
			return value[o.from:max(o.to, o.from)]
		}
	}
	return nil
}

// integer reads a count, which is neither negative nor fractional.
func integer(value []byte) (int64, bool) {
	if len(value) == 0 || len(value) > 18 || value[0] < '0' || value[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	return n, err == nil
}

// bytesPerToken is the field's rule of thumb for English text.
const bytesPerToken = 4

// Estimate gives a usage from lengths: four bytes a token, four tokens a message, and at least one token for each text
// that a stream brought, as providers send about one token a chunk.
func Estimate(messages int, promptBytes, answerBytes, answerTexts int64) exchange.Usage {
	u := exchange.Usage{
		Prompt:     int64(messages)*4 + (promptBytes+bytesPerToken-1)/bytesPerToken,
		Completion: max((answerBytes+bytesPerToken-1)/bytesPerToken, answerTexts),
		Source:     exchange.UsageEstimated,
	}
	u.Total = u.Prompt + u.Completion
	return u
}
