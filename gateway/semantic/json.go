// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth bounds the nesting of JSON. Schemas of answers are the deepest that questions have.
const maxDepth = 64

// canonical gives JSON in a form that depends only on what it says: members sorted, no white space, strings in their
// shortest form. Numbers stay as they were written, for to make 1.0 of 1 would only lose digits elsewhere. Repeated names
// and broken UTF-8 are refused.
func canonical(body []byte) ([]byte, bool) {
	if deep(body) {
		return nil, false
	}
	v := jsontext.Value(slices.Clone(body))
	if v.Format(jsontext.ReorderRawObjects(true)) != nil {
		return nil, false
	}
	return v, true
}

// deep finds nesting beyond maxDepth before anything recurses into it. What is not JSON may be deep or not.
func deep(b []byte) bool {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = stringEnd(b, i) - 1
		case '{', '[':
			if depth++; depth > maxDepth {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}

// stringEnd gives the index after the string that begins at i, or the end of b.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// node is one value of canonical JSON.
type node struct {
	b        []byte
	from, to int
}

// is says whether a value is written so.
func (n node) is(raw string) bool { return string(n.b[n.from:n.to]) == raw }

// kind is the first byte of a value, which tells all kinds apart.
func (n node) kind() byte { return n.b[n.from] }

// text gives what a string says, nil for any other value.
func (n node) text() []byte {
	if n.kind() != '"' {
		return nil
	}
	text, err := jsontext.AppendUnquote(nil, n.b[n.from:n.to])
	if err != nil {
		return nil
	}
	return text
}

// members visits an object's members until one is refused, and says that it is an object and none was. Names are as they
// stand in the JSON, without the quotes.
func (n node) members(visit func(name string, value node) bool) bool {
	if n.kind() != '{' {
		return false
	}
	for i := n.from + 1; n.b[i] != '}'; {
		if n.b[i] == ',' {
			i++
		}
		end := stringEnd(n.b, i)
		value := node{n.b, end + 1, valueEnd(n.b, end+1)}
		if !visit(string(n.b[i+1:end-1]), value) {
			return false
		}
		i = value.to
	}
	return true
}

// elements visits an array's elements as members does an object's.
func (n node) elements(visit func(value node) bool) bool {
	if n.kind() != '[' {
		return false
	}
	for i := n.from + 1; n.b[i] != ']'; {
		if n.b[i] == ',' {
			i++
		}
		value := node{n.b, i, valueEnd(n.b, i)}
		if !visit(value) {
			return false
		}
		i = value.to
	}
	return true
}

// valueEnd gives the index after the value that begins at i, which is known to be well formed.
func valueEnd(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			if i = stringEnd(b, i); depth == 0 {
				return i
			}
			i--
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}
