// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

// card reads the number of a payment card: the sum of Luhn, an issuer's range with its lengths, the groups of a card.
// Where the words before speak of a card any length from 12 to 19 will do.
func (w *window) card(n *numerals) (match, bool) {
	if n.n < 12 || n.plus || n.round != 0 || w.clings() || w.prev(1) == '-' {
		return match{}, false
	}
	spoken, asked := false, false
	for g := n.groups - 1; g >= 0; g-- {
		size := n.upTo[g]
		if size < 12 || size > 19 || n.more && g == n.groups-1 {
			continue
		}
		if !n.likeCard(g) || !n.ends(w, g) || !luhn(n.digits[:size]) {
			continue
		}
		known := issued(n.digits[:size])
		if !known && !asked {
			spoken, asked = w.topic() == aCard, true
		}
		if known || spoken {
			return match{start: w.pos, end: n.end[g], kind: CreditCard}, true
		}
	}
	return match{}, false
}

// likeCard says whether the groups up to g are those of a card: one, or fours (the last one shorter or longer), or the
// 4-6-5 and 4-6-4 of American Express and Diners, with the same separator throughout.
func (n *numerals) likeCard(g int) bool {
	sep, ok := n.one(g)
	if !ok || sep != 0 && sep != ' ' && sep != '-' && sep != '.' {
		return false
	}
	if g == 0 {
		return true
	}
	if g == 2 && (n.shaped(4, 6, 5) || n.shaped(4, 6, 4)) {
		return true
	}
	for k := range g {
		if n.size[k] != 4 {
			return false
		}
	}
	return g >= 2
}

func luhn(digits []byte) bool {
	sum, double, any := 0, false, false
	for i := len(digits) - 1; i >= 0; i-- {
		d := int(digits[i])
		any = any || d != 0
		if double {
			d *= 2
			if d > 9 {
				d -= 9
			}
		}
		sum += d
		double = !double
	}
	return sum%10 == 0 && any
}

// issuers are the ranges of the first six digits, with the lengths that they have. Ranges that many other numbers fall
// into, and lengths that hardly any card has now, need the word card.
var issuers = []struct {
	from, to    int
	short, long int
}{
	{400000, 499999, 16, 16},                           // Visa
	{510000, 559999, 16, 16}, {222100, 272099, 16, 16}, // Mastercard
	{340000, 349999, 15, 15}, {370000, 379999, 15, 15}, // American Express
	{300000, 305999, 14, 16}, {309500, 309599, 14, 16}, {360000, 369999, 14, 14}, {380000, 399999, 14, 14}, // Diners
	{601100, 601199, 16, 16}, {644000, 659999, 16, 16}, // Discover
	{352800, 358999, 16, 16}, {213100, 213199, 15, 15}, {180000, 180099, 15, 15}, // JCB
	{620000, 629999, 16, 19},                                                     // UnionPay
	{501800, 501899, 16, 16}, {502000, 502099, 16, 16}, {503800, 503899, 16, 16}, // Maestro
	{589300, 589399, 16, 16}, {630400, 630499, 16, 16}, {675900, 675999, 16, 16}, {676100, 676399, 16, 16},
	{220000, 220499, 16, 16},                           // Mir
	{606985, 607984, 16, 16}, {508500, 508999, 16, 16}, // RuPay
	{979200, 979299, 16, 16},                                                                               // Troy
	{504175, 504175, 16, 16}, {506699, 506778, 16, 16}, {509000, 509999, 16, 16}, {636368, 636368, 16, 16}, // Elo
	{506099, 506198, 16, 16}, {650002, 650027, 16, 16}, // Verve
	{501900, 501999, 16, 16}, // Dankort
}

func issued(digits []byte) bool {
	v := 0
	for _, d := range digits[:6] {
		v = v*10 + int(d)
	}
	for i := range issuers {
		r := &issuers[i]
		if v >= r.from && v <= r.to && len(digits) >= r.short && len(digits) <= r.long {
			return true
		}
	}
	return false
}

// ssn reads an American social security number, or the taxpayer number of the same form. Without separators, or with
// spaces, the words before must speak of it; with others, they must not speak of something else.
func (w *window) ssn(n *numerals) (match, bool) {
	if n.n < 9 || n.plus || n.round != 0 || w.clings() {
		return match{}, false
	}
	g := 2
	switch {
	case n.shaped(9):
		g = 0
	case !n.shaped(3, 2, 4):
		return match{}, false
	}
	sep, ok := n.one(g)
	if !ok || !n.ends(w, g) || !assignable(n.digits[:9]) {
		return match{}, false
	}
	switch t := w.topic(); {
	case t == anSSN:
	case sep == '-' && (t == noTopic || t == anAddress || t == aCard):
	case sep == '.' && t == noTopic:
	default:
		return match{}, false
	}
	return match{start: w.pos, end: n.end[g], kind: SSN}, true
}

// assignable says whether the number may be somebody's: some areas, groups and serials never are.
func assignable(d []byte) bool {
	area := int(d[0])*100 + int(d[1])*10 + int(d[2])
	group := int(d[3])*10 + int(d[4])
	serial := int(d[5])*1000 + int(d[6])*100 + int(d[7])*10 + int(d[8])
	if area == 0 || area == 666 || group == 0 || serial == 0 {
		return false
	}
	if area >= 900 {
		return group >= 50 && group <= 65 || group >= 70 && group <= 88 || group >= 90 && group != 93
	}
	return true
}
