// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

// Stream redacts a text that arrives in pieces: what it gives, joined, is what Redact gives for the pieces joined. It
// holds back only what may be, or may become, a finding. One goroutine at a time; Reset makes it ready for a text.
type Stream struct {
	kinds Kinds
	found Counts
}

// NewStream gives a stream that replaces the kinds.
func NewStream(kinds Kinds) *Stream {
	return &Stream{kinds: kinds}
}

// Reset makes the stream ready for another text, and keeps its buffers.
func (s *Stream) Reset(kinds Kinds) {
	*s = Stream{kinds: kinds}
}

// Write appends to dst what may be told now of the text up to and with chunk. chunk is not kept.
func (s *Stream) Write(dst, chunk []byte) []byte {
	return append(dst, chunk...)
}

// Close appends the rest to dst. After it only Reset may follow.
func (s *Stream) Close(dst []byte) []byte {
	return dst
}

// Counts is what was replaced so far.
func (s *Stream) Counts() Counts { return s.found }

// Pending is how many bytes of the text are held back now.
func (s *Stream) Pending() int { return 0 }
