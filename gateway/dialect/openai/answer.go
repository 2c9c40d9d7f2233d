// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"encoding/hex"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

type toldAnswer struct {
	ID      string       `json:"id"`
	Object  string       `json:"object"`
	Created int64        `json:"created"`
	Model   string       `json:"model"`
	Choices []toldChoice `json:"choices"`
	Usage   *toldUsage   `json:"usage,omitzero"`
}

type toldChoice struct {
	Index    int            `json:"index"`
	Message  toldMessage    `json:"message"`
	LogProbs jsontext.Value `json:"logprobs"`
	Finish   *string        `json:"finish_reason"`
}

// toldMessage has its content and refusal always, if only as null: SDKs want both.
type toldMessage struct {
	Role             string       `json:"role"`
	Content          *string      `json:"content"`
	Refusal          *string      `json:"refusal"`
	ReasoningContent string       `json:"reasoning_content,omitzero"`
	ReasoningDetails []toldDetail `json:"reasoning_details,omitzero"`
	ToolCalls        []toldCall   `json:"tool_calls,omitzero"`
}

// toldDetail is a piece of reasoning_details. Index tells thoughts apart, so that the pieces of a stream can be joined.
type toldDetail struct {
	Type      string `json:"type"`
	Text      string `json:"text,omitzero"`
	Signature string `json:"signature,omitzero"`
	Data      string `json:"data,omitzero"`
	Index     int    `json:"index"`
}

// toldCall is a tool call, whole or, with an index, a piece of one.
type toldCall struct {
	Index    *int          `json:"index,omitzero"`
	ID       string        `json:"id,omitzero"`
	Type     string        `json:"type,omitzero"`
	Function *toldFunction `json:"function,omitzero"`
	Extra    *toldExtra    `json:"extra_content,omitzero"`
}

type toldFunction struct {
	Name      string `json:"name,omitzero"`
	Arguments string `json:"arguments"`
}

type toldExtra struct {
	Google struct {
		ThoughtSignature string `json:"thought_signature"`
	} `json:"google"`
}

func extra(signature string) *toldExtra {
	if signature == "" {
		return nil
	}
	x := &toldExtra{}
	x.Google.ThoughtSignature = signature
	return x
}

type toldUsage struct {
	Prompt            int64             `json:"prompt_tokens"`
	Completion        int64             `json:"completion_tokens"`
	Total             int64             `json:"total_tokens"`
	PromptDetails     promptDetails     `json:"prompt_tokens_details"`
	CompletionDetails completionDetails `json:"completion_tokens_details"`
}

type promptDetails struct {
	Cached int64 `json:"cached_tokens"`
}

type completionDetails struct {
	Reasoning int64 `json:"reasoning_tokens"`
}

// usageOf gives nil for a usage that is not known.
func usageOf(u exchange.Usage) *toldUsage {
	if u.Source == exchange.UsageNone {
		return nil
	}
	total := u.Total
	if total == 0 {
		total = u.Prompt + u.Completion
	}
	return &toldUsage{
		Prompt: u.Prompt, Completion: u.Completion, Total: total,
		PromptDetails: promptDetails{u.Cached}, CompletionDetails: completionDetails{u.Reasoning},
	}
}

// AppendAnswer renders a chat.completion object.
func (Decoder) AppendAnswer(dst []byte, a *chat.Answer) []byte {
	told := toldAnswer{
		ID: a.ID, Object: "chat.completion", Created: a.Created, Model: a.Model,
		Choices: make([]toldChoice, len(a.Choices)), Usage: usageOf(a.Usage),
	}
	for i := range a.Choices {
		c := &a.Choices[i]
		message, refused := messageOf(c.Parts, a.ID, i)
		told.Choices[i] = toldChoice{
			Index: i, Message: message, LogProbs: c.LogProbs, Finish: finishWord(c.Finish, refused),
		}
	}
	return chat.Append(dst, told)
}

func messageOf(parts []chat.Part, id string, choice int) (m toldMessage, refused bool) {
	m.Role = "assistant"
	var content, refusal, thoughts strings.Builder
	said, signed := false, false
	var details []toldDetail
	for i := range parts {
		p := &parts[i]
		switch p.Kind {
		case chat.Text:
			content.WriteString(p.Text)
			said = true
		case chat.Refusal:
			refusal.WriteString(p.Text)
			refused = true
		case chat.Thinking:
			thoughts.WriteString(p.Text)
			signed = signed || p.Signature != ""
			details = append(details, toldDetail{Type: detailText, Text: p.Text, Signature: p.Signature, Index: len(details)})
		case chat.Redacted:
			signed = true
			details = append(details, toldDetail{Type: detailEncrypted, Data: p.Signature, Index: len(details)})
		case chat.Call:
			m.ToolCalls = append(m.ToolCalls, callOf(p, id, choice, len(m.ToolCalls)))
		}
	}
	if said {
		text := content.String()
		m.Content = &text
	}
	if refused {
		text := refusal.String()
		m.Refusal = &text
	}
	m.ReasoningContent = thoughts.String()
	if signed {
		m.ReasoningDetails = details
	}
	return m, refused
}

func callOf(p *chat.Part, id string, choice, n int) toldCall {
	call := toldCall{
		ID: p.Call.ID, Type: "function", Extra: extra(p.Signature),
		Function: &toldFunction{Name: p.Call.Name, Arguments: p.Call.Arguments},
	}
	if call.ID == "" {
		call.ID = callID(id, choice, n)
	}
	if call.Function.Arguments == "" {
		call.Function.Arguments = "{}"
	}
	return call
}

// callID names a call that the provider did not name, as a result must name its call. It is as unique as the answer's
// ID.
func callID(answer string, choice, n int) string {
	h := fnv.New128a()
	h.Write([]byte(answer + "/" + strconv.Itoa(choice) + "/" + strconv.Itoa(n)))
	return "call_" + hex.EncodeToString(h.Sum(nil))[:24]
}

// finishWord gives the finish_reason, nil for none. An answer that was declined ends like any other where the model
// said so in words; where it did not, its absence must be told. An answer that pauses is not whole.
func finishWord(f chat.Finish, refused bool) *string {
	word := ""
	switch f {
	case chat.Unfinished:
		return nil
	case chat.Stopped, chat.AtStop:
		word = finishStop
	case chat.AtLength, chat.Paused:
		word = finishLength
	case chat.CalledTools:
		word = finishCalls
	case chat.Filtered:
		word = finishFilter
	case chat.Declined:
		word = finishFilter
		if refused {
			word = finishStop
		}
	}
	return &word
}

// OpenAI's finish reasons.
const (
	finishStop   = "stop"
	finishLength = "length"
	finishCalls  = "tool_calls"
	finishFilter = "content_filter"
)
