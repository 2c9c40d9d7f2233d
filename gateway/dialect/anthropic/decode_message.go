// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"encoding/base64"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// conversation is what blocks are read in: the role that speaks, and the names of the tools called so far by the IDs of
// the calls.
type conversation struct {
	role   chat.Role
	called map[string]string
}

func decodeMessages(w *request, r *chat.Request) *exchange.Error {
	c := conversation{called: map[string]string{}}
	for i := range w.Messages {
		m, at := &w.Messages[i], chat.Index("messages", i)
		if err := chat.RefuseUnknown(at, m.Unknown); err != nil {
			return err
		}
		switch m.Role {
		case "user":
			c.role = chat.User
		case "assistant":
			c.role = chat.Assistant
		case "system":
			c.role = chat.System
		default:
			return wrong(chat.Join(at, "role"), "'user', 'assistant' or 'system'")
		}
		parts, err := c.content(chat.Join(at, "content"), m.Content)
		if err != nil {
			return err
		}
		r.Messages = append(r.Messages, chat.Message{Role: c.role, Parts: parts, At: at})
	}
	return nil
}

func (c *conversation) content(at string, v jsontext.Value) ([]chat.Part, *exchange.Error) {
	if absent(v) {
		return nil, missing(at)
	}
	if c.role == chat.System {
		return decodeTexts(at, v)
	}
	return decodeBlocks(at, v, c.block)
}

// decodeTexts reads a string or text blocks.
func decodeTexts(at string, v jsontext.Value) ([]chat.Part, *exchange.Error) {
	return decodeBlocks(at, v, func(at, kind string, v jsontext.Value) (chat.Part, *exchange.Error) {
		if kind != "text" {
			return chat.Part{}, wrong(chat.Join(at, "type"), "'text'")
		}
		return decodeText(at, v)
	})
}

// decodeBlocks reads a string or an array of blocks.
func decodeBlocks(at string, v jsontext.Value, block func(at, kind string, v jsontext.Value) (chat.Part, *exchange.Error)) ([]chat.Part, *exchange.Error) {
	if v.Kind() == '"' {
		var text string
		if err := chat.DecodePart(at, v, &text); err != nil {
			return nil, err
		}
		return []chat.Part{{Text: text, At: at}}, nil
	}
	var blocks []jsontext.Value
	if err := chat.DecodePart(at, v, &blocks); err != nil {
		return nil, err
	}
	parts := make([]chat.Part, 0, len(blocks))
	for i, b := range blocks {
		place := chat.Index(at, i)
		var tagged struct {
			Type string `json:"type"`
		}
		if err := chat.DecodePart(place, b, &tagged); err != nil {
			return nil, err
		}
		part, err := block(place, tagged.Type, b)
		if err != nil {
			return nil, err
		}
		part.At = place
		parts = append(parts, part)
	}
	return parts, nil
}

func (c *conversation) block(at, kind string, v jsontext.Value) (chat.Part, *exchange.Error) {
	switch {
	case kind == "text":
		return decodeText(at, v)
	case kind == "":
		return chat.Part{}, missing(chat.Join(at, "type"))
	case c.role == chat.User && (kind == "image" || kind == "document"):
		return decodeMedia(at, kind, v)
	case c.role == chat.User && kind == "tool_result":
		return c.toolResult(at, v)
	case c.role == chat.Assistant && kind == "tool_use":
		return c.toolUse(at, v)
	case c.role == chat.Assistant && kind == "thinking":
		return decodeThought(at, v)
	case c.role == chat.Assistant && kind == "redacted_thinking":
		return decodeRedacted(at, v)
	default:
		return chat.Part{}, chat.RefuseField(chat.Join(at, "type"))
	}
}

func decodeText(at string, v jsontext.Value) (chat.Part, *exchange.Error) {
	var b textBlock
	if err := chat.DecodePart(at, v, &b); err != nil {
		return chat.Part{}, err
	}
	if !absent(b.Citations) && string(b.Citations) != "[]" {
		return chat.Part{}, chat.RefuseField(chat.Join(at, "citations"))
	}
	part := chat.Part{Kind: chat.Text, Text: b.Text}
	return finish(at, part, b.CacheControl, b.Unknown)
}

// finish adds to a part what every block may have.
func finish(at string, part chat.Part, c *cacheControl, unknown jsontext.Value) (chat.Part, *exchange.Error) {
	mark, err := decodeMark(chat.Join(at, "cache_control"), c)
	if err != nil {
		return part, err
	}
	part.Cache = mark
	return part, chat.RefuseUnknown(at, unknown)
}

func decodeMedia(at, kind string, v jsontext.Value) (chat.Part, *exchange.Error) {
	var b mediaBlock
	if err := chat.DecodePart(at, v, &b); err != nil {
		return chat.Part{}, err
	}
	if b.Source == nil {
		return chat.Part{}, missing(chat.Join(at, "source"))
	}
	if b.Context != nil {
		return chat.Part{}, chat.RefuseField(chat.Join(at, "context"))
	}
	if b.Citations != nil {
		place := chat.Join(at, "citations")
		if b.Citations.Enabled {
			return chat.Part{}, chat.RefuseField(place)
		}
		if err := chat.RefuseUnknown(place, b.Citations.Unknown); err != nil {
			return chat.Part{}, err
		}
	}
	part := chat.Part{Kind: chat.Image}
	if kind == "document" {
		part.Kind = chat.Document
	}
	media, err := decodeSource(chat.Join(at, "source"), part.Kind, b.Source)
	if err != nil {
		return chat.Part{}, err
	}
	if b.Title != "" && part.Kind == chat.Image {
		return chat.Part{}, chat.RefuseField(chat.Join(at, "title"))
	}
	media.Name = b.Title
	part.Media = media
	return finish(at, part, b.CacheControl, b.Unknown)
}

// decodeSource reads where an image or a document is. The text of a document is carried as base64, as all data is.
func decodeSource(at string, kind chat.PartKind, s *source) (*chat.Media, *exchange.Error) {
	if err := chat.RefuseUnknown(at, s.Unknown); err != nil {
		return nil, err
	}
	media := &chat.Media{}
	need, value := "", ""
	switch {
	case s.Type == "base64":
		media.MIME, media.Data = s.MediaType, s.Data
		need, value = "data", s.Data
		if s.MediaType == "" {
			need, value = "media_type", ""
		}
	case s.Type == "url":
		media.URL = s.URL
		if kind == chat.Document {
			media.MIME = "application/pdf"
		}
		need, value = "url", s.URL
	case s.Type == "file":
		media.FileID = s.FileID
		need, value = "file_id", s.FileID
	case s.Type == "text" && kind == chat.Document:
		media.MIME, media.Data = "text/plain", base64.StdEncoding.EncodeToString([]byte(s.Data))
		need, value = "data", s.Data
	default:
		return nil, chat.RefuseField(chat.Join(at, "type"))
	}
	if value == "" {
		return nil, missing(chat.Join(at, need))
	}
	return media, nil
}

// decodeThought reads a thinking block. Its signature is empty where another dialect's provider gave the thought.
func decodeThought(at string, v jsontext.Value) (chat.Part, *exchange.Error) {
	var b thinkingBlock
	if err := chat.DecodePart(at, v, &b); err != nil {
		return chat.Part{}, err
	}
	return chat.Part{Kind: chat.Thinking, Text: b.Thinking, Signature: b.Signature}, chat.RefuseUnknown(at, b.Unknown)
}

func decodeRedacted(at string, v jsontext.Value) (chat.Part, *exchange.Error) {
	var b redactedBlock
	if err := chat.DecodePart(at, v, &b); err != nil {
		return chat.Part{}, err
	}
	return chat.Part{Kind: chat.Redacted, Signature: b.Data}, chat.RefuseUnknown(at, b.Unknown)
}

// toolUse reads a call that the model made. An input that is a string is AppendAnswer's, for arguments that were no
// object: it is read back as the arguments that the model wrote.
func (c *conversation) toolUse(at string, v jsontext.Value) (chat.Part, *exchange.Error) {
	var b toolUseBlock
	if err := chat.DecodePart(at, v, &b); err != nil {
		return chat.Part{}, err
	}
	switch {
	case b.ID == "":
		return chat.Part{}, missing(chat.Join(at, "id"))
	case b.Name == "":
		return chat.Part{}, missing(chat.Join(at, "name"))
	case b.Caller != nil && (b.Caller.Type != "direct" || len(b.Caller.Unknown) > 0):
		return chat.Part{}, chat.RefuseField(chat.Join(at, "caller"))
	}
	call := &chat.ToolCall{ID: b.ID, Name: b.Name}
	switch b.Input.Kind() {
	case '{':
		call.Arguments = string(b.Input)
	case '"':
		if err := chat.DecodePart(chat.Join(at, "input"), b.Input, &call.Arguments); err != nil {
			return chat.Part{}, err
		}
	default:
		return chat.Part{}, wrong(chat.Join(at, "input"), "an object")
	}
	c.called[b.ID] = b.Name
	return finish(at, chat.Part{Kind: chat.Call, Call: call}, b.CacheControl, b.Unknown)
}

func (c *conversation) toolResult(at string, v jsontext.Value) (chat.Part, *exchange.Error) {
	var b toolResultBlock
	if err := chat.DecodePart(at, v, &b); err != nil {
		return chat.Part{}, err
	}
	if b.ToolUseID == "" {
		return chat.Part{}, missing(chat.Join(at, "tool_use_id"))
	}
	result := &chat.ToolResult{CallID: b.ToolUseID, Name: c.called[b.ToolUseID], Failed: b.IsError}
	if !absent(b.Content) {
		parts, err := decodeBlocks(chat.Join(at, "content"), b.Content, decodeResultBlock)
		if err != nil {
			return chat.Part{}, err
		}
		result.Parts = parts
	}
	return finish(at, chat.Part{Kind: chat.Result, Result: result}, b.CacheControl, b.Unknown)
}

func decodeResultBlock(at, kind string, v jsontext.Value) (chat.Part, *exchange.Error) {
	switch kind {
	case "text":
		return decodeText(at, v)
	case "image", "document":
		return decodeMedia(at, kind, v)
	default:
		return chat.Part{}, chat.RefuseField(chat.Join(at, "type"))
	}
}
