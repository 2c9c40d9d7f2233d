// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// A regular expression says nothing of how much of a text that still comes it must see. So answers are searched by a machine
// of its own, which knows at every character where a match may have begun, and holds back nothing before that. Its matches are
// those of the package regexp but for three bounds, which keep what is held back and what it costs within sight:
const (
	// maxMatch is the longest match in an answer, in bytes.
	maxMatch = 1024
	// maxGap is how far behind the end of a match the end of a longer one may be.
	maxGap = 128
	// quantum is how exactly the machine knows where the last of several matches began that look the same so far. So a match
	// of up to maxMatch-quantum bytes is never missed, whatever stands before it.
	quantum = 128
)

// machine is a program of package regexp/syntax. It is immutable.
type machine struct {
	program *syntax.Prog
	// begins says which bytes a match can begin with; for those of other than ASCII characters all say the same.
	begins [256]bool
}

func newMachine(regex string) (*machine, error) {
	tree, err := syntax.Parse(regex, syntax.Perl)
	if err != nil {
		return nil, err
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, err
	}
	m := &machine{program: program}
	for b := range 128 {
		m.begins[b] = m.canBegin(func(i *syntax.Inst) bool { return i.MatchRune(rune(b)) })
	}
	other := m.canBegin(beyondASCII)
	for b := 128; b < 256; b++ {
		m.begins[b] = other
	}
	return m, nil
}

// beyondASCII says whether an instruction may match a character beyond ASCII: cases of a single letter may fold there.
func beyondASCII(i *syntax.Inst) bool {
	folds := len(i.Rune) == 1 && syntax.Flags(i.Arg)&syntax.FoldCase != 0 //nolint:gosec // They are flags.
	return folds || slices.ContainsFunc(i.Rune, func(r rune) bool { return r >= utf8.RuneSelf })
}

// canBegin says whether one of the characters' instructions that the program can come to first is as asked, whatever stands
// around.
func (m *machine) canBegin(is func(*syntax.Inst) bool) bool {
	seen := make([]bool, len(m.program.Inst))
	var reach func(pc uint32) bool
	reach = func(pc uint32) bool {
		if seen[pc] {
			return false
		}
		seen[pc] = true
		switch i := &m.program.Inst[pc]; i.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			return reach(i.Out) || reach(i.Arg)
		case syntax.InstNop, syntax.InstCapture, syntax.InstEmptyWidth:
			return reach(i.Out)
		case syntax.InstFail, syntax.InstMatch:
			return false
		default:
			return is(i)
		}
	}
	return reach(uint32(m.program.Start)) //nolint:gosec // A program has few instructions.
}

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
	// running are the threads at instructions of characters; place is where each stands in it.
	running []thread
	place   []uint32
	// best is the match to be, from 0 to 0 when there is none.
	best span
}

// span is a part of a text, from one offset to another.
type span struct{ from, to int }

func (s *scan) reset() {
	s.at, s.prev, s.best = 0, -1, span{}
	s.waiting = s.waiting[:0]
	if s.place == nil {
		s.place = make([]uint32, len(s.program.Inst))
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
		s.add(thread{uint32(s.program.Start), s.at, s.at}, around) //nolint:gosec // A program has few instructions.
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
		s.place[t.pc] = uint32(len(s.running)) //nolint:gosec // As many as instructions at most.
		s.running = append(s.running, t)
	}
	switch i := &s.program.Inst[t.pc]; i.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		return s.add(thread{i.Out, t.start, t.last}, around) || s.add(thread{i.Arg, t.start, t.last}, around)
	case syntax.InstEmptyWidth:
		if syntax.EmptyOp(i.Arg)&^around != 0 { //nolint:gosec // It is one.
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
		if s.at-t.start > maxMatch && s.best.to == 0 {
			t.start = t.last // A match that is there already is not given up for a later one.
		}
		if s.at-t.start <= maxMatch {
			s.waiting = append(s.waiting, thread{i.Out, t.start, t.last})
		}
	}
}
