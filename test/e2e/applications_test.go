// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/sparkgateway/spark/test/e2e/load"
)

// application is how a test speaks one dialect of applications, by its public API reference.
type application struct {
	// header carries the key, behind scheme; fields are others that the dialect's SDKs send.
	header, scheme string
	fields         map[string]string
	// path has MODEL where the model stands in it. streamPath is path where it is empty.
	path, streamPath string
	// body has MODEL and TEXT where those stand. streaming is what a body that asks for a stream begins with.
	body, streaming string
	// whole reads an answer, stream the events of one, and both fail where it is not whole and in order.
	whole  func(body []byte) (told, error)
	stream func(events []event) (told, error)
}

// told is what an answer says.
type told struct {
	text string
	// prompt and completion are tokens.
	prompt, completion int64
}

var applications = map[string]application{
	"OpenAI": {
		header: "Authorization", scheme: "Bearer ", path: "/v1/chat/completions", whole: wholeChat, stream: streamedChat,
		body:      `{"model":"MODEL","messages":[{"role":"user","content":"TEXT"}]}`,
		streaming: `{"stream":true,"stream_options":{"include_usage":true},`,
	},
	"Responses": {
		header: "Authorization", scheme: "Bearer ", path: "/v1/responses", whole: wholeResponse, stream: streamedResponse,
		body: `{"model":"MODEL","input":"TEXT"}`, streaming: `{"stream":true,`,
	},
	"Anthropic": {
		header: "X-Api-Key", fields: map[string]string{"Anthropic-Version": "2023-06-01"},
		path: "/v1/messages", whole: wholeMessage, stream: streamedMessage,
		body: `{"model":"MODEL","max_tokens":1000,"messages":[{"role":"user","content":"TEXT"}]}`, streaming: `{"stream":true,`,
	},
	"Gemini": {
		header: "X-Goog-Api-Key", path: "/v1beta/models/MODEL:generateContent",
		streamPath: "/v1beta/models/MODEL:streamGenerateContent?alt=sse", whole: wholeGeneration, stream: streamedGeneration,
		body: `{"contents":[{"role":"user","parts":[{"text":"TEXT"}]}]}`, streaming: `{`,
	},
}

// question asks a gateway about a text, which like the model is written as JSON has it.
func (a application) question(gateway, apiKey, model, text string, stream bool) load.Question {
	path, body := a.path, strings.NewReplacer("MODEL", model, "TEXT", text).Replace(a.body)
	if stream {
		path, body = cmp.Or(a.streamPath, a.path), a.streaming+body[1:]
	}
	headers := map[string]string{"Content-Type": "application/json", a.header: a.scheme + apiKey}
	maps.Copy(headers, a.fields)
	return load.Question{Method: http.MethodPost, URL: gateway + strings.Replace(path, "MODEL", model, 1), Body: body, Headers: headers}
}

// read gives what an answer says, whole or streamed.
func (a application) read(body string, stream bool) (told, error) {
	if !stream {
		return a.whole([]byte(body))
	}
	events, err := eventsOf(body)
	if err != nil {
		return told{}, err
	}
	return a.stream(events)
}

// event is one of a stream.
type event struct{ name, data string }

// eventsOf takes server-sent events apart; every one of them must be whole.
func eventsOf(body string) ([]event, error) {
	whole, ok := strings.CutSuffix(strings.ReplaceAll(body, "\r\n", "\n"), "\n\n")
	if !ok {
		return nil, errors.New("the last event is cut short")
	}
	var all []event
	for block := range strings.SplitSeq(whole, "\n\n") {
		var e event
		for text := range strings.SplitSeq(block, "\n") {
			name, value, _ := strings.Cut(text, ": ")
			switch name {
			case "event":
				e.name = value
			case "data":
				e.data += value
			case "":
			default:
				return nil, fmt.Errorf("a line that is of no event: %q", text)
			}
		}
		if e.data != "" {
			all = append(all, e)
		}
	}
	return all, nil
}

// message is what an error says, in any of the dialects.
func message(body string) string {
	var a struct{ Error struct{ Message string } }
	// What is not an error has none.
	_ = json.Unmarshal([]byte(body), &a)
	return a.Error.Message
}

// expect says what is not as it must be.
func expect(what string, got, want any) error {
	if got != want {
		return fmt.Errorf("%s is %v, want %v", what, got, want)
	}
	return nil
}

type completion struct {
	Object  string
	Choices []struct {
		Message, Delta struct{ Content string }
		Finish         string `json:"finish_reason"`
	}
	Usage *struct {
		Prompt     int64 `json:"prompt_tokens"`
		Completion int64 `json:"completion_tokens"`
		Total      int64 `json:"total_tokens"`
	}
	Filtered []any `json:"prompt_filter_results"`
}

func wholeChat(body []byte) (t told, err error) {
	var a completion
	if err := json.Unmarshal(body, &a); err != nil {
		return t, err
	}
	if len(a.Choices) != 1 || a.Usage == nil {
		return t, fmt.Errorf("%d choices, usage %v", len(a.Choices), a.Usage)
	}
	t = told{a.Choices[0].Message.Content, a.Usage.Prompt, a.Usage.Completion}
	return t, errors.Join(expect("object", a.Object, "chat.completion"), expect("finish_reason", a.Choices[0].Finish, "stop"),
		expect("total", a.Usage.Total, t.prompt+t.completion))
}

// streamedChat wants chunks up to one that says why it is over, the usage with that or after it, once, and [DONE] at the
// end. Azure begins with a chunk about the prompt that has no choices, and SDKs know that.
func streamedChat(events []event) (t told, err error) {
	finish, usages := "", 0
	for i, e := range events {
		if e.data == "[DONE]" {
			return t, errors.Join(expect("events up to [DONE]", i+1, len(events)), expect("finish_reason", finish, "stop"),
				expect("the number of usages", usages, 1))
		}
		var a completion
		if err := json.Unmarshal([]byte(e.data), &a); err != nil {
			return t, err
		}
		over := finish != ""
		for _, choice := range a.Choices {
			t.text += choice.Delta.Content
			finish = choice.Finish
		}
		if a.Usage != nil {
			t.prompt, t.completion = a.Usage.Prompt, a.Usage.Completion
			usages++
		}
		filtered := i == 0 && a.Filtered != nil && len(a.Choices) == 0
		if over && len(a.Choices) > 0 || finish == "" && a.Usage != nil || !filtered && a.Object != "chat.completion.chunk" {
			return t, fmt.Errorf("chunk %d is %s", i, e.data)
		}
	}
	return t, errors.New("no [DONE]")
}

type response struct {
	Status string
	Output []struct {
		Type    string
		Content []struct{ Type, Text string }
	}
	Usage *struct {
		Input  int64 `json:"input_tokens"`
		Output int64 `json:"output_tokens"`
		Total  int64 `json:"total_tokens"`
	}
}

func (r *response) told() (t told, err error) {
	if r.Usage == nil {
		return t, errors.New("no usage")
	}
	t.prompt, t.completion = r.Usage.Input, r.Usage.Output
	for _, item := range r.Output {
		for _, part := range item.Content {
			t.text += part.Text
		}
	}
	return t, errors.Join(expect("status", r.Status, "completed"), expect("total", r.Usage.Total, t.prompt+t.completion))
}

func wholeResponse(body []byte) (told, error) {
	var a response
	if err := json.Unmarshal(body, &a); err != nil {
		return told{}, err
	}
	return a.told()
}

// streamedResponse wants events that are numbered through, from created to completed, whose pieces are the text in the end.
func streamedResponse(events []event) (t told, err error) {
	text, last := "", len(events)-1
	for i, e := range events {
		var a struct {
			Type     string
			Sequence *int `json:"sequence_number"`
			Delta    string
			Response response
		}
		if err := json.Unmarshal([]byte(e.data), &a); err != nil {
			return t, err
		}
		if a.Type != e.name || a.Sequence == nil || *a.Sequence != i || (i == 0) != (a.Type == "response.created") {
			return t, fmt.Errorf("event %d is %s: %s", i, e.name, e.data)
		}
		if a.Type == "response.output_text.delta" {
			text += a.Delta
		}
		if i == last {
			t, err = a.Response.told()
			return t, errors.Join(err, expect("the last event", a.Type, "response.completed"), expect("the text of the pieces", text, t.text))
		}
	}
	return t, errors.New("no events")
}
