// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package bed

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Dialect is how an application speaks.
type Dialect struct {
	// path and streamPath are where; %s stands for the model, where it is not in the body.
	path, streamPath string
	// body asks; the places are of the model, unless it is in the path, of the text, and of further members.
	body string
	// most is the member that bounds the answer, streaming the one that asks for a stream.
	most, streaming string
	// said is the text of an answer or event.
	said func(data []byte) string
	// array says that a stream is one JSON array.
	array bool
}

// Dialects are all that a chat can be had in.
var Dialects = map[string]Dialect{
	"chat": {
		path: "/v1/chat/completions", said: saidInChat, streaming: `,"stream":true`,
		body: `{"model":%[1]q,"messages":[{"role":"user","content":%[2]q}]%[3]s}`, most: `,"max_completion_tokens":%d`,
	},
	"responses": {
		path: "/v1/responses", said: saidInResponses, streaming: `,"stream":true`,
		body: `{"model":%[1]q,"input":%[2]q%[3]s}`, most: `,"max_output_tokens":%d`,
	},
	"anthropic": {
		path: "/v1/messages", said: saidInAnthropic, streaming: `,"stream":true`,
		body: `{"model":%[1]q,"messages":[{"role":"user","content":%[2]q}]%[3]s}`, most: `,"max_tokens":%d`,
	},
	"gemini": {
		path: "/v1beta/models/%s:generateContent", streamPath: "/v1beta/models/%s:streamGenerateContent?alt=sse",
		said: saidInGemini, body: geminiBody, most: geminiMost,
	},
	"gemini array": {
		path: "/v1beta/models/%s:generateContent", streamPath: "/v1beta/models/%s:streamGenerateContent",
		said: saidInGemini, body: geminiBody, most: geminiMost, array: true,
	},
}

const (
	geminiBody = `{"contents":[{"role":"user","parts":[{"text":%[2]q}]}]%[3]s%.0[1]s}`
	geminiMost = `,"generationConfig":{"maxOutputTokens":%d}`
)

// Ask gives the path and the body of a request for an answer of at most so many tokens, 0 for as many as it has; Anthropic
// wants a number.
func (d Dialect) Ask(model, text string, most int, stream bool) (path, body string) {
	path, more := d.path, ""
	if most > 0 {
		more = fmt.Sprintf(d.most, most)
	}
	if stream {
		more += d.streaming
		if d.streamPath != "" {
			path = d.streamPath
		}
	}
	return strings.Replace(path, "%s", model, 1), fmt.Sprintf(d.body, model, text, more)
}

// Hear reads a stream and tells of each text as it comes, until more says that it is enough or the stream ends.
func (d Dialect) Hear(stream io.Reader, more func(text string) bool) error {
	if d.array {
		return d.hearArray(stream, more)
	}
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && !more(d.said([]byte(data))) {
			return nil
		}
	}
	return lines.Err()
}

func (d Dialect) hearArray(stream io.Reader, more func(text string) bool) error {
	elements := json.NewDecoder(stream)
	if _, err := elements.Token(); err != nil {
		return err
	}
	for elements.More() {
		var element json.RawMessage
		if err := elements.Decode(&element); err != nil {
			return err
		}
		if !more(d.said(element)) {
			return nil
		}
	}
	if _, err := elements.Token(); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// Authorize shows a user's key as OpenAI's SDKs do, which every dialect's paths take.
func Authorize(r *http.Request, user string) {
	r.Header.Set("Authorization", "Bearer "+Secret(user))
	r.Header.Set("Content-Type", "application/json")
}

func saidInChat(data []byte) string {
	var a struct {
		Choices []struct {
			Message, Delta struct{ Content string }
		}
	}
	if json.Unmarshal(data, &a) != nil { // [DONE]
		return ""
	}
	text := ""
	for _, c := range a.Choices {
		text += c.Message.Content + c.Delta.Content
	}
	return text
}

func saidInResponses(data []byte) string {
	var a struct{ Type, Delta string }
	if json.Unmarshal(data, &a) != nil || a.Type != "response.output_text.delta" {
		return ""
	}
	return a.Delta
}

func saidInAnthropic(data []byte) string {
	var a struct{ Delta struct{ Text string } }
	if json.Unmarshal(data, &a) != nil {
		return ""
	}
	return a.Delta.Text
}

func saidInGemini(data []byte) string {
	var a struct {
		Candidates []struct {
			Content struct{ Parts []struct{ Text string } }
		}
	}
	if json.Unmarshal(data, &a) != nil {
		return ""
	}
	text := ""
	for _, c := range a.Candidates {
		for _, p := range c.Content.Parts {
			text += p.Text
		}
	}
	return text
}
