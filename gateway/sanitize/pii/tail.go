// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

// longestBlock bounds a private key in bytes, behind its first line: one of 8,192 bits has 6.4 KB. Where no end comes, the
// finding ends here.
const longestBlock = 8 << 10

// swallower goes along the tail of a finding, in as many pieces as it comes.
type swallower struct {
	tail
	left int // bytes that a block may still have
	seen int // of the mark that ends a block
	last int // hyphens behind the mark
}

// end is how the last line of a block begins.
const end = "-----END"

func (s *swallower) begin(t tail) {
	*s = swallower{tail: t, left: longestBlock}
}

// on says whether the tail may go on.
func (s *swallower) on() bool { return s.pem || s.class != 0 }

// swallow gives how many of the bytes belong to the tail. When it is fewer than all, the tail has ended.
func (s *swallower) swallow(text []byte) int {
	switch {
	case s.pem:
		for i, c := range text {
			if s.left == 0 || s.ended(c) {
				s.tail = tail{}
				if s.left == 0 {
					return i
				}
				return i + 1
			}
			s.left--
		}
		return len(text)
	case s.class != 0:
		for i, c := range text {
			if !s.class.has(c) {
				s.tail = tail{}
				return i
			}
		}
		return len(text)
	}
	return 0
}

// ended takes a byte of a block and says whether it is the last: of five hyphens behind the mark.
func (s *swallower) ended(c byte) bool {
	if s.seen == len(end) {
		if c != '-' {
			s.last = 0
			return false
		}
		s.last++
		return s.last == 5
	}
	switch {
	case c == '-':
		if s.seen > 5 {
			s.seen = 0
		}
		s.seen = min(s.seen+1, 5)
	case s.seen >= 5 && c == end[s.seen]:
		s.seen++
	default:
		s.seen = 0
	}
	return false
}
