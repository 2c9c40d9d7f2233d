// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package converse

import (
	"path"
	"strconv"
	"strings"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// formats are Bedrock's words by MIME type (ImageFormat, AudioFormat, VideoFormat and DocumentFormat).
var formats = map[chat.PartKind]map[string]string{
	chat.Image: {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"},
	chat.Audio: {
		"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/opus": "opus", "audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav",
		"audio/aac": "aac", "audio/x-aac": "x-aac", "audio/flac": "flac", "audio/x-flac": "flac", "audio/mp4": "mp4", "audio/ogg": "ogg",
		"audio/x-matroska": "mka", "audio/m4a": "m4a", "audio/x-m4a": "m4a", "audio/pcm": "pcm", "audio/l16": "pcm", "audio/webm": "webm",
	},
	chat.Video: {
		"video/x-matroska": "mkv", "video/quicktime": "mov", "video/mov": "mov", "video/mp4": "mp4", "video/webm": "webm", "video/x-flv": "flv",
		"video/mpeg": "mpeg", "video/mpg": "mpg", "video/x-ms-wmv": "wmv", "video/wmv": "wmv", "video/3gpp": "three_gp",
	},
	chat.Document: {
		"application/pdf": "pdf", "text/csv": "csv", "application/msword": "doc",
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
		"application/vnd.ms-excel": "xls",
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
		"text/html": "html", "text/plain": "txt", "text/markdown": "md", "text/x-markdown": "md",
	},
}

// media renders an image, audio, video or document: bytes, or an object in S3. Bedrock fetches nothing from elsewhere.
func (e *encoding) media(p *chat.Part) (*block, *exchange.Error) {
	m := p.Media
	switch {
	case m == nil:
		return nil, chat.RefuseAt(p.At, target)
	case m.FileID != "":
		return nil, chat.RefuseAt(p.At, target, "files are sent as data there")
	case m.Detail == "low":
		return nil, chat.RefuseAt(p.At, target, "there is no detail of images")
	}
	out := &media{Format: format(p.Kind, m)}
	if out.Format == "" {
		return nil, chat.RefuseAt(p.At, target, "its format is not one that Bedrock takes")
	}
	switch {
	case strings.HasPrefix(m.URL, "s3://"):
		out.Source.S3Location = &object{m.URL}
	case m.URL != "" || m.Data == "":
		return nil, chat.RefuseAt(p.At, target, "media are sent as data, or lie in S3, there")
	default:
		if !isBase64(m.Data) {
			return nil, chat.RefuseAt(p.At, target, "its data is not base64")
		}
		out.Source.Bytes = m.Data
	}
	switch p.Kind {
	case chat.Image:
		return &block{Image: out}, nil
	case chat.Audio:
		return &block{Audio: out}, nil
	case chat.Video:
		return &block{Video: out}, nil
	default:
		out.Name = e.names.next(m.Name)
		return &block{Document: out}, nil
	}
}

// format finds Bedrock's word by MIME type, and where that says nothing, by the name's or the URL's extension.
func format(kind chat.PartKind, m *chat.Media) string {
	mime, _, _ := strings.Cut(m.MIME, ";")
	mime = strings.ToLower(strings.TrimSpace(mime))
	if word := formats[kind][mime]; word != "" || mime != "" && mime != "application/octet-stream" {
		return word
	}
	for _, name := range [...]string{m.Name, m.URL} {
		extension := strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
		switch extension {
		case "":
			continue
		case "jpg":
			extension = "jpeg"
		case "3gp":
			extension = "three_gp"
		case "htm":
			extension = "html"
		}
		for _, word := range formats[kind] {
			if word == extension {
				return word
			}
		}
	}
	return ""
}

// isBase64 says whether a text has the form of standard base64 (RFC 4648 4), without decoding what may be megabytes.
func isBase64(s string) bool {
	digits := strings.TrimRight(s, "=")
	return s != "" && len(s)%4 == 0 && len(s)-len(digits) <= 2 && only(digits, "+/")
}

// documentNames keeps the names of a request's documents apart, as Bedrock wants them: how often each was given.
type documentNames map[string]int

// next gives a name that Bedrock takes: letters, digits, hyphens, parentheses, brackets, and single spaces. What else
// the application's name has becomes spaces, so that it still says which document is meant.
func (d documentNames) next(name string) string {
	const most = 180 // Bedrock's bound is 200
	name = strings.Map(func(c rune) rune {
		if c < 0x80 && only(string(c), "-()[]") {
			return c
		}
		return ' '
	}, name[:min(len(name), most)])
	name = strings.Join(strings.Fields(name), " ")
	if name == "" {
		name = "document"
	}
	unique := name
	for d[unique] > 0 {
		d[name]++
		unique = name + " (" + strconv.Itoa(d[name]) + ")"
	}
	d[unique]++
	return unique
}
