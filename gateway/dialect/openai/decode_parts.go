// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// kinds says which types of parts a role's content may have.
type kinds map[string]bool

var (
	textOnly    = kinds{"text": true}
	ofUser      = kinds{"text": true, "image_url": true, "input_audio": true, "file": true}
	ofAssistant = kinds{"text": true, "refusal": true}
	ofTool      = kinds{"text": true, "image_url": true, "file": true}
)

// content reads a message's content: a string or a list of parts. Only an assistant that called tools, refused or
// thought may have none.
func content(w *message, at string, may kinds) ([]chat.Part, *exchange.Error) {
	place := at + ".content"
	switch kindOf(w.Content) {
	case 'n':
		if may["refusal"] {
			return nil, nil
		}
		return nil, missing(place)
	case '"':
		var text string
		if err := chat.DecodePart(place, w.Content, &text); err != nil {
			return nil, err
		}
		return []chat.Part{{Kind: chat.Text, Text: text, At: place}}, nil
	}
	var wire []part
	if err := chat.DecodePart(place, w.Content, &wire); err != nil {
		return nil, err
	}
	parts := make([]chat.Part, 0, len(wire))
	for i := range wire {
		p, err := wire[i].decode(chat.Index(place, i), may)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

func (w *part) decode(at string, may kinds) (chat.Part, *exchange.Error) {
	p := chat.Part{At: at}
	if err := chat.RefuseUnknown(at, w.Unknown); err != nil {
		return p, err
	}
	if !may[w.Type] {
		if ofUser[w.Type] || ofAssistant[w.Type] {
			return p, exchange.Invalid(at+".type", "A message of this role cannot have parts of this type.")
		}
		return p, chat.RefuseField(at + ".type")
	}
	if err := w.onlyOf(at); err != nil {
		return p, err
	}
	var err *exchange.Error
	switch w.Type {
	case "text":
		p.Text = *w.Text
	case "refusal":
		p.Kind, p.Text = chat.Refusal, *w.Refusal
	case "image_url":
		p.Kind = chat.Image
		p.Media, err = w.ImageURL.decode(at + ".image_url")
	case "input_audio":
		p.Kind = chat.Audio
		p.Media, err = w.InputAudio.decode(at + ".input_audio")
	case "file":
		p.Kind = chat.Document
		p.Media, err = w.File.decode(at + ".file")
	}
	if err == nil && w.CacheControl != nil {
		p.Cache, err = w.CacheControl.mark(at + ".cache_control")
	}
	return p, err
}

// onlyOf wants the field that the type names, and no field of another type.
func (w *part) onlyOf(at string) *exchange.Error {
	for _, f := range [...]struct {
		name string
		has  bool
	}{
		{"text", w.Text != nil}, {"refusal", w.Refusal != nil}, {"image_url", w.ImageURL != nil},
		{"input_audio", w.InputAudio != nil}, {"file", w.File != nil},
	} {
		switch {
		case f.name == w.Type && !f.has:
			return missing(chat.Join(at, f.name))
		case f.name != w.Type && f.has:
			return exchange.Invalid(chat.Join(at, f.name), "A part has the field of its type only.")
		}
	}
	return nil
}

func (w *imageURL) decode(at string) (*chat.Media, *exchange.Error) {
	if err := chat.RefuseUnknown(at, w.Unknown); err != nil {
		return nil, err
	}
	m := &chat.Media{Detail: w.Detail}
	switch {
	case strings.HasPrefix(w.URL, "data:"):
		var ok bool
		if m.MIME, m.Data, ok = dataURL(w.URL); !ok {
			return nil, invalidValue(at+".url", "a data URL with a media type and base64, or an http(s) URL")
		}
	case strings.HasPrefix(w.URL, "https://") || strings.HasPrefix(w.URL, "http://"):
		m.URL = w.URL
	case w.URL == "":
		return nil, missing(at + ".url")
	default:
		return nil, invalidValue(at+".url", "a data URL with a media type and base64, or an http(s) URL")
	}
	return m, nil
}

// dataURL takes a data URL (RFC 2397) apart that has a media type and is base64. Parameters of the type are left out.
func dataURL(url string) (mime, data string, ok bool) {
	head, data, found := strings.Cut(strings.TrimPrefix(url, "data:"), ",")
	head, isBase64 := strings.CutSuffix(head, ";base64")
	mime, _, _ = strings.Cut(head, ";")
	return mime, data, found && isBase64 && mime != "" && data != ""
}

// audioTypes are the media types of input_audio's formats.
var audioTypes = [...]struct{ format, mime string }{
	{"wav", "audio/wav"},
	{"mp3", "audio/mpeg"},
}

func (w *inputAudio) decode(at string) (*chat.Media, *exchange.Error) {
	if err := chat.RefuseUnknown(at, w.Unknown); err != nil {
		return nil, err
	}
	if w.Data == "" {
		return nil, missing(at + ".data")
	}
	for _, t := range audioTypes {
		if t.format == w.Format {
			return &chat.Media{MIME: t.mime, Data: w.Data}, nil
		}
	}
	return nil, invalidValue(at+".format", "wav or mp3")
}

// decode reads a file. Its data is a data URL; base64 alone is a PDF, the only kind that OpenAI takes.
func (w *file) decode(at string) (*chat.Media, *exchange.Error) {
	if err := chat.RefuseUnknown(at, w.Unknown); err != nil {
		return nil, err
	}
	m := &chat.Media{Name: w.Name, FileID: w.ID}
	switch {
	case w.ID != "" && w.Data != "":
		return nil, exchange.Invalid(at, "A file has either 'file_id' or 'file_data'.")
	case w.ID != "":
	case w.Data == "":
		return nil, missing(at + ".file_data")
	case strings.HasPrefix(w.Data, "data:"):
		var ok bool
		if m.MIME, m.Data, ok = dataURL(w.Data); !ok {
			return nil, invalidValue(at+".file_data", "a data URL with a media type and base64")
		}
	case w.Name != "" && !strings.HasSuffix(strings.ToLower(w.Name), ".pdf"):
		return nil, invalidValue(at+".file_data", "a data URL with a media type and base64")
	default:
		m.MIME, m.Data = pdf, w.Data
	}
	return m, nil
}

const pdf = "application/pdf"

func (w *cacheControl) mark(at string) (*chat.CacheMark, *exchange.Error) {
	if err := chat.RefuseUnknown(at, w.Unknown); err != nil {
		return nil, err
	}
	if w.Type != "ephemeral" {
		return nil, invalidValue(at+".type", "ephemeral")
	}
	if w.TTL != "" && w.TTL != "5m" && w.TTL != "1h" {
		return nil, invalidValue(at+".ttl", "5m or 1h")
	}
	return &chat.CacheMark{TTL: w.TTL}, nil
}

// isObject refuses what is neither an object nor absent.
func isObject(at string, v jsontext.Value) (jsontext.Value, *exchange.Error) {
	switch kindOf(v) {
	case 'n':
		return nil, nil
	case '{':
		return v, nil
	}
	e := exchange.Invalid(at, "Invalid type for '"+at+"': expected an object.")
	e.Code = "invalid_type"
	return nil, e
}
