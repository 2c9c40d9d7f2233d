// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package exchange

// Operation is what a request asks for, in whatever dialect.
type Operation uint8

// The operations.
const (
	// NoOperation: an endpoint of the gateway's own, or none that it has.
	NoOperation Operation = iota
	// Chat: a model's answer to a conversation.
	Chat
	// Completions: OpenAI's older text completion.
	Completions
	Embeddings
	// CountTokens of a conversation.
	CountTokens
	ImageGeneration
	ImageEdit
	ImageVariation
	Speech
	Transcription
	Translation
	Moderation
	Rerank
	Realtime
	// StoredResponse reads, cancels or deletes what Responses keeps at the provider.
	StoredResponse
	Files
	Batches
	// ListModels is asked by the gateway itself.
	ListModels

	// Operations is their number.
	Operations
)

var operationWords = [Operations]string{
	Chat: "chat", Completions: "completions", Embeddings: "embeddings", CountTokens: "count_tokens",
	ImageGeneration: "image_generation", ImageEdit: "image_edit", ImageVariation: "image_variation",
	Speech: "speech", Transcription: "transcription", Translation: "translation", Moderation: "moderation",
	Rerank: "rerank", Realtime: "realtime", StoredResponse: "stored_response", Files: "files", Batches: "batches",
	ListModels: "list_models",
}

// String gives the operation's word in logs and messages; "" for NoOperation.
func (o Operation) String() string {
	if o < Operations {
		return operationWords[o]
	}
	return "unknown"
}

// GenAI gives the operation's name in OpenTelemetry's conventions for generative AI; where they have none, its own word.
func (o Operation) GenAI() string {
	if o == Completions {
		return "text_completion"
	}
	return o.String()
}
