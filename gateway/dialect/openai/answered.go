// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"cmp"
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// answered is a completion or a chunk of one, as any flavor sends it.
type answered struct {
	ID      string           `json:"id"`
	Object  string           `json:"object"`
	Model   string           `json:"model"`
	Created count            `json:"created"`
	Choices []answeredChoice `json:"choices"`
	Usage   *answeredUsage   `json:"usage"`
	Error   jsontext.Value   `json:"error"`
}

type answeredChoice struct {
	Index    int            `json:"index"`
	Message  *answeredTurn  `json:"message"` // of a whole answer
	Delta    *answeredTurn  `json:"delta"`   // of a chunk
	Finish   string         `json:"finish_reason"`
	Stopped  jsontext.Value `json:"stop_reason"` // vLLM: the stop sequence, or a token's number
	LogProbs jsontext.Value `json:"logprobs"`
}

type answeredTurn struct {
	Content          jsontext.Value   `json:"content"` // a string, or Mistral's list of chunks
	Refusal          string           `json:"refusal"`
	ReasoningContent string           `json:"reasoning_content"` // DeepSeek, older vLLM
	Reasoning        string           `json:"reasoning"`         // Ollama, OpenRouter, vLLM
	ReasoningDetails []answeredDetail `json:"reasoning_details"` // OpenRouter
	ToolCalls        []answeredCall   `json:"tool_calls"`
}

type answeredDetail struct {
	Type      string `json:"type"`
	Text      string `json:"text"`
	Summary   string `json:"summary"`
	Signature string `json:"signature"`
	Data      string `json:"data"`
	Index     *count `json:"index"`
}

type answeredCall struct {
	Index    count  `json:"index"`
	ID       string `json:"id"`
	Function struct {
		Name      string         `json:"name"`
		Arguments jsontext.Value `json:"arguments"` // a string; of some Mistral models an object
	} `json:"function"`
	Extra struct {
		Google struct {
			ThoughtSignature string `json:"thought_signature"`
		} `json:"google"`
	} `json:"extra_content"`
}

// chunk is a piece of Mistral's content: a text, or a thought that is a list of texts.
type chunk struct {
	Type     string  `json:"type"`
	Text     string  `json:"text"`
	Thinking []chunk `json:"thinking"`
}

type answeredUsage struct {
	Prompt        *count `json:"prompt_tokens"`
	Completion    *count `json:"completion_tokens"`
	Total         *count `json:"total_tokens"`
	PromptDetails struct {
		Cached count `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
	CompletionDetails struct {
		Reasoning count `json:"reasoning_tokens"`
	} `json:"completion_tokens_details"`
}

// count is a number that some write as a fraction or a string; what is none counts nothing.
type count int64

// UnmarshalJSON never fails.
func (c *count) UnmarshalJSON(b []byte) error {
	*c = 0
	text := strings.Trim(string(b), "\"")
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
		*c = count(n)
	} else if f, err := strconv.ParseFloat(text, 64); err == nil && f > 0 && f < 1<<53 {
		*c = count(f)
	}
	return nil
}

// usage gives what was reported; nothing where one of the two counts is not there. No prompt is free: one of no tokens
// was not counted.
func (u *answeredUsage) usage() exchange.Usage {
	if u == nil || u.Prompt == nil || u.Completion == nil || *u.Prompt == 0 {
		return exchange.Usage{}
	}
	known := exchange.Usage{
		Prompt: int64(*u.Prompt), Completion: int64(*u.Completion),
		Cached: int64(u.PromptDetails.Cached), Reasoning: int64(u.CompletionDetails.Reasoning),
		Source: exchange.UsageReported,
	}
	known.Total = known.Prompt + known.Completion
	if u.Total != nil && *u.Total > 0 {
		known.Total = int64(*u.Total)
	}
	return known
}

var (
	errNoAnswer = errors.New("openai: no choices in the answer")
	errContent  = errors.New("openai: content of an unknown shape")
)

// DecodeAnswer reads a chat.completion object. The error of one that tells of a failure is an *exchange.Error.
func (Encoder) DecodeAnswer(body []byte) (*chat.Answer, error) {
	var w answered
	if err := chat.DecodeAnswer(body, &w); err != nil {
		return nil, err
	}
	if e := w.failure(body); e != nil {
		return nil, e
	}
	if len(w.Choices) == 0 {
		return nil, errNoAnswer
	}
	a := &chat.Answer{
		ID: w.ID, Model: w.Model, Created: int64(w.Created), Usage: w.Usage.usage(),
		Choices: make([]chat.Choice, 0, len(w.Choices)),
	}
	for i := range w.Choices {
		c, err := w.Choices[i].choice()
		if err != nil {
			return nil, err
		}
		a.Choices = append(a.Choices, c)
	}
	return a, nil
}

func (w *answeredChoice) choice() (c chat.Choice, err error) {
	if w.Message == nil {
		return c, errNoAnswer
	}
	if failedWord(w.Finish) {
		return c, failedAnswer()
	}
	m := w.Message
	c.Parts = m.thoughts()
	said, err := pieces(m.Content)
	if err != nil {
		return c, err
	}
	c.Parts = append(c.Parts, said...)
	if m.Refusal != "" {
		c.Parts = append(c.Parts, chat.Part{Kind: chat.Refusal, Text: m.Refusal})
	}
	for i := range m.ToolCalls {
		call := &m.ToolCalls[i]
		c.Parts = append(c.Parts, chat.Part{
			Kind: chat.Call, Signature: call.Extra.Google.ThoughtSignature,
			Call: &chat.ToolCall{ID: call.ID, Name: call.Function.Name, Arguments: arguments(call.Function.Arguments)},
		})
	}
	c.Finish, c.StopSequence = w.finish(len(m.ToolCalls) > 0)
	c.LogProbs = present(w.LogProbs)
	return c, nil
}

// thoughts gives what was thought; the details say more than the texts.
func (m *answeredTurn) thoughts() []chat.Part {
	var parts []chat.Part
	for i := range m.ReasoningDetails {
		if p, ok := m.ReasoningDetails[i].part(); ok {
			parts = append(parts, p)
		}
	}
	if text := cmp.Or(m.ReasoningContent, m.Reasoning); len(parts) == 0 && text != "" {
		parts = append(parts, chat.Part{Kind: chat.Thinking, Text: text})
	}
	return parts
}

func (d *answeredDetail) part() (chat.Part, bool) {
	switch d.Type {
	case detailText:
		return chat.Part{Kind: chat.Thinking, Text: d.Text, Signature: d.Signature}, true
	case detailSummary:
		return chat.Part{Kind: chat.Thinking, Text: d.Summary, Signature: d.Signature}, true
	case detailEncrypted:
		return chat.Part{Kind: chat.Redacted, Signature: d.Data}, true
	}
	return chat.Part{}, false
}

// pieces reads a content, which may be empty. Chunks other than texts and thoughts, such as references, are left out.
func pieces(content jsontext.Value) ([]chat.Part, error) {
	switch kindOf(content) {
	case 'n':
		return nil, nil
	case '"':
		text := stringOf(content)
		if text == "" {
			return nil, nil
		}
		return []chat.Part{{Kind: chat.Text, Text: text}}, nil
	case '[':
	default:
		return nil, errContent
	}
	var chunks []chunk
	if err := chat.DecodeAnswer(content, &chunks); err != nil {
		return nil, err
	}
	var parts []chat.Part
	for i := range chunks {
		p := chat.Part{Kind: chat.Text, Text: chunks[i].Text}
		switch chunks[i].Type {
		case "text":
		case "thinking":
			p.Kind, p.Text = chat.Thinking, joined(chunks[i].Thinking)
		default:
			continue
		}
		if p.Text == "" {
			continue
		}
		parts = append(parts, p)
	}
	return parts, nil
}

func joined(chunks []chunk) string {
	var b strings.Builder
	for i := range chunks {
		b.WriteString(chunks[i].Text)
	}
	return b.String()
}

// stringOf unquotes a JSON string that was read before. What is no UTF-8 in it becomes U+FFFD.
func stringOf(v jsontext.Value) string {
	b, _ := jsontext.AppendUnquote(nil, v)
	return string(b)
}

// arguments gives the text of a call's arguments.
func arguments(v jsontext.Value) string {
	switch kindOf(v) {
	case 'n':
		return ""
	case '"':
		return stringOf(v)
	}
	return string(v)
}

// present gives a copy of what is not null.
func present(v jsontext.Value) jsontext.Value {
	if kindOf(v) == 'n' {
		return nil
	}
	return v.Clone()
}

// finish reads why the answer ended. Some say that it stopped where it waits for tools; a caller must know that it
// does. A word that is not known says that it ended.
func (w *answeredChoice) finish(called bool) (chat.Finish, string) {
	switch w.Finish {
	case "":
		return chat.Unfinished, ""
	case finishLength, "model_length", "max_tokens":
		return chat.AtLength, ""
	case finishCalls, "function_call":
		return chat.CalledTools, ""
	case finishFilter:
		return chat.Filtered, ""
	}
	if called {
		return chat.CalledTools, ""
	}
	if kindOf(w.Stopped) == '"' {
		return chat.AtStop, stringOf(w.Stopped)
	}
	return chat.Stopped, ""
}

// failedWord says that a finish reason tells of a failure: Mistral's, vLLM's and DeepSeek's words.
func failedWord(finish string) bool {
	return finish == "error" || finish == "abort" || finish == "insufficient_system_resource"
}
