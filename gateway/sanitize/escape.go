// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// lone puts the character for errors in place of half a pair.
func (a *arguments) lone() {
	a.high = 0
	a.plain = utf8.AppendRune(a.plain, utf8.RuneError)
}

// escaped reads a byte of an escape.
func (a *arguments) escaped(dst []byte, c byte) []byte {
	a.escape = append(a.escape, c)
	if a.escape[1] == 'u' {
		return a.hexadecimal(dst)
	}
	a.state = inString
	if a.high != 0 {
		a.lone()
	}
	if i := bytes.IndexByte([]byte(`bfnrt`), c); i >= 0 {
		c = "\b\f\n\r\t"[i]
	}
	a.plain = append(a.plain, c) // of no JSON: the character itself
	a.escape = a.escape[:0]
	return dst
}

// hexadecimal reads four digits.
func (a *arguments) hexadecimal(dst []byte) []byte {
	if n := len(a.escape); n > 2 && digit(a.escape[n-1]) < 0 { // no JSON
		c := a.escape[n-1]
		if a.high != 0 {
			a.lone()
		}
		a.plain = append(a.plain, a.escape[1:n-1]...)
		a.escape, a.state = a.escape[:0], inString
		return a.inside(dst, c)
	}
	if len(a.escape) < 6 {
		return dst
	}
	var r rune
	for _, c := range a.escape[2:] {
		r = r<<4 | digit(c)
	}
	a.escape, a.state = a.escape[:0], inString
	switch {
	case a.high != 0 && utf16.IsSurrogate(r) && r >= 0xDC00:
		r = utf16.DecodeRune(a.high, r)
		a.high = 0
	case a.high != 0:
		a.lone()
		fallthrough
	default:
		if utf16.IsSurrogate(r) && r < 0xDC00 {
			a.high = r
			return dst
		}
	}
	a.plain = utf8.AppendRune(a.plain, r) // half a pair is the character for errors
	return dst
}

// digit gives a hexadecimal digit's value, -1 of others.
func digit(c byte) rune {
	switch {
	case c >= '0' && c <= '9':
		return rune(c - '0')
	case c >= 'a' && c <= 'f':
		return rune(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return rune(c-'A') + 10
	}
	return -1
}

// appendEscaped appends a text as the inside of a JSON string.
func appendEscaped(dst, text []byte) []byte {
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= ' ':
			dst = append(dst, c)
		case bytes.IndexByte([]byte("\b\f\n\r\t"), c) >= 0:
			dst = append(dst, '\\', "bfnrt"[bytes.IndexByte([]byte("\b\f\n\r\t"), c)])
		default:
			dst = append(dst, '\\', 'u', '0', '0', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		}
	}
	return dst
}
