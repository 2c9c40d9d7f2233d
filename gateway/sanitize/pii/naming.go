// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

import "bytes"

// secrecy is what a name says of the value behind it.
type secrecy uint8

const (
	noSecret  secrecy = iota
	aKey              // a token or key: a drawn text
	aPassword         // a word that somebody chose
	aHeader           // Bearer, Basic: what follows is a credential by the grammar
)

// namedBefore reads backwards: a quote, a sign of assignment or a word like is, a quote, and the name. signed says that
// there was a sign.
func (w *window) namedBefore() (kind secrecy, signed bool) {
	before := w.before()
	i := back(before, len(before), quoting)
	i = back(before, i, spacing)
	i = back(before, i, quoting)
	from := i
	i = back(before, i, assigning)
	signed = i < from || bytes.IndexByte(before[from:], '(') >= 0
	i = back(before, i, spacing)
	i = back(before, i, quoting)
	end := i
	for i > 0 && dotted.has(before[i-1]) {
		i--
	}
	name := before[i:end]
	if !signed {
		// Nothing of a sign: a word may stand between, as in "the token is x" and "password of x".
		for range 3 {
			if !filler(name) {
				break
			}
			i = back(before, i, spacing)
			end = i
			for i > 0 && dotted.has(before[i-1]) {
				i--
			}
			name = before[i:end]
		}
	}
	return secrecyOf(name, signed), signed
}

// The bytes between a value and its name.
const (
	quoting = 1 + iota
	spacing
	assigning
)

var between = func() (table [256]uint8) {
	for _, c := range []byte("\"'`*\\()]") {
		table[c] = quoting
	}
	for _, c := range []byte(" \t\n\r") {
		table[c] = spacing
	}
	for _, c := range []byte("=:>-~") {
		table[c] = assigning
	}
	return table
}()

// back goes back from i over up to four bytes of a sort.
func back(text []byte, i int, sort uint8) int {
	for n := 0; n < 4 && i > 0 && between[text[i-1]] == sort; n++ {
		i--
	}
	return i
}

func filler(name []byte) bool {
	switch string(name) {
	case "is", "was", "are", "of", "to", "ist", "est", "es", "with", "as", "set", "this":
		return true
	}
	return false
}

// name is how the name of a secret ends, in lower case and without signs between words.
type name struct {
	end  string
	kind secrecy
}

// byLast are the names by their last byte.
var byLast = func() (table [256][]name) {
	for _, n := range names {
		last := n.end[len(n.end)-1]
		table[last] = append(table[last], n)
	}
	return table
}()

var names = []name{
	{"password", aPassword}, {"passwd", aPassword}, {"passphrase", aPassword}, {"pwd", aPassword}, {"passwort", aPassword},
	{"contraseña", aPassword}, {"motdepasse", aPassword}, {"passcode", aPassword}, {"dbpass", aPassword},
	{"userpass", aPassword}, {"secret", aKey}, {"token", aKey}, {"key", aKey}, {"credential", aKey}, {"credentials", aKey},
	{"auth", aKey}, {"apikey", aKey}, {"keyid", aKey}, {"secretid", aKey}, {"bearer", aHeader}, {"basic", aHeader},
	{"authorization", aKey}, {"pat", aKey}, {"accountkey", aKey}, {"sas", aKey}, {"signature", aKey}, {"webhook", aKey},
	{"cookie", aKey}, {"sessionid", aKey}, {"passwords", aPassword}, {"pass", aPassword}, {"secretkey", aKey},
	{"jwt", aKey}, {"creds", aKey}, {"clientid", noSecret}, {"publickey", noSecret}, {"primarykey", noSecret},
	{"foreignkey", noSecret}, {"cachekey", noSecret}, {"partitionkey", noSecret}, {"sortkey", noSecret},
	{"idempotencykey", noSecret}, {"nexttoken", noSecret}, {"pagetoken", noSecret}, {"continuationtoken", noSecret},
	{"hotkey", noSecret}, {"keypath", noSecret}, {"rowkey", noSecret}, {"objectkey", noSecret},
}

// secrecyOf gives what a name says by its end: the longest one that is known.
func secrecyOf(name []byte, signed bool) secrecy {
	var buf [48]byte
	n := 0
	for _, c := range name {
		switch {
		case upper.has(c):
			c |= 0x20
		case (underscore | hyphen | dot).has(c):
			continue
		}
		if n == len(buf) {
			copy(buf[:], buf[1:])
			n--
		}
		buf[n] = c
		n++
	}
	for n > 0 && digit.has(buf[n-1]) {
		n--
	}
	if n == 0 {
		return noSecret
	}
	found, size := noSecret, 0
	of := byLast[buf[n-1]]
	for i := range of {
		e := &of[i]
		if len(e.end) > size && bytes.HasSuffix(buf[:n], []byte(e.end)) {
			found, size = e.kind, len(e.end)
		}
	}
	if !signed && size == len("pass") {
		return noSecret // rather the verb
	}
	return found
}
