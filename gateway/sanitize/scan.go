// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"regexp/syntax"
	"unicode/utf8"
)

// thread is a way in which a match may have come so far.
type thread struct {
	pc uint32
	// start is where the match began, last where the last began that look the same so far, to the quantum.
	start, last int
}

// scan is a machine on its way through one text.
type scan struct {
	*machine
	// at is the offset of the next character, prev the character before it, -1 at the text's beginning.
	at   int
	prev rune
	// waiting are the threads behind prev, by precedence: what they come to without a character depends on the next one.
	waiting []thread
	*workspace
	// best is the match to be, from 0 to 0 when there is none.
	best span
	// unbound says that matches may be of any length.
	unbound bool
}

// workspace is what a scan needs for one character. Scans that take turns may share it.
type workspace struct {
	// running are the threads at a character, one at an instruction; place is where each instruction's stands in it.
	running []thread
	place   []uint32
}

// span is a part of a text, from one offset to another.
type span struct{ from, to int }

func (s *scan) reset() {
	s.at, s.prev, s.best = 0, -1, span{}
	s.waiting = s.waiting[:0]
	if s.workspace == nil {
		s.workspace = &workspace{}
	}
	if n := len(s.program.Inst); len(s.place) < n {
		s.place = make([]uint32, n)
	}
}

// hold gives the offset before which nothing will match any more.
func (s *scan) hold() int {
	hold := s.at
	if s.best.to > 0 {
		hold = s.best.from
	}
	for i := range s.waiting {
		hold = min(hold, s.waiting[i].start)
	}
	return hold
}

// next goes on through text, whose first byte has the offset base, until a match is sure, or the text ends. ended says that
// nothing will follow.
func (s *scan) next(text []byte, base int, ended bool) (span, bool) {
	for {
		if len(s.waiting) == 0 && s.best.to == 0 {
			s.skip(text[s.at-base:])
		}
		rest := text[s.at-base:]
		if len(rest) == 0 && !ended || len(rest) > 0 && !ended && !utf8.FullRune(rest) {
			return span{}, false
		}
		r, width := rune(-1), 0
		if len(rest) > 0 {
			r, width = utf8.DecodeRune(rest)
		}
		s.enter(r)
		s.step(r, width)
		if found := s.best; found.to > 0 && (len(s.waiting) == 0 || s.at-found.to > maxGap) {
			s.again(text, base)
			return found, true
		}
		if width == 0 {
			return span{}, false
		}
	}
}

// exists says whether anything in a whole text matches.
func (s *scan) exists(text []byte) bool {
	for {
		if len(s.waiting) == 0 {
			s.skip(text[s.at:])
		}
		r, width := rune(-1), 0
		if s.at < len(text) {
			r, width = utf8.DecodeRune(text[s.at:])
		}
		if s.enter(r); s.best.to > 0 || width == 0 {
			return s.best.to > 0
		}
		s.step(r, width)
	}
}

// again begins anew behind the match.
func (s *scan) again(text []byte, base int) {
	s.at = s.best.to
	s.prev, _ = utf8.DecodeLastRune(text[:s.at-base])
	s.waiting, s.best = s.waiting[:0], span{}
}

// skip passes over what no match can begin with.
func (s *scan) skip(rest []byte) {
	n := 0
	for n < len(rest) && !s.begins[rest[n]] {
		n++
	}
	if n > 0 {
		// Only ASCII characters mean anything to what looks at the text around.
		s.prev = rune(rest[n-1])
		if s.prev >= utf8.RuneSelf {
			s.prev = utf8.RuneError
		}
		s.at += n
	}
}

// enter takes the waiting threads, and one that begins here, to what they can come to before r.
func (s *scan) enter(r rune) {
	s.running = s.running[:0]
	around := syntax.EmptyOpContext(s.prev, r)
	for _, t := range s.waiting {
		if s.add(t, around) {
			return // what has less precedence than a match is no longer of interest
		}
	}
	if s.best.to == 0 && r >= 0 {
		s.add(thread{uint32(s.program.Start), s.at, s.at}, around)
	}
}

// add follows a thread, and says whether it matches.
func (s *scan) add(t thread, around syntax.EmptyOp) bool {
	if n := s.place[t.pc]; int(n) < len(s.running) && s.running[n].pc == t.pc {
		if t.last/quantum <= s.running[n].last/quantum {
			return false
		}
		s.running[n].last = t.last
	} else {
		s.place[t.pc] = uint32(len(s.running))
		s.running = append(s.running, t)
	}
	switch i := &s.program.Inst[t.pc]; i.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		return s.add(thread{i.Out, t.start, t.last}, around) || s.add(thread{i.Arg, t.start, t.last}, around)
	case syntax.InstEmptyWidth:
		if syntax.EmptyOp(i.Arg)&^around != 0 {
			return false
		}
		return s.add(thread{i.Out, t.start, t.last}, around)
	case syntax.InstNop, syntax.InstCapture:
		return s.add(thread{i.Out, t.start, t.last}, around)
	case syntax.InstMatch:
		s.best = span{t.start, s.at}
		return true
	default:
		return false
	}
}

// step takes the threads past r.
func (s *scan) step(r rune, width int) {
	s.waiting = s.waiting[:0]
	s.at += width
	s.prev = r
	if width == 0 {
		return
	}
	for _, t := range s.running {
		i := &s.program.Inst[t.pc]
		switch i.Op {
		case syntax.InstRune, syntax.InstRune1:
			if !i.MatchRune(r) {
				continue
			}
		case syntax.InstRuneAny:
		case syntax.InstRuneAnyNotNL:
			if r == '\n' {
				continue
			}
		default:
			continue
		}
		if s.at-t.start > maxMatch && s.best.to == 0 && !s.unbound {
			t.start = t.last // A match that is there already is not given up for a later one.
		}
		if s.at-t.start <= maxMatch || s.unbound {
			s.waiting = append(s.waiting, thread{i.Out, t.start, t.last})
		}
	}
}
