// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

// The bounds that make the pieces equal to the whole. What is found at a place is decided by lookBack bytes before it and
// lookAhead bytes from it on, and by nothing else, wherever the text was cut. What is longer than lookAhead is a finding
// by its first lookAhead bytes and goes on through its tail.
const (
	lookBack  = 64
	lookAhead = 256
)

// window is what a detector may see: the bytes around pos. A detector reads only through it.
type window struct {
	text  []byte
	pos   int  // where the candidate begins
	low   int  // text[low:pos] is what is seen before it
	have  int  // text[:have] may be read
	cut   bool // the text ends at have because no more arrived yet
	short bool // a detector read beyond what has arrived: its verdict is void
}

func look(text []byte, pos int, final bool) window {
	w := window{text: text, pos: pos, low: max(0, pos-lookBack), have: min(len(text), pos+lookAhead)}
	w.cut = !final && w.have < pos+lookAhead
	return w
}

// at is the byte at i, not before pos; 0 beyond the end of the text or of the window.
func (w *window) at(i int) byte {
	if i < w.have {
		return w.text[i]
	}
	w.short = w.short || w.cut
	return 0
}

// before is what may be seen of the text before the candidate.
func (w *window) before() []byte { return w.text[w.low:w.pos] }

// prev is the byte n before the candidate, 1 being the nearest; 0 where there is none.
func (w *window) prev(n int) byte {
	if i := w.pos - n; i >= w.low {
		return w.text[i]
	}
	return 0
}

// span gives from i the bytes that are in the class, as far as the window goes.
func (w *window) span(i int, class classes) int {
	for i < w.have && class.has(w.text[i]) {
		i++
	}
	if i >= w.have {
		w.short = w.short || w.cut
	}
	return i
}

// run gives where the word that begins at the window's place ends, with the signs that an address may have before its @,
// or that it is longer than that.
func (w *window) run() int {
	i, most := w.pos, min(w.have, w.pos+longestLocal+2)
	for i < most && local.has(w.text[i]) {
		i++
	}
	if i == w.have {
		w.short = w.short || w.cut
	}
	return i
}

// follows says whether s stands at i.
func (w *window) follows(i int, s string) bool {
	for k := range len(s) {
		if w.at(i+k) != s[k] {
			return false
		}
	}
	return true
}

// match is a finding: text[start:end], and beyond end as far as its tail goes.
type match struct {
	start, end int
	kind       Kind
	tail       tail
}
