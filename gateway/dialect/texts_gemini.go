// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

// gemini hears a GenerateContentResponse, which is an answer or a piece of one. A candidate's texts are one text, and its
// thoughts are: in a stream nothing shows where a part ends. What it calls tools with comes whole.
func (h *hearing) gemini(i int) int {
	h.more = true
	o := object{w: &h.w, i: i}
	for o.next() {
		switch key := o.plainKey(); string(key) {
		case "candidates":
			o.to = h.candidates(o.from)
		case "usageMetadata", "promptFeedback":
			o.to = h.w.value(o.from, 1, false)
		default:
			o.to = h.w.value(o.from, 1, false)
			h.beside(key, span{o.keyAt.from, o.to}, o.from)
		}
		if o.to < 0 {
			break
		}
	}
	return o.end
}

func (h *hearing) candidates(from int) int {
	if h.first(from) != '[' {
		return h.w.value(from, 1, false)
	}
	l := list{w: &h.w, i: from}
	for l.next() {
		l.to = h.candidate(l.from, l.n)
	}
	return l.end
}

func (h *hearing) candidate(i, place int) int {
	if h.first(i) != '{' {
		return h.w.value(i, 3, false)
	}
	said, shadows, finished := len(h.said), len(h.shadows), false
	o := object{w: &h.w, i: i}
	for o.next() {
		switch string(o.plainKey()) {
		case "content":
			o.to = h.content(o.from)
		case "logprobsResult":
			o.to = h.shadow(o.from, place, "null")
		default:
			// What an answer rests on repeats parts of it.
			if o.to = h.value(o.from, tone{depth: 4, u: utterance{whole: true, form: formQuoted}}); o.to < 0 {
				break
			}
			value := h.b[o.from:o.to]
			if n, ok := integer(value); ok && string(o.plainKey()) == "index" {
				place = int(n)
			}
			finished = finished || string(o.plainKey()) == "finishReason" && told(value)
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

// content hears the parts of a candidate.
func (h *hearing) content(from int) int {
	if h.first(from) != '{' {
		return h.w.value(from, 4, false)
	}
	o := object{w: &h.w, i: from}
	for o.next() {
		if string(o.plainKey()) != "parts" || h.first(o.from) != '[' {
			o.to = h.w.value(o.from, 5, false)
			continue
		}
		l := list{w: &h.w, i: o.from}
		for l.next() {
			mark := len(h.said)
			l.to = h.value(l.from, tone{depth: 6})
			h.partOf(mark, l.n)
		}
		o.to = l.end
	}
	return o.end
}

// partOf numbers what stands in a part but its own text, and says that it is whole.
func (h *hearing) partOf(mark, part int) {
	for i := mark; i < len(h.said); i++ {
		u := &h.said[i]
		if u.channel.Voice == VoiceArguments || u.form != formPlain {
			u.whole, u.channel.Part = true, part
		}
	}
}
