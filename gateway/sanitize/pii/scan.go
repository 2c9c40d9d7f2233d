// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

// A word of letters alone, up to here, followed by what ends a word, is prose: nothing looks at it twice.
const longestPlain = 16

// scan goes through the text from i. With ok it gives the first finding. Without, text[:next] is decided and has none,
// and text[next:] waits for more text to decide it; with final there is nothing to wait for and next is the end.
func scan(text []byte, i int, final bool) (m match, next int, ok bool) {
	for i < len(text) {
		switch roleOf[text[i]] {
		case nothing:
			i++
			continue
		case aWord:
			if i > 0 && text[i-1] == '\\' && inWord(text, i) {
				i++
				continue
			}
			j := i + 1
			for j < len(text) && classOf[text[j]]&letter != 0 {
				j++
			}
			if j < len(text) && text[j] == ' ' && j-i < longestPlain {
				i = j + 1
				continue
			}
			if j == len(text) && !final && j-i < lookAhead {
				if inWord(text, i) {
					return m, j, false
				}
				return m, i, false
			}
			if j-i < longestPlain && plainEnd(text, i, j, final) {
				i = j
				continue
			}
		case aNumber:
			if j := plainNumber(text, i); j > 0 {
				i = j
				continue
			}
		case aSign:
			if idle(text, i) {
				i++
				continue
			}
		}
		if inWord(text, i) {
			i++
			continue
		}
		w := look(text, i, final)
		m, ok := w.detect()
		if w.short {
			return m, i, false
		}
		if ok {
			return m, i, true
		}
		i = skip(text, i)
	}
	return m, i, false
}

// plainNumber gives where a short number ends that nothing goes on, as 2023 in prose; 0 where that is not sure.
func plainNumber(text []byte, i int) int {
	const longestNumber = 5 // one less than the shortest finding has
	j := i + 1
	for j < len(text) && j-i <= longestNumber && classOf[text[j]]&digit != 0 {
		j++
	}
	if j-i > longestNumber || j+1 >= len(text) || !ending.has(text[j]) {
		return 0
	}
	if next := text[j+1]; classOf[next]&digit != 0 || next == '(' {
		return 0
	}
	switch text[j] {
	case '/', '=', '*', 0xc2, 0xe2: // the last two begin separators of other scripts
		return 0
	}
	return j
}

// idle says of a sign that its neighbours, as far as they are known, let nothing begin there.
func idle(text []byte, i int) bool {
	switch text[i] {
	case ':':
		return i+1 < len(text) && text[i+1] != ':'
	case '!', '#', '$', '%', '&', '*', '@', '^', '~':
		return i == 0 || !introduces(text[i-1])
	case '-':
		return i+1 < len(text) && text[i+1] != '-' && (i == 0 || !introduces(text[i-1]))
	case '(':
		return i+1 < len(text) && classOf[text[i+1]]&digit == 0 && text[i+1] != '+'
	}
	return false
}

// introduces says whether a value may begin behind the byte.
func introduces(c byte) bool {
	switch c {
	case ' ', '\t', '\n', '\r', '"', '\'', '`', '=', ':', '(', '>', '*':
		return true
	}
	return false
}

// plainEnd says whether the letters text[i:j] end as a word of prose does.
func plainEnd(text []byte, i, j int, final bool) bool {
	if j == len(text) {
		return true
	}
	switch c := text[j]; {
	case c == '!':
		return j+1 < len(text) && ending.has(text[j+1]) || j+1 == len(text) && final
	case ending.has(c):
		return true
	case c == '.':
		return j+1 < len(text) && ending.has(text[j+1]) || j+1 == len(text) && final
	case c == ':':
		// A shorter one may begin an address; one with something behind the colon may be a user with a password.
		return j-i > 4 && (j+1 < len(text) && ending.has(text[j+1]) || j+1 == len(text) && final)
	}
	return false
}

// inWord says whether the byte at i goes on a word. In JSON within JSON a word may follow the letter of an escape.
func inWord(text []byte, i int) bool {
	if i == 0 || classOf[text[i]]&(word|latinLead) == 0 {
		return false
	}
	switch p := text[i-1]; {
	case p == '\\':
		return text[i] == 'n' || text[i] == 'r' || text[i] == 't'
	case continued.has(p):
		return i > 1 && latinLead.has(text[i-2])
	case !word.has(p):
		return false
	case p == 'n' || p == 'r' || p == 't':
		return i < 2 || text[i-2] != '\\'
	}
	return true
}

// skip leaves the place at i, and the word that goes on from it.
func skip(text []byte, i int) int {
	if !word.has(text[i]) {
		return i + 1
	}
	for i++; i < len(text) && word.has(text[i]); i++ {
	}
	return i
}

// detect says whether a finding begins at the window's place. The order of the detectors is the precedence.
func (w *window) detect() (match, bool) {
	c := w.at(w.pos)
	if (word | latinLead).has(c) {
		return w.beginsWord(c)
	}
	switch c {
	case '+', '(':
		if next := w.at(w.pos + 1); digit.has(next) || next == '(' || next == '+' {
			if m, ok := w.phone(); ok {
				return m, true
			}
		}
	case ':':
		if w.at(w.pos+1) == ':' {
			return w.ipv6()
		}
		return match{}, false
	case '-':
		if m, ok := w.privateKey(); ok {
			return m, true
		}
	}
	if classOf[c]&(valueSign|hyphen) == 0 {
		return match{}, false
	}
	return w.assigned()
}

// beginsWord says whether a finding begins with the letter or digit c.
func (w *window) beginsWord(c byte) (match, bool) {
	end := w.run()
	next := w.at(end)
	if next == '@' {
		if m, ok := w.email(end); ok {
			return m, true
		}
	}
	if m, ok := w.userinfo(); ok {
		return m, true
	}
	if m, ok := w.prefixed(end); ok {
		return m, true
	}
	if hex.has(c) && (digit.has(c) || next == ':' || end-w.pos > 4) {
		if m, ok := w.ipv6(); ok {
			return m, true
		}
	}
	if digit.has(c) {
		return w.number()
	}
	if m, ok := w.iban(); ok {
		return m, true
	}
	return w.assigned()
}

// number says whether what begins with a digit is a finding.
func (w *window) number() (match, bool) {
	if m, ok := w.ipv4(); ok {
		return m, true
	}
	var n numerals
	n.read(w)
	if m, ok := w.card(&n); ok {
		return m, true
	}
	if m, ok := w.ssn(&n); ok {
		return m, true
	}
	if m, ok := w.assigned(); ok {
		return m, true
	}
	return w.phoneOf(&n)
}
