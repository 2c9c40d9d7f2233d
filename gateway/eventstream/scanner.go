// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package eventstream cuts Amazon's binary event stream (application/vnd.amazon.eventstream) into messages, whatever
// pieces it arrives in.
//
// A message is: its length and that of its headers (4 bytes each, big endian), a CRC-32 of those two, the headers, the
// payload, and a CRC-32 of all that came before it (Smithy, Amazon Event Stream specification).
package eventstream

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// DefaultMaxMessage bounds one message, its framing included: 8 MiB.
const DefaultMaxMessage = 8 << 20

const (
	preludeLen = 12 // two lengths and their checksum
	framingLen = preludeLen + 4
)

// ErrTooLong says that a message exceeds the scanner's bound.
var ErrTooLong = errors.New("eventstream: message too long")

// ErrCorrupt says that a checksum does not match, or that lengths or headers contradict each other. Nothing after it
// can be read.
var ErrCorrupt = errors.New("eventstream: message corrupt")

// Scanner holds what arrived and was not yet cut. The messages it gives are the same however the stream is cut into
// pieces. The zero value is ready, with DefaultMaxMessage. It is not safe for concurrent use.
type Scanner struct {
	// Max bounds one message in bytes; 0 means DefaultMaxMessage.
	Max int

	buf []byte // what arrived; buf[at:] is not yet cut
	at  int
}

// Reset forgets everything but the buffer.
func (s *Scanner) Reset() {
	const keep = 64 << 10
	buf := s.buf[:0]
	if cap(buf) > keep {
		buf = nil
	}
	*s = Scanner{Max: s.Max, buf: buf}
}

// Fill reads once from r. It gives what the read gave, or ErrTooLong when more than one message's worth is waiting to be
// cut. Messages given before lose their slices.
func (s *Scanner) Fill(r io.Reader) (int, error) {
	if s.at > 0 {
		s.buf = s.buf[:copy(s.buf, s.buf[s.at:])]
		s.at = 0
	}
	if len(s.buf) > s.max() {
		return 0, ErrTooLong
	}
	const least = 4 << 10
	if cap(s.buf)-len(s.buf) < least {
		grown := make([]byte, len(s.buf), max(2*cap(s.buf), 2*least))
		copy(grown, s.buf)
		s.buf = grown
	}
	n, err := r.Read(s.buf[len(s.buf):cap(s.buf)])
	s.buf = s.buf[:len(s.buf)+n]
	return n, err
}

// Rest is what arrived after the last whole message. A stream that ended is whole only where nothing is left.
func (s *Scanner) Rest() []byte { return s.buf[s.at:] }

// Next gives the next whole message, if one has arrived. It gives ErrCorrupt or ErrTooLong as soon as enough has arrived
// to know, and then again at each call.
func (s *Scanner) Next() (Message, bool, error) {
	rest := s.Rest()
	if len(rest) < preludeLen {
		return Message{}, false, nil
	}
	if crc32.ChecksumIEEE(rest[:8]) != binary.BigEndian.Uint32(rest[8:]) {
		return Message{}, false, ErrCorrupt
	}
	total, headers := uint64(binary.BigEndian.Uint32(rest)), uint64(binary.BigEndian.Uint32(rest[4:]))
	switch {
	case total < framingLen+headers:
		return Message{}, false, ErrCorrupt
	case total > uint64(s.max()):
		return Message{}, false, ErrTooLong
	case uint64(len(rest)) < total:
		return Message{}, false, nil
	}
	raw := rest[:total:total]
	body := raw[:total-4]
	if crc32.ChecksumIEEE(body) != binary.BigEndian.Uint32(raw[total-4:]) {
		return Message{}, false, ErrCorrupt
	}
	m := Message{Raw: raw, Payload: body[preludeLen+headers:]}
	if !m.readHeaders(body[preludeLen : preludeLen+headers]) {
		return Message{}, false, ErrCorrupt
	}
	s.at += len(raw)
	return m, true, nil
}

func (s *Scanner) max() int {
	if s.Max > 0 {
		return s.Max
	}
	return DefaultMaxMessage
}
