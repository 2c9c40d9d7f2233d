// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package conversetest

import (
	"fmt"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// mimes are the MIME types of formats, one for each.
var mimes = map[chat.PartKind]map[string]string{
	chat.Image: {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"},
	chat.Audio: {"mp3": "audio/mpeg", "wav": "audio/wav", "flac": "audio/flac", "ogg": "audio/ogg", "opus": "audio/opus"},
	chat.Video: {"mp4": "video/mp4", "mov": "video/quicktime", "webm": "video/webm", "mkv": "video/x-matroska", "three_gp": "video/3gpp"},
	chat.Document: {
		"pdf": "application/pdf", "csv": "text/csv", "html": "text/html", "txt": "text/plain", "md": "text/markdown", "doc": "application/msword",
		"docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "xls": "application/vnd.ms-excel",
		"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	},
}

func readBlocks(blocks []block) ([]chat.Part, error) {
	var parts []chat.Part
	for i := range blocks {
		b := &blocks[i]
		if b.members() != 1 {
			return nil, errUnion
		}
		if b.CachePoint != nil {
			if len(parts) == 0 || b.CachePoint.Type != "default" {
				return nil, fmt.Errorf("a cache point of type %q after %d blocks", b.CachePoint.Type, i)
			}
			parts[len(parts)-1].Cache = &chat.CacheMark{TTL: b.CachePoint.TTL}
			continue
		}
		p, err := readBlock(b)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

func (b *block) members() int {
	n := 0
	for _, there := range []bool{
		b.Text != nil, b.Image != nil, b.Audio != nil, b.Video != nil, b.Document != nil, b.CachePoint != nil, b.ToolUse != nil,
		b.ToolResult != nil, b.ReasoningContent != nil,
	} {
		if there {
			n++
		}
	}
	return n
}

func readBlock(b *block) (chat.Part, error) {
	switch {
	case b.Text != nil:
		return chat.Part{Kind: chat.Text, Text: *b.Text}, nil
	case b.Image != nil:
		return readMedia(chat.Image, b.Image)
	case b.Audio != nil:
		return readMedia(chat.Audio, b.Audio)
	case b.Video != nil:
		return readMedia(chat.Video, b.Video)
	case b.Document != nil:
		return readMedia(chat.Document, b.Document)
	case b.ToolUse != nil:
		call := &chat.ToolCall{ID: b.ToolUse.ToolUseID, Name: b.ToolUse.Name, Arguments: string(b.ToolUse.Input)}
		return chat.Part{Kind: chat.Call, Call: call}, nil
	case b.ToolResult != nil:
		parts, err := readBlocks(b.ToolResult.Content)
		result := &chat.ToolResult{CallID: b.ToolResult.ToolUseID, Parts: parts, Failed: b.ToolResult.Status == "error"}
		return chat.Part{Kind: chat.Result, Result: result}, err
	case b.ReasoningContent.ReasoningText != nil:
		t := b.ReasoningContent.ReasoningText
		return chat.Part{Kind: chat.Thinking, Text: t.Text, Signature: t.Signature}, nil
	default:
		return chat.Part{Kind: chat.Redacted, Signature: b.ReasoningContent.RedactedContent}, nil
	}
}

func readMedia(kind chat.PartKind, m *media) (chat.Part, error) {
	mime, ok := mimes[kind][m.Format]
	if !ok {
		return chat.Part{}, fmt.Errorf("media of the format %q", m.Format)
	}
	out := &chat.Media{MIME: mime, Name: m.Name, Data: m.Source.Bytes}
	if m.Source.S3Location != nil {
		out.URL = m.Source.S3Location.URI
	}
	if (out.URL == "") == (out.Data == "") {
		return chat.Part{}, errUnion
	}
	return chat.Part{Kind: kind, Media: out}, nil
}
