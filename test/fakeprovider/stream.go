// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"compress/gzip"
	"net/http"
	"time"
	"unicode/utf8"
)

// splitPause lies between the bytes of a split character, so that a reader gets them in separate reads.
const splitPause = time.Millisecond

// streamer writes the events of one answer.
type streamer struct {
	*exchange
	frames frames
	gzip   *gzip.Writer // nil unless the stream is compressed
	sent   int          // events
	last   event        // the one that was sent last
	ended  bool         // the positional fault has happened
}

func (x *exchange) stream(rep reply) {
	s := &streamer{exchange: x, frames: x.subject.frames().begin(x.faults)}
	if x.faults.Gzip {
		x.w.Header().Set("Content-Encoding", "gzip")
		s.gzip = gzip.NewWriter(counted{x})
	}
	x.w.Header().Set("Cache-Control", "no-cache")
	x.head(http.StatusOK, x.subject.contentType())
	if !x.flush() {
		return
	}
	if x.faults.Ending == EndResetAfterHeaders {
		x.breakConnection(reset)
		return
	}
	s.run(rep)
}

func (s *streamer) run(rep reply) {
	if !s.waitAloud(s.faults.FirstTokenLatency) {
		return
	}
	for e := range rep.events {
		if e.tokens > 0 && !s.waitAloud(s.delay) {
			return
		}
		if s.due(e) && !s.end() {
			return
		}
		if !s.event(e) {
			return
		}
	}
	s.finish()
}

// finish writes what follows the last event.
func (s *streamer) finish() {
	if end := s.frames.end(); len(end) > 0 && !s.push(end, 0, 0) {
		return
	}
	if s.gzip != nil {
		s.gzip.Close()
	}
}

// due says whether the positional fault happens now: after so many events, or before the terminator at the latest.
func (s *streamer) due(e event) bool {
	return !s.ended && s.faults.Ending != "" && (s.sent >= s.faults.After || e.done)
}

// end carries out the positional fault and reports whether the stream goes on after it.
func (s *streamer) end() bool {
	s.ended = true
	switch s.faults.Ending {
	case EndResetMidStream:
		s.breakConnection(reset)
	case EndTruncateStream:
		s.breakConnection(closed)
	case EndStall:
		s.waitAloud(-1)
	case EndNoDone:
		s.ending = Faulted
	case EndErrorEvent:
		s.ending = Faulted
		if s.event(s.dialect.failureEvent(&failure{
			id: s.stamp.id, status: s.faults.Status, message: "The server had an error while processing your request.",
		})) {
			s.finish()
		}
	case EndGarbageEvent:
		s.ending = Faulted
		s.sent++
		return s.push(s.frames.broken(s.last.name), 1, 0)
	case EndBadChecksum:
		s.ending = Faulted
		s.sent++
		return s.push(spoiled(s.frames.frame(s.last)), 1, 0)
	}
	return false
}

// event sends one event and flushes it.
func (s *streamer) event(e event) bool {
	s.sent++
	s.last = e
	frame := s.frames.frame(e)
	if s.faults.SplitUTF8 {
		return s.split(frame, e)
	}
	return s.push(frame, 1, e.tokens)
}

// push writes bytes, through the compressor if there is one, and flushes them.
func (s *streamer) push(b []byte, events, tokens int) bool {
	if s.gzip == nil {
		return s.send(b, events, tokens) && s.flush()
	}
	if _, err := s.gzip.Write(b); err != nil || s.gzip.Flush() != nil {
		s.left()
		return false
	}
	return s.send(nil, events, tokens) && s.flush()
}

// split flushes the bytes of multi-byte characters one by one.
func (s *streamer) split(frame []byte, e event) bool {
	plain := 0
	for at := 0; at < len(frame); {
		_, size := utf8.DecodeRune(frame[at:])
		if size == 1 {
			at++
			continue
		}
		if !s.push(frame[plain:at], 0, 0) {
			return false
		}
		for _, b := range frame[at : at+size] {
			if !s.push([]byte{b}, 0, 0) || !s.wait(splitPause) {
				return false
			}
		}
		at += size
		plain = at
	}
	return s.push(frame[plain:], 1, e.tokens)
}

// waitAloud waits as wait does, for ever when d is negative, and sends comment lines meanwhile if they were asked for.
func (s *streamer) waitAloud(d time.Duration) bool {
	if s.faults.KeepAlive <= 0 {
		if d < 0 {
			s.waitForClient()
			return false
		}
		return s.wait(d)
	}
	started := time.Now()
	for {
		pause := s.faults.KeepAlive
		if d >= 0 {
			pause = min(pause, d-time.Since(started))
		}
		if pause <= 0 {
			return s.wait(0)
		}
		if !s.wait(pause) {
			return false
		}
		if d < 0 || time.Since(started) < d {
			if !s.push(s.alive(), 0, 0) {
				return false
			}
		}
	}
}

// alive is what is said while nothing is to be said.
func (s *streamer) alive() []byte {
	if own, ok := s.dialect.(pinger); ok {
		return s.frames.frame(own.ping())
	}
	return s.frames.alive()
}

// counted lets the compressor's output be counted as it is written.
type counted struct{ *exchange }

func (c counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.server.records.served(c.record, n, 0, 0)
	return n, err
}
