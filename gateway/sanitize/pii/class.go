// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

// classes is a set of classes of bytes.
type classes uint16

const (
	lower classes = 1 << iota
	upper
	digit
	hexLetter
	underscore
	hyphen
	dot
	base64Sign // + / =
	localSign  // % + , which a local part of an address has beside letters, digits, . _ -
	latinLead  // begins a letter of two bytes: Latin, Greek, Cyrillic, Hebrew, Arabic
	continued  // goes on a character of more than one byte
	space
	valueSign // what a password or key may hold beside all that
	ending    // ends a word in prose, so that nothing can be found in it

	letter  = lower | upper
	alnum   = letter | digit
	word    = alnum | underscore
	token   = word | hyphen
	hex     = digit | hexLetter
	local   = token | dot | localSign | latinLead | continued
	value   = token | dot | base64Sign | localSign | valueSign | latinLead | continued
	base64  = token | base64Sign
	dotted  = token | dot
	jwtText = base64 | dot
)

// has says whether the byte is in a class of the set.
func (c classes) has(b byte) bool { return classOf[b]&c != 0 }

var classOf = func() (table [256]classes) {
	set := func(chars string, c classes) {
		for i := range len(chars) {
			table[chars[i]] |= c
		}
	}
	for b := 'a'; b <= 'z'; b++ {
		table[b] |= lower
		table[b-'a'+'A'] |= upper
	}
	set("0123456789", digit)
	set("abcdefABCDEF", hexLetter)
	set("_", underscore)
	set("-", hyphen)
	set(".", dot)
	set("+/=", base64Sign)
	set("%+", localSign)
	set(" \t\n\r", space)
	set("!#$&*?@^~:", valueSign)
	set(" \t\n\r,;!?()[]{}<>\"'`/\\|*=", ending)
	for b := 0x80; b < 0xc0; b++ {
		table[b] |= continued
	}
	// 0xc2 begins the signs of Latin-1, no letters.
	for b := 0xc3; b < 0xe0; b++ {
		table[b] |= latinLead
	}
	for b := 0xe0; b < 0x100; b++ {
		table[b] |= ending
	}
	table[0xc2] |= ending
	return table
}()

// role is what a byte may begin.
type role uint8

const (
	nothing role = iota
	aWord        // a letter: a word of prose, most likely
	aNumber      // a digit: most things
	aSign        // what begins a finding only with certain neighbours
)

var roleOf = func() (table [256]role) {
	for b := range table {
		switch c := classOf[b]; {
		case c&letter != 0:
			table[b] = aWord
		case c&digit != 0:
			table[b] = aNumber
		case c&(underscore|latinLead) != 0:
			table[b] = aSign
		}
	}
	for _, b := range []byte("+(-:!#$%&*@^~") {
		table[b] = aSign
	}
	return table
}()
