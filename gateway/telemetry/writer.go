// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"bytes"
	"io"
	"sync"
	"time"
)

const (
	// FlushEvery bounds how long an access log line waits.
	FlushEvery = 100 * time.Millisecond
	flushAt    = 64 << 10
	// maxPending bounds what waits for a slow writer. Beyond it lines are dropped and counted: the log fails open.
	maxPending = 4 << 20
)

// LineWriter gathers lines and writes them in batches, each line whole, at most FlushEvery after it came. It is safe
// for concurrent use. A writer that errs loses what it did not take, which is counted; there is nobody else to tell.
type LineWriter struct {
	w       io.Writer
	dropped func()

	mu      sync.Mutex
	pending []byte
	spare   []byte
	armed   bool
	closed  bool
	timer   *time.Timer

	writing sync.Mutex // held while w is written to, so that batches keep their order
}

// NewLineWriter gives a writer of batches to w; dropped is called for each line that is lost.
func NewLineWriter(w io.Writer, dropped func()) *LineWriter {
	l := &LineWriter{w: w, dropped: dropped}
	l.timer = time.AfterFunc(time.Hour, l.Flush)
	l.timer.Stop()
	return l
}

// Line takes a line, which it copies.
func (l *LineWriter) Line(line []byte) {
	l.mu.Lock()
	if l.closed || len(l.pending)+len(line) > maxPending {
		l.mu.Unlock()
		l.dropped()
		return
	}
	l.pending = append(l.pending, line...)
	switch {
	case !l.armed:
		l.armed = true
		l.timer.Reset(FlushEvery)
	case len(l.pending) >= flushAt && len(l.pending)-len(line) < flushAt:
		// The timer's goroutine writes: a request never waits for the log.
		l.timer.Reset(0)
	}
	l.mu.Unlock()
}

// Flush writes what is pending.
func (l *LineWriter) Flush() {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	batch := l.pending
	l.pending, l.spare, l.armed = l.spare[:0], nil, false
	l.mu.Unlock()
	if len(batch) > 0 {
		if n, err := l.w.Write(batch); err != nil {
			// A line of which a part was written is none.
			for range bytes.Count(batch[min(max(n, 0), len(batch)):], []byte{'\n'}) {
				l.dropped()
			}
		}
	}
	l.mu.Lock()
	if cap(batch) <= 4*flushAt {
		l.spare = batch[:0]
	}
	l.mu.Unlock()
}

// Close flushes and refuses further lines.
func (l *LineWriter) Close() {
	l.mu.Lock()
	l.closed = true
	l.timer.Stop()
	l.mu.Unlock()
	l.Flush()
}
