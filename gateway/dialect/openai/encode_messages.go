// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"slices"
	"strings"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// askedMessage has for content nil, which is null, a string, or a list of parts.
type askedMessage struct {
	Role             string       `json:"role"`
	Content          any          `json:"content"`
	Name             string       `json:"name,omitzero"`
	Refusal          string       `json:"refusal,omitzero"`
	Reasoning        string       `json:"reasoning,omitzero"`
	ReasoningContent string       `json:"reasoning_content,omitzero"`
	ReasoningDetails []toldDetail `json:"reasoning_details,omitzero"`
	ToolCalls        []toldCall   `json:"tool_calls,omitzero"`
	ToolCallID       string       `json:"tool_call_id,omitzero"`
	Prefix           bool         `json:"prefix,omitzero"`
}

// askedPart has for image_url an object, and for input_audio an object or, at Mistral, base64.
type askedPart struct {
	Type         string      `json:"type"`
	Text         *string     `json:"text,omitzero"`
	ImageURL     *askedImage `json:"image_url,omitzero"`
	InputAudio   any         `json:"input_audio,omitzero"`
	File         *askedFile  `json:"file,omitzero"`
	FileID       string      `json:"file_id,omitzero"`
	DocumentURL  string      `json:"document_url,omitzero"`
	DocumentName string      `json:"document_name,omitzero"`
	Thinking     []askedPart `json:"thinking,omitzero"`
	Closed       bool        `json:"closed,omitzero"`
}

type askedImage struct {
	URL    string `json:"url"`
	Detail string `json:"detail,omitzero"`
}

type askedAudio struct {
	Data   string `json:"data"`
	Format string `json:"format"`
}

type askedFile struct {
	Name string `json:"filename,omitzero"`
	Data string `json:"file_data,omitzero"`
	ID   string `json:"file_id,omitzero"`
}

func textPart(text string) askedPart { return askedPart{Type: "text", Text: &text} }

// messages renders the conversation. A turn with results becomes a message of each, before what else the turn says: no
// other may stand between a call and its result.
func (e Encoder) messages(r *chat.Request) ([]askedMessage, *exchange.Error) {
	is, ids := e.Flavor.traits(), e.callIDs(r)
	messages := make([]askedMessage, 0, len(r.Messages))
	for i := 0; i < len(r.Messages); i++ {
		m := &r.Messages[i]
		if m.Name != "" && !is.names {
			return nil, chat.RefuseAt(chat.Join(m.At, "name"), is.name)
		}
		if m.Role == chat.Assistant {
			joined, more := join(r.Messages[i:])
			i += more
			said, err := e.assistant(&joined, ids)
			if err != nil {
				return nil, err
			}
			// What the model is to go on with; elsewhere the last message needs no mark.
			said.Prefix = e.Flavor == Mistral && i == len(r.Messages)-1 && said.ToolCalls == nil
			messages = append(messages, said)
			continue
		}
		var err *exchange.Error
		if messages, err = e.turn(messages, m, ids); err != nil {
			return nil, err
		}
	}
	return messages, nil
}

// join gives the first message with the parts of those behind it, and their number, as far as they are of the same turn of
// the model's and there are calls among them: results must follow all calls at once, and some dialects have a message for
// each.
func join(messages []chat.Message) (joined chat.Message, more int) {
	joined = messages[0]
	calling := callsTools(joined.Parts)
	for _, next := range messages[1:] {
		calling = calling || callsTools(next.Parts)
		if next.Role != chat.Assistant || next.Name != joined.Name || !calling {
			break
		}
		joined.Parts = append(joined.Parts[:len(joined.Parts):len(joined.Parts)], next.Parts...)
		more++
	}
	return joined, more
}

func callsTools(parts []chat.Part) bool {
	return slices.ContainsFunc(parts, func(p chat.Part) bool { return p.Kind == chat.Call })
}

// turn renders what a user said, or instructions.
func (e Encoder) turn(dst []askedMessage, m *chat.Message, ids *callIDs) ([]askedMessage, *exchange.Error) {
	from := len(dst)
	var rest []askedPart
	for i := range m.Parts {
		p := &m.Parts[i]
		if p.Kind == chat.Result && m.Role == chat.User {
			result, err := e.result(p, ids)
			if err != nil {
				return dst, err
			}
			dst = append(dst, result)
			continue
		}
		part, err := e.part(p)
		if err != nil {
			return dst, err
		}
		rest = append(rest, part)
	}
	if len(rest) > 0 || len(dst) == from {
		role := e.Flavor.traits().role(m.Role)
		dst = append(dst, askedMessage{Role: role, Name: m.Name, Content: contentOf(rest)})
	}
	return dst, nil
}

func (is *traits) role(r chat.Role) string {
	switch {
	case r == chat.User:
		return "user"
	case r == chat.Developer && is.developer:
		return "developer"
	}
	return "system"
}

// contentOf gives a string for a single text, which every server reads, and a list for anything else.
func contentOf(parts []askedPart) any {
	switch {
	case len(parts) == 0:
		return ""
	case len(parts) == 1 && parts[0].Type == "text":
		return *parts[0].Text
	}
	return parts
}

// part renders a part of a user's message, or of instructions.
func (e Encoder) part(p *chat.Part) (askedPart, *exchange.Error) {
	is, m := e.Flavor.traits(), p.Media
	switch {
	case p.Kind == chat.Text:
		return textPart(p.Text), nil
	case m == nil:
	case p.Kind == chat.Image:
		return is.image(p)
	case p.Kind == chat.Audio && is.audio && m.Data != "":
		return e.audio(p)
	case p.Kind == chat.Document && is.files && e.Flavor == Mistral:
		return mistralFile(p), nil
	case p.Kind == chat.Document && is.files && m.URL == "":
		if m.FileID != "" {
			return askedPart{Type: "file", File: &askedFile{ID: m.FileID}}, nil
		}
		return askedPart{Type: "file", File: &askedFile{Name: fileName(m), Data: asDataURL(m)}}, nil
	case p.Kind == chat.Document && is.files:
		return askedPart{}, chat.RefuseAt(p.At, is.name, "files are sent, not fetched from a URL")
	}
	return askedPart{}, chat.RefuseAt(p.At, is.name)
}

func (is *traits) image(p *chat.Part) (askedPart, *exchange.Error) {
	m := p.Media
	url := m.URL
	switch {
	case m.Data != "":
		url = asDataURL(m)
	case m.FileID != "":
		return askedPart{}, chat.RefuseAt(p.At, is.name, "images are sent, not referred to by the ID of a file")
	case is.inlineImages:
		return askedPart{}, chat.RefuseAt(p.At, is.name, "images are sent, not fetched from a URL")
	case !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://"):
		return askedPart{}, chat.RefuseAt(p.At, is.name, "images are fetched from http(s) URLs only")
	}
	return askedPart{Type: "image_url", ImageURL: &askedImage{URL: url, Detail: m.Detail}}, nil
}

func (e Encoder) audio(p *chat.Part) (askedPart, *exchange.Error) {
	if e.Flavor == Mistral {
		return askedPart{Type: "input_audio", InputAudio: p.Media.Data}, nil
	}
	format := ""
	switch p.Media.MIME {
	case "audio/wav", "audio/x-wav", "audio/wave":
		format = "wav"
	case "audio/mpeg", "audio/mp3":
		format = "mp3"
	default:
		return askedPart{}, chat.RefuseAt(p.At, e.Flavor.traits().name, "audio is WAV or MP3")
	}
	return askedPart{Type: "input_audio", InputAudio: askedAudio{Data: p.Media.Data, Format: format}}, nil
}

// mistralFile renders a document as a URL, which may be a data URL, or by the ID of an uploaded file.
func mistralFile(p *chat.Part) askedPart {
	m := p.Media
	switch {
	case m.FileID != "":
		return askedPart{Type: "file", FileID: m.FileID}
	case m.Data != "":
		return askedPart{Type: "document_url", DocumentURL: asDataURL(m), DocumentName: m.Name}
	}
	return askedPart{Type: "document_url", DocumentURL: m.URL, DocumentName: m.Name}
}

func asDataURL(m *chat.Media) string { return "data:" + m.MIME + ";base64," + m.Data }

// fileName gives a name to a file that has none, as data must have one.
func fileName(m *chat.Media) string {
	switch {
	case m.Name != "":
		return m.Name
	case m.MIME == pdf:
		return "document.pdf"
	}
	return "document"
}

// result renders what a tool answered. Only texts can be. That the tool failed has no field of its own and is said in
// the text, which is all that the model sees.
func (e Encoder) result(p *chat.Part, ids *callIDs) (askedMessage, *exchange.Error) {
	is, r := e.Flavor.traits(), p.Result
	if r == nil {
		return askedMessage{}, chat.RefuseAt(p.At, is.name)
	}
	parts := make([]askedPart, 0, len(r.Parts))
	for i := range r.Parts {
		if r.Parts[i].Kind != chat.Text {
			return askedMessage{}, chat.RefuseAt(r.Parts[i].At, is.name, "tools answer in text")
		}
		parts = append(parts, textPart(r.Parts[i].Text))
	}
	if r.Failed {
		if len(parts) == 0 {
			parts = append(parts, textPart(""))
		}
		parts[0] = textPart("Error: " + *parts[0].Text)
	}
	m := askedMessage{Role: "tool", ToolCallID: ids.fit(r.CallID), Content: contentOf(parts)}
	if e.Flavor == Mistral || e.Flavor == Ollama {
		m.Name = r.Name
	}
	return m, nil
}

// assistant renders what the model said before.
func (e Encoder) assistant(m *chat.Message, ids *callIDs) (askedMessage, *exchange.Error) {
	is := e.Flavor.traits()
	w := askedMessage{Role: "assistant", Name: m.Name}
	var said []askedPart
	var thought, refusal strings.Builder
	for i := range m.Parts {
		switch p := &m.Parts[i]; {
		case p.Kind == chat.Text:
			said = append(said, textPart(p.Text))
		case p.Kind == chat.Refusal && is.names:
			refusal.WriteString(p.Text)
		case p.Kind == chat.Refusal:
			said = append(said, textPart(p.Text)) // the model's words all the same
		case p.Kind == chat.Thinking && e.Flavor == Mistral:
			said = append(said, askedPart{Type: "thinking", Thinking: []askedPart{textPart(p.Text)}, Closed: true})
		case p.Kind == chat.Thinking:
			thought.WriteString(p.Text)
			w.details(p)
		case p.Kind == chat.Redacted:
			w.details(p)
		case p.Kind == chat.Call && p.Call != nil:
			w.ToolCalls = append(w.ToolCalls, e.call(p, ids))
		default:
			return w, chat.RefuseAt(p.At, is.name)
		}
	}
	if len(said) > 0 || w.ToolCalls == nil && refusal.Len() == 0 {
		w.Content = contentOf(said)
	}
	w.Refusal = refusal.String()
	e.thoughts(&w, thought.String())
	return w, nil
}

// thoughts puts the thoughts where the flavor reads them. OpenAI reads none: they are what led to the turn, not part of
// it, and every provider may leave them out of account. What is encrypted or signed only its provider can use, who may
// be behind a compatible server.
func (e Encoder) thoughts(w *askedMessage, text string) {
	signed := false
	for i := range w.ReasoningDetails {
		signed = signed || w.ReasoningDetails[i].Signature != "" || w.ReasoningDetails[i].Data != ""
	}
	if e.Flavor != Compatible || !signed {
		w.ReasoningDetails = nil
	}
	switch e.Flavor {
	case Compatible:
		w.ReasoningContent = text
	case Ollama:
		w.Reasoning = text
	}
}

func (w *askedMessage) details(p *chat.Part) {
	d := toldDetail{Type: detailText, Text: p.Text, Signature: p.Signature, Index: len(w.ReasoningDetails)}
	if p.Kind == chat.Redacted {
		d = toldDetail{Type: detailEncrypted, Data: p.Signature, Index: len(w.ReasoningDetails)}
	}
	w.ReasoningDetails = append(w.ReasoningDetails, d)
}

func (e Encoder) call(p *chat.Part, ids *callIDs) toldCall {
	c := toldCall{
		ID: ids.fit(p.Call.ID), Type: "function",
		Function: &toldFunction{Name: p.Call.Name, Arguments: p.Call.Arguments},
	}
	if c.Function.Arguments == "" {
		c.Function.Arguments = "{}"
	}
	if e.Flavor == Compatible {
		c.Extra = extra(p.Signature)
	}
	return c
}
