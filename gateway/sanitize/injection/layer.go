// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"encoding/base64"
	"unicode/utf8"
)

// Layers are other readings of a text: what it decodes to, spells out or hides. Their words follow the text's own, each
// reading behind a word that says so, and are looked at like them.

// maxDepth is how often a reading is read again.
const maxDepth = 2

// leastRun is how many characters of an alphabet are taken for something encoded.
const leastRun = 12

// layers holds the readings of a text that are yet to be tokenized.
type layers struct {
	decoded []byte
	ends    []int
	budget  int
}

func (l *layers) reset(size int) {
	l.decoded, l.ends, l.budget = l.decoded[:0], l.ends[:0], 2*size+256
}

// keep ends a reading that began at from. What is hardly text, or too much, is dropped.
func (l *layers) keep(from int) bool {
	if n := len(l.decoded) - from; n < 4 || n > l.budget || !readable(l.decoded[from:]) {
		l.decoded = l.decoded[:from]
		return false
	}
	l.budget -= len(l.decoded) - from
	l.ends = append(l.ends, len(l.decoded))
	return true
}

// readable says whether bytes look like text: UTF-8, few control characters, mostly letters and spaces.
func readable(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	letters := 0
	for _, c := range b {
		switch k := kinds[c]; {
		case k == kindLetter, k == kindBeyond, c == ' ':
			letters++
		case c < ' ' && c != '\n' && c != '\r' && c != '\t', c == 0x7F:
			return false
		}
	}
	return letters*10 >= len(b)*6
}

// decode adds the readings of a text that its bytes tell.
func (l *layers) decode(text []byte, t *tally) {
	if t.long > 0 {
		l.runs(text)
	}
	if t.others >= 2 {
		l.escapes(text, slashed(t, len(text)))
	}
	if t.numbers >= 6 {
		l.numbers(text)
	}
	if t.tags >= 4 {
		l.tags(text)
	}
}

func inBase64(c byte) bool {
	k := kinds[c]
	return k == kindLetter || k == kindDigit || c == '+' || c == '/' || c == '-' || c == '_'
}

// runs decodes long words that are hexadecimal or base64.
func (l *layers) runs(text []byte) {
	for i := 0; i < len(text); {
		if !inBase64(text[i]) {
			i++
			continue
		}
		from, hexadecimal, letters := i, true, 0
		for i < len(text) && inBase64(text[i]) {
			hexadecimal = hexadecimal && hexDigit(text[i]) != 0xFF
			if text[i] >= 'a' && text[i] <= 'z' {
				letters++
			}
			i++
		}
		switch run := text[from:i]; {
		case len(run) < leastRun, letters >= len(run)-1 && len(run) < 2*leastRun:
		case hexadecimal && len(run)%2 == 0:
			l.hexadecimal(run)
		default:
			l.base64(run)
		}
	}
}

func (l *layers) hexadecimal(run []byte) {
	from := len(l.decoded)
	for i := 0; i+1 < len(run); i += 2 {
		l.decoded = append(l.decoded, hexDigit(run[i])<<4|hexDigit(run[i+1]))
	}
	l.keep(from)
}

// base64 decodes a run of which the first characters may be missing.
func (l *layers) base64(run []byte) {
	if len(run) > l.budget {
		run = run[:l.budget]
	}
	for skip := range 4 {
		from := len(l.decoded)
		rest := run[min(skip, len(run)):]
		rest = rest[:len(rest)-len(rest)%4+[4]int{0, 0, 2, 3}[len(rest)%4]]
		encoding := base64.RawStdEncoding
		for _, c := range rest {
			if c == '-' || c == '_' {
				encoding = base64.RawURLEncoding
			}
		}
		l.decoded = append(l.decoded, make([]byte, encoding.DecodedLen(len(rest)))...)
		n, err := encoding.Decode(l.decoded[from:], rest)
		l.decoded = l.decoded[:from+n]
		if err != nil && n < leastRun/2 {
			l.decoded = l.decoded[:from]
		}
		if l.keep(from) {
			return
		}
	}
}

// sparse is how far apart escaped characters may stand that belong to one reading.
const sparse = 40

// escapes reads %73, \x73, \u0073 and &#115; for what they stand, and drops backslashes between characters. Only what
// stands near them is read again: a document may well hold a few.
func (l *layers) escapes(text []byte, dense bool) {
	from, found, last, word := len(l.decoded), 0, 0, 0
	end := func() {
		if found < 2 {
			l.decoded = l.decoded[:from]
		} else {
			l.keep(from)
		}
		from, found = len(l.decoded), 0
	}
	for i := 0; i < len(text) && len(l.decoded)-from <= l.budget; {
		c := text[i]
		value, size := escape(text[i:])
		switch {
		case size > 0:
			if found == 0 {
				l.decoded = append(l.decoded, text[word:i]...)
			}
			l.decoded = utf8.AppendRune(l.decoded, value)
			found++
			i += size
			last = i
			continue
		case c == '\\' && dense:
			found++
			last = i
		case found > 0 && i-last > sparse:
			end()
		case found > 0:
			l.decoded = append(l.decoded, c)
		}
		if c == ' ' || c == '\n' {
			word = max(i+1, i-longestWord)
		}
		i++
		word = max(word, i-longestWord)
	}
	end()
}

// escape reads one escaped character, and says how long it is; 0 when there is none.
func escape(text []byte) (value rune, size int) {
	switch {
	case len(text) >= 3 && text[0] == '%':
		return digits(text[1:3], 16, 3)
	case len(text) >= 4 && text[0] == '\\' && text[1] == 'x':
		return digits(text[2:4], 16, 4)
	case len(text) >= 6 && text[0] == '\\' && text[1] == 'u':
		return digits(text[2:6], 16, 6)
	case len(text) >= 4 && text[0] == '&' && text[1] == '#':
		base, at := rune(10), 2
		if text[2]|0x20 == 'x' {
			base, at = 16, 3
		}
		end := at
		for end < len(text) && end < at+6 && text[end] != ';' {
			end++
		}
		if end == at || end == len(text) || text[end] != ';' {
			return 0, 0
		}
		return digits(text[at:end], base, end+1)
	}
	return 0, 0
}

func digits(text []byte, base rune, size int) (value rune, length int) {
	for _, c := range text {
		d := rune(hexDigit(c))
		if d >= base {
			return 0, 0
		}
		value = value*base + d
	}
	if value < ' ' && value != '\n' || !utf8.ValidRune(value) {
		return 0, 0
	}
	return value, size
}

// numbers reads runs of numbers as characters: binary, hexadecimal or decimal codes, or places in the alphabet.
func (l *layers) numbers(text []byte) {
	var run [512]string
	n := 0
	flush := func() {
		if n >= 5 {
			l.codes(run[:n])
		}
		n = 0
	}
	for i := 0; i < len(text); {
		k := kinds[text[i]]
		if k != kindDigit && k != kindLetter {
			i++
			continue
		}
		from := i
		for i < len(text) && (kinds[text[i]] == kindDigit || kinds[text[i]] == kindLetter) {
			i++
		}
		word := text[from:i]
		if len(word) > 1 && word[0] == '0' && word[1]|0x20 == 'x' {
			word = word[2:]
		}
		if !isCode(word) || n == len(run) {
			flush()
			continue
		}
		run[n] = string(word)
		n++
	}
	flush()
}

func isCode(word []byte) bool {
	if len(word) == 0 || len(word) > 3 && len(word) != 8 {
		return false
	}
	for _, c := range word {
		if hexDigit(c) == 0xFF {
			return false
		}
	}
	return true
}

// codes tries each way of reading numbers until one makes text.
func (l *layers) codes(run []string) {
	for _, way := range []struct{ base, offset, least, most rune }{
		{2, 0, ' ', '~'}, {16, 0, ' ', '~'}, {10, 0, ' ', '~'}, {10, 'a' - 1, 'a', 'z'},
	} {
		from := len(l.decoded)
		for _, word := range run {
			value, size := digits0([]byte(word), way.base)
			value += way.offset
			if size == 0 || value < way.least || value > way.most {
				break
			}
			l.decoded = append(l.decoded, byte(value))
		}
		if len(l.decoded)-from < len(run) || !l.keep(from) {
			l.decoded = l.decoded[:from]
			continue
		}
		return
	}
}

func digits0(text []byte, base rune) (value rune, length int) {
	for _, c := range text {
		d := rune(hexDigit(c))
		if d >= base {
			return 0, 0
		}
		value = value*base + d
	}
	return value, len(text)
}

// tags reads the invisible copies of ASCII that begin at U+E0000.
func (l *layers) tags(text []byte) {
	from := len(l.decoded)
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r >= 0xE0020 && r < 0xE007F {
			l.decoded = append(l.decoded, byte(r-0xE0000))
		}
		i += size
	}
	l.keep(from)
}

// shift reads a text whose letters are moved on in the alphabet, or that is written backwards when by is mirrored.
func (l *layers) shift(text []byte, by uint8) {
	from := len(l.decoded)
	if len(text) > l.budget {
		text = text[:l.budget]
	}
	for i := range text {
		c := text[i]
		switch {
		case by == mirrored:
			c = text[len(text)-1-i]
		case by == atbash && kinds[c] == kindLetter:
			c = 'a' + 'z' - lower[c]
		case c >= 'a' && c <= 'z':
			c = 'a' + (c-'a'+26-by)%26
		case c >= 'A' && c <= 'Z':
			c = 'A' + (c-'A'+26-by)%26
		}
		l.decoded = append(l.decoded, c)
	}
	l.keep(from)
}

// slashed says that a text has a backslash before about every character.
func slashed(t *tally, size int) bool { return t.slashes > 8 && t.slashes*5 >= size }
