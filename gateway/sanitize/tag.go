// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

// plainTag reads a tag behind its name, and knows its end as long as it is written so that nobody could read it in another
// way: no quotes, brackets or line breaks in values.
type plainTag struct {
	part tagPart
	// doubtful says that nothing will be sure any more, closed that the tag ended with the last byte.
	doubtful, closed bool
}

type tagPart uint8

const (
	betweenAttributes tagPart = iota
	inName
	behindName
	behindEquals
	inDouble
	inSingle
	inBare
	behindValue
)

func (t *plainTag) add(c byte) {
	if t.doubtful {
		return
	}
	inValue := t.part == inDouble || t.part == inSingle
	switch {
	case c == '<' || c == '`' || inValue && (c == '>' || c == '\n' || c == '\r'):
		t.doubtful = true
	case t.part == inDouble:
		if c == '"' {
			t.part = behindValue
		}
	case t.part == inSingle:
		if c == '\'' {
			t.part = behindValue
		}
	case t.part == behindEquals:
		t.equals(c)
	case c == '>':
		t.closed = true
	case c == '"' || c == '\'':
		t.doubtful = true
	case isSpace(c):
		if t.part == inName {
			t.part = behindName
		} else if t.part != behindName {
			t.part = betweenAttributes
		}
	case t.part == inBare:
	case c == '=':
		t.doubtful = t.part != inName && t.part != behindName
		t.part = behindEquals
	case c == '/':
		t.part = betweenAttributes
	case t.part == behindValue:
		t.doubtful = true
	default:
		t.part = inName
	}
}

func (t *plainTag) equals(c byte) {
	switch {
	case c == '"':
		t.part = inDouble
	case c == '\'':
		t.part = inSingle
	case c == '>' || c == '=':
		t.doubtful = true
	case !isSpace(c):
		t.part = inBare
	}
}
