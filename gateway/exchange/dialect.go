// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package exchange

// Dialect is a grammar of requests, answers, streams and errors. Applications speak some of them, providers others.
type Dialect uint8

// The dialects.
const (
	// OpenAI is Chat Completions and what else lies under OpenAI's /v1, but for Responses.
	OpenAI Dialect = iota
	// Responses is OpenAI's Responses API.
	Responses
	// Anthropic is Anthropic's Messages API.
	Anthropic
	// Gemini is Google's generateContent, at the Gemini API and at Vertex AI.
	Gemini
	// Bedrock is Amazon Bedrock's Converse API.
	Bedrock
	// Cohere is Cohere's v2 API.
	Cohere
	// Spark is the gateway's own, small one: no provider speaks it.
	Spark

	// Dialects is their number.
	Dialects
)

var dialectWords = [Dialects]string{"openai", "responses", "anthropic", "gemini", "bedrock", "cohere", "spark"}

// String gives the dialect's word in logs.
func (d Dialect) String() string {
	if d < Dialects {
		return dialectWords[d]
	}
	return "unknown"
}
