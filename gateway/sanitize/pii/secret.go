// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

import "bytes"

// shortestKey is that of a word that the prefixes are asked about, with what follows them.
const shortestKey = 16

// tail says how a finding goes on beyond what the window shows: while the bytes are in the class, or to the end of a
// block of PEM. Of a tail nothing is held back: it is a part of the finding already.
type tail struct {
	class classes
	pem   bool
}

// prefixed reads a key that tells by its form what it is: by a prefix, or by the shape of the whole. run is where the
// word that begins here ends.
func (w *window) prefixed(run int) (match, bool) {
	if run-w.pos < shortestKey && !stretches.has(w.at(run)) {
		return match{}, false
	}
	if w.prev(1) == '.' && word.has(w.prev(2)) {
		return match{}, false // of a file's name, or an attribute
	}
	of := byFirst[w.at(w.pos)]
	for k := range of {
		p := &of[k]
		if !w.follows(w.pos, p.text) {
			continue
		}
		if end, ok := w.issuedKey(p); ok {
			m := match{start: w.pos, end: end, kind: APIKey}
			if end == w.have && p.most == 0 {
				m.tail.class = p.alphabet
			}
			return m, true
		}
	}
	return w.formed(run)
}

// stretches are the bytes that end a word but may go on a key.
const stretches = base64Sign | valueSign | space

func (w *window) issuedKey(p *prefix) (end int, ok bool) {
	from := w.pos + len(p.text)
	end = w.span(from, p.alphabet)
	// A full stop that ends a sentence is none of the key.
	for end > from && w.text[end-1] == '.' {
		end--
	}
	n := end - from
	if n < p.least || p.most > 0 && n > p.most {
		return 0, false
	}
	if p.most > 0 && word.has(w.at(end)) || w.follows(end, "..") {
		return 0, false
	}
	rest := w.text[from:end]
	if placeholder(rest) {
		return 0, false
	}
	s := measure(rest)
	return end, p.least == 0 || p.plain && s.digits >= 2 || s.varied() || s.random()
}

// formed reads keys that have no prefix but a shape: JSON web tokens, and those of some issuers.
func (w *window) formed(run int) (match, bool) {
	m := match{start: w.pos, kind: APIKey}
	switch c := w.at(w.pos); {
	case c == 'e' && w.at(w.pos+1) == 'y':
		// A header and claims, both objects, with or without a signature.
		first := w.span(w.pos, token)
		if first-w.pos < 16 || w.at(first) != '.' || !w.follows(first+1, "ey") {
			return w.longHeader(first)
		}
		if second := w.span(first+1, token); second-first < 16 {
			return match{}, false
		}
		m.end = w.span(w.pos, jwtText|token)
		for m.end > w.pos && w.text[m.end-1] == '.' {
			m.end--
		}
		if m.end == w.have {
			m.tail.class = jwtText | token
		}
		return m, true
	case digit.has(c) && w.at(w.span(w.pos, digit)) == ':':
		// A bot of Telegram: its number and 35 characters.
		colon := w.span(w.pos, digit)
		m.end = w.span(colon+1, token)
		return m, colon-w.pos >= 8 && colon-w.pos <= 10 && m.end-colon-1 == 35 && w.at(colon+1) == 'A'
	}
	return w.parted(run)
}

// longHeader is a JSON web token whose header fills the window: an object of that length in base64 is hardly else.
func (w *window) longHeader(first int) (match, bool) {
	if first < w.pos+lookAhead || w.at(w.pos+2) != 'J' {
		return match{}, false
	}
	return match{start: w.pos, end: first, kind: APIKey, tail: tail{class: jwtText | token}}, true
}

// parted reads keys of parts of known lengths: of a Discord bot, of Mailchimp, of Terraform.
func (w *window) parted(run int) (match, bool) {
	m := match{start: w.pos, end: run, kind: APIKey}
	for m.end > w.pos && w.text[m.end-1] == '.' {
		m.end--
	}
	first := w.span(w.pos, alnum)
	switch n := first - w.pos; {
	case n == 32 && w.follows(first, "-us"):
		m.end = w.span(first+3, digit)
		return m, m.end > first+3 && w.span(w.pos, hex) == first && measure(w.text[w.pos:first]).upper == 0 && !word.has(w.at(m.end))
	case n == 14 && w.follows(first, ".atlasv1."):
		m.end = w.span(first+9, token|base64Sign)
		return m, m.end-first-9 >= 60 && !placeholder(w.text[first+9:m.end])
	case n >= 23 && n <= 28 && w.at(first) == '.':
		second := w.span(first+1, token)
		if second-first-1 != 6 || w.at(second) != '.' {
			return match{}, false
		}
		m.end = w.span(second+1, token)
		last := m.end - second - 1
		return m, last >= 27 && last <= 38 && measure(w.text[w.pos:first]).random()
	}
	return match{}, false
}

// commanded reads the password in curl -u user:password, where the candidate is the user.
func (w *window) commanded() (match, bool) {
	before := w.before()
	if quote := w.prev(1); quote == '"' || quote == '\'' {
		before = before[:len(before)-1]
	}
	if !bytes.HasSuffix(before, []byte(" -u ")) && !bytes.HasSuffix(before, []byte(" --user ")) {
		return match{}, false
	}
	i := w.span(w.pos, local)
	if w.at(i) != ':' {
		return match{}, false
	}
	end := i + 1
	for end-i <= longest && value.has(w.at(end)) {
		end++
	}
	password := w.text[i+1 : end]
	if len(password) < shortest || placeholder(password) || beginsCode(password) || !chosen(password, measure(password), true) {
		return match{}, false
	}
	return match{start: i + 1, end: end, kind: APIKey}, true
}

// userinfo reads the password in the URL user:password@host, where the candidate is the user. The finding is the
// password alone.
func (w *window) userinfo() (match, bool) {
	if w.prev(1) != '/' || w.prev(2) != '/' || w.prev(3) != ':' {
		if space.has(w.prev(1)) || w.prev(1) == '"' || w.prev(1) == '\'' {
			return w.commanded()
		}
		return match{}, false
	}
	const most = 128
	i := w.span(w.pos, local)
	if i-w.pos > longestLocal || w.at(i) != ':' {
		return match{}, false
	}
	from := i + 1
	to := 0
	for i = from; i-from <= most; i++ {
		c := w.at(i)
		if c == '@' {
			to = i
		}
		if !value.has(c) || c == '/' {
			break
		}
	}
	if to-from < 3 || !word.has(w.at(to+1)) && w.at(to+1) != '[' {
		return match{}, false
	}
	password := w.text[from:to]
	if placeholder(password) || generic(password) || bytes.IndexByte([]byte("$<{[*"), password[0]) >= 0 {
		return match{}, false
	}
	return match{start: from, end: to, kind: APIKey}, true
}

// privateKey reads the first line of a private key in PEM; its tail is the rest of the block.
func (w *window) privateKey() (match, bool) {
	const begin, most = "-----BEGIN ", 40
	if !w.follows(w.pos, begin) {
		return match{}, false
	}
	from := w.pos + len(begin)
	i := w.span(from, upper|digit|space)
	if i-from > most || !w.follows(i, "-----") || !bytes.Contains(w.text[from:i], []byte("PRIVATE KEY")) {
		return match{}, false
	}
	return match{start: w.pos, end: i + 5, kind: APIKey, tail: tail{pem: true}}, true
}
