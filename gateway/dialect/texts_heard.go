// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// form is how a piece of a text is written in a dialect that has several ways for one voice. Texts of several forms are
// several texts: a provider may say the same under two names.
type form uint8

const (
	formPlain form = iota
	formReasoningContent
	formReasoning
	formThinking
	formDetails
	formCustom
	formFunctionCall
	formCompletion
	formAudio
	formTranscript
	formSummary
	formQuoted  // what supports an answer, and never comes in pieces
	formSegment // of a transcript
)

// utterance is a string of an answer or of an event.
type utterance struct {
	at      span // its content, without quotes
	channel Channel
	form    form
	whole   bool // all of the text; else a piece of it
}

// same says that two utterances are of one text.
func (u *utterance) same(other *utterance) bool {
	return u.channel == other.channel && u.form == other.form
}

// hearing finds the texts of an answer, or of an event of one. It is kept for its memory.
type hearing struct {
	d exchange.Dialect
	b []byte
	w walker

	said    []utterance
	shadows []shadow
	// ended are the indexes whose texts are whole with this event, endedAll says that all are.
	ended    []int
	endedAll bool
	// more says that there is something beside pieces of texts.
	more bool
	// head is where the members stand that any further event of the kind would repeat.
	head []span
	// sequence is the event's number, of Responses'.
	sequence span
}

// hear reads the object at i and gives the index after it, or -1 where it is not JSON.
func (h *hearing) hear(d exchange.Dialect, data []byte, i int) int {
	h.d, h.b, h.w = d, data, walker{b: data}
	h.said, h.shadows, h.ended, h.head = h.said[:0], h.shadows[:0], h.ended[:0], h.head[:0]
	h.endedAll, h.more, h.sequence = false, false, span{}
	return h.further(i)
}

// further is hear for one more object of the same data.
func (h *hearing) further(i int) int {
	if h.first(i) != '{' {
		return -1
	}
	switch h.d {
	case exchange.Anthropic:
		return h.anthropic(i)
	case exchange.Responses:
		return h.responses(i)
	case exchange.Gemini:
		return h.gemini(i)
	case exchange.Spark:
		return h.spark(i)
	default:
		return h.openAI(i)
	}
}

// first gives the byte at i, 0 behind the end.
func (h *hearing) first(i int) byte {
	if i >= len(h.b) {
		return 0
	}
	return h.b[i]
}

// tone is what is known of the strings at hand.
type tone struct {
	depth int
	text  bool // strings here are texts
	every bool // all strings within are, whatever their names
	// numbered says that the objects of the list here are parts: by their member index, else by their place.
	numbered bool
	u        utterance
}

func (t tone) as(v Voice, f form) tone {
	t.text, t.u.channel.Voice, t.u.form = true, v, f
	return t
}

func (h *hearing) value(i int, t tone) int {
	if i >= len(h.b) || t.depth > MaxDepth {
		return -1
	}
	switch h.b[i] {
	case '"':
		end := skipString(h.b, i)
		switch {
		case end < 0:
		case t.text:
			t.u.at = span{i + 1, end - 1}
			h.said = append(h.said, t.u)
		case end > i+2:
			h.more = true
		}
		return end
	case '{':
		return h.object(i, t)
	case '[':
		return h.list(i, t)
	case 'n':
	default:
		h.more = true
	}
	return h.w.value(i, t.depth, false)
}

func (h *hearing) list(i int, t tone) int {
	t.depth++
	l := list{w: &h.w, i: i}
	for l.next() {
		if t.numbered {
			t.u.channel.Part = l.n
		}
		l.to = h.value(l.from, t)
	}
	return l.end
}

func (h *hearing) object(i int, t tone) int {
	mark := len(h.said)
	part, thought := -1, false
	o := object{w: &h.w, i: i}
	for o.next() {
		key := o.plainKey()
		if n, ok := h.aside(&t, key, o.from); ok {
			if o.to = n; n < 0 {
				break
			}
			value := h.b[o.from:o.to]
			if n, ok := integer(value); ok && t.numbered && string(key) == "index" {
				part = int(n)
			}
			thought = thought || string(key) == "type" && bytes.Contains(value, []byte("reasoning"))
			continue
		}
		if o.to = h.value(o.from, h.tell(t, key, o.from)); o.to < 0 {
			break
		}
		thought = thought || string(key) == "thought" && h.b[o.from] == 't'
	}
	for k := mark; k < len(h.said); k++ {
		c := &h.said[k].channel
		if part >= 0 {
			c.Part = part
		}
		if thought && c.Voice == VoiceContent {
			c.Voice = VoiceReasoning
		}
	}
	return o.end
}

// aside passes over members that are neither texts nor more than what any piece of one says.
func (h *hearing) aside(t *tone, key []byte, from int) (int, bool) {
	if t.every {
		return 0, false
	}
	switch string(key) {
	case "logprobs":
		return h.shadow(from, t.u.channel.Index, "[]"), true
	case "tokens":
		if t.u.form == formSegment {
			return h.shadow(from, t.u.channel.Index, "[]"), true
		}
	case "index":
		if t.numbered {
			return h.w.value(from, t.depth+1, false), true
		}
	case "type", "embedding":
		return h.w.value(from, t.depth+1, false), true
	}
	return 0, false
}

// reindex gives what was found since the marks the index that the object says behind it.
func (h *hearing) reindex(said, shadows, index int) {
	for i := said; i < len(h.said); i++ {
		h.said[i].channel.Index = index
	}
	for i := shadows; i < len(h.shadows); i++ {
		h.shadows[i].index = index
	}
}
