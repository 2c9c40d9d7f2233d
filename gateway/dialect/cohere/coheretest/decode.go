// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package coheretest reads what is asked of Cohere, as a fake of it must, so that tests can say what a translation to it
// kept. No application speaks it to the gateway.
package coheretest

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

var (
	errUnknown = errors.New("coheretest: a field that Cohere does not have")
	errShape   = errors.New("coheretest: a value that Cohere does not take")
)

type request struct {
	Model       string         `json:"model"`
	Messages    []message      `json:"messages"`
	Stream      bool           `json:"stream"`
	Tools       []tool         `json:"tools"`
	StrictTools bool           `json:"strict_tools"`
	ToolChoice  string         `json:"tool_choice"`
	Format      *format        `json:"response_format"`
	Thinking    *thinking      `json:"thinking"`
	MaxTokens   *int64         `json:"max_tokens"`
	Stop        []string       `json:"stop_sequences"`
	Temperature *float64       `json:"temperature"`
	Seed        *int64         `json:"seed"`
	Frequency   *float64       `json:"frequency_penalty"`
	Presence    *float64       `json:"presence_penalty"`
	K           *int64         `json:"k"`
	P           *float64       `json:"p"`
	Unknown     jsontext.Value `json:",embed"`
}

type message struct {
	Role       string         `json:"role"`
	Content    jsontext.Value `json:"content"`
	ToolPlan   string         `json:"tool_plan"`
	ToolCalls  []call         `json:"tool_calls"`
	ToolCallID string         `json:"tool_call_id"`
	Unknown    jsontext.Value `json:",embed"`
}

type call struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

type part struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Thinking string `json:"thinking"`
	ImageURL struct {
		URL    string `json:"url"`
		Detail string `json:"detail"`
	} `json:"image_url"`
	Unknown jsontext.Value `json:",embed"`
}

type tool struct {
	Type     string `json:"type"`
	Function struct {
		Name        string         `json:"name"`
		Description string         `json:"description"`
		Parameters  jsontext.Value `json:"parameters"`
	} `json:"function"`
}

type format struct {
	Type   string         `json:"type"`
	Schema jsontext.Value `json:"json_schema"`
}

type thinking struct {
	Type   string `json:"type"`
	Budget *int64 `json:"token_budget"`
}

// DecodeRequest reads the body of a POST /v2/chat. It fails at what the API reference does not have.
func DecodeRequest(body []byte) (*chat.Request, error) {
	var w request
	if err := chat.DecodeBody(body, &w); err != nil {
		return nil, err
	}
	if len(w.Unknown) > 0 || w.Model == "" {
		return nil, errUnknown
	}
	r := &chat.Request{
		Model: w.Model, Stream: w.Stream, MaxTokens: w.MaxTokens, Stop: w.Stop, Temperature: w.Temperature, Seed: w.Seed,
		Frequency: w.Frequency, Presence: w.Presence, TopK: w.K, TopP: w.P,
		Names: func(chat.Field) string { return "field" },
	}
	for _, read := range []func(*chat.Request) error{w.settings, w.tools, w.messages} {
		if err := read(r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// settings reads the format and how much to think.
func (w *request) settings(r *chat.Request) error {
	if f := w.Format; f != nil {
		switch {
		case f.Type == "json_object" && len(f.Schema) > 0:
			r.Format = chat.Format{Kind: chat.JSONSchema, Schema: f.Schema}
		case f.Type == "json_object":
			r.Format.Kind = chat.JSONObject
		case f.Type != "text":
			return errShape
		}
	}
	if t := w.Thinking; t != nil {
		none, free := int64(0), int64(-1)
		switch {
		case t.Type == "disabled" && t.Budget == nil:
			r.Reasoning.Budget = &none
		case t.Type == "enabled" && t.Budget == nil:
			r.Reasoning.Budget = &free
		case t.Type == "enabled" && *t.Budget > 0:
			r.Reasoning.Budget = t.Budget
		default:
			return errShape
		}
	}
	return nil
}

func (w *request) tools(r *chat.Request) error {
	for i := range w.Tools {
		f := &w.Tools[i].Function
		if w.Tools[i].Type != "function" || f.Name == "" {
			return errShape
		}
		t := chat.Tool{Name: f.Name, Description: f.Description, Schema: f.Parameters}
		if w.StrictTools {
			t.Strict = &w.StrictTools
		}
		r.Tools = append(r.Tools, t)
	}
	switch w.ToolChoice {
	case "":
		return nil
	case "REQUIRED":
		r.Choice.Mode = chat.AnyTool
	case "NONE":
		r.Choice.Mode = chat.NoTools
	default:
		return errShape
	}
	if len(r.Tools) == 0 {
		return errShape
	}
	return nil
}

func (w *request) messages(r *chat.Request) error {
	for i := range w.Messages {
		m, err := w.Messages[i].decode()
		if err != nil {
			return err
		}
		r.Messages = append(r.Messages, m)
	}
	return nil
}

func (w *message) decode() (m chat.Message, err error) {
	if len(w.Unknown) > 0 || w.Role != "tool" && w.ToolCallID != "" {
		return m, errUnknown
	}
	if w.Role != "assistant" && (w.ToolPlan != "" || w.ToolCalls != nil) {
		return m, errUnknown
	}
	if m.Parts, err = content(w.Content, w.Role); err != nil {
		return m, err
	}
	switch w.Role {
	case "system":
		m.Role = chat.System
	case "user":
		m.Role = chat.User
	case "tool":
		if w.ToolCallID == "" {
			return m, errShape
		}
		m.Role = chat.User
		m.Parts = []chat.Part{{Kind: chat.Result, Result: &chat.ToolResult{CallID: w.ToolCallID, Parts: m.Parts}}}
	case "assistant":
		m.Role = chat.Assistant
		if w.ToolPlan != "" {
			m.Parts = append(m.Parts, chat.Part{Text: w.ToolPlan})
		}
		for i := range w.ToolCalls {
			c := &w.ToolCalls[i]
			if c.Type != "function" || c.ID == "" || c.Function.Name == "" {
				return m, errShape
			}
			m.Parts = append(m.Parts, chat.Part{Kind: chat.Call, Call: &chat.ToolCall{
				ID: c.ID, Name: c.Function.Name, Arguments: c.Function.Arguments,
			}})
		}
	default:
		return m, errShape
	}
	return m, nil
}

func content(v jsontext.Value, role string) ([]chat.Part, error) {
	switch {
	case len(v) == 0 && role == "assistant":
		return nil, nil
	case len(v) > 0 && v.Kind() == '"':
		var text string
		if err := chat.DecodePart("content", v, &text); err != nil {
			return nil, err
		}
		return []chat.Part{{Text: text}}, nil
	}
	var wire []part
	if err := chat.DecodePart("content", v, &wire); err != nil {
		return nil, err
	}
	var parts []chat.Part
	for i := range wire {
		p := &wire[i]
		switch {
		case len(p.Unknown) > 0:
			return nil, errUnknown
		case p.Type == "text":
			parts = append(parts, chat.Part{Text: p.Text})
		case p.Type == "thinking" && role == "assistant":
			parts = append(parts, chat.Part{Kind: chat.Thinking, Text: p.Thinking})
		case p.Type == "image_url" && role == "user":
			parts = append(parts, chat.Part{Kind: chat.Image, Media: image(p.ImageURL.URL, p.ImageURL.Detail)})
		default:
			return nil, errShape
		}
	}
	return parts, nil
}

func image(url, detail string) *chat.Media {
	if rest, ok := strings.CutPrefix(url, "data:"); ok {
		mime, data, _ := strings.Cut(rest, ";base64,")
		return &chat.Media{MIME: mime, Data: data, Detail: detail}
	}
	return &chat.Media{URL: url, Detail: detail}
}
