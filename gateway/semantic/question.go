// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import (
	"bytes"
	"crypto/sha256"
	"unicode"
	"unicode/utf8"

	"github.com/sparkgateway/spark/gateway/exchange"
)

const (
	// MaxQuestion bounds a question's text, in bytes. Models see only the beginning of a text that is too long for them,
	// some without saying so, and would take two that begin alike for one.
	MaxQuestion = 4096
	// MaxBody bounds the bodies in which a question is looked for, in bytes.
	MaxBody = 256 << 10
)

// Question gives the user's text of a request that asks one plain question, and a digest of all of the body but that
// text. Any other request is not ok: turns before, tools, anything but text, what a provider stores, several answers, a
// text that is blank or beyond MaxQuestion, a body beyond MaxBody, and any member that is not known to be harmless.
//
// The digest does not change with the order of members and white space, and does with all else: the dialect, the model
// where the body names it, parameters, the system prompt. It covers the numbers in the text too: "in 2024" and "in 2025"
// are close for every model, and never the same question. It does not cover what is not in the body, such as Gemini's
// model and whether it streams, or headers that change the answer: those belong to the scope as well.
func Question(d exchange.Dialect, body []byte) (text []byte, rest [32]byte, ok bool) {
	if int(d) >= len(grammars) || grammars[d].members == nil || len(body) > MaxBody {
		return nil, rest, false
	}
	b, ok := canonical(body)
	if !ok {
		return nil, rest, false
	}
	r := reading{grammar: &grammars[d]}
	if !r.object(node{b, 0, len(b)}, r.grammar.members) || r.users != 1 || r.grammar.unstored && !r.unstored {
		return nil, rest, false
	}
	text = r.question.text()
	if len(text) > MaxQuestion || len(bytes.TrimSpace(text)) == 0 {
		return nil, rest, false
	}
	h := sha256.New()
	h.Write([]byte{byte(d)})
	h.Write(b[:r.question.from])
	h.Write([]byte(`""`))
	h.Write(b[r.question.to:])
	h.Write(numbers(text))
	h.Sum(rest[:0])
	return text, rest, true
}

// numbers gives the numbers of a text, each behind a zero byte.
func numbers(text []byte) []byte {
	var n []byte
	within := false
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if is := unicode.IsNumber(r); is {
			if !within {
				n = append(n, 0)
			}
			n = append(n, text[:size]...)
			within = true
		} else {
			within = false
		}
		text = text[size:]
	}
	return n
}

// rule says whether a member may have that value.
type rule func(r *reading, value node) bool

// reading is what has been seen of one body.
type reading struct {
	grammar *grammar
	// question is the text of the user's message, users the number of these.
	question node
	users    int
	// unstored says that the request forbade the provider to store it.
	unstored bool
}

// object checks the members of an object. Null is as good as absent, whatever the name.
func (r *reading) object(v node, rules map[string]rule) bool {
	return v.members(func(name string, value node) bool {
		if value.is("null") {
			return true
		}
		rule := rules[name]
		return rule != nil && rule(r, value)
	})
}

// messages are those of all dialects but Gemini.
func (r *reading) messages(v node) bool {
	return v.elements(func(message node) bool {
		var content node
		role := ""
		well := message.members(func(name string, value node) bool {
			switch name {
			case "content":
				content = value
			case "role":
				role = string(value.text())
			case "type":
				return r.grammar.typed && value.is(`"message"`)
			case "name":
				return r.grammar.named
			default:
				return false
			}
			return true
		})
		switch {
		case !well || content.b == nil:
			return false
		case role == "user":
			return r.user(content, r.grammar.part)
		case role == "system" || role == "developer":
			return r.grammar.systems && prompt(content, r.grammar.part)
		}
		return false
	})
}

// user is the content of a user's message: a string, or an array of one part.
func (r *reading) user(content node, part string) bool {
	r.users++
	if content.kind() == '"' {
		r.question = content
		return true
	}
	n := 0
	return content.elements(func(v node) bool {
		n++
		text, ok := partText(v, part)
		r.question = text
		return ok && n == 1
	}) && n == 1
}

// prompt is a system prompt: a string, or an array of parts.
func prompt(content node, part string) bool {
	return content.kind() == '"' || content.elements(func(v node) bool {
		_, ok := partText(v, part)
		return ok
	})
}

// partText gives the text of a part of that type; an empty one stands for Gemini's, which have none.
func partText(v node, part string) (text node, ok bool) {
	typed := part == ""
	well := v.members(func(name string, value node) bool {
		switch name {
		case "text":
			text = value
			return value.kind() == '"'
		case "type":
			typed = part != "" && value.is(`"`+part+`"`)
			return typed
		case "cache_control":
			return part != ""
		}
		return false
	})
	return text, well && typed && text.b != nil
}

// contents are Gemini's messages.
func (r *reading) contents(v node) bool {
	return v.elements(func(content node) bool {
		before := r.users
		return content.members(func(name string, value node) bool {
			switch name {
			case "role":
				return value.is(`"user"`)
			case "parts":
				return value.kind() == '[' && r.user(value, "")
			}
			return false
		}) && r.users > before
	})
}

// instruction is Gemini's system prompt.
func instruction(_ *reading, v node) bool {
	return v.members(func(name string, value node) bool {
		switch name {
		case "role":
			return value.kind() == '"'
		case "parts":
			return value.kind() == '[' && prompt(value, "")
		}
		return false
	})
}
