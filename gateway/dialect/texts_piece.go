// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"strconv"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// appendPiece appends an event that brings one more piece of a channel's text.
func (s *StreamFilter) appendPiece(dst []byte, c *channel, text []byte) []byte {
	switch s.d {
	case exchange.Anthropic:
		dst = append(dst, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":"...)
		dst = strconv.AppendInt(dst, int64(c.u.channel.Index), 10)
		dst = append(dst, anthropicDeltas[c.u.channel.Voice]...)
		return append(AppendString(dst, text), "}}\n\n"...)
	case exchange.Responses:
		return s.appendResponsesPiece(dst, c, text)
	case exchange.Gemini:
		return s.appendGeminiPiece(dst, c, text)
	case exchange.Spark:
		dst = append(dst, "event: delta\ndata: {\"text\":"...)
		return append(AppendString(dst, text), "}\n\n"...)
	default:
		return append(s.appendOpenAIPiece(append(dst, "data: "...), c, text), "\n\n"...)
	}
}

// anthropicDeltas are what stands before the text of a delta, by its voice.
var anthropicDeltas = [...]string{
	VoiceContent:   `,"delta":{"type":"text_delta","text":`,
	VoiceReasoning: `,"delta":{"type":"thinking_delta","thinking":`,
	VoiceRefusal:   `,"delta":{"type":"text_delta","text":`,
	VoiceArguments: `,"delta":{"type":"input_json_delta","partial_json":`,
}

func (s *StreamFilter) appendResponsesPiece(dst []byte, c *channel, text []byte) []byte {
	kind := member(append(append(s.scratch[:0], '{'), c.head...), "type")
	if len(kind) > 1 {
		dst = append(append(append(dst, "event: "...), kind[1:len(kind)-1]...), '\n')
	}
	dst = append(append(dst, "data: {"...), c.head...)
	dst = AppendString(append(dst, `"delta":`...), text)
	if c.u.channel.Voice == VoiceContent {
		dst = append(dst, `,"logprobs":[]`...)
	}
	if s.numbered {
		dst = strconv.AppendInt(append(dst, `,"sequence_number":`...), s.number+s.shift, 10)
	}
	return append(dst, "}\n\n"...)
}

func (s *StreamFilter) appendGeminiPiece(dst []byte, c *channel, text []byte) []byte {
	switch {
	case !s.array:
		dst = append(dst, "data: "...)
	case s.trailing && s.elements > 0:
		dst = append(dst, ",\n"...)
	case s.trailing:
		dst = append(dst, '[')
	}
	dst = append(append(dst, '{'), s.head...)
	dst = AppendString(append(dst, `"candidates":[{"content":{"parts":[{"text":`...), text)
	if c.u.channel.Voice == VoiceReasoning {
		dst = append(dst, `,"thought":true`...)
	}
	dst = strconv.AppendInt(append(dst, `}],"role":"model"},"index":`...), int64(c.u.channel.Index), 10)
	dst = append(dst, "}]}"...)
	s.elements++
	switch {
	case !s.array:
		dst = append(dst, "\n\n"...)
	case !s.trailing:
		dst = append(dst, ",\n"...)
	}
	return dst
}

// appendOpenAIPiece appends a chunk of a chat, of a completion or of a transcription.
func (s *StreamFilter) appendOpenAIPiece(dst []byte, c *channel, text []byte) []byte {
	if c.u.form == formTranscript {
		dst = AppendString(append(dst, `{"type":"transcript.text.delta","delta":`...), text)
		return append(dst, '}')
	}
	dst = append(append(dst, '{'), s.head...)
	dst = strconv.AppendInt(append(dst, `"choices":[{"index":`...), int64(c.u.channel.Index), 10)
	before, after := chatDelta(&c.u)
	dst = append(append(dst, ','), before...)
	if numberedForm(&c.u) {
		dst = strconv.AppendInt(append(dst, `{"index":`...), int64(c.u.channel.Part), 10)
		dst = append(dst, innerDelta[c.u.form]...)
	}
	dst = append(AppendString(dst, text), after...)
	return append(dst, `,"logprobs":null,"finish_reason":null}]}`...)
}

// numberedForm says that a piece is of one of several parts.
func numberedForm(u *utterance) bool {
	return u.form == formDetails || u.channel.Voice == VoiceArguments && u.form != formFunctionCall
}

// innerDelta is what stands between a part's index and the text, by form.
var innerDelta = map[form]string{
	formDetails: `,"type":"reasoning.text","text":`, formCustom: `,"custom":{"input":`, formPlain: `,"function":{"arguments":`,
}

// chatDelta gives what stands before and behind the text of a chat's delta.
func chatDelta(u *utterance) (before, after string) {
	switch u.form {
	case formCompletion:
		return `"text":`, ""
	case formReasoningContent:
		return `"delta":{"reasoning_content":`, "}"
	case formReasoning:
		return `"delta":{"reasoning":`, "}"
	case formThinking:
		return `"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":`, "}]}]}"
	case formDetails:
		return `"delta":{"reasoning_details":[`, "}]}"
	case formFunctionCall:
		return `"delta":{"function_call":{"arguments":`, "}}"
	case formAudio:
		return `"delta":{"audio":{"transcript":`, "}}"
	default:
	}
	switch u.channel.Voice {
	case VoiceArguments:
		return `"delta":{"tool_calls":[`, "}}]}"
	case VoiceRefusal:
		return `"delta":{"refusal":`, "}"
	case VoiceReasoning:
		return `"delta":{"reasoning":`, "}"
	default:
		return `"delta":{"content":`, "}"
	}
}
