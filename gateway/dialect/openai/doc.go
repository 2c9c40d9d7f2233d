// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package openai is OpenAI's Chat Completions (POST /v1/chat/completions): what applications ask in it and get in it,
// and how providers are asked that speak it, each in its own flavor. The shapes are those of the API reference at
// https://platform.openai.com/docs/api-reference/chat; what flavors have beside them is said where it is read or
// written.
//
// Three extensions are of the field and not of OpenAI: reasoning_content and reasoning_details, with which thoughts
// come and go back (DeepSeek, vLLM, OpenRouter), cache_control of parts (Anthropic's, as OpenRouter and LiteLLM take
// it), and extra_content of tool calls (Google's thought signatures).
package openai
