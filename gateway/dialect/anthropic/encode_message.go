// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"encoding/base64"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// outResult is a tool_result as Spark writes it.
type outResult struct {
	Type         string        `json:"type"`
	ToolUseID    string        `json:"tool_use_id"`
	Content      []any         `json:"content,omitzero"`
	IsError      bool          `json:"is_error,omitzero"`
	CacheControl *cacheControl `json:"cache_control,omitzero"`
}

var roleWords = [...]string{chat.System: "system", chat.Developer: "system", chat.User: "user", chat.Assistant: "assistant"}

// encodeConversation renders the instructions that stand first as system, and the rest as turns of alternating roles.
func encodeConversation(w *encoded, r *chat.Request, m model) *exchange.Error {
	first := 0
	for first < len(r.Messages) && roleWords[r.Messages[first].Role] == "system" {
		blocks, err := encodeInstructions(&r.Messages[first])
		if err != nil {
			return err
		}
		w.System = append(w.System, blocks...)
		first++
	}
	// Places of the messages that began the turns, for refusals.
	var places []string
	for i := first; i < len(r.Messages); i++ {
		said := &r.Messages[i]
		if said.Name != "" {
			return chat.RefuseAt(chat.Join(said.At, "name"), target)
		}
		blocks, err := encodeMessage(said)
		if err != nil {
			return err
		}
		if len(blocks) == 0 {
			continue // the API takes no empty message, and an empty one says nothing
		}
		role := roleWords[said.Role]
		if n := len(w.Messages); n > 0 && w.Messages[n-1].Role == role {
			w.Messages[n-1].Content = append(w.Messages[n-1].Content, blocks...)
			continue
		}
		w.Messages = append(w.Messages, turn{Role: role, Content: blocks})
		places = append(places, said.At)
	}
	for i := range w.Messages {
		resultsFirst(w.Messages[i].Content)
	}
	return checkInstructions(w.Messages, places, m)
}

// checkInstructions refuses instructions in the middle where the API does: on models before Claude Opus 4.8, and
// anywhere but between a user's turn and an assistant's, or after a user's at the end
// (https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages).
func checkInstructions(turns []turn, places []string, m model) *exchange.Error {
	for i := range turns {
		if turns[i].Role != "system" {
			continue
		}
		if !m.takesInstructionsLater() {
			return chat.RefuseAt(places[i], target, "instructions stand before the conversation for this model")
		}
		if i == 0 || turns[i-1].Role != "user" || i+1 < len(turns) && turns[i+1].Role != "assistant" {
			return chat.RefuseAt(places[i], target, "later instructions stand there between a user's message and the assistant's answer")
		}
	}
	return nil
}

// resultsFirst puts results of tools before what else a user's turn says, as the API wants them.
func resultsFirst(blocks []any) {
	slices.SortStableFunc(blocks, func(a, b any) int { return rank(a) - rank(b) })
}

func rank(block any) int {
	if _, ok := block.(outResult); ok {
		return 0
	}
	return 1
}

func encodeInstructions(m *chat.Message) ([]textBlock, *exchange.Error) {
	if m.Name != "" {
		return nil, chat.RefuseAt(chat.Join(m.At, "name"), target)
	}
	blocks := make([]textBlock, 0, len(m.Parts))
	for i := range m.Parts {
		p := &m.Parts[i]
		if p.Kind != chat.Text {
			return nil, chat.RefuseAt(p.At, target, "instructions are text there")
		}
		if p.Text != "" {
			blocks = append(blocks, encodeText(p))
		}
	}
	return blocks, nil
}

func encodeMessage(m *chat.Message) ([]any, *exchange.Error) {
	blocks := make([]any, 0, len(m.Parts))
	if roleWords[m.Role] == "system" {
		texts, err := encodeInstructions(m)
		for _, t := range texts {
			blocks = append(blocks, t)
		}
		return blocks, err
	}
	for i := range m.Parts {
		block, err := encodePart(m.Role, &m.Parts[i])
		if err != nil {
			return nil, err
		}
		if block != nil {
			blocks = append(blocks, block)
		}
	}
	return blocks, nil
}

// encodePart gives a part's block; nil for what says nothing: an empty text, which the API refuses, and a thought without
// a signature, which no Anthropic model had and which the API would not accept as one.
func encodePart(role chat.Role, p *chat.Part) (any, *exchange.Error) {
	switch {
	case p.Kind == chat.Text || p.Kind == chat.Refusal:
		if p.Text == "" {
			return nil, nil
		}
		return encodeText(p), nil
	case p.Kind == chat.Thinking && role == chat.Assistant:
		if p.Signature == "" {
			return nil, nil
		}
		return thinkingBlock{Type: "thinking", Thinking: p.Text, Signature: p.Signature}, nil
	case p.Kind == chat.Redacted && role == chat.Assistant:
		return redactedBlock{Type: "redacted_thinking", Data: p.Signature}, nil
	case p.Kind == chat.Call && role == chat.Assistant:
		return encodeCall(p)
	case p.Kind == chat.Result && role == chat.User:
		return encodeResult(p)
	case (p.Kind == chat.Image || p.Kind == chat.Document) && role == chat.User:
		return encodeMedia(p)
	default:
		return nil, chat.RefuseAt(p.At, target)
	}
}

func encodeText(p *chat.Part) textBlock {
	return textBlock{Type: "text", Text: p.Text, CacheControl: encodeMark(p.Cache)}
}

// encodeCall renders a call. The API takes objects only as arguments.
func encodeCall(p *chat.Part) (any, *exchange.Error) {
	input, ok := inputObject(p.Call.Arguments)
	if !ok {
		return nil, chat.RefuseAt(p.At, target, "the arguments of a tool call are a JSON object there")
	}
	return toolUseBlock{
		Type: "tool_use", ID: p.Call.ID, Name: p.Call.Name, Input: input, CacheControl: encodeMark(p.Cache),
	}, nil
}

// inputObject gives the arguments of a call as an object; false where they are none.
func inputObject(arguments string) (jsontext.Value, bool) {
	if arguments == "" {
		return jsontext.Value("{}"), true
	}
	v := jsontext.Value(arguments)
	return v, v.Kind() == '{' && v.IsValid()
}

func encodeResult(p *chat.Part) (any, *exchange.Error) {
	out := outResult{Type: "tool_result", ToolUseID: p.Result.CallID, IsError: p.Result.Failed, CacheControl: encodeMark(p.Cache)}
	for i := range p.Result.Parts {
		inner := &p.Result.Parts[i]
		if inner.Kind != chat.Text && inner.Kind != chat.Image && inner.Kind != chat.Document {
			return nil, chat.RefuseAt(inner.At, target)
		}
		block, err := encodePart(chat.User, inner)
		if err != nil {
			return nil, err
		}
		if block != nil {
			out.Content = append(out.Content, block)
		}
	}
	return out, nil
}

func encodeMedia(p *chat.Part) (any, *exchange.Error) {
	media := p.Media
	if media == nil {
		return nil, chat.RefuseAt(p.At, target)
	}
	out := mediaBlock{Type: "image", CacheControl: encodeMark(p.Cache)}
	from, note := imageSource(media)
	if p.Kind == chat.Document {
		out.Type, out.Title = "document", media.Name
		from, note = documentSource(media)
	}
	if note == "" && from.Type == "url" && !strings.HasPrefix(from.URL, "https://") && !strings.HasPrefix(from.URL, "http://") {
		note = "media are fetched from http(s) URLs only"
	}
	if note != "" {
		return nil, chat.RefuseAt(p.At, target, note)
	}
	out.Source = from
	return out, nil
}

// elsewhere gives the source of what is not in the request itself, nil for what is.
func elsewhere(m *chat.Media) *source {
	switch {
	case m.FileID != "":
		return &source{Type: "file", FileID: m.FileID}
	case m.URL != "":
		return &source{Type: "url", URL: m.URL}
	}
	return nil
}

// imageSource gives an image's source, or why there is none. Images are seen in as much detail as the model can, so that
// asking for less cannot be said.
func imageSource(m *chat.Media) (*source, string) {
	if m.Detail != "" && m.Detail != "auto" && m.Detail != "high" {
		return nil, "an image has no such detail there"
	}
	if s := elsewhere(m); s != nil {
		return s, ""
	}
	mime := m.MIME
	switch mime {
	case "image/jpg":
		mime = "image/jpeg"
	case "image/jpeg", "image/png", "image/gif", "image/webp":
	default:
		return nil, "images are JPEG, PNG, GIF or WebP there"
	}
	return &source{Type: "base64", MediaType: mime, Data: m.Data}, ""
}

// documentSource gives a document's source, or why there is none.
func documentSource(m *chat.Media) (*source, string) {
	const kinds = "documents are PDF or plain text there"
	s := elsewhere(m)
	switch {
	case s != nil && s.Type == "url" && m.MIME != "" && m.MIME != "application/pdf":
		return nil, kinds
	case s != nil:
		return s, ""
	case m.MIME == "application/pdf":
		return &source{Type: "base64", MediaType: m.MIME, Data: m.Data}, ""
	case m.MIME == "text/plain":
		text, err := base64.StdEncoding.DecodeString(m.Data)
		if err != nil || !utf8.Valid(text) {
			return nil, "plain text is UTF-8 in base64"
		}
		return &source{Type: "text", MediaType: m.MIME, Data: string(text)}, ""
	default:
		return nil, kinds
	}
}
