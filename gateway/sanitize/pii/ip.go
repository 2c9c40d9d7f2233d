// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

// ipv4 reads four octets and a prefix length behind them. Loopback and private addresses are findings as well: they tell
// of a network. Numbers of versions and sections are not.
func (w *window) ipv4() (match, bool) {
	end := w.octets(w.pos)
	if end == 0 {
		return match{}, false
	}
	switch w.prev(1) {
	case '.':
		return match{}, false
	case '-', '/':
		// lib-1.2.3.4 and Browser/1.2.3.4 are versions.
		if letter.has(w.prev(2)) {
			return match{}, false
		}
	}
	if w.topic() == aVersion {
		return match{}, false
	}
	return match{start: w.pos, end: w.prefixLength(end, 32), kind: IPAddress}, true
}

// octets gives where four octets that begin at i end, 0 if they are not there.
func (w *window) octets(i int) int {
	for n := range 4 {
		if n > 0 {
			if w.at(i) != '.' {
				return 0
			}
			i++
		}
		v, from := 0, i
		for ; i-from < 3 && digit.has(w.at(i)); i++ {
			v = v*10 + int(w.at(i)-'0')
		}
		if i == from || v > 255 || i-from > 1 && w.at(from) == '0' {
			return 0
		}
	}
	if c := w.at(i); word.has(c) || c == '.' && digit.has(w.at(i+1)) {
		return 0
	}
	return i
}

// prefixLength gives where the address that ends at end ends with its prefix length, if it has one.
func (w *window) prefixLength(end, most int) int {
	if w.at(end) != '/' {
		return end
	}
	v, i := 0, end+1
	for ; i-end <= 3 && digit.has(w.at(i)); i++ {
		v = v*10 + int(w.at(i)-'0')
	}
	if i == end+1 || i > end+2 && w.at(end+1) == '0' || v > most || word.has(w.at(i)) {
		return end
	}
	return i
}

// groups is an IPv6 address as it is read.
type groups struct {
	n          int  // groups of 16 bits
	compressed bool // there was a ::
	digits     bool // there was a digit
	end        int
}

// ipv6 reads an address in any of its forms. Scopes and slices of programs have some of them, and are none.
func (w *window) ipv6() (match, bool) {
	if p := w.prev(1); p == ':' || p == '.' {
		return match{}, false
	}
	g, ok := w.groups()
	if !ok || word.has(w.at(g.end)) || w.at(g.end) == ':' && word.has(w.at(g.end+1)) {
		return match{}, false
	}
	if !g.compressed && g.n != 8 || g.compressed && g.n > 7 {
		return match{}, false
	}
	end := w.prefixLength(g.end, 128)
	if g.n == 0 && end == g.end && w.at(end) != '/' || w.ofProgram(g) {
		return match{}, false
	}
	return match{start: w.pos, end: end, kind: IPAddress}, true
}

func (w *window) groups() (g groups, ok bool) {
	i := w.pos
	if w.at(i) == ':' {
		g.compressed = true
		i += 2
	}
	for g.n < 9 {
		from := i
		for ; i-from <= 4 && hex.has(w.at(i)); i++ {
			g.digits = g.digits || digit.has(w.at(i))
		}
		if i-from > 4 || i == from {
			return g, i == from && g.compressed && w.settle(&g, i)
		}
		if w.at(i) == '.' && g.n > 0 || w.at(i) == '.' && g.compressed {
			if end := w.octets(from); end > 0 {
				g.n += 2
				return g, w.settle(&g, end)
			}
			if digit.has(w.at(i + 1)) {
				return g, false
			}
		}
		g.n++
		if w.at(i) != ':' {
			return g, w.settle(&g, i)
		}
		switch next := w.at(i + 1); {
		case next == ':' && g.compressed:
			return g, false
		case next == ':':
			g.compressed = true
			i += 2
		case hex.has(next):
			i++
		default:
			return g, w.settle(&g, i)
		}
	}
	return g, false
}

func (w *window) settle(g *groups, end int) bool {
	g.end = end
	return true
}

// ofProgram says whether the groups are rather a scope (std::add), a slice ([::2], [1::2]) or too little to tell.
func (w *window) ofProgram(g groups) bool {
	if !g.compressed {
		return false
	}
	size, scoped := g.end-w.pos, w.at(w.pos) == ':'
	p, q := w.prev(1), w.prev(2)
	switch {
	case g.n == 0:
		return p != 0 && !space.has(p)
	case !g.digits && g.n < 3:
		return true
	case scoped && (word.has(p) || p == ')' || p == ']' || p == '>'):
		return true
	case p == '[' && (word.has(q) || q == ')' || q == ']'):
		return true
	case scoped && g.n == 1 && size <= 4 && w.at(w.pos+2) != '1':
		return true
	case scoped && g.n == 1 && w.at(g.end) == ']' && p != '[':
		return true
	}
	return !scoped && g.n <= 2 && size <= 4
}
