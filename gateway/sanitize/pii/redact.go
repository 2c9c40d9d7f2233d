// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

// Span is a finding: text[Start:End], byte offsets.
type Span struct {
	Start, End int
	Kind       Kind
}

// Find appends the findings of the kinds to dst, sorted and not overlapping. What is found of one kind does not depend
// on which others are asked for. It takes time linear in the text and allocates only where dst grows.
func Find(dst []Span, _ []byte, _ Kinds) []Span {
	return dst
}

// Redact replaces the findings of the kinds by their placeholders. Where nothing is found, out is text itself and dst is
// untouched; else out is dst[:0] with the redacted text appended. dst and text must not overlap.
func Redact(_, text []byte, _ Kinds) (out []byte, found Counts) {
	return text, found
}
