// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"sync"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// Voice is how a model says a text.
type Voice uint8

// The voices.
const (
	// VoiceContent is the answer itself.
	VoiceContent Voice = iota
	// VoiceReasoning is what the model thought, or a summary of it.
	VoiceReasoning
	// VoiceRefusal says why there is no answer.
	VoiceRefusal
	// VoiceArguments is what the model calls a tool with: JSON, or one string within it where the dialect has them as
	// an object.
	VoiceArguments
)

// Channel is a text of an answer, which a stream brings in pieces.
type Channel struct {
	Voice Voice
	// Index is the choice, block, item or candidate; Part the tool call or part within.
	Index, Part int
}

// audience is what an answer is heard and edited with. It is kept for its memory.
type audience struct {
	hearing
	retelling
	scratch []byte
}

var audiences = sync.Pool{New: func() any { return new(audience) }}

// FilterAnswer appends a whole answer with its texts replaced by what filter gives for them; the same bytes mean no
// change. filter must not keep or change text. What is not changed is byte for byte as it was, and so is a body that is
// not JSON. Beside a text that changed, its tokens' log probabilities go. Of Gemini's array, which is a stream in one
// piece, filter gets each text as a whole.
func FilterAnswer(dst []byte, d exchange.Dialect, body []byte, filter func(c Channel, text []byte) []byte) []byte {
	a := audiences.Get().(*audience)
	defer func() {
		a.release()
		audiences.Put(a)
	}()
	a.reset()
	start := skipSpace(body, 0)
	switch {
	case d == exchange.Gemini && start < len(body) && body[start] == '[':
		if !a.hearAll(d, body, start) {
			return append(dst, body...)
		}
		a.filterJoined(filter)
	case a.hear(d, body, start) < 0:
		return append(dst, body...)
	default:
		for i := range a.said {
			a.filter(&a.said[i], filter)
		}
	}
	a.dispel(a.shadows)
	return a.append(dst, body)
}

// release lets go of the answer, and of memory that few answers need.
func (a *audience) release() {
	const keepBytes, keepPlaces = 64 << 10, 1 << 10
	a.b, a.w = nil, walker{}
	if cap(a.text) > keepBytes || cap(a.scratch) > keepBytes {
		a.text, a.scratch = nil, nil
	}
	if cap(a.said) > keepPlaces || cap(a.all) > keepPlaces {
		a.said, a.all, a.shadows = nil, nil, nil
	}
}

// filter filters one text.
func (a *audience) filter(u *utterance, filter func(Channel, []byte) []byte) {
	text := a.plain(u)
	if told := filter(u.channel, text); !bytes.Equal(told, text) {
		from := len(a.text)
		a.text = append(a.text, told...)
		a.retell(u, from)
	}
}

// plain gives an utterance's text, until the next call.
func (a *audience) plain(u *utterance) []byte {
	written := u.at.in(a.b)
	if bytes.IndexByte(written, '\\') < 0 {
		return written
	}
	a.scratch = appendUnescaped(a.scratch[:0], written)
	return a.scratch
}

// hearAll hears the elements of an array; false says that it is none.
func (a *audience) hearAll(d exchange.Dialect, body []byte, i int) bool {
	a.hear(d, body, len(body))
	l := list{w: &a.w, i: i}
	for l.next() {
		l.to = a.further(l.from)
	}
	return l.end >= 0
}

// filterJoined filters texts that stand in pieces. One that changes stands where its first piece stood.
func (a *audience) filterJoined(filter func(Channel, []byte) []byte) {
	type name struct {
		channel Channel
		form    form
	}
	pieces := make(map[name][]int)
	var order []name
	for i := range a.said {
		if a.said[i].whole {
			a.filter(&a.said[i], filter)
			continue
		}
		n := name{a.said[i].channel, a.said[i].form}
		if pieces[n] == nil {
			order = append(order, n)
		}
		pieces[n] = append(pieces[n], i)
	}
	var text []byte
	for _, n := range order {
		text = text[:0]
		for _, i := range pieces[n] {
			text = append(text, a.plain(&a.said[i])...)
		}
		told := filter(n.channel, text)
		if bytes.Equal(told, text) {
			continue
		}
		from := len(a.text)
		a.text = append(a.text, told...)
		for _, i := range pieces[n] {
			a.retell(&a.said[i], from)
			from = len(a.text)
		}
	}
}
