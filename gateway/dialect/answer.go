// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"strconv"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// Answer is what the gateway reads of a completion, whole or one chunk of it. Its slices point into the data.
type Answer struct {
	// Usage is what the provider reported; its Source is UsageNone when it did not.
	Usage exchange.Usage
	// UsageOnly says that the chunk is there to tell the usage, even if it does so badly: `"choices":[]`.
	UsageOnly bool
	// TextBytes is the length of the texts in the choices, as JSON; Texts their number.
	TextBytes, Texts int64
	// Error is the error object that stands in place of an answer, nil when there is none.
	Error []byte
}

// ReadAnswer reads a completion or a chunk; false says that the data is not one JSON object. It does not allocate.
func ReadAnswer(data []byte) (Answer, bool) {
	var a Answer
	w := walker{b: data}
	start := skipSpace(data, 0)
	if start >= len(data) || data[start] != '{' {
		return a, false
	}
	o := object{w: &w, i: start}
	empty, tellsUsage := false, false
	for o.next() {
		text, texts := w.text, w.texts
		if o.to = w.value(o.from, 1, false); o.to < 0 {
			return a, false
		}
		value := data[o.from:o.to]
		switch string(o.key) {
		case "choices":
			a.TextBytes, a.Texts = w.text-text, w.texts-texts
			empty = value[0] == '[' && skipSpace(value, 1) == len(value)-1
		case "usage":
			if tellsUsage = value[0] == '{'; tellsUsage {
				a.Usage = readUsage(value)
			}
		case "error":
			if string(value) != "null" {
				a.Error = value
			}
		}
	}
	a.UsageOnly = empty && tellsUsage
	return a, o.end >= 0 && skipSpace(data, o.end) == len(data)
}

// readUsage reads a usage object. One without a count, or with something else in a count's place, says nothing.
func readUsage(value []byte) exchange.Usage {
	u := exchange.Usage{}
	counts, wrong := 0, false
	w := walker{b: value}
	for o := (object{w: &w}); o.next(); {
		o.to = w.value(o.from, 1, false)
		inner := value[o.from:max(o.to, o.from)]
		var into *int64
		switch string(o.key) {
		case "prompt_tokens":
			into = &u.Prompt
		case "completion_tokens":
			into = &u.Completion
		case "total_tokens":
			into = &u.Total
		case "prompt_tokens_details":
			u.Cached = member(inner, "cached_tokens")
		case "completion_tokens_details":
			u.Reasoning = member(inner, "reasoning_tokens")
		}
		if into != nil {
			n, ok := integer(inner)
			*into, counts, wrong = n, counts+1, wrong || !ok
		}
	}
	if counts == 0 || wrong {
		return exchange.Usage{}
	}
	u.Source = exchange.UsageReported
	if u.Total == 0 {
		u.Total = u.Prompt + u.Completion
	}
	return u
}

// member gives a count of an object, 0 when it is not there.
func member(value []byte, name string) int64 {
	if len(value) == 0 || value[0] != '{' {
		return 0
	}
	w := walker{b: value}
	for o := (object{w: &w}); o.next(); {
		o.to = w.value(o.from, 1, false)
		if string(o.key) == name {
			n, _ := integer(value[o.from:max(o.to, o.from)])
			return n
		}
	}
	return 0
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
