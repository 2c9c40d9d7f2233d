// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package errortrack

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/sparkgateway/spark/gateway/config"
)

// sample gives what may be told of an event: its message and its cause, without what is secret or personal.
func sample(e *Event, also func(dst, text []byte) []byte) string {
	text := head(e.Message)
	if e.Cause != nil {
		if text != "" {
			text += ": "
		}
		text += head(e.Cause.Error())
	}
	redacted := appendRedacted(make([]byte, 0, len(text)+64), text)
	if also != nil {
		redacted = also(make([]byte, 0, len(redacted)+64), redacted)
	}
	return fit(redacted)
}

// head gives what is read of a text: whole words only, as half a secret is not recognised as one.
func head(text string) string {
	if len(text) <= maxCause {
		return text
	}
	text = text[:maxCause]
	return text[:max(strings.LastIndexAny(text, " \n"), 0)]
}

// fit makes a text valid UTF-8 of a bounded length.
func fit(text []byte) string {
	text = bytes.TrimSpace(bytes.ToValidUTF8(text, []byte("?")))
	if len(text) > config.MaxErrorSample {
		end := config.MaxErrorSample - len("…")
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text = append(text[:end:end], "…"...)
	}
	return string(text)
}

// What stands for what was there.
const (
	foldedKey     = "[key]"
	foldedEmail   = "[email]"
	foldedNumber  = "[number]"
	foldedAddress = "[address]"
	foldedPath    = "[path]"
	foldedText    = "[text]"
	foldedSecret  = "[redacted]"
)

// maxQuoted is the longest quotation, marks included, that is looked into. Longer ones may be of a prompt.
const maxQuoted = 42

// appendRedacted appends a text without what looks like a key, an e-mail address, a long number, an IP address, the path of a
// file, what a URL says beyond its host, long quotations, or the value of a password. It would rather take too much.
func appendRedacted(dst []byte, text string) []byte {
	r := redactor{dst: dst}
	r.walk(text)
	return r.dst
}

// redactor walks over a text.
type redactor struct {
	dst    []byte
	quotes quotations
	expect expectation
}

// expectation is what the words before say of the next one.
type expectation uint8

const (
	anything expectation = iota
	// aMark: the last word was the name of a secret, which follows if a ":" or "=" does.
	aMark
	// aSecret: the next word is one.
	aSecret
)

func (r *redactor) walk(text string) {
	for len(text) > 0 {
		text = text[r.step(text):]
	}
}

// step handles what a text begins with, and says how long that was.
func (r *redactor) step(text string) int {
	if n := r.quotes.first(text); n > 0 {
		r.quotation(text[:n])
		return n
	}
	word := wordLen(text)
	if r.expect == aSecret && word > 0 {
		r.secret(text[:word])
		return word
	}
	if n := urlLen(text); n > 0 {
		r.fold(withoutTail(text[:n]))
		return n
	}
	if n := addressLen(text); n > 0 {
		r.fold(foldedAddress)
		return n
	}
	if n := numberLen(text); n > 0 {
		r.fold(foldedNumber)
		return n
	}
	if word > 0 {
		r.word(text[:word])
		return word
	}
	r.delimiter(text[0])
	return 1
}

func (r *redactor) fold(to string) {
	r.expect = anything
	r.dst = append(r.dst, to...)
}

// quotation looks into a short one, and lets a long one go.
func (r *redactor) quotation(text string) {
	last := len(text) - 1
	switch {
	case r.expect == aSecret:
		r.fold(foldedSecret)
	case len(text) > maxQuoted || last == 0 || text[last] != text[0]:
		r.fold(foldedText)
	default:
		outer := r.quotes
		r.dst = append(r.dst, text[0])
		r.walk(text[1:last])
		r.dst = append(r.dst, text[0])
		r.quotes = outer
		if r.expect == aSecret {
			r.expect = anything
		}
	}
}

// secret handles a word where a secret is expected.
func (r *redactor) secret(word string) {
	if scheme(word) {
		// "Authorization: Bearer": it is the word behind that.
		r.dst = append(r.dst, word...)
		return
	}
	r.fold(foldedSecret)
}

func (r *redactor) word(word string) {
	bare := strings.TrimRight(word, ".!?")
	r.expect = anything
	switch {
	case email(bare):
		r.dst = append(r.dst, foldedEmail...)
	case path(bare):
		r.dst = append(r.dst, foldedPath...)
	case keyLike(bare):
		r.dst = append(r.dst, foldedKey...)
	case scheme(bare):
		r.dst, r.expect = append(r.dst, bare...), aSecret
	default:
		r.dst = append(r.dst, bare...)
		if secretName(bare) {
			r.expect = aMark
		}
	}
	r.dst = append(r.dst, word[len(bare):]...)
}

func (r *redactor) delimiter(c byte) {
	switch {
	case c == ':' || c == '=':
		if r.expect == aMark {
			r.expect = aSecret
		}
	case c < ' ' || c == 0x7f:
		// A sample is one line.
		c = ' '
	case c != ' ':
		r.expect = anything
	}
	r.dst = append(r.dst, c)
}
