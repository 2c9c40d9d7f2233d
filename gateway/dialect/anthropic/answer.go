// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// answer is the API's message object, and the one that message_start begins.
type answer struct {
	ID           string  `json:"id"`
	Type         string  `json:"type"`
	Role         string  `json:"role"`
	Model        string  `json:"model"`
	Content      []any   `json:"content"`
	StopReason   *string `json:"stop_reason"`
	StopSequence *string `json:"stop_sequence"`
	Usage        usage   `json:"usage"`
}

// AppendAnswer renders a whole answer as a message object. Only the first choice is rendered: an application cannot ask
// for more. The signature of a thought that another dialect's provider gave is empty; the arguments of a call that are
// no JSON object are a string.
func (Decoder) AppendAnswer(dst []byte, a *chat.Answer) []byte {
	w := answer{ID: a.ID, Type: "message", Role: "assistant", Model: a.Model, Content: []any{}, Usage: encodeUsage(&a.Usage)}
	finish, refused, calls := chat.Unfinished, false, false
	if len(a.Choices) > 0 {
		c := &a.Choices[0]
		finish = c.Finish
		for i := range c.Parts {
			p := &c.Parts[i]
			refused = refused || p.Kind == chat.Refusal
			calls = calls || p.Kind == chat.Call
			if block := answerBlock(p); block != nil {
				w.Content = append(w.Content, block)
			}
		}
		if finish == chat.AtStop && c.StopSequence != "" {
			w.StopSequence = &c.StopSequence
		}
	}
	reason := stopReason(finish, refused, calls)
	w.StopReason = &reason
	return chat.Append(dst, &w)
}

func answerBlock(p *chat.Part) any {
	switch p.Kind {
	case chat.Text, chat.Refusal:
		if p.Text == "" {
			return nil
		}
		return textBlock{Type: "text", Text: p.Text}
	case chat.Thinking:
		return thinkingBlock{Type: "thinking", Thinking: p.Text, Signature: p.Signature}
	case chat.Redacted:
		return redactedBlock{Type: "redacted_thinking", Data: p.Signature}
	case chat.Call:
		input, ok := inputObject(p.Call.Arguments)
		if !ok {
			input = appendString(nil, p.Call.Arguments)
		}
		return toolUseBlock{Type: "tool_use", ID: p.Call.ID, Name: p.Call.Name, Input: input}
	}
	return nil
}

// stopReason gives the API's word for an end. Calls end with tool_use even where the provider says no more than that it
// stopped.
func stopReason(f chat.Finish, refused, calls bool) string {
	switch f {
	case chat.AtStop:
		return "stop_sequence"
	case chat.AtLength:
		return "max_tokens"
	case chat.CalledTools:
		return "tool_use"
	case chat.Filtered, chat.Declined:
		return "refusal"
	case chat.Paused:
		return "pause_turn"
	}
	switch {
	case refused:
		return "refusal"
	case calls:
		return "tool_use"
	}
	return "end_turn"
}

// finishes are the API's words for an end; one that is not here, which a later version may bring, has stopped.
var finishes = map[string]chat.Finish{
	"stop_sequence":                 chat.AtStop,
	"max_tokens":                    chat.AtLength,
	"model_context_window_exceeded": chat.AtLength,
	"tool_use":                      chat.CalledTools,
	"refusal":                       chat.Declined,
	"pause_turn":                    chat.Paused,
}

func finishOf(reason string) chat.Finish {
	if f, ok := finishes[reason]; ok {
		return f
	}
	return chat.Stopped
}

// blockIn is any block of an answer.
type blockIn struct {
	Type      string         `json:"type"`
	Text      string         `json:"text"`
	Thinking  string         `json:"thinking"`
	Signature string         `json:"signature"`
	Data      string         `json:"data"`
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Input     jsontext.Value `json:"input"`
}

// part gives the block's part; false for a block that no neutral request can have asked for.
func (b *blockIn) part() (chat.Part, bool) {
	switch b.Type {
	case "text":
		return chat.Part{Kind: chat.Text, Text: b.Text}, true
	case "thinking":
		return chat.Part{Kind: chat.Thinking, Text: b.Thinking, Signature: b.Signature}, true
	case "redacted_thinking":
		return chat.Part{Kind: chat.Redacted, Signature: b.Data}, true
	case "tool_use":
		return chat.Part{Kind: chat.Call, Call: &chat.ToolCall{ID: b.ID, Name: b.Name, Arguments: string(b.Input)}}, true
	}
	return chat.Part{}, false
}

type messageIn struct {
	Type         string    `json:"type"`
	ID           string    `json:"id"`
	Model        string    `json:"model"`
	Content      []blockIn `json:"content"`
	StopReason   *string   `json:"stop_reason"`
	StopSequence string    `json:"stop_sequence"`
	Usage        *usage    `json:"usage"`
}

// DecodeAnswer reads a message object. Blocks of types that no neutral request can have asked for are passed over.
func (Encoder) DecodeAnswer(body []byte) (*chat.Answer, error) {
	var w messageIn
	if err := chat.DecodeAnswer(body, &w); err != nil {
		return nil, err
	}
	if w.Type != "message" || w.Content == nil || w.StopReason == nil {
		return nil, errors.New("anthropic: the answer is not a message")
	}
	c := chat.Choice{Finish: finishOf(*w.StopReason), StopSequence: w.StopSequence}
	for i := range w.Content {
		if p, ok := w.Content[i].part(); ok {
			c.Parts = append(c.Parts, p)
		}
	}
	a := &chat.Answer{ID: w.ID, Model: w.Model, Choices: []chat.Choice{c}}
	if w.Usage != nil {
		w.Usage.update(&a.Usage)
	}
	return a, nil
}
