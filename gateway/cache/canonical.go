// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

const (
	// maxDepth bounds the nesting of objects and arrays.
	maxDepth = 500
	// maxMoves bounds, in lengths of the text, how many bytes are moved to order members: every level of nesting that is
	// not in order may move all within it.
	maxMoves = 32
)

// canonical writes JSON texts in canonical form, in one pass: values are appended as they are read, and an object whose
// members come in another order is rearranged when it ends. The zero value is ready.
type canonical struct {
	text  []byte // what is read
	at    int    // how far
	dst   []byte
	moves int // bytes that may still be moved

	members []member // of the objects that are open, the innermost last
	sorted  []byte   // one object's members, in order
}

// member is one of an object, as places in dst: its name, quoted, and where its value ends.
type member struct{ name, nameEnd, end int }

func (c *canonical) reset(keep int) {
	c.text, c.dst = nil, nil
	if cap(c.sorted) > keep {
		c.sorted = nil
	}
	if cap(c.members) > keep/32 {
		c.members = nil
	}
}

func (c *canonical) append(dst, text []byte) ([]byte, bool) {
	if !utf8.Valid(text) {
		return dst, false
	}
	c.text, c.at, c.dst, c.members = text, 0, dst, c.members[:0]
	c.moves = maxMoves * len(text)
	c.space()
	ok := c.value(0)
	c.space()
	dst, c.dst, c.text = c.dst, nil, nil
	return dst, ok && c.at == len(text)
}

// space skips white space.
func (c *canonical) space() {
	for c.at < len(c.text) {
		switch c.text[c.at] {
		case ' ', '\t', '\n', '\r':
			c.at++
		default:
			return
		}
	}
}

// take skips a character and the white space behind it, where it is the next.
func (c *canonical) take(b byte) bool {
	if c.at >= len(c.text) || c.text[c.at] != b {
		return false
	}
	c.at++
	c.space()
	return true
}

// value appends the next value.
func (c *canonical) value(depth int) bool {
	if c.at >= len(c.text) {
		return false
	}
	switch c.text[c.at] {
	case '{':
		return depth < maxDepth && c.object(depth+1)
	case '[':
		return depth < maxDepth && c.array(depth+1)
	case '"':
		return c.quoted()
	case 't':
		return c.word("true")
	case 'f':
		return c.word("false")
	case 'n':
		return c.word("null")
	default:
		return c.number()
	}
}

func (c *canonical) word(w string) bool {
	if len(c.text)-c.at < len(w) || string(c.text[c.at:c.at+len(w)]) != w {
		return false
	}
	c.at += len(w)
	c.dst = append(c.dst, w...)
	return true
}

func (c *canonical) digits() bool {
	from := c.at
	for c.at < len(c.text) && c.text[c.at]-'0' <= 9 {
		c.at++
	}
	return c.at > from
}

// number copies a number as it is written: 1 and 1.0 are two forms, which costs no more than a miss.
func (c *canonical) number() bool {
	from := c.at
	is := func(b byte) bool { return c.at < len(c.text) && c.text[c.at] == b }
	if is('-') {
		c.at++
	}
	if is('0') {
		c.at++
	} else if !c.digits() {
		return false
	}
	if is('.') {
		c.at++
		if !c.digits() {
			return false
		}
	}
	if is('e') || is('E') {
		c.at++
		if is('+') || is('-') {
			c.at++
		}
		if !c.digits() {
			return false
		}
	}
	c.dst = append(c.dst, c.text[from:c.at]...)
	return true
}

func (c *canonical) array(depth int) bool {
	c.take('[')
	c.dst = append(c.dst, '[')
	if c.take(']') {
		c.dst = append(c.dst, ']')
		return true
	}
	for {
		if !c.value(depth) {
			return false
		}
		c.space()
		if c.take(',') {
			c.dst = append(c.dst, ',')
			continue
		}
		c.dst = append(c.dst, ']')
		return c.take(']')
	}
}

func (c *canonical) object(depth int) bool {
	c.take('{')
	c.dst = append(c.dst, '{')
	if c.take('}') {
		c.dst = append(c.dst, '}')
		return true
	}
	first, ordered := len(c.members), true
	for {
		m := member{name: len(c.dst)}
		if c.at >= len(c.text) || c.text[c.at] != '"' || !c.quoted() {
			return false
		}
		m.nameEnd = len(c.dst)
		c.space()
		if !c.take(':') {
			return false
		}
		c.dst = append(c.dst, ':')
		if !c.value(depth) {
			return false
		}
		m.end = len(c.dst)
		if n := len(c.members); n > first && ordered {
			ordered = c.order(c.members[n-1], m) < 0
		}
		c.members = append(c.members, m)
		c.space()
		if c.take(',') {
			c.dst = append(c.dst, ',')
			continue
		}
		if !ordered && !c.rearrange(c.members[first:]) {
			return false
		}
		c.members = c.members[:first]
		c.dst = append(c.dst, '}')
		return c.take('}')
	}
}

// order compares two members by their names.
func (c *canonical) order(a, b member) int {
	return bytes.Compare(c.dst[a.name:a.nameEnd], c.dst[b.name:b.nameEnd])
}

// rearrange puts an object's members in order; false where two have one name, or too much was moved.
func (c *canonical) rearrange(members []member) bool {
	from, to := members[0].name, members[len(members)-1].end
	if c.moves -= to - from; c.moves < 0 {
		return false
	}
	slices.SortFunc(members, c.order)
	c.sorted = c.sorted[:0]
	for i, m := range members {
		if i > 0 {
			if c.order(members[i-1], m) == 0 {
				return false
			}
			c.sorted = append(c.sorted, ',')
		}
		c.sorted = append(c.sorted, c.dst[m.name:m.end]...)
	}
	copy(c.dst[from:to], c.sorted)
	return true
}
