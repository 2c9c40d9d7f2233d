// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import "bytes"

// arguments sanitizes a JSON text, and what it gives is JSON where that was: a string stays one, and of what is neither string nor
// punctuation, as a number, something that is found makes a string of the whole. It reads one level: JSON within a string is a
// text. A value is seen behind its name, as that may say what it is. Escapes come out in their shortest form. What is no JSON goes through with the same rules, as far as they reach.
type arguments struct {
	inner *Filter
	state argumentState
	// escape is what was read of one, from its backslash; high the first half of a pair, 0 when there is none.
	escape []byte
	high   rune
	// bare is what was read of a number or a word, at most maxBare bytes.
	bare []byte
	// plain are bytes of a string that the inner filter is to see.
	plain, told []byte
	// last is the beginning of the last string and became what it became; name is that of the value that comes, with ": ".
	last, became, name []byte
	// ahead is how many bytes of name the inner filter has still to give back, before it gives of the value.
	ahead int
}

type argumentState uint8

const (
	outside argumentState = iota
	inString
	inEscape
	inNumber
	// inLong is a number or word beyond maxBare, which passes unseen.
	inLong
)

const (
	// maxBare is more than a number is long that means something.
	maxBare = 256
	// maxName is how much of a name a value is seen behind.
	maxName = 64
)

func newArguments(inner *Filter) *arguments { return &arguments{inner: inner} }

func (a *arguments) write(dst, chunk []byte) []byte {
	for _, c := range chunk {
		if a.inner.block != nil {
			return dst
		}
		dst = a.next(dst, c)
	}
	return a.see(dst)
}

func (a *arguments) close(dst []byte) []byte {
	switch {
	case a.inner.block != nil:
		return dst
	case a.state == inNumber:
		return a.number(dst)
	case a.state == inString || a.state == inEscape:
		// The string is not whole, so nothing can be said of its last escape but that it is none.
		dst = a.ended(dst)
		if a.inner.block == nil {
			dst = append(dst, a.escape...)
		}
	}
	return dst
}

func (a *arguments) next(dst []byte, c byte) []byte {
	switch a.state {
	case inString:
		return a.inside(dst, c)
	case inEscape:
		return a.escaped(dst, c)
	case inNumber, inLong:
		if !punctuation(c) {
			return a.another(dst, c)
		}
		if a.state == inNumber {
			if dst = a.number(dst); a.inner.block != nil {
				return dst
			}
		}
		a.state = outside
	case outside:
		if !punctuation(c) {
			a.state, a.bare = inNumber, append(a.bare[:0], c)
			return dst
		}
	}
	switch c {
	case '"':
		a.state, a.last, a.became = inString, a.last[:0], a.became[:0]
		dst = append(dst, c)
		return a.begin(dst)
	case ':':
		a.name = a.name[:0]
		if bytes.Equal(a.last, a.became) { // Else the name is a finding by itself, and would be one again.
			a.name = append(append(a.name, a.last...), ": "...)
		}
	case ',', '{', '}', '[', ']':
		a.name, a.last, a.became = a.name[:0], a.last[:0], a.became[:0]
	}
	return append(dst, c)
}

// begin makes the inner filter ready for a value, behind its name.
func (a *arguments) begin(dst []byte) []byte {
	a.inner.reset()
	a.ahead = len(a.name)
	if a.ahead == 0 {
		return dst
	}
	return a.give(dst, a.inner.Write(a.told[:0], a.name))
}

// give appends what the inner filter told, but for the name, as far as it gave that back.
func (a *arguments) give(dst, told []byte) []byte {
	a.told = told
	for len(told) > 0 && a.ahead > 0 {
		if told[0] != a.name[len(a.name)-a.ahead] {
			a.ahead = 0 // The name is part of what was found.
			break
		}
		told = told[1:]
		a.ahead--
	}
	a.became = append(a.became, told[:min(len(told), maxName-len(a.became))]...)
	return appendEscaped(dst, told)
}

// punctuation says whether a byte ends a number or a word.
func punctuation(c byte) bool {
	return c <= ' ' || bytes.IndexByte([]byte(`{}[],:"`), c) >= 0
}

// another reads on in a number or a word.
func (a *arguments) another(dst []byte, c byte) []byte {
	if a.state == inNumber && len(a.bare) < maxBare {
		a.bare = append(a.bare, c)
		return dst
	}
	if a.state == inNumber {
		a.state = inLong
		dst = append(dst, a.bare...)
	}
	return append(dst, c)
}

// number appends a number or a word: as it came, or as a string of what became of it.
func (a *arguments) number(dst []byte) []byte {
	switch string(a.bare) {
	case "true", "false", "null":
		return append(dst, a.bare...)
	}
	a.inner.reset()
	a.told = a.inner.Write(a.inner.Write(a.told[:0], a.name), a.bare)
	a.told = a.inner.Close(a.told)
	told, named := bytes.CutPrefix(a.told, a.name)
	switch {
	case a.inner.block != nil:
		return dst
	case named && bytes.Equal(told, a.bare):
		return append(dst, a.bare...)
	}
	return append(appendEscaped(append(dst, '"'), told), '"')
}

// inside reads a byte of a string.
func (a *arguments) inside(dst []byte, c byte) []byte {
	switch {
	case c == '\\':
		a.state, a.escape = inEscape, append(a.escape[:0], c)
		return dst
	case a.high != 0:
		a.lone()
	}
	if c != '"' {
		a.plain = append(a.plain, c)
		return dst
	}
	if dst = a.ended(dst); a.inner.block != nil {
		return dst
	}
	a.state = outside
	return append(dst, c)
}

// see shows the inner filter what was read of a string.
func (a *arguments) see(dst []byte) []byte {
	if len(a.plain) == 0 || a.inner.block != nil {
		return dst
	}
	a.last = append(a.last, a.plain[:min(len(a.plain), maxName-len(a.last))]...)
	told := a.inner.Write(a.told[:0], a.plain)
	a.plain = a.plain[:0]
	return a.give(dst, told)
}

// ended ends the string for the inner filter.
func (a *arguments) ended(dst []byte) []byte {
	if a.high != 0 {
		a.lone()
	}
	if dst = a.see(dst); a.inner.block != nil {
		return dst
	}
	return a.give(dst, a.inner.Close(a.told[:0]))
}
