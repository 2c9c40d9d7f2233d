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
func Find(dst []Span, text []byte, kinds Kinds) []Span {
	for i := 0; i < len(text); {
		m, next, ok := scan(text, i, true)
		if !ok {
			break
		}
		_ = next
		var t swallower
		t.begin(m.tail)
		i = m.end + t.swallow(text[m.end:])
		if kinds.Has(m.kind) {
			dst = append(dst, Span{Start: m.start, End: i, Kind: m.kind})
		}
	}
	return dst
}

// Redact replaces the findings of the kinds by their placeholders. Where nothing is found, out is text itself and dst is
// untouched; else out is dst[:0] with the redacted text appended. dst and text must not overlap.
func Redact(dst, text []byte, kinds Kinds) (out []byte, found Counts) {
	var room [16]Span
	spans := Find(room[:0], text, kinds)
	if len(spans) == 0 {
		return text, found
	}
	out = dst[:0]
	told := 0
	for _, s := range spans {
		out = append(out, text[told:s.Start]...)
		out = append(out, s.Kind.Placeholder()...)
		told = s.End
		found[s.Kind]++
	}
	return append(out, text[told:]...), found
}
