// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"math/rand/v2"
	"unicode"
	"unicode/utf8"
)

// Passages are compared word by word, whatever their case, white space and punctuation. A character of a script that does not
// put spaces between words is a word of its own, which weighs less.
const (
	wordWeight      = 9
	characterWeight = 4
	// maxWord is where a longer word is cut, in bytes, so that no word is waited for without end.
	maxWord = 32
)

// word is one of a text.
type word struct {
	span
	hash   uint64
	weight int
}

// seed makes the hashes of words those of this process alone.
var seed = rand.Uint64()

// wordReader reads a text that comes in pieces into words.
type wordReader struct {
	// at is the offset of the next character.
	at int
	// now is the word that is being read; its from is at where there is none.
	now word
}

func (r *wordReader) reset() { *r = wordReader{} }

// reading says whether a word is being read.
func (r *wordReader) reading() bool { return r.now.to > r.now.from }

// text reads on in a text whose first byte has the offset base, and gives its words to take. ended says that nothing will follow.
func (r *wordReader) text(text []byte, base int, ended bool, take func(word)) {
	for rest := text[r.at-base:]; len(rest) > 0; rest = text[r.at-base:] {
		c, width := rune(rest[0]), 1
		if c >= utf8.RuneSelf {
			if !ended && !utf8.FullRune(rest) {
				return
			}
			c, width = utf8.DecodeRune(rest)
		}
		r.character(c, width, take)
	}
	if ended {
		r.end(take)
	}
}

func (r *wordReader) character(c rune, width int, take func(word)) {
	from := r.at
	r.at += width
	switch kindOf(c) {
	case partOfWord:
		if r.reading() && r.at-r.now.from > maxWord {
			r.end(take)
		}
		if !r.reading() {
			r.now = word{span{from, from}, seed, wordWeight}
		}
		if c < utf8.RuneSelf {
			c |= 0x20 // which leaves digits as they are
		} else {
			c = unicode.ToLower(c)
		}
		r.now.to = r.at
		r.now.hash = mix(r.now.hash, uint64(c))
	case wordByItself:
		r.end(take)
		take(word{span{from, r.at}, mix(seed, uint64(c)), characterWeight})
	case noPart:
		r.end(take)
	case ignored:
		if r.reading() && r.at-r.now.from > maxWord {
			r.end(take)
		}
	}
}

func (r *wordReader) end(take func(word)) {
	if r.reading() {
		w := r.now
		r.now = word{}
		take(w)
	}
}

func mix(h, v uint64) uint64 {
	h = (h ^ v) * 0x9E3779B97F4A7C15
	return h ^ h>>29
}

type characterKind uint8

const (
	noPart characterKind = iota
	partOfWord
	wordByItself
	// ignored is what a word may hold without being another.
	ignored
)

var asciiKinds = func() (kinds [utf8.RuneSelf]characterKind) {
	for c := range rune(utf8.RuneSelf) {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			kinds[c] = partOfWord
		}
	}
	kinds['\''] = ignored
	return kinds
}()

func kindOf(c rune) characterKind {
	switch {
	case c < utf8.RuneSelf:
		return asciiKinds[c]
	case c == '\u2019' || unicode.Is(unicode.Cf, c):
		return ignored
	case !unicode.IsLetter(c) && !unicode.IsDigit(c) && !unicode.IsMark(c):
		return noPart
	case spaceless(c):
		return wordByItself
	default:
		return partOfWord
	}
}

// spaceless says whether a character is of a script that puts no spaces between words, or of Hangul, which weighs as much: Thai
// and Lao, Myanmar, Khmer, and those of East Asia.
func spaceless(c rune) bool {
	return c >= 0x0E00 && c <= 0x0EFF || c >= 0x1000 && c <= 0x109F || c >= 0x1780 && c <= 0x17FF ||
		c >= 0x2E80 && c <= 0x9FFF || c >= 0xAC00 && c <= 0xD7AF || c >= 0xF900 && c <= 0xFAFF || c >= 0xFF66 && c <= 0xFF9F ||
		c >= 0x20000 && c <= 0x3FFFF
}
