// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"sync"
	"time"
)

const (
	// flushEvery bounds how long a line waits that nobody holds up.
	flushEvery = time.Second
	// maxPending bounds, in bytes, what waits for a slow disk or receiver: about 8,000 records. As much again may be on its way.
	maxPending = 4 << 20
	// keepBytes is the largest buffer that an idle queue holds on to.
	keepBytes = 1 << 20
)

// queue gathers lines for a goroutine that takes them all at once. It is safe for concurrent use.
type queue struct {
	// full is the number of bytes, and fullLines of lines, that do not wait for others.
	full, fullLines int

	mu      sync.Mutex
	pending []byte
	spare   []byte
	lines   int
	closed  bool

	wake  chan struct{} // a first line came
	hurry chan struct{} // it is full
	done  chan struct{} // it was closed
}

func newQueue(full, fullLines int) *queue {
	return &queue{
		full: full, fullLines: fullLines,
		wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1), done: make(chan struct{}),
	}
}

// add copies a line, which ends with its end of line; false when there is no room for it.
func (q *queue) add(line []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.pending)+len(line) > maxPending {
		return false
	}
	q.pending = append(q.pending, line...)
	if q.lines++; q.lines == 1 {
		signal(q.wake)
	}
	if q.lines == q.fullLines || len(q.pending) >= q.full && len(q.pending)-len(line) < q.full {
		signal(q.hurry)
	}
	return true
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take gives what is pending and its number of lines. The bytes are the caller's until it gives them back.
func (q *queue) take() ([]byte, int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch, lines := q.pending, q.lines
	q.pending, q.spare, q.lines = q.spare[:0], nil, 0
	return batch, lines
}

// giveBack lets the bytes of take be used again.
func (q *queue) giveBack(batch []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	// What grew in a pinch is let go.
	if cap(batch) <= keepBytes {
		q.spare = batch[:0]
	}
}

// close ends add. What is pending can still be taken.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.done)
	}
}

// wait returns when there is something to take: false when the queue was closed, and nothing more comes.
func (q *queue) wait() bool {
	select {
	case <-q.done:
		return false
	case <-q.wake:
	}
	timer := time.NewTimer(flushEvery)
	defer timer.Stop()
	select {
	case <-q.done:
		return false
	case <-q.hurry:
	case <-timer.C:
	}
	return true
}

// head gives the bytes of the first n lines.
func head(lines []byte, n int) []byte {
	at := 0
	for ; n > 0 && at < len(lines); n-- {
		end := bytes.IndexByte(lines[at:], '\n')
		if end < 0 {
			return lines
		}
		at += end + 1
	}
	return lines[:at]
}
