// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package responses is OpenAI's Responses API, as applications speak it and as providers do.
//
// It is stateless: nothing of an answer is kept for a later request, as the provider that answers speaks another dialect
// and keeps nothing either. So what needs state is refused by name: previous_response_id, conversation, prompt, background,
// item references, and store where it is true. Without store, which OpenAI takes for true, the answer comes all the same
// and says "store": false; few applications ever read it back.
//
// Thoughts are the summaries of reasoning items, as that is what applications show, and what proves them to their
// provider is encrypted_content. A reasoning item with encrypted content and no summary is one that only its provider
// reads. Where a provider signs a text or a call, as Gemini does, a reasoning item of the gateway's own follows the item
// and carries the signature, so that applications which know nothing of it bring it back.
//
// Streams that fail end with both an "error" event, which makes the official SDKs raise because it has an error object,
// and response.failed, which is what those look for that read the events themselves. The error event has its words on
// top too, where the reference has them.
//
// The reference is https://platform.openai.com/docs/api-reference/responses and what the official SDKs expect.
package responses
