// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

var (
	errNoAnswer   = errors.New("gemini: the answer is no GenerateContentResponse")
	errEmpty      = errors.New("gemini: the answer has neither candidates nor a reason why the prompt was blocked")
	errReported   = errors.New("gemini: an error stands in place of the answer")
	errMedia      = errors.New("gemini: the answer holds what is not text, which nobody asked for")
	errNamelessFn = errors.New("gemini: the answer calls a function without a name")
)

// DecodeAnswer reads a GenerateContentResponse. A blocked prompt is an answer of one choice that was filtered.
func (Encoder) DecodeAnswer(body []byte) (*chat.Answer, error) {
	var w response
	if err := chat.DecodeAnswer(body, &w); err != nil {
		return nil, errNoAnswer
	}
	a := &chat.Answer{ID: w.ID, Model: w.Model, Usage: w.Usage.neutral()}
	ids := callIDs{response: w.ID}
	switch {
	case w.Error != nil:
		return nil, errReported
	case len(w.Candidates) == 0 && w.Feedback != nil && w.Feedback.BlockReason != "":
		a.Choices = []chat.Choice{{Finish: chat.Filtered}}
	case len(w.Candidates) == 0:
		return nil, errEmpty
	}
	for i := range w.Candidates {
		choice, err := w.Candidates[i].neutral(&ids)
		if err != nil {
			return nil, err
		}
		a.Choices = append(a.Choices, choice)
	}
	return a, nil
}

func (c *candidate) neutral(ids *callIDs) (chat.Choice, error) {
	var out chat.Choice
	called := false
	var text strings.Builder
	flush := func() {
		if n := len(out.Parts); n > 0 && text.Len() > 0 {
			out.Parts[n-1].Text = text.String()
		}
		text.Reset()
	}
	for _, p := range c.parts() {
		next, ok, err := p.answered(ids)
		if err != nil {
			return out, err
		}
		if !ok {
			continue
		}
		if n := len(out.Parts); n == 0 || next.Kind == chat.Call || out.Parts[n-1].Kind != next.Kind || out.Parts[n-1].Signature != "" {
			flush()
			out.Parts = append(out.Parts, chat.Part{Kind: next.Kind, Call: next.Call})
		}
		text.WriteString(next.Text)
		out.Parts[len(out.Parts)-1].Signature = next.Signature
		called = called || next.Kind == chat.Call
	}
	flush()
	out.Finish = finishOf(c.Finish, called)
	out.LogProbs = c.LogProbs.neutral()
	return out, nil
}

func (c *candidate) parts() []part {
	if c.Content == nil {
		return nil
	}
	return c.Content.Parts
}

// answered gives a part of an answer: Text, Thinking or a Call. False says that there is nothing in it, as in parts of a
// kind that is not known.
func (p *part) answered(ids *callIDs) (out chat.Part, ok bool, err error) {
	out.Signature = p.Signature
	switch {
	case p.Inline != nil || p.File != nil || p.Response != nil:
		return out, false, errMedia
	case p.Call != nil:
		if p.Call.Name == "" {
			return out, false, errNamelessFn
		}
		out.Kind, out.Call = chat.Call, &chat.ToolCall{ID: p.Call.ID, Name: p.Call.Name, Arguments: "{}"}
		if p.Call.ID == "" {
			out.Call.ID = ids.next()
		}
		if given(p.Call.Args) {
			out.Call.Arguments = string(p.Call.Args)
		}
		return out, true, nil
	case p.Text != nil:
		out.Text = *p.Text
	}
	if p.Thought {
		out.Kind = chat.Thinking
	}
	return out, out.Text != "" || out.Signature != "", nil
}

// callIDs makes IDs for calls that came without, from the response's own, so that those of one conversation differ.
type callIDs struct {
	response string
	n        int
}

// maxIDPart keeps an ID within the 40 bytes that OpenAI allows.
const maxIDPart = 28

func (c *callIDs) next() string {
	id := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
			return r
		}
		return -1
	}, c.response)
	if id != "" {
		id = id[:min(len(id), maxIDPart)] + "_"
	}
	c.n++
	return "call_" + id + strconv.Itoa(c.n-1)
}

// AppendAnswer renders a GenerateContentResponse.
func (Decoder) AppendAnswer(dst []byte, a *chat.Answer) []byte {
	w := response{Model: a.Model, ID: a.ID, Usage: usageOf(a.Usage)}
	for i := range a.Choices {
		c := &a.Choices[i]
		parts, malformed := partsOf(c.Parts)
		w.Candidates = append(w.Candidates, candidate{
			Content: &content{Parts: parts, Role: "model"}, Index: &i, LogProbs: logProbsOf(c.LogProbs),
			Finish: reasonUnless(malformed, c.Finish),
		})
	}
	return chat.Append(dst, &w)
}

// reasonUnless is why an answer ended, where one of its calls may have been left out because its arguments are no
// object: the bound on tokens explains that, and nothing else does.
func reasonUnless(malformed bool, f chat.Finish) string {
	if malformed && f != chat.AtLength {
		return finishMalformed
	}
	return reasonOf(f)
}

// partsOf renders the parts of an answer. A call whose arguments are no object is left out; malformed says so.
func partsOf(parts []chat.Part) (out []part, malformed bool) {
	for i := range parts {
		p := &parts[i]
		if p.Kind == chat.Call {
			call, ok := callOf(p.Call)
			if !ok {
				malformed = true
				continue
			}
			out = append(out, part{Call: call, Signature: wrapSignature(p.Signature)})
			continue
		}
		out = append(out, textOf(p.Kind, p.Text, p.Signature))
	}
	return out, malformed
}

// textOf renders text, a thought, or a thought that only its provider can read, which is a signature alone.
func textOf(kind chat.PartKind, text, signature string) part {
	out := part{Thought: kind == chat.Thinking || kind == chat.Redacted, Signature: wrapSignature(signature)}
	if kind != chat.Redacted {
		out.Text = &text
	}
	return out
}

func callOf(c *chat.ToolCall) (*functionCall, bool) {
	args := strings.TrimSpace(c.Arguments)
	if args == "" {
		args = "{}"
	}
	if !isObject(args) {
		return nil, false
	}
	return &functionCall{ID: c.ID, Name: c.Name, Args: jsontext.Value(args)}, true
}
