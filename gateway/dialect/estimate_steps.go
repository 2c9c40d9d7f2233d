// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

// The classes of bytes. Behind ASCII, the first byte of a character tells its script, roughly.
const (
	ofSpace = iota
	ofLine
	ofTab
	ofLower
	ofUpper
	ofDigit
	ofMark
	ofRest // of a character
	ofLatin
	ofGreek
	ofCyrillic
	ofHebrew
	ofArabic
	ofIndic // and Thai
	ofEast  // Georgian, Khmer, …, and the letters of Vietnamese
	ofSymbol
	ofKana
	ofHan
	ofHangul
	ofWide
	ofEmoji
	ofControl
	byteClasses
)

// The places of a walk over a text: what stands before a byte, as far as it matters. Words are told apart by their length, up to
// sixteen letters, capitals up to five; there are two places for each other script, at its first character and behind it.
const (
	afterOther = iota
	afterSpace
	afterSpaces
	afterLine
	afterDigit1
	afterDigit2
	afterDigit3
	afterMark
	afterMarks
	afterUpper
	afterUppers = afterUpper + 4
	afterLetter = afterUppers + 1
	afterWord   = afterLetter + 15
	afterScript = afterWord + 1
	places      = afterScript + 2*(ofControl-ofGreek)

	// A place counts in strides, so that a class can be added to it.
	stride  = 32
	atOther = afterOther * stride
	mask    = 64*stride - 1

	weightShift = 16
)

// step is what one byte does: the place behind it, in strides, and above weightShift its weight.
type step uint32

// The weights, in units, as the least error over many texts has them.
var (
	// letters is what a word of so many letters weighs more than one with a letter less.
	letters = [17]uint16{3: 4, 4: 8, 5: 16, 7: 6, 8: 6, 9: 22, 11: 1, 12: 3, 13: 4, 14: 76, 15: 32, 16: 27}
	// capitals is the same for words in capitals.
	capitals = [6]uint16{2: 32, 5: 29}
	// scripts is what their characters weigh: the first behind anything, the first behind a space, and every other.
	scripts = [byteClasses][3]uint16{
		ofGreek: {8, 8, 32}, ofCyrillic: {56, 47, 14}, ofHebrew: {8, 115, 8}, ofArabic: {46, 90, 8}, ofIndic: {8, 16, 24}, ofEast: {8, 32, 31},
		ofSymbol: {147, 43, 11}, ofKana: {42, 64, 35}, ofHan: {61, 107, 46}, ofHangul: {109, 109, 8}, ofWide: {45, 15, 46}, ofEmoji: {108, 117, 72},
	}
)

const (
	weighsLine, weighsLines                        = 24, 8
	weighsTab, weighsSpaces, weighsMore            = 35, 64, 1
	weighsIndent                                   = 64 // a space that begins a line
	weighsWord, weighsPart                         = 43, 15
	weighsName, weighsNamePart, weighsHump         = 46, 52, 56 // with a capital: behind a space, behind anything, behind a small letter
	weighsMixed                                    = 64         // a small letter behind capitals
	weighsAccent                                   = 61         // a letter with one
	weighsDigit, weighsDigit3, weighsGroup         = 75, 13, 57 // the first, the third, the next three
	weighsApart, weighsBehindWord, weighsBehindOne = 89, 16, 47 // a digit behind a space, behind a letter; a letter behind a digit
	weighsMark, weighsMarkApart, weighsMarkNext    = 71, 88, 8
	weighsMarks                                    = 13
	weighsControl                                  = 128
)

// classes are those of all bytes.
var classes = func() (all [256]uint8) {
	for b := range all {
		all[b] = classOf(byte(b))
	}
	return all
}()

func classOf(b byte) uint8 {
	// Each class ends before the byte.
	for _, upto := range [...]struct {
		end   int
		class uint8
	}{
		{'\t', ofControl}, {'\t' + 1, ofTab}, {'\n' + 1, ofLine}, {'\r', ofControl}, {'\r' + 1, ofLine}, {' ', ofControl}, {' ' + 1, ofSpace},
		{'0', ofMark}, {'9' + 1, ofDigit}, {'A', ofMark}, {'Z' + 1, ofUpper}, {'a', ofMark}, {'z' + 1, ofLower}, {0x7f, ofMark}, {0x80, ofControl},
		{0xc0, ofRest}, {0xcc, ofLatin}, {0xd0, ofGreek}, {0xd5, ofCyrillic}, {0xd8, ofHebrew}, {0xe0, ofArabic}, {0xe1, ofIndic}, {0xe2, ofEast},
		{0xe3, ofSymbol}, {0xe4, ofKana}, {0xea, ofHan}, {0xee, ofHangul}, {0xf0, ofWide},
	} {
		if int(b) < upto.end {
			return upto.class
		}
	}
	return ofEmoji
}

// steps are those from every place over every class.
var steps = func() (all [mask + 1]step) {
	for from := range places {
		for class := range byteClasses {
			next, weight := stepOver(from, class)
			all[from*stride|class] = step(next*stride) | step(weight)<<weightShift
		}
	}
	return all
}()

func stepOver(from, class int) (next int, weight uint16) {
	switch class {
	case ofRest:
		return from, 0
	case ofSpace, ofTab:
		return overSpace(from, class)
	case ofLine:
		if from == afterLine {
			return afterLine, weighsLines
		}
		return afterLine, weighsLine
	case ofLower, ofLatin:
		next, weight = overLower(from)
		if class == ofLatin {
			weight += weighsAccent
		}
		return next, weight
	case ofUpper:
		return overUpper(from)
	case ofDigit:
		return overDigit(from)
	case ofMark:
		switch from {
		case afterMark:
			return afterMarks, weighsMarkNext
		case afterMarks:
			return afterMarks, weighsMarks
		case afterSpace:
			return afterMark, weighsMarkApart
		}
		return afterMark, weighsMark
	case ofControl:
		return afterOther, weighsControl
	}
	first := afterScript + 2*(class-ofGreek)
	switch from {
	case first, first + 1:
		return first + 1, scripts[class][2]
	case afterSpace:
		return first, scripts[class][1]
	}
	return first, scripts[class][0]
}

func overSpace(from, class int) (int, uint16) {
	switch {
	case from == afterSpace:
		return afterSpaces, weighsSpaces
	case from == afterSpaces:
		return afterSpaces, weighsMore
	case class == ofTab:
		return afterSpaces, weighsTab
	case from == afterLine:
		return afterSpaces, weighsIndent
	}
	// A single space goes with what follows.
	return afterSpace, 0
}

func overLower(from int) (int, uint16) {
	switch {
	case from >= afterLetter && from <= afterWord:
		n := min(from-afterLetter+2, 16)
		return afterLetter + n - 1, letters[n]
	case from == afterUpper:
		return afterLetter + 1, letters[2]
	case from > afterUpper && from <= afterUppers:
		return afterLetter + 1, weighsMixed
	case from == afterSpace:
		return afterLetter, weighsWord
	case from >= afterDigit1 && from <= afterDigit3:
		return afterLetter, weighsPart + weighsBehindOne
	}
	return afterLetter, weighsPart
}

func overUpper(from int) (int, uint16) {
	switch {
	case from >= afterUpper && from <= afterUppers:
		n := min(from-afterUpper+2, 5)
		return afterUpper + n - 1, capitals[n]
	case from >= afterLetter && from <= afterWord:
		return afterUpper, weighsHump
	case from == afterSpace:
		return afterUpper, weighsName
	case from >= afterDigit1 && from <= afterDigit3:
		return afterUpper, weighsNamePart + weighsBehindOne
	}
	return afterUpper, weighsNamePart
}

func overDigit(from int) (int, uint16) {
	switch {
	case from == afterDigit1:
		return afterDigit2, 0
	case from == afterDigit2:
		return afterDigit3, weighsDigit3
	case from == afterDigit3:
		return afterDigit1, weighsGroup
	case from == afterSpace:
		return afterDigit1, weighsDigit + weighsApart
	case from >= afterUpper && from <= afterWord:
		return afterDigit1, weighsDigit + weighsBehindWord
	}
	return afterDigit1, weighsDigit
}
