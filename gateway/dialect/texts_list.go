// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import "bytes"

// list walks the elements of one JSON array as object does members: after next, from is where the element begins. The
// caller sets to to its end, or -1, before the next next.
type list struct {
	w        *walker
	i        int // the opening bracket
	n        int // which element this is, from 0
	from, to int
	// end is the index after the array once next gave false, or -1 when it is not one.
	end   int
	begun bool
}

func (l *list) next() bool {
	b := l.w.b
	l.end = -1
	if !l.begun {
		l.begun = true
		l.from = skipSpace(b, l.i+1)
		if l.from < len(b) && b[l.from] == ']' {
			l.end = l.from + 1
			return false
		}
		return true
	}
	if l.to < 0 {
		return false
	}
	i := skipSpace(b, l.to)
	if i >= len(b) || b[i] != ',' && b[i] != ']' {
		return false
	}
	if b[i] == ']' {
		l.end = i + 1
		return false
	}
	l.n++
	l.from = skipSpace(b, i+1)
	return true
}

// plainKey gives the member's key without escapes.
func (o *object) plainKey() []byte {
	if bytes.IndexByte(o.key, '\\') >= 0 {
		return appendUnescaped(nil, o.key)
	}
	return o.key
}
