// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import "bytes"

// of gives the tone of the texts of an event of Responses', by its type with its quotes. Sounds are no texts.
func (t tone) of(kind []byte) tone {
	has := func(word string) bool { return bytes.Contains(kind, []byte(word)) }
	switch {
	case has("audio.delta"), has("image"):
		return t
	case has("reasoning_summary"):
		return t.as(VoiceReasoning, formSummary)
	case has("reasoning"):
		return t.as(VoiceReasoning, formPlain)
	case has("refusal"):
		return t.as(VoiceRefusal, formPlain)
	case has("arguments"), has("_input"), has("_code"):
		return t.as(VoiceArguments, formPlain)
	default:
		return t.as(VoiceContent, formPlain)
	}
}

// items hears what a response put out.
func (h *hearing) items(from int) int {
	if h.first(from) != '[' {
		return h.w.value(from, 1, false)
	}
	l := list{w: &h.w, i: from}
	for l.next() {
		t := tone{depth: 3, u: utterance{whole: true}}
		t.u.channel.Index = l.n
		l.to = h.value(l.from, t)
	}
	return l.end
}

// response hears the response within an event.
func (h *hearing) response(from int) int {
	if h.first(from) != '{' {
		return h.w.value(from, 1, false)
	}
	o := object{w: &h.w, i: from}
	for o.next() {
		switch string(o.plainKey()) {
		case "output":
			o.to = h.items(o.from)
		case "output_text":
			o.to = h.value(o.from, tone{depth: 3, text: true, u: utterance{whole: true}})
		default:
			o.to = h.w.value(o.from, 2, false)
		}
		if o.to < 0 {
			break
		}
	}
	return o.end
}

// number gives what an event of Responses' says the indexes that stand beside it; -1 where there is none.
func (h *hearing) number(index, part int) {
	if index >= 0 {
		h.reindex(0, 0, index)
	}
	for i := range h.said {
		if part >= 0 {
			h.said[i].channel.Part = part
		}
	}
}

// event says what an event of Responses' ends.
func (h *hearing) event(kind []byte, index int) {
	h.more = h.more || !bytes.HasSuffix(kind, []byte(`.delta"`))
	switch string(kind) {
	case `"response.output_item.done"`:
		h.ended = append(h.ended, index)
	case `"response.completed"`, `"response.incomplete"`, `"response.failed"`, `"response.cancelled"`, `"error"`:
		h.endedAll = true
	}
}
