// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package converse

import (
	"github.com/go-json-experiment/json/jsontext"
	"slices"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// turn is adjacent messages of one role, as one. What tools answered stands before the rest, as models want it.
type turn struct {
	role          string
	at            string // of its first message
	results, rest []block
	// document is where the first of its documents stands; texts says that there is a text.
	document string
	texts    bool
}

// messages sorts the conversation: instructions before it are the system's, those in the middle of it are messages of
// the system's, and adjacent messages of one role are one.
func (e *encoding) messages() *exchange.Error {
	e.body.Messages = []message{}
	var t turn
	var places []string
	for i := range e.r.Messages {
		m := &e.r.Messages[i]
		role := roleWord(m.Role)
		if m.Name != "" {
			return chat.RefuseAt(chat.Join(m.At, "name"), target)
		}
		if role != t.role {
			if err := e.end(&t, &places); err != nil {
				return err
			}
			t = turn{role: role, at: m.At}
		}
		for j := range m.Parts {
			if err := e.add(&t, &m.Parts[j]); err != nil {
				return err
			}
		}
	}
	if err := e.end(&t, &places); err != nil {
		return err
	}
	return e.instructions(places)
}

// instructions refuses instructions in the middle where Claude does: on models before Opus 4.8, and anywhere but between
// a user's turn and an assistant's, or after a user's at the end (Anthropic's API reference, "Mid-conversation system
// messages"). Of other models Bedrock knows. Places are those of the messages.
func (e *encoding) instructions(places []string) *exchange.Error {
	if e.family.maker != claude {
		return nil
	}
	turns := e.body.Messages
	for i := range turns {
		switch {
		case turns[i].Role != "system":
		case e.family.instructedFirst():
			return chat.RefuseAt(places[i], target, "this model takes instructions before the conversation only")
		case turns[i-1].Role != "user" || i+1 < len(turns) && turns[i+1].Role != "assistant":
			return chat.RefuseAt(places[i], target, "later instructions stand between a user's message and the assistant's answer there")
		}
	}
	return nil
}

func roleWord(r chat.Role) string {
	switch r {
	case chat.User:
		return "user"
	case chat.Assistant:
		return "assistant"
	default:
		return "system"
	}
}

// end puts a turn into the body, and where it stood into places; one that says nothing is none.
func (e *encoding) end(t *turn, places *[]string) *exchange.Error {
	content, last := slices.Concat(t.results, t.rest), len(e.body.Messages)-1
	switch {
	case len(content) == 0:
		return nil
	case t.document != "" && !t.texts:
		return chat.RefuseAt(t.document, target, "a document stands beside a text there")
	case t.role == "system" && len(e.body.Messages) == 0:
		e.body.System = append(e.body.System, content...)
	case last >= 0 && e.body.Messages[last].Role == t.role:
		e.body.Messages[last].Content = append(e.body.Messages[last].Content, content...)
	default:
		e.body.Messages = append(e.body.Messages, message{t.role, content})
		*places = append(*places, t.at)
	}
	return nil
}

// add puts a part into the turn.
func (e *encoding) add(t *turn, p *chat.Part) *exchange.Error {
	into := &t.rest
	if p.Kind == chat.Result {
		into = &t.results
	}
	b, err := e.part(t, p)
	if err != nil {
		return err
	}
	if b != nil {
		*into = append(*into, *b)
	}
	if mark := e.mark(p); mark != nil && len(*into) > 0 && (*into)[len(*into)-1].CachePoint == nil {
		*into = append(*into, block{CachePoint: mark})
	}
	return nil
}

// part renders a part of a message, nil where it says nothing. Signatures of kinds other than reasoning are another
// provider's business, and mean nothing here.
func (e *encoding) part(t *turn, p *chat.Part) (*block, *exchange.Error) {
	switch {
	case p.Kind == chat.Text || p.Kind == chat.Refusal:
		// What a model said when it declined is text that it said.
		t.texts = t.texts || p.Text != ""
		return text(p.Text), nil
	case t.role == "user" && p.Kind == chat.Document:
		if t.document == "" {
			t.document = p.At
		}
		return e.media(p)
	case t.role == "user" && (p.Kind == chat.Image || p.Kind == chat.Audio || p.Kind == chat.Video):
		return e.media(p)
	case t.role == "user" && p.Kind == chat.Result:
		return e.result(p)
	case t.role == "assistant" && p.Kind == chat.Call:
		return call(p)
	case t.role == "assistant" && p.Kind == chat.Thinking:
		return e.thought(p), nil
	case t.role == "assistant" && p.Kind == chat.Redacted:
		if !isBase64(p.Signature) {
			return nil, chat.RefuseAt(p.At, target, "it is not reasoning that Bedrock gave")
		}
		return &block{ReasoningContent: &reasoning{RedactedContent: p.Signature}}, nil
	default:
		return nil, chat.RefuseAt(p.At, target)
	}
}

// text gives nil for an empty text, which Bedrock refuses and which says nothing.
func text(s string) *block {
	if s == "" {
		return nil
	}
	return &block{Text: &s}
}

// thought gives reasoning back. Claude takes back only what it signed, so that thoughts without a signature, which
// another model had, are left out for it: they ask for nothing.
func (e *encoding) thought(p *chat.Part) *block {
	if p.Signature == "" && (e.family.maker == claude || p.Text == "") {
		return nil
	}
	return &block{ReasoningContent: &reasoning{ReasoningText: &reasoningText{p.Text, p.Signature}}}
}

func call(p *chat.Part) (*block, *exchange.Error) {
	c := p.Call
	if c == nil || !fits(c.Name) {
		return nil, chat.RefuseAt(p.At, target, badName)
	}
	input := jsontext.Value(c.Arguments)
	if len(input) == 0 {
		input = jsontext.Value("{}")
	}
	if !input.IsValid() || input.Kind() != '{' {
		return nil, chat.RefuseAt(p.At, target, "arguments are a JSON object there")
	}
	return &block{ToolUse: &toolUse{callID(c.ID), c.Name, input}}, nil
}

// callID gives an ID that Bedrock takes. One that it does not take becomes its digest, which is the same in the call and
// in its result.
func callID(id string) string {
	if fits(id) {
		return id
	}
	return "call_" + digest(id)
}

func (e *encoding) result(p *chat.Part) (*block, *exchange.Error) {
	if p.Result == nil {
		return nil, chat.RefuseAt(p.At, target)
	}
	r := &toolResult{ToolUseID: callID(p.Result.CallID), Content: []block{}}
	if p.Result.Failed {
		r.Status = "error"
	}
	for i := range p.Result.Parts {
		inner := &p.Result.Parts[i]
		var b *block
		var err *exchange.Error
		switch inner.Kind {
		case chat.Text:
			b = text(inner.Text)
		case chat.Image, chat.Document, chat.Video:
			b, err = e.media(inner)
		default:
			err = chat.RefuseAt(inner.At, target)
		}
		if err != nil {
			return nil, err
		}
		if b != nil {
			r.Content = append(r.Content, *b)
		}
	}
	return &block{ToolResult: r}, nil
}

// mark gives the cache point that stands after a part, nil where there is none. Among what a tool answered there can be
// none: a mark in there stands after all of it.
func (e *encoding) mark(p *chat.Part) *cachePoint {
	mark := p.Cache
	if mark == nil && p.Result != nil {
		for _, inner := range p.Result.Parts {
			if inner.Cache != nil {
				mark = inner.Cache
			}
		}
	}
	return e.cachePoint(mark)
}

// cachePoint renders a mark. It is a hint, and left out where the family caches on its own or not at all; the time to
// live is Claude's only.
func (e *encoding) cachePoint(mark *chat.CacheMark) *cachePoint {
	if mark == nil || !e.family.caches() {
		return nil
	}
	p := &cachePoint{Type: "default", TTL: mark.TTL}
	if e.family.maker == nova {
		p.TTL = ""
	}
	return p
}
