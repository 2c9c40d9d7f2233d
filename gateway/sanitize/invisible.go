// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// visible gives the text without the characters that people do not see and models read, and says whether there were any: controls
// but for white space; overrides of direction, and what embeds another one in a text that has no letters from right to left; tags
// that are not of a flag; several selectors of a variant in a row; and what has no width, within words and addresses whose script has no
// use for it, or three and more in a row. Soft hyphens are not among them: what is copied from print is full of them.
// The text is appended to dst where there were some, and is the text itself otherwise.
func visible(dst, text []byte) ([]byte, bool) {
	i := suspicious(text, 0)
	if i == len(text) {
		return text, false
	}
	r := visibleReader{text: text}
	odd, told := false, 0
	for i < len(text) {
		c, width := utf8.DecodeRune(text[i:])
		length := r.odd(i, c, width)
		if length == 0 {
			i = suspicious(text, i+width)
			continue
		}
		if length < 0 { // of what is as it should be
			i = suspicious(text, i-length)
			continue
		}
		odd = true
		dst = append(dst, text[told:i]...)
		told = i + length
		i = suspicious(text, told)
	}
	if !odd {
		return text, false
	}
	return append(dst, text[told:]...), true
}

// suspiciousBytes may begin a character that is not seen.
var suspiciousBytes = func() (table [256]bool) {
	for c := range 0x20 {
		table[c] = c < '\t' || c > '\r'
	}
	for _, c := range []byte{0x7F, 0xC2, 0xCD, 0xD8, 0xE1, 0xE2, 0xE3, 0xEF, 0xF3} {
		table[c] = true
	}
	return table
}()

// suspicious gives the offset of the first suspicious byte from i on.
func suspicious(text []byte, i int) int {
	for i < len(text) && !suspiciousBytes[text[i]] {
		i++
	}
	return i
}

// visibleReader looks at the characters of one text.
type visibleReader struct {
	text []byte
	// leftward says whether the text has letters from right to left, once asked says that it was looked at.
	leftward, asked bool
}

// odd gives how many bytes from i on are not to be seen: 0 when the character there is. Less than 0 says how many belong
// together and are well.
func (r *visibleReader) odd(i int, c rune, width int) int {
	switch {
	case c < 0x20 && (c < '\t' || c > '\r'), c == 0x7F, c >= 0x80 && c < 0xA0 && c != 0x85:
		return width
	case c == '\u202D' || c == '\u202E', c >= 0xFFF9 && c <= 0xFFFB:
		return width
	case c >= '\u202A' && c <= '\u202C', c >= '\u2066' && c <= '\u2069':
		if r.hasLeftward() {
			return 0
		}
		return width
	case c >= 0xE0000 && c <= 0xE007F:
		return r.tags(i)
	case isSelector(c):
		return r.selectors(i, width)
	case isWidthless(c):
		return r.widthless(i)
	}
	return 0
}

// hasLeftward says whether the text has letters that are written from right to left.
func (r *visibleReader) hasLeftward() bool {
	if !r.asked {
		r.asked = true
		r.leftward = bytes.ContainsFunc(r.text, isLeftward)
	}
	return r.leftward
}

func isLeftward(c rune) bool {
	return c >= 0x05D0 && c <= 0x08FF && unicode.IsLetter(c) || c >= 0xFB1D && c <= 0xFEFC && unicode.IsLetter(c) ||
		c >= 0x10800 && c <= 0x10FFF || c >= 0x1E800 && c <= 0x1EFFF
}

// tags looks at a run of tags. A flag is black, and says gb and a part of it.
func (r *visibleReader) tags(i int) int {
	end, said := i, make([]byte, 0, 8)
	for end < len(r.text) {
		c, width := utf8.DecodeRune(r.text[end:])
		if c < 0xE0000 || c > 0xE007F {
			break
		}
		end += width
		if len(said) < cap(said) {
			said = append(said, byte(c&0x7F))
		}
	}
	if before, _ := utf8.DecodeLastRune(r.text[:i]); before == 0x1F3F4 {
		switch string(said) {
		case "gbeng\x7F", "gbsct\x7F", "gbwls\x7F":
			return i - end
		}
	}
	return end - i
}

func isSelector(c rune) bool { return c >= 0xFE00 && c <= 0xFE0F || c >= 0xE0100 && c <= 0xE01EF }

// selectors looks at a run of selectors: one says how the character before is to look, more say something else.
func (r *visibleReader) selectors(i, width int) int {
	end := i
	for end < len(r.text) {
		c, n := utf8.DecodeRune(r.text[end:])
		if !isSelector(c) {
			break
		}
		end += n
	}
	if end-i == width {
		return 0
	}
	return end - i
}

func isWidthless(c rune) bool {
	switch c {
	case 0x034F, 0x061C, 0x115F, 0x1160, 0x180E, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0x2061, 0x2062, 0x2063, 0x2064,
		0x3164, 0xFEFF, 0xFFA0:
		return true
	}
	return false
}

// maxWidthless is how many characters without width may stand in a row where nobody has a use for them.
const maxWidthless = 2

// widthless looks at a run of characters without width.
func (r *visibleReader) widthless(i int) int {
	end, n := i, 0
	for end < len(r.text) {
		c, width := utf8.DecodeRune(r.text[end:])
		if !isWidthless(c) {
			break
		}
		end += width
		n++
	}
	before, _ := utf8.DecodeLastRune(r.text[:i])
	after, _ := utf8.DecodeRune(r.text[end:])
	between := isWordy(before) && isWordy(after) && !joins(before) && !joins(after)
	if n > maxWidthless || between {
		return end - i
	}
	return i - end
}

// isWordy says whether a character is of a word, or of an address.
func isWordy(c rune) bool {
	switch c {
	case '@', '.', '-', '_', '+':
		return true
	}
	return c != utf8.RuneError && (unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.IsMark(c) && !isSelector(c))
}

// joins says whether a character is of a script that joins, breaks or directs its letters with characters without width: from
// Hebrew to Tibetan and Myanmar, those of India and South East Asia among them, Hangul's old letters, Khmer and Mongolian, and
// what breaks lines between any two characters.
func joins(c rune) bool {
	return c >= 0x0590 && c <= 0x11FF || c >= 0x1780 && c <= 0x1AAF || c >= 0x2E80 && c <= 0xD7FF || c >= 0xF900 && c <= 0xFAFF ||
		c >= 0xFB1D && c <= 0xFEFC || c >= 0x10800 && c <= 0x11FFF || c >= 0x1E800 && c <= 0x1EFFF || c >= 0x20000
}
