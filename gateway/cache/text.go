// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// quoted appends the next string: characters stand for themselves, but for quotes, backslashes, control characters and
// halves of surrogate pairs, which are escaped in one way each.
func (c *canonical) quoted() bool {
	c.dst = append(c.dst, '"')
	c.at++
	for {
		n := plain(c.text[c.at:])
		c.dst = append(c.dst, c.text[c.at:c.at+n]...)
		if c.at += n; c.at >= len(c.text) {
			return false
		}
		switch c.text[c.at] {
		case '"':
			c.at++
			c.dst = append(c.dst, '"')
			return true
		case '\\':
			if !c.escape() {
				return false
			}
		default:
			// A control character must be escaped.
			return false
		}
	}
}

// plain gives how many bytes there are before the first quote, backslash or control character.
func plain(text []byte) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; len(text)-n >= 8; n += 8 {
		w := binary.LittleEndian.Uint64(text[n:])
		quote, slash := w^ones*'"', w^ones*'\\'
		// A byte's top bit is set where it is one of the three. Borrows make false ones only above a true one.
		found := ((w-ones*0x20) & ^w | (quote-ones)&^quote | (slash-ones)&^slash) & tops
		if found != 0 {
			return n + bits.TrailingZeros64(found)/8
		}
	}
	for ; n < len(text); n++ {
		if b := text[n]; b < 0x20 || b == '"' || b == '\\' {
			break
		}
	}
	return n
}

// escape appends what the next escape sequence stands for.
func (c *canonical) escape() bool {
	if len(c.text)-c.at < 2 {
		return false
	}
	b := c.text[c.at+1]
	c.at += 2
	switch b {
	case '"', '\\':
		c.dst = append(c.dst, '\\', b)
	case '/':
		c.dst = append(c.dst, '/')
	case 'b':
		c.control('\b')
	case 'f':
		c.control('\f')
	case 'n':
		c.control('\n')
	case 'r':
		c.control('\r')
	case 't':
		c.control('\t')
	case 'u':
		return c.unit()
	default:
		return false
	}
	return true
}

// control appends a character below 32, escaped.
func (c *canonical) control(r rune) {
	switch r {
	case '\n':
		c.dst = append(c.dst, `\n`...)
	case '\t':
		c.dst = append(c.dst, `\t`...)
	case '\r':
		c.dst = append(c.dst, `\r`...)
	default:
		c.hex(r)
	}
}

func (c *canonical) hex(r rune) {
	const digits = "0123456789abcdef"
	c.dst = append(c.dst, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}

// unit appends the character of a \u sequence, or of two that are a pair, where it stands behind the first \u.
func (c *canonical) unit() bool {
	r := four(c.text[c.at:])
	if r < 0 {
		return false
	}
	c.at += 4
	switch {
	case r == '"' || r == '\\':
		c.dst = append(c.dst, '\\', byte(r))
	case r < 0x20:
		c.control(r)
	case !utf16.IsSurrogate(r):
		c.dst = utf8.AppendRune(c.dst, r)
	default:
		if next := c.text[c.at:]; len(next) >= 6 && next[0] == '\\' && next[1] == 'u' {
			if whole := utf16.DecodeRune(r, four(next[2:])); whole != utf8.RuneError {
				c.at += 6
				c.dst = utf8.AppendRune(c.dst, whole)
				return true
			}
		}
		// A half without the other stands for no character, and stays what it is.
		c.hex(r)
	}
	return true
}

// four reads four hexadecimal digits, -1 where there are none.
func four(text []byte) rune {
	if len(text) < 4 {
		return -1
	}
	var r rune
	for _, b := range text[:4] {
		switch {
		case b-'0' <= 9:
			r = r<<4 | rune(b-'0')
		case b|0x20 >= 'a' && b|0x20 <= 'f':
			r = r<<4 | rune(b|0x20-'a'+10)
		default:
			return -1
		}
	}
	return r
}
