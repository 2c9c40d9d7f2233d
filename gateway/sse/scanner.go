// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sse cuts a stream of server-sent events (WHATWG HTML 9.2.6) into events, whatever pieces it arrives in.
package sse

import (
	"bytes"
	"errors"
	"io"
)

// DefaultMaxEvent bounds one event, its framing included: 8 MiB.
const DefaultMaxEvent = 8 << 20

// ErrTooLong says that an event exceeds the scanner's bound.
var ErrTooLong = errors.New("sse: event too long")

// Event is one event, or a block that dispatches none, such as a comment. Its slices are valid until the next Fill.
type Event struct {
	// Raw is the block as it arrived, with the blank line that ends it. The Raws of a stream, joined, are the stream.
	Raw []byte
	// Name is the value of the last event field, empty when there is none.
	Name []byte
	// Data is the values of the data fields, joined by line feeds.
	Data []byte
	// HasData says that there was a data field: without one, nothing is dispatched.
	HasData bool
}

// Scanner holds what arrived and was not yet cut. The events it gives are the same however the stream is cut into
// pieces. The zero value is ready, with DefaultMaxEvent. It is not safe for concurrent use.
type Scanner struct {
	// Max bounds one event in bytes; 0 means DefaultMaxEvent.
	Max int

	buf   []byte // what arrived; buf[block:] is not yet cut
	block int    // where the current block begins
	line  int    // where its current line begins
	pos   int    // no end of line lies between line and pos

	dataFrom, dataTo int
	nameFrom, nameTo int
	lines            int    // data lines so far
	joined           []byte // data, once there are two lines of it
	loneCR           bool   // the line before, in this block, ended in CR alone
	begun            bool   // past the place of a byte order mark
	ended            bool   // no more will arrive
}

// Reset forgets everything but the buffers.
func (s *Scanner) Reset() {
	const keep = 64 << 10
	buf, joined := s.buf[:0], s.joined[:0]
	if cap(buf) > keep {
		buf = nil
	}
	if cap(joined) > keep {
		joined = nil
	}
	*s = Scanner{Max: s.Max, buf: buf, joined: joined}
}

// Fill reads once from r. It gives what the read gave, or ErrTooLong when the block in hand is too long already.
// Events given before lose their slices.
func (s *Scanner) Fill(r io.Reader) (int, error) {
	s.compact()
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

// End says that no more will arrive, so that a CR at the very end counts as the end of its line.
func (s *Scanner) End() { s.ended = true }

// Rest is what arrived after the last whole block.
func (s *Scanner) Rest() []byte { return s.buf[s.block:] }

// Next gives the next whole block, if one has arrived.
func (s *Scanner) Next() (Event, bool, error) {
	for {
		from := s.line
		line, next, ok := s.cut()
		if !ok {
			if len(s.buf)-s.block > s.max() {
				return Event{}, false, ErrTooLong
			}
			return Event{}, false, nil
		}
		s.line, s.pos = next, next
		if len(line) == 0 {
			if next-s.block > s.max() {
				return Event{}, false, ErrTooLong
			}
			return s.dispatch(next), true, nil
		}
		s.field(line, from)
	}
}

func (s *Scanner) max() int {
	if s.Max > 0 {
		return s.Max
	}
	return DefaultMaxEvent
}

func (s *Scanner) compact() {
	if s.block == 0 {
		return
	}
	n := copy(s.buf, s.buf[s.block:])
	s.buf = s.buf[:n]
	for _, i := range []*int{&s.line, &s.pos, &s.dataFrom, &s.dataTo, &s.nameFrom, &s.nameTo} {
		*i = max(*i-s.block, 0)
	}
	s.block = 0
}

// cut finds the current line, without its end, and where the next begins.
//
// A CR that is the last byte at hand may be half of a CRLF. It is waited for, with one exception: a blank line after a
// line that ended in CR alone ends the event at once and never takes a LF with it, so that a stream of lone CRs is not
// delayed. The choice depends on earlier bytes only, never on how the stream was cut.
func (s *Scanner) cut() (line []byte, next int, ok bool) {
	i := endOfLine(s.buf[s.pos:])
	if i < 0 {
		s.pos = len(s.buf)
		return nil, 0, false
	}
	end := s.pos + i
	next = end + 1
	if s.buf[end] == '\n' {
		s.loneCR = false
		return s.buf[s.line:end], next, true
	}
	if end == s.line && s.loneCR {
		return nil, next, true
	}
	if next == len(s.buf) && !s.ended {
		s.pos = end
		return nil, 0, false
	}
	s.loneCR = next == len(s.buf) || s.buf[next] != '\n'
	if !s.loneCR {
		next++
	}
	return s.buf[s.line:end], next, true
}

func endOfLine(b []byte) int {
	lf := bytes.IndexByte(b, '\n')
	if lf >= 0 {
		b = b[:lf]
	}
	if cr := bytes.IndexByte(b, '\r'); cr >= 0 {
		return cr
	}
	return lf
}

// field takes up one line, whose bytes begin at from in buf.
func (s *Scanner) field(line []byte, from int) {
	if !s.begun {
		s.begun = true
		if trimmed := bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")); len(trimmed) != len(line) {
			from += len(line) - len(trimmed)
			line = trimmed
		}
	}
	name, value := line, line[len(line):]
	if colon := bytes.IndexByte(line, ':'); colon >= 0 {
		name, value = line[:colon], line[colon+1:]
		if len(value) > 0 && value[0] == ' ' {
			value = value[1:]
		}
	}
	to := from + len(line)
	switch string(name) {
	case "data":
		s.data(value, to-len(value), to)
	case "event":
		s.nameFrom, s.nameTo = to-len(value), to
	}
}

func (s *Scanner) data(value []byte, from, to int) {
	s.lines++
	switch s.lines {
	case 1:
		s.dataFrom, s.dataTo = from, to
		return
	case 2:
		s.joined = append(s.joined[:0], s.buf[s.dataFrom:s.dataTo]...)
	}
	s.joined = append(append(s.joined, '\n'), value...)
}

func (s *Scanner) dispatch(end int) Event {
	e := Event{Raw: s.buf[s.block:end:end], HasData: s.lines > 0, Name: s.buf[s.nameFrom:s.nameTo]}
	switch {
	case s.lines == 1:
		e.Data = s.buf[s.dataFrom:s.dataTo]
	case s.lines > 1:
		e.Data = s.joined
	}
	s.begun = true
	s.block, s.lines, s.loneCR = end, 0, false
	s.dataFrom, s.dataTo, s.nameFrom, s.nameTo = end, end, end, end
	return e
}
