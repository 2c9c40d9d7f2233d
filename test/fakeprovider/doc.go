// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fakeprovider is an LLM provider for tests: it speaks several providers' dialects over HTTP/1.1, answers
// deterministically, counts tokens by a rule that a test can repeat, misbehaves exactly as told, and records what it
// received and what became of it. Each dialect refuses what its provider refuses, so that a test of a translation fails
// where the real provider would: members that the API does not have, turns out of order, signatures that were changed.
// The path says which dialect a request is in, and of GET /v1/models the header anthropic-version. Those that share
// OpenAI's paths stand below /mistral/v1, /ollama/v1 and /compatible/v1, which takes members that it does not know.
//
// Four things steer an answer; where they disagree the first one wins, field by field:
//
//  1. request headers: x-fake-tokens: 200, x-fake-token-delay: 20ms, x-fake-fault: SPEC
//  2. a marker in the last user message: [[fake tokens=50 delay=10ms fault=SPEC]]
//  3. a marker in the model's name: gpt-4o+tokens=50+delay=10ms+fault=SPEC
//  4. the first rule of the script that fires (Server.SetScript, POST /fake/script)
//
// Beside tokens, delay and fault there are calls=N (so many tool calls, where tools are offered and not forbidden),
// reasoning=N, cached=N (tokens of the prompt, where a dialect tells them), refusal=yes and signatures=required (Gemini's newer models, which want them back), each also as a header.
//
// Server.Down and Up take the whole provider away and bring it back, with connections broken and refused meanwhile.
//
// SPEC is the one fault grammar of ParseFaults. Anything that does not parse, or does not fit the request, is answered
// 400 with the reason, so that a test cannot pass because its fault was ignored.
package fakeprovider
