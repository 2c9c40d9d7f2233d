// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

// phone reads a number that begins with a plus sign or a bracket.
func (w *window) phone() (match, bool) {
	if p := w.prev(1); word.has(p) && w.prev(2) != '\\' || p == ')' || p == ']' || p == '+' {
		return match{}, false
	}
	var n numerals
	n.read(w)
	return w.phoneOf(&n)
}

// phoneOf says whether the number is a telephone number, by the forms that need no more, then by the words around it.
func (w *window) phoneOf(n *numerals) (match, bool) {
	if n.n < 6 || w.clings() {
		return match{}, false
	}
	if n.plus {
		return w.international(n)
	}
	if digit.has(w.prev(2)) && (w.prev(1) == ' ' && n.groups > 1 && n.size[0] < 3 || w.prev(1) == ':') {
		return match{}, false // the rest of a longer number, or of a time
	}
	t, asked := noTopic, false
	for g := n.groups - 1; g >= 0; g-- {
		if n.more && g == n.groups-1 || !n.ends(w, g) && !w.extended(n.end[g]) {
			continue
		}
		if g == 0 && n.size[0] < 7 || n.dated(g) || n.paired(w, g) || g > 0 && n.size[g] == 1 && n.upTo[g] < 10 {
			continue
		}
		if !asked {
			t, asked = w.topic(), true
			if w.prev(1) == '=' && t != aPhone {
				return match{}, false
			}
		}
		if n.telling(g, t == aPhone || t == noTopic) || t == aPhone && n.dialable(g) || n.dialable(g) && w.calledAfter(n.end[g]) {
			return match{start: w.pos, end: w.extension(n.end[g]), kind: Phone}, true
		}
	}
	return match{}, false
}

// international reads what follows a plus sign: a country's code and up to 15 digits in all (E.164).
func (w *window) international(n *numerals) (match, bool) {
	if n.digits[0] == 0 {
		return match{}, false
	}
	// A North American number has eleven digits: what follows it is not of it.
	for g := range n.groups {
		if n.digits[0] == 1 && n.upTo[g] == 11 && (n.ends(w, g) || w.extended(n.end[g])) {
			return match{start: w.pos, end: w.extension(n.end[g]), kind: Phone}, true
		}
	}
	for g := n.groups - 1; g >= 0; g-- {
		d := n.upTo[g]
		if d < 8 || d > 16 || n.more && g == n.groups-1 || !n.ends(w, g) {
			continue
		}
		if g > 0 && n.size[0] > 7 {
			continue // a decimal number
		}
		if (d < 9 || d < 10 && g == 0) && w.topic() != aPhone {
			continue
		}
		return match{start: w.pos, end: w.extension(n.end[g]), kind: Phone}, true
	}
	return match{}, false
}

// telling says whether the groups up to g have a form that hardly anything but a telephone number has; free says that
// the words before speak of nothing else.
func (n *numerals) telling(g int, free bool) bool {
	total := n.upTo[g]
	sep, same := n.one(g)
	switch {
	case n.round == 1: // (030) 1234567
		longest := 11
		if n.digits[0] == 0 {
			longest = 13
		}
		return g > 0 && n.size[0] >= 2 && n.size[0] <= 4 && total >= 8 && total <= longest &&
			(free || total == 10) && (n.size[0] != 4 || n.digits[0] == 0)
	case g == 2 && n.shaped(3, 3, 4) && (sep == '-' || sep == '.'): // 415-555-0132
		return true
	case g == 2 && n.shaped(3, 3, 4) && n.digits[0] > 1 && n.digits[3] > 1: // 415 555-0132
		return free && n.sep[1] == ' ' && (n.sep[2] == ' ' || n.sep[2] == '-')
	case g == 3 && n.shaped(1, 3, 3, 4) && n.digits[0] <= 1: // 1-415-555-0132
		return same && sep == '-' || free
	case n.size[0] == 3 && n.digits[0] == 0 && n.digits[1] == 0 && n.digits[2] != 0 && g > 1: // 001-415-555-0132
		return total >= 11 && total <= 16
	case n.size[0] >= 4 && n.size[0] <= 6 && n.digits[0] == 0 && n.digits[1] == 0 && n.digits[2] != 0 && g > 1: // 0049 30 1234567
		return free && total >= 11 && total <= 16
	case g == 3 && n.shaped(3, 3, 2, 2) && n.digits[0] != 0: // 532 123 45 67
		return free && same && (sep == ' ' || sep == '-')
	}
	if !free || n.digits[0] != 0 || n.digits[1] == 0 {
		return false
	}
	// A trunk prefix, and the lengths that countries have.
	switch {
	case g == 2 && n.shaped(3, 2, 4), g == 1 && n.shaped(5, 4):
		return false // of a social security number that nobody has, or a postal code
	case g == 0:
		return (total == 11 || total == 10) && !n.counting() && !n.quoted
	case g == 1 && sep == ' ' && total < 10:
		return false
	case n.size[0] == 1:
		return total == 11 && g <= 5 && n.size[1] > 1 && n.sep[1] != '.' && n.sep[1] != '/'
	case n.size[0] > 5 || n.size[0] == 2 && sep == '.' && n.size[1] > 2:
		return false
	}
	return total >= 10 && total <= 11 || total == 9 && n.sep[1] == '-'
}

// counting says whether the digits count up.
func (n *numerals) counting() bool {
	for i := 1; i < n.n; i++ {
		if n.digits[i] != (n.digits[i-1]+1)%10 {
			return false
		}
	}
	return true
}

// paired says whether the groups up to g, of two digits each, stand among other pairs: bytes in hexadecimal.
func (n *numerals) paired(w *window, g int) bool {
	for k := range g + 1 {
		if n.size[k] != 2 {
			return false
		}
	}
	pair := func(sign, a, b, beyond byte) bool {
		return space.has(sign) && hex.has(a) && hex.has(b) && !word.has(beyond)
	}
	i := n.end[g]
	return pair(w.prev(1), w.prev(2), w.prev(3), w.prev(4)) || pair(w.at(i), w.at(i+1), w.at(i+2), w.at(i+3))
}

// dialable says whether a number of which the words say that it is a telephone number can be one.
func (n *numerals) dialable(g int) bool {
	total := n.upTo[g]
	if total < 6 || total > 15 || g == 0 && total < 7 {
		return false
	}
	for k := 1; k <= g; k++ {
		if n.size[k] == 1 && k < g && n.round != k+1 || n.size[k] > 8 {
			return false
		}
	}
	return true
}

// dated says whether the groups up to g are, or begin with, a date.
func (n *numerals) dated(g int) bool {
	if g < 2 || n.sep[1] != n.sep[2] || n.round != 0 {
		return false
	}
	year := func(k int) bool {
		if n.size[k] != 4 {
			return false
		}
		from := n.upTo[k] - 4
		century := n.digits[from]*10 + n.digits[from+1]
		return century == 19 || century == 20
	}
	part := func(k, most int) bool {
		from := n.upTo[k] - n.size[k]
		switch n.size[k] {
		case 1:
			return true
		case 2:
			return int(n.digits[from])*10+int(n.digits[from+1]) <= most
		}
		return false
	}
	return year(0) && part(1, 12) && part(2, 31) || part(0, 31) && part(1, 31) && year(2)
}

// extended says whether an extension begins at i: x123, ext. 123.
func (w *window) extended(i int) bool { return w.extension(i) > i }

// extension gives where a number that ends at i ends with its extension.
func (w *window) extension(i int) int {
	from := i
	if w.at(i) == ' ' {
		i++
	}
	switch {
	case w.follows(i, "x"):
		i++
	case w.follows(i, "ext"):
		i += 3
		if w.at(i) == '.' {
			i++
		}
	default:
		return from
	}
	if w.at(i) == ' ' {
		i++
	}
	first := i
	for ; i-first < 7 && digit.has(w.at(i)); i++ {
	}
	if i == first || i-first > 6 || word.has(w.at(i)) {
		return from
	}
	return i
}

// calledAfter says whether the word behind the number at i says that it is a telephone number.
func (w *window) calledAfter(i int) bool {
	for range 2 {
		if c := w.at(i); c == ' ' || c == '-' || c == '(' {
			i++
		}
	}
	var buf [7]byte
	n := 0
	for ; n < len(buf) && letter.has(w.at(i+n)); n++ {
		buf[n] = w.at(i+n) | 0x20
	}
	switch string(buf[:n]) {
	case "office", "fax", "mobile", "cell", "home", "work", "phone", "tel":
		return true
	}
	return false
}
