// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"net/url"
	"path"
	"strings"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// mimeByExtension is what Gemini reads, by the ends of file names.
var mimeByExtension = map[string]string{
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".heic": "image/heic",
	".heif": "image/heif", ".gif": "image/gif", ".bmp": "image/bmp",
	".wav": "audio/wav", ".mp3": "audio/mp3", ".aiff": "audio/aiff", ".aac": "audio/aac", ".ogg": "audio/ogg",
	".flac": "audio/flac", ".m4a": "audio/m4a",
	".mp4": "video/mp4", ".mpeg": "video/mpeg", ".mpg": "video/mpg", ".mov": "video/mov", ".avi": "video/avi",
	".flv": "video/x-flv", ".webm": "video/webm", ".wmv": "video/wmv", ".3gp": "video/3gpp",
	".pdf": "application/pdf", ".txt": "text/plain", ".md": "text/md", ".csv": "text/csv", ".html": "text/html",
	".xml": "text/xml", ".json": "application/json",
}

// mimeOf guesses by the name that a URL ends in; "" where that says nothing.
func mimeOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return mimeByExtension[strings.ToLower(path.Ext(u.Path))]
}

// kindOf says what a MIME type is to a chat. What is neither seen nor heard is a document.
func kindOf(mime string) chat.PartKind {
	family, _, _ := strings.Cut(mime, "/")
	switch strings.ToLower(family) {
	case "image":
		return chat.Image
	case "audio":
		return chat.Audio
	case "video":
		return chat.Video
	}
	return chat.Document
}

func (b *blob) neutral(out *chat.Part, at string) *exchange.Error {
	if err := chat.RefuseUnknown(at, b.Unknown); err != nil {
		return err
	}
	if b.MIME == "" {
		return exchange.Invalid(at+".mimeType", "'"+at+".mimeType' is required.")
	}
	data, ok := standardBase64(b.Data)
	if !ok || data == "" {
		return exchange.Invalid(at+".data", "'"+at+".data' must be base64.")
	}
	out.Kind, out.Media = kindOf(b.MIME), &chat.Media{MIME: b.MIME, Data: data, Name: b.Name}
	return nil
}

func (f *fileData) neutral(out *chat.Part, at string) *exchange.Error {
	if err := chat.RefuseUnknown(at, f.Unknown); err != nil {
		return err
	}
	if f.URI == "" {
		return exchange.Invalid(at+".fileUri", "'"+at+".fileUri' is required.")
	}
	mime := f.MIME
	if mime == "" {
		mime = mimeOf(f.URI)
	}
	if mime == "" {
		return exchange.Invalid(at+".mimeType", "'"+at+".mimeType' is required where the URI does not tell it.")
	}
	out.Kind, out.Media = kindOf(mime), &chat.Media{MIME: mime, URL: f.URI, Name: f.Name}
	return nil
}

// Levels of detail, as Part.mediaResolution has them.
const (
	resolutionLow  = "MEDIA_RESOLUTION_LOW"
	resolutionHigh = "MEDIA_RESOLUTION_HIGH"
	resolutionNone = "MEDIA_RESOLUTION_UNSPECIFIED"
)

// apply says how closely an image is looked at. OpenAI's two levels are all that others know, for images alone.
func (r *resolution) apply(out *chat.Part, at string) *exchange.Error {
	if r == nil {
		return nil
	}
	if err := chat.RefuseUnknown(at, r.Unknown); err != nil {
		return err
	}
	switch {
	case r.Level == "" || r.Level == resolutionNone:
	case out.Kind == chat.Image && r.Level == resolutionLow:
		out.Media.Detail = "low"
	case out.Kind == chat.Image && r.Level == resolutionHigh:
		out.Media.Detail = "high"
	default:
		return chat.RefuseField(at)
	}
	return nil
}

// mediaPart renders an image, a recording or a document: data within, or the address of it.
func (e *encoding) mediaPart(p *chat.Part) (part, *exchange.Error) {
	var out part
	m := p.Media
	switch {
	case m == nil || m.FileID != "":
		return out, chat.RefuseAt(p.At, target, "it takes data or a URL, not the ID of a file")
	case m.Data != "":
		inline, err := inlineOf(p)
		if err != nil {
			return out, err
		}
		out.Inline = inline
	case strings.HasPrefix(m.URL, "https://") || strings.HasPrefix(m.URL, "gs://"):
		out.File = &fileData{MIME: m.MIME, URI: m.URL}
		if m.MIME == "" {
			out.File.MIME = mimeOf(m.URL)
		}
	default:
		return out, chat.RefuseAt(p.At, target, "URLs begin with https:// or gs://")
	}
	switch {
	case m.Detail == "" || m.Detail == "auto":
	case m.Detail == "low" && e.modern:
		out.Resolution = &resolution{Level: resolutionLow}
	case m.Detail == "high" && e.modern:
		out.Resolution = &resolution{Level: resolutionHigh}
	default:
		return out, chat.RefuseAt(p.At, target, "this model does not take the detail of an image")
	}
	return out, nil
}

func inlineOf(p *chat.Part) (*blob, *exchange.Error) {
	if p.Media == nil || p.Media.Data == "" {
		return nil, chat.RefuseAt(p.At, target, "there it takes data only")
	}
	if p.Media.MIME == "" {
		return nil, chat.RefuseAt(p.At, target, "it needs the MIME type")
	}
	return &blob{MIME: p.Media.MIME, Data: p.Media.Data}, nil
}
