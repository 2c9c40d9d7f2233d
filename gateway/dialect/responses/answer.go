// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// AppendAnswer renders the first choice as a response object; the dialect has no others. It repeats a.Echo, or says the
// defaults.
func (Decoder) AppendAnswer(dst []byte, a *chat.Answer) []byte {
	r := response{
		ID: "resp_" + base(a.ID), Object: "response", CreatedAt: a.Created, Model: a.Model,
		Status: completed, Usage: told(a.Usage), Echo: a.Echo,
	}
	if unsaid(r.Echo) {
		r.Echo = defaultEcho
	}
	if len(a.Choices) > 0 {
		c := &a.Choices[0]
		pieces, refused := piecesOf(c)
		r.Status, r.IncompleteDetails = state(c.Finish, refused)
		r.Output = output(base(a.ID), pieces, r.Status)
	}
	return chat.Append(dst, r)
}

func piecesOf(c *chat.Choice) (pieces []piece, refused bool) {
	logProbs := entries(c.LogProbs)
	for _, p := range c.Parts {
		next := piece{Part: p}
		if p.Kind == chat.Text {
			next.logProbs, logProbs = logProbs, nil
		}
		refused = refused || p.Kind == chat.Refusal
		pieces = append(pieces, next)
	}
	return pieces, refused
}

// header is the response object as providers write it, but for its output.
type header struct {
	ID                string         `json:"id"`
	Object            string         `json:"object"`
	CreatedAt         float64        `json:"created_at"`
	Status            string         `json:"status"`
	Error             *failure       `json:"error"`
	IncompleteDetails *details       `json:"incomplete_details"`
	Model             string         `json:"model"`
	Usage             jsontext.Value `json:"usage"`
}

// answer is the response object as providers write it.
type answer struct {
	header
	Output []answerItem `json:"output"`
}

type answerItem struct {
	Type      string       `json:"type"`
	Content   []answerPart `json:"content"`
	Summary   []answerPart `json:"summary"`
	Encrypted string       `json:"encrypted_content"`
	CallID    string       `json:"call_id"`
	Name      string       `json:"name"`
	Arguments string       `json:"arguments"`
}

type answerPart struct {
	Type     string         `json:"type"`
	Text     string         `json:"text"`
	Refusal  string         `json:"refusal"`
	LogProbs jsontext.Value `json:"logprobs"`
}

var (
	errNoResponse = errors.New("responses: not a response object")
	errUnfinished = errors.New("responses: the response is not finished")
)

// DecodeAnswer reads a response object. Where its status is failed, the error is the provider's own, an *exchange.Error.
// Items of other kinds, such as those of tools that OpenAI runs, are left out: nobody asked for them.
func (Encoder) DecodeAnswer(body []byte) (*chat.Answer, error) {
	var w answer
	if err := chat.DecodeAnswer(body, &w); err != nil {
		return nil, errNoResponse
	}
	switch {
	case w.Object != "response":
		return nil, errNoResponse
	case w.Status == failed:
		return nil, w.Error.event()
	case w.Status != completed && w.Status != incomplete:
		return nil, errUnfinished
	}
	a := &chat.Answer{ID: w.ID, Model: w.Model, Created: int64(w.CreatedAt)}
	a.Usage, _ = readUsage(w.Usage)
	a.Choices = []chat.Choice{w.choice()}
	return a, nil
}

func (w *answer) choice() chat.Choice {
	var c chat.Choice
	var logProbs []jsontext.Value
	calls, refused := false, false
	for _, item := range w.Output {
		parts, tokens := item.parts()
		for _, p := range parts {
			calls, refused = calls || p.Kind == chat.Call, refused || p.Kind == chat.Refusal
		}
		c.Parts = append(c.Parts, parts...)
		logProbs = append(logProbs, tokens...)
	}
	reason, cut := w.cut()
	if !cut {
		reason = finish(calls, refused)
	}
	c.Finish, c.LogProbs = reason, logProbsOf(logProbs)
	return c
}

// cut says why a response is incomplete, false where it is not.
func (h *header) cut() (reason chat.Finish, cut bool) {
	switch {
	case h.Status != incomplete:
		return chat.Unfinished, false
	case h.IncompleteDetails != nil && h.IncompleteDetails.Reason == reasonFilter:
		return chat.Filtered, true
	}
	return chat.AtLength, true
}

// finish says why an answer ended that nothing cut off.
func finish(calls, refused bool) chat.Finish {
	switch {
	case calls:
		return chat.CalledTools
	case refused:
		return chat.Declined
	}
	return chat.Stopped
}

func (i *answerItem) parts() (parts []chat.Part, logProbs []jsontext.Value) {
	switch i.Type {
	case "message":
		for _, p := range i.Content {
			switch p.Type {
			case "output_text":
				parts = append(parts, chat.Part{Text: p.Text})
				logProbs = append(logProbs, list(p.LogProbs)...)
			case "refusal":
				parts = append(parts, chat.Part{Kind: chat.Refusal, Text: p.Refusal})
			}
		}
	case "function_call":
		c := &chat.ToolCall{ID: i.CallID, Name: i.Name, Arguments: i.Arguments}
		parts = append(parts, chat.Part{Kind: chat.Call, Call: c})
	case "reasoning":
		text, shown := i.thoughts()
		switch {
		case shown:
			parts = append(parts, chat.Part{Kind: chat.Thinking, Text: text, Signature: i.Encrypted})
		case i.Encrypted != "":
			parts = append(parts, chat.Part{Kind: chat.Redacted, Signature: i.Encrypted})
		}
	}
	return parts, logProbs
}

// thoughts gives the text of a reasoning item, and whether it has any.
func (i *answerItem) thoughts() (text string, shown bool) {
	from := i.Content
	if len(from) == 0 {
		from = i.Summary
	}
	texts := make([]string, 0, len(from))
	for _, t := range from {
		texts = append(texts, t.Text)
	}
	return strings.Join(texts, thoughtBreak), len(from) > 0
}

// list gives the elements of an array, none where it is something else.
func list(v jsontext.Value) []jsontext.Value {
	if v.Kind() != '[' {
		return nil
	}
	var elements []jsontext.Value
	if chat.DecodeAnswer(v, &elements) != nil {
		return nil
	}
	return elements
}

// logProbsOf gives tokens the form in which a chat has them.
func logProbsOf(entries []jsontext.Value) jsontext.Value {
	kept := entries[:0:0]
	for _, v := range entries {
		if v.IsValid() {
			kept = append(kept, v)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	b, err := json.Marshal(struct {
		Content []jsontext.Value `json:"content"`
		Refusal *string          `json:"refusal"`
	}{Content: kept})
	if err != nil {
		return nil
	}
	return b
}
