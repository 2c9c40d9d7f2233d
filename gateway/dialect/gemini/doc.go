// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gemini translates between the neutral chat and Google's generateContent, as the Gemini API (v1beta) and
// Vertex AI (v1) speak it: https://ai.google.dev/api/generate-content. The model stands in the URL, not in the body.
//
// A request that is decoded and rendered again means the same, in these normal forms: names in camel case; lists where
// Google allows a lone object; instructions without a role; turns of one role merged; a run of unsigned thoughts as one;
// function calls and responses with an ID each; schemas as JSON Schema (parametersJsonSchema, responseJsonSchema); all
// functions in one tool; defaults left out.
//
// Gemini has no place for the name of the end user (OpenAI's user, Anthropic's metadata.user_id), for marks of what to
// cache, which it does unasked, or for the names of documents and formats. They change nothing of the answer and are
// left out.
package gemini
