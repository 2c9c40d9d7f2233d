// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// dialect is how one kind of application asks, and how it knows what it got.
type dialect struct {
	name    string
	headers map[string]string
	// request gives the path and the body.
	request func(model string, stream bool) (path, body string)
	// checkWhole and checkError say what is wrong with a whole answer and with an error's body.
	checkWhole, checkError func(body string) error
	// event says what an event of a stream is: its end, an error, or neither.
	event func(name, data string) (ended, errored bool, err error)
	// bareErrors says that an error stands in a stream without the framing of events, as Google's own do.
	bareErrors bool
}

const question = "Which of the two answers?"

var dialects = []dialect{
	{
		name: "OpenAI", headers: map[string]string{"Authorization": "Bearer " + applicationKey},
		request: func(model string, stream bool) (string, string) {
			return "/v1/chat/completions", fmt.Sprintf(`{"model":%q,"stream":%t,"messages":[{"role":"user","content":%q}]}`, model, stream, question)
		},
		checkWhole: checkWith(func(a *openAIAnswer) bool {
			return len(a.Choices) == 1 && a.Choices[0].Message.Content != "" && a.Choices[0].FinishReason != ""
		}),
		checkError: checkWith(func(a *openAIAnswer) bool { return a.Error != nil && a.Error.Message != "" && a.Error.Type != "" }),
		event: func(_, data string) (bool, bool, error) {
			if data == "[DONE]" {
				return true, false, nil
			}
			a, err := parsed[openAIAnswer](data)
			return false, err == nil && a.Error != nil, err
		},
	},
	{
		name: "Anthropic", headers: map[string]string{"X-Api-Key": applicationKey, "Anthropic-Version": "2023-06-01"},
		request: func(model string, stream bool) (string, string) {
			return "/v1/messages", fmt.Sprintf(`{"model":%q,"stream":%t,"max_tokens":100,"messages":[{"role":"user","content":%q}]}`, model, stream, question)
		},
		checkWhole: checkWith(func(a *anthropicAnswer) bool {
			return a.Type == "message" && len(a.Content) == 1 && a.Content[0].Text != "" && a.StopReason != ""
		}),
		checkError: checkWith(func(a *anthropicAnswer) bool {
			return a.Type == "error" && a.Error != nil && a.Error.Message != "" && a.Error.Type != ""
		}),
		event: func(name, data string) (bool, bool, error) {
			a, err := parsed[anthropicAnswer](data)
			if err == nil && a.Type != name {
				err = fmt.Errorf("event %q is of type %q: %w", name, a.Type, errNotOurs)
			}
			return name == "message_stop", name == "error", err
		},
	},
	{
		name: "Gemini", headers: map[string]string{"X-Goog-Api-Key": applicationKey}, bareErrors: true,
		request: func(model string, stream bool) (string, string) {
			method := ":generateContent"
			if stream {
				method = ":streamGenerateContent?alt=sse"
			}
			return "/v1beta/models/" + model + method, fmt.Sprintf(`{"contents":[{"role":"user","parts":[{"text":%q}]}]}`, question)
		},
		checkWhole: checkWith(func(a *geminiAnswer) bool {
			return len(a.Candidates) == 1 && len(a.Candidates[0].Content.Parts) > 0 &&
				a.Candidates[0].Content.Parts[0].Text != "" && a.Candidates[0].FinishReason != ""
		}),
		checkError: checkWith(func(a *geminiAnswer) bool { return a.Error != nil && a.Error.Code >= 400 && a.Error.Status != "" }),
		event: func(_, data string) (bool, bool, error) {
			a, err := parsed[geminiAnswer](data)
			return err == nil && len(a.Candidates) == 1 && a.Candidates[0].FinishReason != "", err == nil && a.Error != nil, err
		},
	},
}

type openAIAnswer struct {
	Choices []struct {
		Message      struct{ Content string }
		FinishReason string `json:"finish_reason"`
	}
	Error *struct{ Message, Type string }
}

type anthropicAnswer struct {
	Type       string
	Content    []struct{ Text string }
	StopReason string `json:"stop_reason"`
	Error      *struct{ Message, Type string }
}

type geminiAnswer struct {
	Candidates []struct {
		Content      struct{ Parts []struct{ Text string } }
		FinishReason string
	}
	Error *struct {
		Code            int
		Message, Status string
	}
}

func parsed[T any](text string) (*T, error) {
	value := new(T)
	if err := json.Unmarshal([]byte(text), value); err != nil {
		return nil, fmt.Errorf("no JSON (%w)", err)
	}
	return value, nil
}

func checkWith[T any](good func(*T) bool) func(string) error {
	return func(body string) error {
		value, err := parsed[T](body)
		if err == nil && !good(value) {
			err = errNotOurs
		}
		return err
	}
}

// readStream reads server-sent events to their end; first is called at the first of them that is no error.
func readStream(content io.Reader, d *dialect, first func()) streamed {
	var s streamed
	var name, data string
	lines := bufio.NewScanner(content)
	lines.Buffer(nil, maxAnswer)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "event: "):
			name = line[len("event: "):]
		case strings.HasPrefix(line, "data: "):
			data = line[len("data: "):]
		case d.bareErrors && strings.HasPrefix(line, "{"):
			s.take(d, "", line)
		case line == "" && data != "":
			s.take(d, name, data)
			if s.events == 1 && !s.errored {
				first()
			}
			name, data = "", ""
		}
	}
	s.broke = lines.Err()
	return s
}

// take notes one event.
func (s *streamed) take(d *dialect, name, data string) {
	s.trailing = s.trailing || s.ended || s.errored
	s.last = data
	ended, errored, err := d.event(name, data)
	s.ended, s.errored = s.ended || ended, s.errored || errored
	if err != nil && s.wrong == nil {
		s.wrong = err
	}
	if !errored {
		s.events++
	}
}
