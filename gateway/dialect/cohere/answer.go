// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cohere

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

type answered struct {
	ID      string `json:"id"`
	Finish  string `json:"finish_reason"`
	Message *turn  `json:"message"`
	Usage   *told  `json:"usage"`
}

// turn is an assistant's message. Its citations say which of a tool's answers a text rests on; no dialect asks for them.
type turn struct {
	Content   []content      `json:"content"`
	ToolPlan  string         `json:"tool_plan"`
	ToolCalls []answeredCall `json:"tool_calls"`
}

type content struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Thinking string `json:"thinking"`
}

type answeredCall struct {
	ID       string `json:"id"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

// told is a usage: what is billed, and all that the model read and wrote, which includes Cohere's own instructions.
type told struct {
	Billed *tokens `json:"billed_units"`
	Tokens *tokens `json:"tokens"`
	Cached float64 `json:"cached_tokens"`
}

// tokens are numbers that may be fractions by their type and never are.
type tokens struct {
	Input  *float64 `json:"input_tokens"`
	Output *float64 `json:"output_tokens"`
}

func (t *tokens) known() bool { return t != nil && t.Input != nil && t.Output != nil }

// usage gives what is billed, as that is what a price is for; where only the tokens are told, those.
func (t *told) usage() exchange.Usage {
	if t == nil {
		return exchange.Usage{}
	}
	from := t.Billed
	if !from.known() {
		from = t.Tokens
	}
	if !from.known() {
		return exchange.Usage{}
	}
	u := exchange.Usage{Prompt: number(*from.Input), Completion: number(*from.Output), Source: exchange.UsageReported}
	u.Total = u.Prompt + u.Completion
	u.Cached = min(number(t.Cached), u.Prompt)
	return u
}

func number(f float64) int64 {
	if f > 0 && f < 1<<53 {
		return int64(f)
	}
	return 0
}

var errNoAnswer = errors.New("cohere: no message in the answer")

// DecodeAnswer reads an answer. The error of one that tells of a failure is an *exchange.Error.
func (Encoder) DecodeAnswer(body []byte) (*chat.Answer, error) {
	var w answered
	if err := chat.DecodeAnswer(body, &w); err != nil {
		return nil, err
	}
	if w.Message == nil {
		return nil, errNoAnswer
	}
	if e := failure(w.Finish, ""); e != nil {
		return nil, e
	}
	c := chat.Choice{Finish: finish(w.Finish)}
	for i := range w.Message.Content {
		switch p := &w.Message.Content[i]; p.Type {
		case "text":
			c.Parts = append(c.Parts, chat.Part{Kind: chat.Text, Text: p.Text})
		case "thinking":
			c.Parts = append(c.Parts, chat.Part{Kind: chat.Thinking, Text: p.Thinking})
		}
	}
	if plan := w.Message.ToolPlan; plan != "" {
		c.Parts = append(c.Parts, chat.Part{Kind: chat.Text, Text: plan})
	}
	for i := range w.Message.ToolCalls {
		t := &w.Message.ToolCalls[i]
		c.Parts = append(c.Parts, chat.Part{Kind: chat.Call, Call: &chat.ToolCall{
			ID: t.ID, Name: t.Function.Name, Arguments: t.Function.Arguments,
		}})
	}
	return &chat.Answer{ID: w.ID, Choices: []chat.Choice{c}, Usage: w.Usage.usage()}, nil
}

// finish reads a finish_reason; a word that is not known says that the answer ended.
func finish(word string) chat.Finish {
	switch word {
	case "":
		return chat.Unfinished
	case "STOP_SEQUENCE":
		return chat.AtStop
	case "MAX_TOKENS":
		return chat.AtLength
	case "TOOL_CALL":
		return chat.CalledTools
	case "ERROR_TOXIC":
		return chat.Filtered
	}
	return chat.Stopped
}

// failure gives the error that a finish_reason tells of, nil where it tells of none.
func failure(word, message string) *exchange.Error {
	e := &exchange.Error{
		Status: 500, Type: exchange.TypeUpstream, Reason: exchange.ReasonProviderErrorEvent,
		Outcome: exchange.ProviderFailed, Message: clip(message),
	}
	switch {
	case word == "TIMEOUT":
		e.Status = 504
	case word == "ERROR" || message != "":
	default:
		return nil
	}
	if e.Message == "" {
		e.Message = "The provider's answer failed."
	}
	return e
}

// maxMessage bounds the message of a provider, in bytes.
const maxMessage = 4 << 10

func clip(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage], "")
}

// textOf gives a JSON string's text, "" for anything else.
func textOf(v jsontext.Value) string {
	if len(v) == 0 || v.Kind() != '"' {
		return ""
	}
	b, _ := jsontext.AppendUnquote(nil, v)
	return string(b)
}
