// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

const (
	mostDigits = 20
	mostGroups = 9
)

// numerals is a number as people write it: groups of digits with at most one separator, and brackets, between them.
type numerals struct {
	digits [mostDigits]byte // values, 0 to 9
	n      int              // how many
	size   [mostGroups]int  // digits by group
	upTo   [mostGroups]int  // digits up to and with the group
	end    [mostGroups]int  // where the group ends in the text, a bracket that it closes included
	sep    [mostGroups]byte // before the group: ' ', '-', '.', '/', ')' or 0 for none
	groups int
	plus   bool
	round  int  // 1 + the group in round brackets, 0 if there is none
	more   bool // there is more of it than is read
	quoted bool // it stands in the quotes of code
}

// read reads from the window's place.
func (n *numerals) read(w *window) {
	i := w.pos
	n.quoted = w.prev(1) == '`'
	open := false
	if w.at(i) == '(' {
		open = true
		i++
	}
	if w.at(i) == '+' {
		n.plus = true
		i++
		if !open && w.at(i) == '(' {
			open = true
			i++
		}
	}
	var sep byte
	for {
		from := i
		for ; digit.has(w.at(i)); i++ {
			if n.n == mostDigits {
				n.more = true
				return
			}
			n.digits[n.n] = w.at(i) - '0'
			n.n++
		}
		if i == from || n.groups == mostGroups {
			n.more = i > from
			return
		}
		g := n.groups
		n.groups++
		n.size[g], n.upTo[g], n.sep[g] = i-from, n.n, sep
		if open && w.at(i) == ')' {
			open = false
			n.round = g + 1
			i++
		}
		n.end[g] = i
		if open && g > 1 {
			return
		}
		sep = 0
		if n.round == g+1 {
			sep = ')'
		}
		if sign, size := w.separator(i); size > 0 {
			sep = sign
			i += size
		}
		if w.at(i) == '(' && n.round == 0 && !open {
			open = true
			i++
			if sep == 0 {
				sep = '('
			}
		}
		if sep == 0 {
			return
		}
	}
}

// separator gives the sign between groups of digits at i, and its size in bytes; 0 where there is none. Spaces that do not
// break and the hyphens and dashes of typesetting, which models like, count as those of keyboards.
func (w *window) separator(i int) (sign byte, size int) {
	switch c := w.at(i); c {
	case ' ', '-', '.', '/':
		return c, 1
	case 0xc2:
		if w.at(i+1) == 0xa0 {
			return ' ', 2
		}
	case 0xe2:
		if w.at(i+1) != 0x80 {
			break
		}
		switch w.at(i + 2) {
		case 0x90, 0x91, 0x92, 0x93:
			return '-', 3
		case 0x89, 0xaf:
			return ' ', 3
		}
	}
	return 0, 0
}

// ends says whether the number may end with the group: nothing clings to it that makes it a part of something else.
func (n *numerals) ends(w *window, g int) bool {
	i := n.end[g]
	switch c := w.at(i); {
	case word.has(c):
		return false
	case c == '-' && hex.has(w.at(i+1)) && hex.has(w.at(i+2)) && !alnum.has(w.at(i+3)):
		return false // six pairs of hexadecimal digits
	case c == ',':
		return n.size[g] > 3 || !digit.has(w.at(i+1)) // rows of values, but not thousands
	case c == '-' || c == '.' || c == ':' || c == '/':
		return !digit.has(w.at(i + 1))
	case c == '%' || c == '(' || c == '=':
		return c == '(' && !digit.has(w.at(i+1))
	}
	return true
}

// one says whether the groups up to g have one and the same separator, which it gives; a single group has 0.
func (n *numerals) one(g int) (sep byte, ok bool) {
	for k := 1; k <= g; k++ {
		if n.sep[k] != n.sep[1] {
			return 0, false
		}
	}
	if g == 0 {
		return 0, true
	}
	return n.sep[1], true
}

// shaped says whether the first groups have the sizes.
func (n *numerals) shaped(sizes ...int) bool {
	if n.groups < len(sizes) {
		return false
	}
	for i, s := range sizes {
		if n.size[i] != s {
			return false
		}
	}
	return true
}

// clings says whether the number is the tail of something: 2024-0412, x/123, $5, a.5, AB12 3456 789.
func (w *window) clings() bool {
	switch c, p := w.prev(1), w.prev(2); c {
	case '-', '/':
		return word.has(p)
	case '.':
		return digit.has(p) || word.has(p) && w.topic() != aPhone
	case ' ':
		return w.fourBefore()
	case '$', '_', '@', '&', '\\':
		return true
	}
	return false
}

// fourBefore says whether a group of four capitals and digits, a digit among them, stands before the space before the
// candidate: the number goes on an identifier that is written in fours.
func (w *window) fourBefore() bool {
	digits := 0
	for n := 2; n < 6; n++ {
		c := w.prev(n)
		if !(upper | digit).has(c) {
			return false
		}
		if digit.has(c) {
			digits++
		}
	}
	return digits > 0 && !word.has(w.prev(6)) && (digits < 4 || w.prev(6) == ' ' && (upper|digit).has(w.prev(7)))
}
