// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

// tape is the end of a text that comes in pieces: what is not told yet, and what somebody must see again. Parts of it may be
// cut out before they are told.
type tape struct {
	text []byte
	// base is the offset of text[0], told that of the first byte that was not told yet.
	base, told int
	// cuts are in the order of where they begin.
	cuts []cut
	// hidden is the offset behind the last cut that was told of.
	hidden int
}

// cut is a part of a text that is not to be told.
type cut struct {
	span
	// block ends the text there.
	block *Blocked
}

func (t *tape) reset() {
	t.text, t.cuts = t.text[:0], t.cuts[:0]
	t.base, t.told, t.hidden = 0, 0, 0
}

// end is the offset behind the text that came so far.
func (t *tape) end() int { return t.base + len(t.text) }

// cut keeps the cuts in order. Those that begin together block first.
func (t *tape) cut(c cut) {
	i := len(t.cuts)
	for i > 0 && (t.cuts[i-1].from > c.from || t.cuts[i-1].from == c.from && t.cuts[i-1].block == nil && c.block != nil) {
		i--
	}
	t.cuts = append(t.cuts, cut{})
	copy(t.cuts[i+1:], t.cuts[i:])
	t.cuts[i] = c
}

// tell appends the text up to an offset, with one Placeholder for cuts that overlap, and gives what ends it. All cuts that
// begin before the offset are known. What lies before keep is forgotten.
func (t *tape) tell(dst []byte, to, keep int) ([]byte, *Blocked) {
	n := 0
	for ; n < len(t.cuts) && t.cuts[n].from < to; n++ {
		c := t.cuts[n]
		dst = t.copy(dst, c.from)
		if c.block != nil {
			return dst, c.block
		}
		if c.from >= t.hidden {
			dst = append(dst, Placeholder...)
		}
		t.hidden = max(t.hidden, c.to)
		t.told = max(t.told, c.to)
	}
	t.cuts = append(t.cuts[:0], t.cuts[n:]...)
	dst = t.copy(dst, to)
	t.forget(min(keep, t.told))
	return dst, nil
}

// copy appends the text up to an offset.
func (t *tape) copy(dst []byte, to int) []byte {
	if to > t.told {
		dst = append(dst, t.text[t.told-t.base:to-t.base]...)
		t.told = to
	}
	return dst
}

// forget drops the text before an offset. Bytes are moved only when that is worth it.
func (t *tape) forget(to int) {
	n := to - t.base
	if n <= 0 || n < len(t.text) && n < len(t.text)/2 {
		return
	}
	t.text = append(t.text[:0], t.text[n:]...)
	t.base = to
}
