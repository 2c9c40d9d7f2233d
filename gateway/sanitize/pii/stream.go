// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

// Stream redacts a text that arrives in pieces: what it gives, joined, is what Redact gives for the pieces joined. It
// holds back only what may be, or may become, a finding, at most MostPending bytes. One goroutine at a time; the zero
// value finds nothing, Reset makes it ready for a text.
type Stream struct {
	kinds Kinds
	found Counts
	buf   []byte // what was told, as far as detectors look back, and what was not
	told  int    // buf[:told] was told
	tail  swallower
	drop  bool // the tail belongs to a finding that is replaced
}

// MostPending bounds what a stream holds back, in bytes.
const MostPending = lookAhead

// NewStream gives a stream that replaces the kinds.
func NewStream(kinds Kinds) *Stream {
	return &Stream{kinds: kinds}
}

// Reset makes the stream ready for another text, and keeps its buffer.
func (s *Stream) Reset(kinds Kinds) {
	const most = 8 << 10
	buf := s.buf[:0]
	if cap(buf) > most {
		buf = nil
	}
	*s = Stream{kinds: kinds, buf: buf}
}

// Write appends to dst what may be told now of the text up to and with chunk. chunk is not kept.
func (s *Stream) Write(dst, chunk []byte) []byte {
	if old := s.told - lookBack; old > 4*lookBack {
		s.buf = s.buf[:copy(s.buf, s.buf[old:])]
		s.told = lookBack
	}
	s.buf = append(s.buf, chunk...)
	return s.tell(dst, false)
}

// Close appends the rest to dst. After it only Reset may follow.
func (s *Stream) Close(dst []byte) []byte {
	dst = s.tell(dst, true)
	s.buf, s.told = s.buf[:0], 0
	return dst
}

// Counts is what was replaced so far.
func (s *Stream) Counts() Counts { return s.found }

// Pending is how many bytes of the text are held back now.
func (s *Stream) Pending() int { return len(s.buf) - s.told }

func (s *Stream) tell(dst []byte, final bool) []byte {
	for s.told < len(s.buf) {
		if s.tail.on() {
			n := s.tail.swallow(s.buf[s.told:])
			dst = s.pass(dst, s.told+n, s.drop)
			continue
		}
		m, next, ok := scan(s.buf, s.told, final)
		if !ok {
			return s.pass(dst, next, false)
		}
		dst = s.pass(dst, m.start, false)
		s.drop = s.kinds.Has(m.kind)
		if s.drop {
			s.found[m.kind]++
			dst = append(dst, m.kind.Placeholder()...)
		}
		dst = s.pass(dst, m.end, s.drop)
		s.tail.begin(m.tail)
	}
	return dst
}

// pass goes on to the place, and tells the text before it unless it is dropped.
func (s *Stream) pass(dst []byte, to int, drop bool) []byte {
	if !drop {
		dst = append(dst, s.buf[s.told:to]...)
	}
	s.told = to
	return dst
}
