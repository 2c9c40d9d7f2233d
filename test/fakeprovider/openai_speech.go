// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/base64"
	"encoding/json"
	"iter"
	"net/http"
)

// maxSpeech bounds a text to speak, in characters.
const maxSpeech = 4096

type speechRequest struct {
	Model          string          `json:"model"`
	Input          string          `json:"input"`
	Voice          json.RawMessage `json:"voice"` // a name, or an object with an id
	Instructions   *string         `json:"instructions"`
	ResponseFormat *string         `json:"response_format"`
	Speed          *float64        `json:"speed"`
	StreamFormat   *string         `json:"stream_format"`
}

// speechTypes are the formats of speech and what they are sent as.
var speechTypes = map[string]string{
	"mp3": "audio/mpeg", "opus": "audio/opus", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav", "pcm": "audio/pcm",
}

// speechHeads are how files of those formats begin.
var speechHeads = map[string]string{"mp3": "ID3\x04", "opus": "OggS", "aac": "\xff\xf1", "flac": "fLaC", "wav": "RIFF"}

func (o openAI) speech(_ *http.Request, body []byte) (call, *failure) {
	var request speechRequest
	if fail := decodeOpenAI(body, &request); fail != nil {
		return nil, fail
	}
	format := orDefault(request.ResponseFormat, "mp3")
	switch {
	case request.Model == "":
		return nil, badRequest("you must provide a model parameter")
	case !o.server.knows(request.Model):
		return nil, modelNotFound(request.Model)
	case request.Input == "" || len([]rune(request.Input)) > maxSpeech:
		return nil, invalid("input", "Invalid 'input': expected from 1 to 4096 characters.")
	case !given(request.Voice):
		return nil, invalid("voice", "Missing required parameter: 'voice'.")
	case speechTypes[format] == "":
		return nil, oneOf("response_format", &format, "mp3", "opus", "aac", "flac", "wav", "pcm")
	}
	if fail := first(within("speed", request.Speed, 0.25, 4), oneOf("stream_format", request.StreamFormat, "audio", "sse")); fail != nil {
		return nil, fail
	}
	tokens := CountTokens(request.Input)
	return &markedCall{
		about: subject{
			model: request.Model, prompt: request.Input, promptTokens: tokens, stream: orDefault(request.StreamFormat, "audio") == "sse",
		},
		render: func(d directives, _ stamp) reply {
			if orDefault(request.StreamFormat, "audio") == "sse" {
				return reply{events: spokenEvents(request.Input, format, d)}
			}
			return reply{body: spoken(request.Input, format), contentType: speechTypes[format]}
		},
	}, nil
}

// spoken is noise of the text's length that begins as a file of the format does.
func spoken(text, format string) []byte {
	audio := []byte(speechHeads[format])
	for _, token := range Tokenize(text) {
		audio = append(audio, SHA256Of(token)...)
		audio = append(audio, 0x00, 0xff, 0xfe, 0x80) // no text has these in a row
	}
	return audio
}

// spokenEvents gives the same in pieces, a token each, and what it took.
func spokenEvents(text, format string, d directives) iter.Seq[event] {
	return func(yield func(event) bool) {
		tokens := Tokenize(text)
		for i, token := range tokens {
			audio := spoken(token, "pcm")
			if i == 0 {
				audio = spoken(token, format)
			}
			if !yield(event{tokens: 1, data: marshal(map[string]any{
				"type": "speech.audio.delta", "audio": base64.StdEncoding.EncodeToString(audio),
			})}) {
				return
			}
		}
		done := map[string]any{"type": "speech.audio.done"}
		switch d.faults.Usage {
		case "":
			done["usage"] = map[string]int{
				"input_tokens": len(tokens), "output_tokens": len(tokens), "total_tokens": 2 * len(tokens),
			}
		case UsageMalformed:
			done["usage"] = malformedUsage
		}
		yield(event{data: marshal(done), done: true})
	}
}
