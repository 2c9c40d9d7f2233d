// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

import "bytes"

// How long a value is.
const (
	shortest   = 6   // of a password
	shortToken = 10  // of a key behind a sign of assignment
	shortSaid  = 16  // of a key behind words alone
	longest    = 160 // of a value; what is longer goes on in its tail
)

// assigned reads a value that the words before it call a secret: password = x, "apiKey": "x", my token is x.
func (w *window) assigned() (match, bool) {
	if !introduces(w.prev(1)) {
		return match{}, false
	}
	end := w.valueEnd()
	text := w.text[w.pos:end]
	if !mixed(text) {
		return match{}, false
	}
	kind, signed := w.namedBefore()
	if kind == noSecret {
		return match{}, false
	}
	if !secret(text, kind, signed) || w.at(end) == '(' || w.at(end) == '[' || w.at(end) == '{' || w.follows(end, "..") {
		return match{}, false
	}
	m := match{start: w.pos, end: end, kind: APIKey}
	if end-w.pos >= longest {
		m.tail.class = jwtText | token
	}
	return m, true
}

// mixed says whether a value can be a secret at all, whatever it is called: it has digits or signs, or is long.
func mixed(text []byte) bool {
	if len(text) < shortest {
		return false
	}
	if len(text) >= 20 {
		return true
	}
	for _, c := range text {
		if classOf[c]&(digit|valueSign|localSign) != 0 || c == ')' {
			return true
		}
	}
	return false
}

// valueEnd gives where the value ends: at a space or a quote, less the signs that end a clause.
func (w *window) valueEnd() int {
	i := w.pos
	if quote := w.prev(1); quote == '"' || quote == '\'' || quote == '`' {
		for i-w.pos < longest {
			if c := w.at(i); c <= ' ' || c == quote || c == '\\' || c == '<' {
				break
			}
			i++
		}
		return i
	}
	for i-w.pos < longest && value.has(w.at(i)) {
		if w.at(i) == '&' {
			// The next pair of a query, or a character of HTML.
			if next := w.at(w.span(i+1, word)); next == '=' || next == ';' {
				break
			}
		}
		i++
	}
	for i > w.pos {
		switch w.text[i-1] {
		case '.', ':', '?':
			i--
			continue
		}
		break
	}
	return i
}

// secret says whether a value is one, for what its name says.
func secret(text []byte, kind secrecy, signed bool) bool {
	if len(text) < shortest || placeholder(text) || beginsCode(text) {
		return false
	}
	s := measure(text)
	switch kind {
	case aPassword:
		return chosen(text, s, signed)
	case aHeader:
		return s.n >= shortToken && s.random() || s.n >= shortSaid && s.turns*4 >= s.n
	}
	if bytes.Contains(text, []byte("://")) || s.signs*3 > s.n {
		return false
	}
	least := shortSaid
	if signed {
		least = shortToken
	}
	if s.n < shortSaid && (s.digits == 0 || s.lower+s.upper == 0 || s.turns*4 < s.n) {
		return false
	}
	return s.n >= least && s.random()
}

// beginsCode says whether a value begins as a variable, a pointer, a path or a template does. A password may begin with a
// dollar sign, and then has digits.
func beginsCode(text []byte) bool {
	switch text[0] {
	case '<', '{', '[', '/', '*', '&':
		return true
	case '$', '@':
		return text[1] == '{' || text[1] == '(' || measure(text).digits == 0
	case '0':
		return text[1] == 'x' && len(text) <= 18
	}
	return false
}

// chosen says whether a text is a password: letters with digits or signs among them, no name of a variable.
func chosen(text []byte, s strength, signed bool) bool {
	letters := s.lower + s.upper
	if letters == 0 {
		return signed && s.digits >= shortest && s.distinct >= 4 && s.signs == 0
	}
	if bytes.IndexByte(text, '/') >= 0 && s.spelled*5 >= 3*s.n {
		return false // a path
	}
	loud := 0
	for i, c := range text {
		if valueSign.has(c) && c != ':' || c == '%' || c == '+' && i > 0 {
			loud++
		}
	}
	if s.digits == 0 && loud == 0 {
		return false
	}
	// Words with hyphens, dots or underscores and a digit somewhere are names.
	if loud == 0 && s.signs > 0 && s.turns*5 < s.n && s.digits < 4 {
		return false
	}
	if !signed && loud == 0 && (s.digits < 2 || letters < 3 || s.n < 8) {
		return false
	}
	return s.distinct >= 4 && !generic(text)
}
