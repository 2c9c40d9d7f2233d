// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// imageRule says which images may be loaded, and what becomes of others. It is immutable.
type imageRule struct {
	hosts   *hostSet
	mode    config.SanitizeMode
	refused *Blocked
}

// imageLink is the destination of an image that is being read.
type imageLink struct {
	*imageRule
	found *exchange.Findings
	url   destination
	// dropped is true behind a URL that was replaced, up to its end.
	dropped bool
	block   *Blocked
}

func (l *imageLink) reset() {
	l.url.reset()
	l.dropped, l.block = false, nil
}

// settle appends what becomes of a URL of which enough is known.
func (l *imageLink) settle(dst []byte, j judgement) []byte {
	if j == foreign {
		return l.refuse(dst, l.url.held, nowhere)
	}
	return append(dst, l.url.held...)
}

// refuse appends what becomes of what would load an image: as it is, or another text in its place.
func (l *imageLink) refuse(dst, as []byte, instead string) []byte {
	l.found.Add(exchange.FoundImageLink, l.mode == config.SanitizeRedact)
	switch l.mode {
	case config.SanitizeRedact:
		l.dropped = true
		return append(dst, instead...)
	case config.SanitizeBlock:
		l.block = l.refused
		return dst
	}
	return append(dst, as...)
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }
