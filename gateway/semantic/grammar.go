// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import "github.com/sparkgateway/spark/gateway/exchange"

// grammar is what a plain question may look like in a dialect.
type grammar struct {
	// members are those that a body may have, each with the values that leave it a plain question.
	members map[string]rule
	// part is the type of a part of text.
	part string
	// systems says that messages may be the system's, named that they may have a name, typed that they may have a type.
	systems, named, typed bool
	// unstored says that the body must forbid storing: the dialect's default is to store, and then the answer has an id
	// that others would go on from.
	unstored bool
}

var grammars = [exchange.Dialects]grammar{
	exchange.OpenAI:    {members: chatMembers(), part: "text", systems: true, named: true},
	exchange.Responses: {members: responsesMembers(), part: "input_text", systems: true, typed: true, unstored: true},
	exchange.Anthropic: {members: anthropicMembers(), part: "text"},
	exchange.Gemini:    {members: geminiMembers()},
}

func anything(*reading, node) bool { return true }

// one is for the number of answers.
func one(_ *reading, v node) bool { return v.is("1") }

func no(_ *reading, v node) bool { return v.is("false") }

func nothing(_ *reading, v node) bool { return v.is("[]") }

func oneOf(values ...string) rule {
	return func(_ *reading, v node) bool {
		for _, value := range values {
			if v.is(value) {
				return true
			}
		}
		return false
	}
}

// with gives rules that take any value under the names, beside the special ones.
func with(special map[string]rule, names ...string) map[string]rule {
	for _, name := range names {
		special[name] = anything
	}
	return special
}

func chatMembers() map[string]rule {
	return with(map[string]rule{
		"messages":   (*reading).messages,
		"n":          one,
		"store":      no,
		"modalities": oneOf(`["text"]`),
	},
		"model", "stream", "stream_options", "temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed",
		"presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "response_format", "user", "metadata",
		"service_tier", "reasoning_effort", "verbosity", "prompt_cache_key", "prompt_cache_retention", "safety_identifier",
		// Of other servers that speak the dialect.
		"top_k", "min_p", "repetition_penalty")
}

func responsesMembers() map[string]rule {
	return with(map[string]rule{
		"input": func(r *reading, v node) bool {
			if v.kind() == '"' {
				return r.user(v, r.grammar.part)
			}
			return r.messages(v)
		},
		"store":      func(r *reading, v node) bool { r.unstored = v.is("false"); return r.unstored },
		"background": no,
		"include":    nothing,
	},
		"model", "instructions", "stream", "stream_options", "temperature", "top_p", "max_output_tokens", "top_logprobs", "text",
		"reasoning", "truncation", "user", "metadata", "service_tier", "prompt_cache_key", "prompt_cache_retention",
		"safety_identifier")
}

func anthropicMembers() map[string]rule {
	return with(map[string]rule{
		"messages": (*reading).messages,
		"system":   func(r *reading, v node) bool { return prompt(v, r.grammar.part) },
	},
		"model", "max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences", "metadata", "service_tier", "thinking",
		"output_config", "output_format", "anthropic_version")
}

// geminiMembers has every name twice: Gemini reads both spellings.
func geminiMembers() map[string]rule {
	modalities := oneOf(`["TEXT"]`, `["text"]`, `[]`)
	config := with(map[string]rule{
		"candidateCount": one, "candidate_count": one,
		"responseModalities": modalities, "response_modalities": modalities,
	},
		"temperature", "topP", "top_p", "topK", "top_k", "maxOutputTokens", "max_output_tokens", "stopSequences", "stop_sequences",
		"responseMimeType", "response_mime_type", "responseSchema", "response_schema", "responseJsonSchema", "response_json_schema",
		"seed", "presencePenalty", "presence_penalty", "frequencyPenalty", "frequency_penalty", "responseLogprobs",
		"response_logprobs", "logprobs", "thinkingConfig", "thinking_config")
	generation := func(r *reading, v node) bool { return r.object(v, config) }
	return with(map[string]rule{
		"contents":          (*reading).contents,
		"systemInstruction": instruction, "system_instruction": instruction,
		"generationConfig": generation, "generation_config": generation,
	},
		"model", "safetySettings", "safety_settings", "labels")
}
