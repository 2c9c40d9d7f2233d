// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"path"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// content reads a string or a list of parts.
func content(at string, v jsontext.Value) ([]chat.Part, *exchange.Error) {
	switch {
	case unsaid(v):
		return nil, missing(at)
	case v.Kind() == '"':
		var text string
		if err := chat.DecodePart(at, v, &text); err != nil {
			return nil, err
		}
		return []chat.Part{{Text: text, At: at}}, nil
	}
	var list []jsontext.Value
	if err := chat.DecodePart(at, v, &list); err != nil {
		return nil, err
	}
	parts := make([]chat.Part, 0, len(list))
	for i, raw := range list {
		p, err := part(chat.Index(at, i), raw)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

func part(at string, v jsontext.Value) (chat.Part, *exchange.Error) {
	var k kind
	if err := chat.DecodePart(at, v, &k); err != nil {
		return chat.Part{}, err
	}
	switch k.Type {
	case "input_text":
		return text(at, v, nil)
	case "output_text":
		return text(at, v, silentOutput)
	case "refusal":
		return refusal(at, v)
	case "input_image":
		return image(at, v)
	case "input_file":
		return file(at, v)
	}
	return chat.Part{}, chat.RefuseField(at + ".type")
}

func text(at string, v jsontext.Value, s chat.Silent) (chat.Part, *exchange.Error) {
	var p textPart
	if err := chat.DecodePart(at, v, &p); err != nil {
		return chat.Part{}, err
	}
	if err := chat.RefuseUnknown(at, p.Unknown, s); err != nil {
		return chat.Part{}, err
	}
	if p.Text == nil {
		return chat.Part{}, missing(at + ".text")
	}
	mark, err := p.Breakpoint.mark(at)
	return chat.Part{Text: *p.Text, Cache: mark, At: at}, err
}

func refusal(at string, v jsontext.Value) (chat.Part, *exchange.Error) {
	var p refusalPart
	if err := chat.DecodePart(at, v, &p); err != nil {
		return chat.Part{}, err
	}
	if p.Refusal == nil {
		return chat.Part{}, missing(at + ".refusal")
	}
	return chat.Part{Kind: chat.Refusal, Text: *p.Refusal, At: at}, chat.RefuseUnknown(at, p.Unknown)
}

func image(at string, v jsontext.Value) (chat.Part, *exchange.Error) {
	var p imagePart
	if err := chat.DecodePart(at, v, &p); err != nil {
		return chat.Part{}, err
	}
	if err := chat.RefuseUnknown(at, p.Unknown); err != nil {
		return chat.Part{}, err
	}
	m := &chat.Media{URL: p.URL, FileID: p.FileID}
	switch {
	case p.URL == "" && p.FileID == "":
		return chat.Part{}, missing(at + ".image_url")
	case p.URL != "" && p.FileID != "":
		return chat.Part{}, invalid(at + ".file_id")
	}
	if mime, data, ok := dataURL(p.URL); ok {
		m.MIME, m.Data, m.URL = mime, data, ""
	} else if isDataURL(p.URL) {
		return chat.Part{}, invalid(at + ".image_url")
	}
	switch p.Detail {
	case "", "auto":
		// SDKs say "auto" wherever the application says nothing.
	case "low", "high":
		m.Detail = p.Detail
	default:
		return chat.Part{}, chat.RefuseField(at + ".detail")
	}
	mark, err := p.Breakpoint.mark(at)
	return chat.Part{Kind: chat.Image, Media: m, Cache: mark, At: at}, err
}

func file(at string, v jsontext.Value) (chat.Part, *exchange.Error) {
	var p filePart
	if err := chat.DecodePart(at, v, &p); err != nil {
		return chat.Part{}, err
	}
	if err := chat.RefuseUnknown(at, p.Unknown, silentFile); err != nil {
		return chat.Part{}, err
	}
	given := 0
	for _, s := range []string{p.Data, p.URL, p.FileID} {
		if s != "" {
			given++
		}
	}
	switch {
	case given == 0:
		return chat.Part{}, missing(at + ".file_data")
	case given > 1:
		return chat.Part{}, invalid(at)
	}
	m := &chat.Media{URL: p.URL, FileID: p.FileID, Name: p.Name}
	if p.Data != "" {
		var ok bool
		if m.MIME, m.Data, ok = fileData(p.Data, p.Name); !ok {
			return chat.Part{}, invalid(at + ".file_data")
		}
	}
	mark, err := p.Breakpoint.mark(at)
	return chat.Part{Kind: chat.Document, Media: m, Cache: mark, At: at}, err
}

// fileTypes are the MIME types of files that come as bare base64, by the ends of their names.
var fileTypes = map[string]string{
	".pdf": "application/pdf", ".txt": "text/plain", ".md": "text/markdown", ".csv": "text/csv", ".html": "text/html",
	".json": "application/json", ".xml": "text/xml",
	".doc":  "application/msword",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".xls":  "application/vnd.ms-excel",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}

// fileData reads a file as a data URL, or as base64 whose type the file's name tells.
func fileData(s, name string) (mime, data string, ok bool) {
	if isDataURL(s) {
		return dataURL(s)
	}
	mime, ok = fileTypes[strings.ToLower(path.Ext(name))]
	return mime, s, ok
}

func isDataURL(s string) bool { return len(s) >= 5 && strings.EqualFold(s[:5], "data:") }

// dataURL takes a base64 data URL (RFC 2397) apart. Parameters of its type are left out.
func dataURL(s string) (mime, data string, ok bool) {
	if !isDataURL(s) {
		return "", "", false
	}
	head, data, ok := strings.Cut(s[5:], ",")
	if !ok || !strings.HasSuffix(strings.ToLower(head), ";base64") {
		return "", "", false
	}
	mime, _, _ = strings.Cut(head, ";")
	return mime, data, mime != "" && data != ""
}

// mark reads where a prefix to cache ends. OpenAI keeps it for at least half an hour, which is Anthropic's hour where the
// application says so and the provider's own default where it does not.
func (b *breakpoint) mark(at string) (*chat.CacheMark, *exchange.Error) {
	if b == nil {
		return nil, nil
	}
	at += ".prompt_cache_breakpoint"
	m := &chat.CacheMark{}
	switch b.TTL {
	case "":
	case "30m":
		m.TTL = "1h"
	default:
		return nil, chat.RefuseField(at + ".ttl")
	}
	if b.Mode != "" && b.Mode != "explicit" {
		return nil, invalid(at + ".mode")
	}
	return m, chat.RefuseUnknown(at, b.Unknown)
}
