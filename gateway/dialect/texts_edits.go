// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"cmp"
	"slices"
)

// shadow is what repeats texts by their tokens. It gives way to with when a text of the index changes.
type shadow struct {
	at    span
	index int
	with  string
}

// shadow takes up a member that repeats texts by their tokens.
func (h *hearing) shadow(from, index int, with string) int {
	to := h.w.value(from, 2, false)
	if to > 0 && string(h.b[from:to]) != "null" && string(h.b[from:to]) != "[]" {
		h.shadows = append(h.shadows, shadow{span{from, to}, index, with})
	}
	return to
}

// retelling is what changes in an answer or an event. It is kept for its memory.
type retelling struct {
	all []edit
	// text is what the edits put in, one after the other.
	text []byte
	// changed are the indexes of the texts that changed.
	changed []int
}

// edit puts a part of the text in a place: as the content of a JSON string, or as it is.
type edit struct {
	at, with span
	raw      bool
}

func (e *retelling) reset() { e.all, e.text, e.changed = e.all[:0], e.text[:0], e.changed[:0] }

// put replaces a place by what was appended to text since from.
func (e *retelling) put(at span, from int, raw bool) {
	e.all = append(e.all, edit{at, span{from, len(e.text)}, raw})
}

// retell puts a text in an utterance's place.
func (e *retelling) retell(u *utterance, from int) {
	e.put(u.at, from, false)
	if !slices.Contains(e.changed, u.channel.Index) {
		e.changed = append(e.changed, u.channel.Index)
	}
}

// dispel removes what repeats the texts that changed.
func (e *retelling) dispel(all []shadow) {
	for i := range all {
		if slices.Contains(e.changed, all[i].index) {
			from := len(e.text)
			e.text = append(e.text, all[i].with...)
			e.put(all[i].at, from, true)
		}
	}
}

// append writes data, edited.
func (e *retelling) append(dst, data []byte) []byte {
	slices.SortFunc(e.all, func(a, b edit) int { return cmp.Compare(a.at.from, b.at.from) })
	at := 0
	for _, c := range e.all {
		dst = append(dst, data[at:c.at.from]...)
		with := c.with.in(e.text)
		if c.raw {
			dst = append(dst, with...)
		} else {
			dst = appendEscaped(dst, with)
		}
		at = c.at.to
	}
	return append(dst, data[at:]...)
}
