// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import "bytes"

// maxHead bounds what is kept of an event to write another of the kind, in bytes.
const maxHead = 4 << 10

// openAI hears chats and completions, transcriptions, images and rankings, whole or an event.
func (h *hearing) openAI(i int) int {
	segment := false
	o := object{w: &h.w, i: i}
	for o.next() {
		key := o.plainKey()
		t := tone{depth: 2, text: true, u: utterance{form: formTranscript}}
		switch string(key) {
		case "choices":
			o.to = h.choices(o.from)
		case "text":
			t.u.whole = true
			o.to = h.value(o.from, t)
		case "delta":
			o.to = h.value(o.from, t)
		case "segments", "data", "results":
			t.text, t.numbered, t.u.whole, t.u.form = false, true, true, formSegment
			o.to = h.value(o.from, t)
		case "words", "logprobs":
			o.to = h.shadow(o.from, 0, "[]")
		default:
			o.to = h.w.value(o.from, 1, false)
			h.beside(key, span{o.keyAt.from, o.to}, o.from)
			segment = segment || o.to > 0 && string(key) == "type" && bytes.Contains(h.b[o.from:o.to], []byte(".segment"))
		}
		if o.to < 0 {
			break
		}
	}
	for k := range h.said {
		if segment && h.said[k].form == formTranscript {
			h.said[k].form = formSegment
		}
	}
	return o.end
}

// beside takes up a member that holds no text; its value begins at from.
func (h *hearing) beside(key []byte, at span, from int) {
	if at.to < 0 {
		return
	}
	said := told(h.b[from:at.to])
	switch string(key) {
	case "usage":
		h.more = h.more || said
		if said {
			return
		}
	case "error":
		h.endedAll = h.endedAll || said
		return
	case "obfuscation", "sequence_number":
		return
	}
	if at.to-at.from <= maxHead {
		h.head = append(h.head, at)
	}
}

func (h *hearing) choices(from int) int {
	if h.first(from) != '[' {
		return h.w.value(from, 1, false)
	}
	l := list{w: &h.w, i: from}
	for l.next() {
		l.to = h.choice(l.from, l.n)
	}
	return l.end
}

// choice hears one choice, or what an event says of it; place is where it stands in its list.
func (h *hearing) choice(i, place int) int {
	if h.first(i) != '{' {
		return h.w.value(i, 3, false)
	}
	said, shadows, finished := len(h.said), len(h.shadows), false
	o := object{w: &h.w, i: i}
	for o.next() {
		t := tone{depth: 4}
		switch key := o.plainKey(); string(key) {
		case "index":
			if o.to = h.w.value(o.from, 3, false); o.to > 0 {
				if n, ok := integer(h.b[o.from:o.to]); ok {
					place = int(n)
				}
			}
		case "delta":
			o.to = h.value(o.from, t)
		case "message":
			t.u.whole = true
			o.to = h.value(o.from, t)
		case "text":
			t.text, t.u.form = true, formCompletion
			o.to = h.value(o.from, t)
		case "logprobs":
			o.to = h.shadow(o.from, place, "null")
		default:
			o.to = h.value(o.from, t)
			finished = finished || string(key) == "finish_reason" && o.to > 0 && told(h.b[o.from:o.to])
		}
		if o.to < 0 {
			break
		}
	}
	h.reindex(said, shadows, place)
	if finished {
		h.ended = append(h.ended, place)
	}
	return o.end
}

// spark hears an answer of the gateway's own dialect, or an event, of which the last is an answer.
func (h *hearing) spark(i int) int {
	o := object{w: &h.w, i: i}
	for o.next() {
		switch key := o.plainKey(); string(key) {
		case "text":
			o.to = h.value(o.from, tone{depth: 1, text: true})
		default:
			o.to = h.w.value(o.from, 1, false)
			h.beside(key, span{o.keyAt.from, o.to}, o.from)
			h.endedAll = h.endedAll || string(key) == "finishReason"
		}
		if o.to < 0 {
			break
		}
	}
	for k := range h.said {
		h.said[k].whole = h.endedAll
	}
	h.more = h.more || h.endedAll
	return o.end
}
