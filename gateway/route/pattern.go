// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// pattern is a model's name in which each "*" stands for any characters, or none.
type pattern struct {
	// first and last stand at the ends of a name, between in this order anywhere in the rest.
	first, last []byte
	between     [][]byte
	shortest    int // bytes of a name that matches
	literal     int // characters that are not "*"
}

// newPattern reads a name with at least one "*".
func newPattern(name string) pattern {
	parts := strings.Split(name, "*")
	end := len(parts) - 1
	p := pattern{first: []byte(parts[0]), last: []byte(parts[end])}
	for i, part := range parts {
		p.shortest += len(part)
		p.literal += utf8.RuneCountInString(part)
		if part != "" && i > 0 && i < end {
			p.between = append(p.between, []byte(part))
		}
	}
	return p
}

// match says whether a name is of the pattern. To take each part where it is found first leaves most for those that
// follow, so that nothing is tried twice.
func (p *pattern) match(name []byte) bool {
	if len(name) < p.shortest || !bytes.HasPrefix(name, p.first) || !bytes.HasSuffix(name, p.last) {
		return false
	}
	rest := name[len(p.first) : len(name)-len(p.last)]
	for _, part := range p.between {
		at := bytes.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return true
}
