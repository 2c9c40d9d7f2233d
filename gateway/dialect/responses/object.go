// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// The states of a response and of its items.
const (
	inProgress = "in_progress"
	completed  = "completed"
	incomplete = "incomplete"
	failed     = "failed"
)

// Why a response is incomplete.
const (
	reasonLength = "max_output_tokens"
	reasonFilter = "content_filter"
)

// response is the response object as the gateway writes it.
type response struct {
	ID                string         `json:"id"`
	Object            string         `json:"object"`
	CreatedAt         int64          `json:"created_at"`
	Status            string         `json:"status"`
	Error             *responseError `json:"error"`
	IncompleteDetails *details       `json:"incomplete_details"`
	Model             string         `json:"model"`
	Output            []any          `json:"output"`
	Usage             *usage         `json:"usage"`
	Echo              jsontext.Value `json:",embed"`
}

type responseError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type details struct {
	Reason string `json:"reason"`
}

// outMessage, outReasoning and outCall are the items of an output.
type outMessage struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Status  string `json:"status"`
	Role    string `json:"role"`
	Content []any  `json:"content"`
}

type outReasoning struct {
	ID        string    `json:"id,omitzero"`
	Type      string    `json:"type"`
	Summary   []outText `json:"summary"`
	Encrypted string    `json:"encrypted_content,omitzero"`
}

type outCall struct {
	ID        string `json:"id,omitzero"`
	Type      string `json:"type"`
	Status    string `json:"status,omitzero"`
	CallID    string `json:"call_id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// outText is a summary_text, and an input_text or output_text of a request.
type outText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// outOutput is an output_text of an answer.
type outOutput struct {
	Type        string           `json:"type"`
	Text        string           `json:"text"`
	Annotations []jsontext.Value `json:"annotations"`
	LogProbs    []jsontext.Value `json:"logprobs"`
}

type outRefusal struct {
	Type    string `json:"type"`
	Refusal string `json:"refusal"`
}

// piece is a part of an answer, with the probabilities of its tokens.
type piece struct {
	chat.Part
	logProbs []jsontext.Value
}

// base is what the IDs of a response and of its items have in common.
func base(id string) string { return strings.TrimPrefix(id, "resp_") }

// itemID derives an item's ID from its response's, so that it is the same wherever it is said.
func itemID(prefix, base string, index int) string {
	return prefix + "_" + base + "_" + strconv.Itoa(index)
}

// The prefixes of IDs, by the kinds of items.
const (
	idMessage   = "msg"
	idReasoning = "rs"
	idCall      = "fc"
)

// state says in which state an answer ended, and why it is incomplete. A model that declines in words of its own has
// answered; one that was made to stop has not.
func state(f chat.Finish, refused bool) (status string, d *details) {
	switch {
	case f == chat.AtLength, f == chat.Paused:
		return incomplete, &details{Reason: reasonLength}
	case f == chat.Filtered, f == chat.Declined && !refused:
		return incomplete, &details{Reason: reasonFilter}
	}
	return completed, nil
}

// speaks says that a part belongs to a message, which may have several.
func speaks(k chat.PartKind) bool { return k == chat.Text || k == chat.Refusal }

// output groups parts into items. Only the last item can be incomplete, and has the response's own status.
func output(base string, pieces []piece, status string) []any {
	items := make([]any, 0, len(pieces))
	for i := 0; i < len(pieces); {
		n := i + span(pieces[i:])
		s := completed
		if n == len(pieces) {
			s = status
		}
		items = append(items, item(base, len(items), pieces[i:n], s))
		if last := pieces[n-1]; signedApart(last.Part) {
			items = append(items, carrier(base, len(items), last.Signature))
		}
		i = n
	}
	return items
}

// span counts the pieces of the first item: texts and refusals up to a signed one, or one of anything else.
func span(pieces []piece) int {
	for i, p := range pieces {
		if !speaks(p.Kind) {
			return max(i, 1)
		}
		if p.Signature != "" {
			return i + 1
		}
	}
	return len(pieces)
}

// signedApart says that a part's signature needs an item of its own.
func signedApart(p chat.Part) bool {
	return p.Signature != "" && p.Kind != chat.Thinking && p.Kind != chat.Redacted
}

// carrier is the item that brings back the signature of the part before it.
func carrier(base string, index int, signature string) outReasoning {
	return outReasoning{
		ID: itemID(idReasoning, base, index), Type: "reasoning", Summary: []outText{}, Encrypted: signsPrevious + signature,
	}
}

// item renders the pieces of one item.
func item(base string, index int, pieces []piece, status string) any {
	switch p := pieces[0]; p.Kind {
	case chat.Thinking:
		return outReasoning{
			ID: itemID(idReasoning, base, index), Type: "reasoning", Summary: []outText{{"summary_text", p.Text}}, Encrypted: p.Signature,
		}
	case chat.Redacted:
		return outReasoning{ID: itemID(idReasoning, base, index), Type: "reasoning", Summary: []outText{}, Encrypted: p.Signature}
	case chat.Call:
		return call(base, index, p.Call, status)
	}
	m := outMessage{
		ID: itemID(idMessage, base, index), Type: "message", Status: status, Role: "assistant", Content: make([]any, 0, len(pieces)),
	}
	for _, p := range pieces {
		m.Content = append(m.Content, contentPart(p.Kind, p.Text, p.logProbs))
	}
	return m
}

func call(base string, index int, c *chat.ToolCall, status string) outCall {
	o := outCall{ID: itemID(idCall, base, index), Type: "function_call", Status: status}
	if c != nil {
		o.CallID, o.Name, o.Arguments = c.ID, c.Name, c.Arguments
	}
	if o.CallID == "" {
		o.CallID = itemID("call", base, index)
	}
	if o.Arguments == "" && status != inProgress {
		o.Arguments = "{}"
	}
	return o
}

func contentPart(k chat.PartKind, text string, logProbs []jsontext.Value) any {
	if k == chat.Refusal {
		return outRefusal{Type: "refusal", Refusal: text}
	}
	return outOutput{Type: "output_text", Text: text, LogProbs: logProbs}
}

// entries gives the tokens of a logprobs object, each of which is the same here. What is not JSON in the strict sense is
// left out, as it would spoil the rest.
func entries(logProbs jsontext.Value) []jsontext.Value {
	if unsaid(logProbs) {
		return nil
	}
	var o struct {
		Content []jsontext.Value `json:"content"`
		Refusal []jsontext.Value `json:"refusal"`
	}
	if chat.DecodeAnswer(logProbs, &o) != nil {
		return nil
	}
	kept := make([]jsontext.Value, 0, len(o.Content)+len(o.Refusal))
	for _, v := range append(o.Content, o.Refusal...) {
		if v.IsValid() {
			kept = append(kept, v)
		}
	}
	return kept
}
