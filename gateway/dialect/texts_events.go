// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

// anthropic hears a message, or an event of its stream.
//
// A thought that changes keeps its signature, which then no longer matches: its provider will not take it back.
func (h *hearing) anthropic(i int) int {
	index, stopped := 0, false
	o := object{w: &h.w, i: i}
	for o.next() {
		t := tone{depth: 2}
		switch key := o.plainKey(); string(key) {
		case "content":
			o.to = h.blocks(o.from)
		case "message":
			t.u.whole = true
			o.to = h.value(o.from, t)
		case "content_block":
			o.to = h.value(o.from, t)
			h.more = true
		case "delta":
			o.to = h.value(o.from, t)
		default:
			if o.to = h.w.value(o.from, 1, false); o.to < 0 {
				break
			}
			switch value := h.b[o.from:o.to]; string(key) {
			case "index":
				n, _ := integer(value)
				index = int(n)
			case "type":
				stopped = stopped || string(value) == `"content_block_stop"`
				h.endedAll = h.endedAll || lastOfAnthropic(value)
			}
		}
		if o.to < 0 {
			break
		}
	}
	if len(h.said) > 0 && index != 0 {
		h.reindex(0, 0, index)
	}
	if stopped {
		h.ended = append(h.ended, index)
	}
	return o.end
}

// lastOfAnthropic says that no block goes on behind an event of a type.
func lastOfAnthropic(kind []byte) bool {
	switch string(kind) {
	case `"message_delta"`, `"message_stop"`, `"error"`:
		return true
	}
	return false
}

// blocks hears the blocks of a whole message.
func (h *hearing) blocks(from int) int {
	if h.first(from) != '[' {
		return h.value(from, tone{depth: 1, text: true})
	}
	l := list{w: &h.w, i: from}
	for l.next() {
		t := tone{depth: 3}
		t.u.channel.Index = l.n
		l.to = h.value(l.from, t)
	}
	return l.end
}

// responses hears a response, or an event of its stream.
func (h *hearing) responses(i int) int {
	kind := member(h.b[i:], "type")
	t := tone{depth: 2}.of(kind)
	index, part := -1, -1
	o := object{w: &h.w, i: i}
	for o.next() {
		key := o.plainKey()
		whole := t
		whole.u.whole = true
		switch string(key) {
		case "delta":
			o.to = h.value(o.from, t)
		case "text", "refusal", "arguments", "input", "code", "transcript":
			whole.text = whole.text || h.first(o.from) == '"'
			o.to = h.value(o.from, whole)
		case "part":
			whole.text = false
			o.to = h.value(o.from, whole)
		case "item":
			o.to = h.value(o.from, tone{depth: 2, u: utterance{whole: true}})
		case "output":
			o.to = h.items(o.from)
		case "response":
			o.to = h.response(o.from)
		case "output_text":
			o.to = h.value(o.from, tone{depth: 2, text: true, u: utterance{whole: true}})
		case "logprobs":
			o.to = h.shadow(o.from, 0, "[]")
		default:
			if o.to = h.w.value(o.from, 1, false); o.to > 0 {
				h.numbers(&o, key, &index, &part)
			}
		}
		if o.to < 0 {
			break
		}
	}
	h.number(index, part)
	h.event(kind, index)
	return o.end
}

// numbers takes up a member of an event that holds no text.
func (h *hearing) numbers(o *object, key []byte, index, part *int) {
	if n, ok := integer(h.b[o.from:o.to]); ok {
		switch string(key) {
		case "output_index":
			*index = int(n)
		case "content_index", "summary_index":
			*part = int(n)
		case "sequence_number":
			h.sequence = span{o.from, o.to}
		}
	}
	h.beside(key, span{o.keyAt.from, o.to}, o.from)
}
