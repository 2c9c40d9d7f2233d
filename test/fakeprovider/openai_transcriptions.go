// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"strings"
)

// bytesPerSecond is how much of a file is taken for a second of it.
const bytesPerSecond = 1000

// hearing is a request to write down what is said.
type hearing struct {
	model, format, task, language string
	prompt                        string // what the file's name and prompt say, where directives may stand
	file                          upload
	stream, words                 bool
}

func (o openAI) transcriptions(r *http.Request, body []byte) (call, *failure) {
	read, fail := formOf(r, body, "file", "model", "language", "prompt", "response_format", "temperature", "stream",
		"timestamp_granularities", "include", "chunking_strategy", "known_speaker_names", "known_speaker_references")
	if fail != nil {
		return nil, fail
	}
	return o.hear(r, read, "transcribe")
}

func (o openAI) translations(r *http.Request, body []byte) (call, *failure) {
	read, fail := formOf(r, body, "file", "model", "prompt", "response_format", "temperature")
	if fail != nil {
		return nil, fail
	}
	return o.hear(r, read, "translate")
}

func (o openAI) hear(r *http.Request, read *form, task string) (call, *failure) {
	file, fail := read.required("file")
	if fail != nil {
		return nil, fail
	}
	h := &hearing{
		model: read.modelOf(r), format: read.value("response_format"), task: task, language: read.value("language"),
		prompt: read.value("prompt"), file: file, stream: read.value("stream") == "true",
	}
	if h.format == "" {
		h.format = "json"
	}
	if h.language == "" || task == "translate" {
		h.language = "english"
	}
	for _, unit := range read.fields["timestamp_granularities"] {
		if fail := oneOf("timestamp_granularities", &unit, "word", "segment"); fail != nil {
			return nil, fail
		}
		h.words = h.words || unit == "word"
	}
	switch {
	case h.model == "":
		return nil, badRequest("you must provide a model parameter")
	case !o.server.knows(h.model):
		return nil, modelNotFound(h.model)
	case len(read.fields["timestamp_granularities"]) > 0 && h.format != "verbose_json":
		return nil, invalid("timestamp_granularities", "'timestamp_granularities' needs 'response_format' to be 'verbose_json'.")
	}
	if given := read.value("temperature"); given != "" {
		value, err := strconv.ParseFloat(given, 64)
		if err != nil {
			return nil, invalid("temperature", "Invalid type for 'temperature': expected a number.")
		}
		if fail := within("temperature", &value, 0, 1); fail != nil {
			return nil, fail
		}
	}
	return h, oneOf("response_format", &h.format, "json", "text", "srt", "vtt", "verbose_json")
}

func (h *hearing) seconds() float64 { return float64(len(h.file.content)) / bytesPerSecond }

func (h *hearing) subject() subject {
	return subject{model: h.model, stream: h.stream, prompt: h.prompt, promptTokens: int(h.seconds() * 10)}
}

// said is what was understood: what the file is called, how long it is, and how it begins.
func (h *hearing) said() string {
	return fmt.Sprintf("I heard %s, %d bytes that begin with %.8s.", h.file.name, len(h.file.content),
		SHA256Of(string(h.file.content)))
}

func (h *hearing) usage(d directives) any {
	switch d.faults.Usage {
	case UsageMissing:
		return nil
	case UsageMalformed:
		return malformedUsage
	}
	output, input := CountTokens(h.said()), int(h.seconds()*10)
	return map[string]any{
		"type": "tokens", "input_tokens": input, "output_tokens": output, "total_tokens": input + output,
		"input_token_details": map[string]int{"text_tokens": 0, "audio_tokens": input},
	}
}

func (h *hearing) reply(d directives, _ stamp) reply {
	if h.stream {
		return reply{events: h.events(d)}
	}
	text := h.said()
	tokens := CountTokens(text)
	end := h.seconds()
	switch h.format {
	case "text":
		return reply{body: []byte(text + "\n"), contentType: "text/plain; charset=utf-8", tokens: tokens}
	case "srt":
		body := fmt.Sprintf("1\n%s --> %s\n%s\n\n", clock(0, ","), clock(end, ","), text)
		return reply{body: []byte(body), contentType: "text/plain; charset=utf-8", tokens: tokens}
	case "vtt":
		body := fmt.Sprintf("WEBVTT\n\n%s --> %s\n%s\n\n", clock(0, "."), clock(end, "."), text)
		return reply{body: []byte(body), contentType: "text/plain; charset=utf-8", tokens: tokens}
	}
	body := map[string]any{"text": text}
	if usage := h.usage(d); usage != nil {
		body["usage"] = usage
	}
	if h.format == "verbose_json" {
		h.elaborate(body, text, end)
	}
	return reply{body: marshal(body), tokens: tokens}
}

// elaborate adds what only verbose_json tells. Its usage is the length.
func (h *hearing) elaborate(body map[string]any, text string, end float64) {
	body["task"], body["language"], body["duration"] = h.task, h.language, end
	if _, told := body["usage"].(map[string]any); told {
		body["usage"] = map[string]any{"type": "duration", "seconds": int(end + 1)}
	}
	body["segments"] = []any{map[string]any{
		"id": 0, "seek": 0, "start": 0.0, "end": end, "text": text, "tokens": []int{1, 2, 3}, "temperature": 0.0,
		"avg_logprob": -0.1, "compression_ratio": 1.0, "no_speech_prob": 0.01,
	}}
	if !h.words {
		return
	}
	fields := strings.Fields(text)
	words := make([]any, len(fields))
	for i, word := range fields {
		step := end / float64(len(fields))
		words[i] = map[string]any{"word": word, "start": float64(i) * step, "end": float64(i+1) * step}
	}
	body["words"] = words
}

// clock writes a time of subtitles: hours, minutes, seconds and, after a mark, milliseconds.
func clock(seconds float64, mark string) string {
	millis := int(seconds * 1000)
	return fmt.Sprintf("%02d:%02d:%02d%s%03d", millis/3_600_000, millis/60_000%60, millis/1000%60, mark, millis%1000)
}

// events gives what is heard, a token an event, and the whole.
func (h *hearing) events(d directives) iter.Seq[event] {
	return func(yield func(event) bool) {
		for _, token := range Tokenize(h.said()) {
			if !yield(event{tokens: 1, data: marshal(map[string]any{"type": "transcript.text.delta", "delta": token})}) {
				return
			}
		}
		done := map[string]any{"type": "transcript.text.done", "text": h.said()}
		if usage := h.usage(d); usage != nil {
			done["usage"] = usage
		}
		yield(event{data: marshal(done), done: true})
	}
}
