// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import "github.com/sparkgateway/spark/gateway/dialect/chat"

// Flavor is whose Chat Completions a provider speaks.
type Flavor uint8

// The flavors.
const (
	// OpenAI is the original.
	OpenAI Flavor = iota
	// Azure is Azure OpenAI (https://learn.microsoft.com/azure/ai-foundry/openai/reference).
	Azure
	// Compatible is any server that follows the original from afar: vLLM, SGLang, llama.cpp, OpenRouter and others.
	// What some of them have beside it, such as top_k and reasoning_content, is used where it is asked for.
	Compatible
	// Ollama is Ollama's (https://docs.ollama.com/api/openai-compatibility). It ignores the fields that it does not
	// have, so that they are refused here.
	Ollama
	// Mistral is La Plateforme's (https://docs.mistral.ai/api).
	Mistral
)

// traits is how a flavor differs.
type traits struct {
	// name of the dialect, in refusals.
	name string
	// lacks are the fields that it cannot express.
	lacks []chat.Field
	// efforts gives its words for how much to think; nil takes OpenAI's.
	efforts map[chat.Effort]string

	// completionTokens: the bound is max_completion_tokens and not max_tokens.
	completionTokens bool
	// developer: there is a role of that name.
	developer bool
	// nameless: there is no place for the end user's name, which asks for nothing but that abuse can be told apart, and so
	// is left out.
	nameless bool
	// names: messages have a name.
	names bool
	// streamOptions: usage must be asked for in a stream.
	streamOptions bool
	// autoOnly: there is no tool_choice.
	autoOnly bool
	// inlineImages: an image is data and not a URL.
	inlineImages bool
	// audio and files: there are parts of that type.
	audio, files bool
}

var flavors = [...]traits{
	OpenAI: {
		name: "OpenAI", lacks: []chat.Field{chat.FieldTopK},
		completionTokens: true, developer: true, names: true, streamOptions: true, audio: true, files: true,
	},
	Azure: {
		name: "Azure OpenAI", lacks: []chat.Field{chat.FieldTopK},
		completionTokens: true, developer: true, names: true, streamOptions: true, audio: true, files: true,
	},
	Compatible: {
		name: "OpenAI-compatible", names: true, streamOptions: true, audio: true, files: true,
	},
	Ollama: {
		name:  "Ollama",
		lacks: []chat.Field{chat.FieldTopK, chat.FieldCandidates, chat.FieldParallelCalls},
		efforts: map[chat.Effort]string{
			chat.EffortNone: "none", chat.EffortMinimal: "low", chat.EffortLow: "low", chat.EffortMedium: "medium",
			chat.EffortHigh: "high", chat.EffortMax: "high",
		},
		nameless: true, streamOptions: true, autoOnly: true, inlineImages: true,
	},
	Mistral: {
		name:  "Mistral",
		lacks: []chat.Field{chat.FieldTopK, chat.FieldLogProbs, chat.FieldTopLogProbs},
		// Models whose reasoning can be chosen think or do not; how much is theirs.
		efforts: map[chat.Effort]string{
			chat.EffortNone: "none", chat.EffortMinimal: "high", chat.EffortLow: "high", chat.EffortMedium: "high",
			chat.EffortHigh: "high", chat.EffortMax: "high",
		},
		nameless: true, audio: true, files: true,
	},
}

func (f Flavor) traits() *traits {
	if int(f) < len(flavors) {
		return &flavors[f]
	}
	return &flavors[Compatible]
}
