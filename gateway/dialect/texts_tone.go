// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import "github.com/sparkgateway/spark/gateway/exchange"

// tell gives the tone of a member's value, which begins at from, in an object of tone t. Members whose names mean nothing
// here may hold texts deeper.
func (h *hearing) tell(t tone, key []byte, from int) tone {
	t.depth++
	t.numbered = false
	if t.every {
		t.text = true
		return t
	}
	t.text = false
	u := &t.u
	switch string(key) {
	case "text", "output_text":
		t.text = true
	case "content":
		t.text = true
		t.numbered = h.d == exchange.Responses
		// Anthropic's blocks come in pieces, but what is in one comes whole.
		u.whole = u.whole || h.d == exchange.Anthropic
	case "refusal":
		return t.as(VoiceRefusal, formPlain)
	case "output", "outputs", "results", "logs", "stdout", "stderr":
		return t.as(VoiceContent, formQuoted)
	case "transcript":
		return t.as(VoiceContent, u.form)
	case "cited_text", "revised_prompt":
		u.whole = true
		return t.as(VoiceContent, formQuoted)
	case "audio":
		u.form = formAudio
	default:
		if thoughts(&t, key, h.d) || h.calls(&t, key, from) {
			return t
		}
	}
	return t
}

// thoughts is tell for what a model thought.
func thoughts(t *tone, key []byte, d exchange.Dialect) bool {
	switch string(key) {
	case "reasoning_content":
		*t = t.as(VoiceReasoning, formReasoningContent)
	case "reasoning":
		*t = t.as(VoiceReasoning, formReasoning)
	case "thinking":
		*t = t.as(VoiceReasoning, formThinking)
		if d == exchange.Anthropic {
			t.u.form = formPlain
		}
	case "reasoning_details":
		*t = t.as(VoiceReasoning, formDetails)
		t.numbered = true
	case "summary":
		if d == exchange.Responses {
			*t = t.as(VoiceReasoning, formSummary)
			t.numbered = true
		}
		t.text = true
	default:
		return false
	}
	return true
}

// calls is tell for the calls of tools.
func (h *hearing) calls(t *tone, key []byte, from int) bool {
	switch string(key) {
	case "arguments", "partial_json", "input", "code", "args", "diff", "command", "commands", "query", "queries":
		*t = t.as(VoiceArguments, t.u.form)
		if first := h.first(from); first == '{' || first == '[' {
			t.every, t.u.whole = true, true
		}
	case "tool_calls":
		t.numbered = true
	case "function_call":
		t.u.form = formFunctionCall
	case "custom":
		t.u.form = formCustom
	default:
		return false
	}
	return true
}
