// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

import "bytes"

// strength is what tells a random text from words.
type strength struct {
	n, lower, upper, digits, signs int
	turns                          int // changes between lower case, upper case and digits, signs aside
	steps                          int // bytes that are one more than the byte before
	repeats                        int // the longest run of one byte
	spelled                        int // letters in runs of four and more of lower case
	distinct                       int
}

func measure(text []byte) (s strength) {
	var seen [4]uint64
	var last classes
	run, small := 0, 0
	s.n = len(text)
	for i, c := range text {
		k := classOf[c] & alnum
		switch k {
		case lower:
			s.lower++
			switch small++; {
			case small == 4:
				s.spelled += 4
			case small > 4:
				s.spelled++
			}
		case upper:
			s.upper++
		case digit:
			s.digits++
		default:
			s.signs++
		}
		if k != lower {
			small = 0
		}
		if k != 0 {
			if last != 0 && k != last {
				s.turns++
			}
			last = k
		}
		if seen[c>>6]&(1<<(c&63)) == 0 {
			seen[c>>6] |= 1 << (c & 63)
			s.distinct++
		}
		run++
		if i == 0 || text[i-1] != c {
			run = 1
		}
		s.repeats = max(s.repeats, run)
		if i > 0 && text[i-1]+1 == c {
			s.steps++
		}
	}
	return s
}

// varied says whether a text behind a known prefix may be drawn: the prefix has said the most already.
func (s strength) varied() bool {
	return s.digits > 0 && s.distinct >= min(8, s.n/2) && s.repeats <= 4+s.n/32 && s.steps*2 <= s.n
}

// random says whether the text is rather drawn than written: classes change often, and bytes repeat as chance has it.
func (s strength) random() bool {
	if s.lower+s.upper == 0 {
		return s.n >= 15 && s.distinct >= 6 && s.repeats <= 4 && s.steps*2 <= s.n
	}
	if s.n < 10 || s.distinct < min(8, s.n/2) || s.repeats > 4+s.n/32 || s.steps*2 > s.n {
		return false
	}
	if s.upper > 0 && s.spelled*5 >= 2*s.n {
		return false // a name in camel case
	}
	if s.digits > 0 {
		return s.turns*5 >= s.n-s.signs || s.digits >= 6 && s.turns*10 >= s.n
	}
	return s.n >= 20 && s.turns*5 >= 2*s.n
}

// placeholders are words that stand where a secret would.
var placeholderWords = [][]byte{
	[]byte("example"), []byte("your"), []byte("xxxx"), []byte("placeholder"), []byte("changeme"), []byte("change_me"),
	[]byte("redacted"), []byte("insert"), []byte("dummy"), []byte("sample"), []byte("..."), []byte("****"), []byte("foobar"),
	[]byte("replace"), []byte("todo"), []byte("abcdef123"), []byte("00000000"), []byte("_here"), []byte("-here"),
}

// placeholder says whether a text stands for a secret rather than is one.
func placeholder(text []byte) bool {
	var buf [lookAhead]byte
	n := 0
	for _, c := range text[:min(len(text), len(buf))] {
		if upper.has(c) {
			c |= 0x20
		}
		buf[n] = c
		n++
	}
	for _, s := range placeholderWords {
		if bytes.Contains(buf[:n], s) {
			return true
		}
	}
	return false
}

// generic says whether a password is one of those that documentation has.
func generic(text []byte) bool {
	switch string(text) {
	case "password", "pass", "passwd", "pwd", "secret", "PASSWORD", "Password", "user", "username", "token", "TOKEN", "test",
		"foo", "bar", "pw", "key", "KEY", "uint32", "uint64", "int32", "int64", "sha256", "base64", "uint16":
		return true
	}
	return false
}
