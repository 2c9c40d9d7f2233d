// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// Role is who a text of a request speaks for.
type Role uint8

// The roles. What cannot be told counts as RoleUser.
const (
	// RoleSystem: instructions, and what describes tools and formats.
	RoleSystem Role = iota
	// RoleUser: what the application's user says, and documents.
	RoleUser
	// RoleAssistant: what a model said or called before.
	RoleAssistant
	// RoleTool: what tools gave back.
	RoleTool
)

// String gives the role's word in configuration and logs.
func (r Role) String() string {
	switch r {
	case RoleSystem:
		return "system"
	case RoleAssistant:
		return "assistant"
	case RoleTool:
		return "tool"
	default:
		return "user"
	}
}

// Text is where a text stands in a request's body.
type Text struct {
	Role Role
	// From and To enclose the content of the JSON string, without its quotes and as written.
	From, To int
	// Plain says that it is no JSON string but the value of a form's part.
	Plain bool
	// Part is the same for the texts of one message (or item, input, document), and rises with the body.
	Part int
}

// Value gives the text itself: the body's own slice where nothing is escaped, else scratch's memory, overwritten and
// grown. Lone surrogates become U+FFFD.
func (t Text) Value(scratch, body []byte) []byte {
	return plainText(scratch, body[t.From:t.To], t.Plain)
}

func plainText(scratch, written []byte, plain bool) []byte {
	if plain || bytes.IndexByte(written, '\\') < 0 {
		return written
	}
	return appendUnescaped(scratch[:0], written)
}

// Replacement says what stands in a text's place. With is the text itself, not escaped.
type Replacement struct {
	From, To int
	With     []byte
	Plain    bool
}

// AppendReplaced writes the body with replacements, which are in the body's order and do not overlap. Every other byte
// is as it was.
func AppendReplaced(dst, body []byte, all []Replacement) []byte {
	at := 0
	for _, r := range all {
		dst = append(dst, body[at:r.From]...)
		if r.Plain {
			dst = append(dst, r.With...)
		} else {
			dst = appendEscaped(dst, r.With)
		}
		at = r.To
	}
	return append(dst, body[at:]...)
}

// appendEscaped writes a text as the content of a JSON string.
func appendEscaped(dst, text []byte) []byte {
	begun := len(dst)
	dst = AppendString(dst, text)
	copy(dst[begun:], dst[begun+1:])
	return dst[:len(dst)-2]
}

// escapes are the letters behind a backslash that stand for one byte.
var escapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// appendUnescaped writes the text that the content of a JSON string stands for.
func appendUnescaped(dst, written []byte) []byte {
	for {
		i := bytes.IndexByte(written, '\\')
		if i < 0 || i+1 >= len(written) {
			return append(dst, written...)
		}
		dst = append(dst, written[:i]...)
		if c := escapes[written[i+1]]; c != 0 {
			dst, written = append(dst, c), written[i+2:]
			continue
		}
		r, n := unit(written[i:])
		if utf16.IsSurrogate(r) {
			low, more := unit(written[i+n:])
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				n += more
			}
		}
		dst, written = utf8.AppendRune(dst, r), written[i+n:]
	}
}

// unit reads \uXXXX; what is none is U+FFFD, and its length that of the backslash and a letter.
func unit(b []byte) (rune, int) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return utf8.RuneError, min(len(b), 2)
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return utf8.RuneError, 2
		}
		r = r<<4 | rune(c)
	}
	return r, 6
}
