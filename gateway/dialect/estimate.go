// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"unicode/utf8"
)

// tokenUnit is what the weights of an estimate are parts of.
const tokenUnit = 64

// EstimateTokens estimates how many tokens a text is. It looks at each byte once, knows no vocabulary, and is what the tokenizers
// of OpenAI and Gemini make of a text, on average; docs/design/2026-11-23-token-estimates.md says how far off it is. It does not
// allocate.
func EstimateTokens(text []byte) int64 {
	_, units := weigh(atOther, text)
	return (units + tokenUnit - 1) / tokenUnit
}

// weighJSON weighs the text that the content of a JSON string stands for, in units.
func weighJSON(written []byte) int64 {
	plain := bytes.IndexByte(written, '\\')
	if plain < 0 {
		_, units := weigh(atOther, written)
		return units
	}
	at, units := weigh(atOther, written[:plain])
	var piece [1024]byte
	for written = written[plain:]; len(written) > 0; {
		n := 0
		for ; n < len(piece) && len(written) > 0; n++ {
			c, length := written[0], 1
			if c == '\\' {
				c, length = escaped(written)
			}
			piece[n], written = c, written[length:]
		}
		next, more := weigh(at, piece[:n])
		at, units = next, units+more
	}
	return units
}

// escaped gives the first byte of what an escape stands for, which says all that a weight depends on, and its length.
func escaped(b []byte) (byte, int) {
	if len(b) < 2 {
		return b[0], 1
	}
	if b[1] != 'u' {
		return escapes[b[1]], 2
	}
	r, n := unit(b)
	var encoded [utf8.UTFMax]byte
	switch {
	case r >= 0xd800 && r < 0xdc00:
		return 0xf0, n
	case r >= 0xdc00 && r < 0xe000:
		return 0x80, n // The second half goes on with the first.
	}
	utf8.EncodeRune(encoded[:], r)
	return encoded[0], n
}

// lanes is how many parts of a text are weighed at once: a step waits for the one before, and so four are hardly slower than one.
// What a cut changes is less than a token.
const (
	lanes   = 4
	leastIn = 64
)

// weigh gives the place behind a text, and its weight in units.
func weigh(at int, text []byte) (int, int64) {
	var sum uint64
	if n := len(text) / lanes; n >= leastIn {
		a, b, c, d := text[:n:n], text[n:2*n:2*n], text[2*n:3*n:3*n], text[3*n:4*n:4*n]
		sa, sb, sc, sd := step(at), step(atOther), step(atOther), step(atOther)
		for i := 0; i < len(a) && i < len(b) && i < len(c) && i < len(d); i++ {
			sa = steps[sa&mask|step(classes[a[i]])]
			sb = steps[sb&mask|step(classes[b[i]])]
			sc = steps[sc&mask|step(classes[c[i]])]
			sd = steps[sd&mask|step(classes[d[i]])]
			sum += uint64(sa>>weightShift + sb>>weightShift + sc>>weightShift + sd>>weightShift)
		}
		at, text = int(sd&mask), text[4*n:]
	}
	s := step(at)
	for _, c := range text {
		s = steps[s&mask|step(classes[c])]
		sum += uint64(s >> weightShift)
	}
	return int(s & mask), int64(sum)
}
