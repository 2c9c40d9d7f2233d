// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/exchange"
)

const (
	secret = "secret-word"
	hidden = "[hidden]"
)

// redactor is a TextFilter that replaces the secret, and holds back what may become one.
type redactor struct{ held []byte }

func (r *redactor) Write(dst, chunk []byte) []byte {
	text := bytes.ReplaceAll(append(r.held, chunk...), []byte(secret), []byte(hidden))
	n := min(len(secret)-1, len(text))
	for n > 0 && !strings.HasPrefix(secret, string(text[len(text)-n:])) {
		n--
	}
	dst = append(dst, text[:len(text)-n]...)
	r.held = append([]byte(nil), text[len(text)-n:]...)
	return dst
}

func (r *redactor) Close(dst []byte) []byte { return append(dst, r.held...) }

func redact(text string) string { return strings.ReplaceAll(text, secret, hidden) }

// opener gives redactors.
func opener(Channel) TextFilter { return &redactor{} }

// same is a TextFilter that changes nothing, hoarder one that tells everything at the end.
type same struct{}

func (same) Write(dst, chunk []byte) []byte { return append(dst, chunk...) }
func (same) Close(dst []byte) []byte        { return dst }

type hoarder struct{ held []byte }

func (h *hoarder) Write(dst, chunk []byte) []byte {
	h.held = append(h.held, chunk...)
	return dst
}
func (h *hoarder) Close(dst []byte) []byte { return append(dst, h.held...) }

// filtered runs a stream through a filter, in groups of events.
func filtered(d exchange.Dialect, array bool, open func(Channel) TextFilter, groups ...string) string {
	var s StreamFilter
	s.Reset(d, array, open)
	var out []byte
	for _, group := range groups {
		out = s.Write(out, []byte(group))
	}
	return string(s.Close(out))
}

// chunks cuts a text into pieces, none within a character.
func chunks(r *rand.Rand, text string) []string {
	var pieces []string
	for len(text) > 0 {
		n := min(1+r.IntN(1+r.IntN(12)), len(text))
		for n < len(text) && text[n]&0xc0 == 0x80 {
			n++
		}
		pieces = append(pieces, text[:n])
		text = text[n:]
	}
	return pieces
}

// speech makes a text with secrets, parts of them, and what must be escaped.
func speech(r *rand.Rand) string {
	words := []string{secret, secret, "sec", "ret-word", "secret-", "s", "word", " ", "ä", "😀", "\n\"\\", "plain text ", "ss"}
	var b strings.Builder
	for range 1 + r.IntN(12) {
		b.WriteString(words[r.IntN(len(words))])
	}
	return b.String()
}

// jsonOf gives a value as JSON, sometimes with everything escaped.
func jsonOf(r *rand.Rand, text string) string {
	if r.IntN(4) > 0 {
		b, _ := json.Marshal(text) // a string is always JSON
		return string(b)
	}
	var b strings.Builder
	for _, c := range text {
		if c > 0xffff {
			c -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+c>>10, 0xdc00+c&0x3ff)
			continue
		}
		fmt.Fprintf(&b, `\u%04x`, c)
	}
	return `"` + b.String() + `"`
}

// script is a stream that the property is tried with: what each text is, and the events that bring them.
type script struct {
	texts  map[string]string
	events []string
}

// queues mixes several lists of events in any order that keeps each list's own.
func mixed(r *rand.Rand, queues ...[]string) []string {
	var all []string
	for {
		queues = slices.DeleteFunc(queues, func(q []string) bool { return len(q) == 0 })
		if len(queues) == 0 {
			return all
		}
		i := r.IntN(len(queues))
		all, queues[i] = append(all, queues[i][0]), queues[i][1:]
	}
}

// grouped joins events into groups at random.
func grouped(r *rand.Rand, events []string) []string {
	var groups []string
	for len(events) > 0 {
		n := 1 + r.IntN(min(4, len(events)))
		groups = append(groups, strings.Join(events[:n], ""))
		events = events[n:]
	}
	return groups
}

// grammar is a dialect's stream: how one is made, and how an application reads one.
type grammar struct {
	dialect exchange.Dialect
	array   bool
	make    func(*rand.Rand) script
	// read gives the texts, and what else the events say.
	read func(t *testing.T, stream string) (texts map[string]string, rest []string)
}
