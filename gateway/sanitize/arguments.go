// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import "bytes"

// arguments sanitizes what a tool is called with. What begins as an object or a list is JSON, and stays it where it was: a string stays a
// string, and a number becomes one when something is found in it. It reads one level: JSON within a string is a text. A value
// is seen behind its name, as that may say what it is. Escapes come out in their shortest form. Where it is no JSON, what
// stands between punctuation is a text, each piece by itself. All else than objects and lists is one text, as dialects give
// strings of which they know what they are within.
type arguments struct {
	inner *Filter
	state argumentState
	// escape is what was read of one, from its backslash; high the first half of a pair, 0 when there is none.
	escape []byte
	high   rune
	// bare is what was read of a number, at most maxBare bytes.
	bare []byte
	// plain are bytes that the inner filter is to see, told what it gave.
	plain, told []byte
	// last is the beginning of the last string and became what it became; name is that of the value that comes, with ": ".
	last, became, name []byte
	// ahead is how many bytes of name the inner filter has still to give back, before it gives of the value.
	ahead int
}

type argumentState uint8

const (
	atStart argumentState = iota
	outside
	inString
	inEscape
	inNumber
	// inWords is in what stands outside of strings and is no number, up to punctuation.
	inWords
	// inText is in what is neither object nor list.
	inText
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
	if a.inner.block != nil {
		return dst
	}
	switch a.state {
	case inNumber:
		return a.number(dst)
	case inWords, inText:
		return a.ended(dst)
	case inString, inEscape:
		// The string is not whole, so nothing can be said of its last escape but that it is none.
		if dst = a.ended(dst); a.inner.block == nil {
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
	case inText:
		a.plain = append(a.plain, c)
		return dst
	case atStart:
		return a.start(dst, c)
	case inNumber, inWords:
		return a.loose(dst, c)
	}
	switch {
	case c <= ' ':
		return append(dst, c)
	case punctuation(c):
		return a.structure(dst, c)
	case c >= '0' && c <= '9' || c == '-':
		a.state, a.bare = inNumber, append(a.bare[:0], c)
		return dst
	}
	a.state = inWords
	dst = a.begin(dst)
	a.plain = append(a.plain, c)
	return dst
}

// start reads what the text begins with.
func (a *arguments) start(dst []byte, c byte) []byte {
	switch {
	case c <= ' ':
		return append(dst, c)
	case c == '{' || c == '[':
		a.state = outside
		return append(dst, c)
	}
	a.state = inText
	a.inner.reset()
	a.plain = append(a.plain, c)
	return dst
}

// loose reads on in a number or in words. White space is part of both, so that a number in groups is seen as one.
func (a *arguments) loose(dst []byte, c byte) []byte {
	switch {
	case punctuation(c):
		if a.state == inNumber {
			dst = a.number(dst)
		} else {
			dst = a.ended(dst)
		}
		if a.inner.block != nil {
			return dst
		}
		a.state = outside
		return a.structure(dst, c)
	case a.state == inNumber && len(a.bare) < maxBare && numeric(c):
		a.bare = append(a.bare, c)
		return dst
	case a.state == inNumber:
		a.state = inWords
		dst = a.begin(dst)
		a.plain = append(a.plain, a.bare...)
	}
	a.plain = append(a.plain, c)
	return dst
}

// structure reads punctuation.
func (a *arguments) structure(dst []byte, c byte) []byte {
	dst = append(dst, c)
	switch c {
	case '"':
		a.state, a.last, a.became = inString, a.last[:0], a.became[:0]
		return a.begin(dst)
	case ':':
		a.name = a.name[:0]
		if bytes.Equal(a.last, a.became) { // Else the name is a finding by itself, and would be one again.
			a.name = append(append(a.name, a.last...), ": "...)
		}
	default:
		a.name, a.last, a.became = a.name[:0], a.last[:0], a.became[:0]
	}
	return dst
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
	if a.state != inString && a.state != inEscape {
		return append(dst, told...)
	}
	a.became = append(a.became, told[:min(len(told), maxName-len(a.became))]...)
	return appendEscaped(dst, told)
}

// punctuation says whether a byte is JSON's.
func punctuation(c byte) bool { return bytes.IndexByte([]byte(`{}[],:"`), c) >= 0 }

// numeric says whether a byte may be of a number, or between its groups.
func numeric(c byte) bool { return c <= ' ' || bytes.IndexByte([]byte("0123456789+-.eE"), c) >= 0 }

// number appends a number: as it came, or as a string of what became of it. What has white space in it is none.
func (a *arguments) number(dst []byte) []byte {
	bare := bytes.TrimRight(a.bare, " \t\r\n")
	a.inner.reset()
	a.told = a.inner.Write(a.inner.Write(a.told[:0], a.name), bare)
	a.told = a.inner.Close(a.told)
	told, named := bytes.CutPrefix(a.told, a.name)
	space := a.bare[len(bare):]
	switch {
	case a.inner.block != nil:
		return dst
	case named && bytes.Equal(told, bare), bytes.ContainsAny(bare, " \t\r\n"):
		return append(append(dst, told...), space...)
	}
	return append(append(appendEscaped(append(dst, '"'), told), '"'), space...)
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
