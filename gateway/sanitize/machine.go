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
	folds := len(i.Rune) == 1 && syntax.Flags(i.Arg)&syntax.FoldCase != 0
	return folds || slices.ContainsFunc(i.Rune, func(r rune) bool { return r >= utf8.RuneSelf })
}

// frequencies are how often letters are in 1000 of prose, from a.
var frequencies = [26]int{65, 12, 22, 34, 101, 18, 16, 49, 56, 1, 6, 32, 19, 54, 60, 15, 1, 48, 51, 73, 22, 8, 19, 1, 16, 1}

// rare says whether few characters of prose could begin a match.
func (m *machine) rare() bool {
	n := 0
	for letter, often := range frequencies {
		if m.begins['a'+letter] {
			n += often
		}
	}
	return n < 150 && !m.begins[' ']
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
	return reach(uint32(m.program.Start))
}
