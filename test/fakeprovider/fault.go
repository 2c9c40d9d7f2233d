// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"fmt"
	"time"
)

// DefaultBigLine is how many bytes of content the fault big-line puts into one SSE line.
const DefaultBigLine = 1 << 20

// Positions that the positional faults take when the specification gives none.
const (
	defaultEvents = 3
	halfWay       = -1 // of a body
	toTheEnd      = 1 << 30
)

// Faults is a parsed fault specification: what goes wrong with one answer. The zero value is a healthy answer.
type Faults struct {
	Latency           time.Duration // silence before the response headers
	FirstTokenLatency time.Duration // silence between the headers of a stream and its first event
	KeepAlive         time.Duration // how often a comment line is sent while a stream waits; 0: never

	CRLF          bool // lines of the stream end in CR LF
	MultilineData bool // an event's JSON is spread over several data lines
	Comments      bool // a comment line goes before every event
	SplitUTF8     bool // bytes of multi-byte characters are flushed one by one
	Gzip          bool // the body is compressed, whether or not it was asked for
	BigLine       int  // bytes of content in one additional event; 0: none
	Usage         UsageFault

	Ending     Ending
	After      int           // events (streams) or bytes (bodies) sent before Ending happens
	Status     int           // with EndStatus and EndErrorEvent
	RetryAfter time.Duration // with EndStatus; 0: no retry-after header

	spec        string
	needsStream string // the name of a fault that only a stream can have
	needsWhole  string // the name of a fault that only a body in one piece can have
}

// UsageFault says what is wrong with the usage that an answer reports.
type UsageFault string

// The ways to report usage wrongly.
const (
	UsageMissing   UsageFault = "no-usage"
	UsageMalformed UsageFault = "bad-usage"
)

// Ending is how an answer ends or what replaces it; empty: as it should. At most one belongs to an answer.
type Ending string

// The endings; ParseFaults says what each does.
const (
	EndHang               Ending = "hang"
	EndStatus             Ending = "status"
	EndResetBeforeHeaders Ending = "reset-before-headers"
	EndCloseBeforeHeaders Ending = "close-before-headers"
	EndResetAfterHeaders  Ending = "reset-after-headers"
	EndGarbage            Ending = "garbage"
	EndHTML               Ending = "html"
	EndResetMidStream     Ending = "reset-mid-stream"
	EndStall              Ending = "stall"
	EndTruncateStream     Ending = "truncate-stream"
	EndNoDone             Ending = "no-done"
	EndErrorEvent         Ending = "error-event"
	EndGarbageEvent       Ending = "garbage-event"
	EndBadChecksum        Ending = "bad-checksum"
	EndResetMidBody       Ending = "reset-mid-body"
	EndTruncateBody       Ending = "truncate-body"
	EndStallBody          Ending = "stall-body"
)

// String gives the specification that the faults were parsed from.
func (f Faults) String() string { return f.spec }

// fits refuses faults that could not happen to the answer to this.
func (f Faults) fits(s subject) error {
	if f.needsStream != "" && !s.stream {
		return fmt.Errorf("fault %q needs a streamed answer", f.needsStream)
	}
	if f.needsWhole != "" && s.stream {
		return fmt.Errorf("fault %q needs an answer that is not streamed", f.needsWhole)
	}
	if s.stream {
		if name := s.frames().cannot(f); name != "" {
			return fmt.Errorf("fault %q has no meaning in a stream of %s", name, s.frames().contentType())
		}
	}
	return nil
}

// position is the byte of a body of this size at which the ending happens.
func (f Faults) position(size int) int {
	if f.After == halfWay {
		return size / 2
	}
	return min(f.After, size)
}
