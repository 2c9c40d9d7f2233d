// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"time"
)

// Query is what a reader wants; its zero value is all of the present container until now.
type Query struct {
	// Previous asks for the last container that ended.
	Previous bool
	// Follow goes on until the container has ended.
	Follow bool
	// Timestamps puts the time of writing before each line.
	Timestamps bool
	// Since leaves out lines that were written before; zero leaves out none.
	Since time.Time
	// Tail is how many lines from the end are read, before those of Since are left out; nil is all.
	Tail *int64
	// Limit is in bytes; 0 is none.
	Limit int64
}

// Flusher is where a log is read to. It is flushed whenever all that there is was written.
type Flusher interface {
	io.Writer
	Flush() error
}

// ErrNoContainer says that there was no such container.
var ErrNoContainer = errors.New("there was no such container")

// timeFormat is the kubelet's, of a fixed width.
const timeFormat = "2006-01-02T15:04:05.000000000Z07:00 "

// Read writes what is asked for. A context that ends is its error.
func (l *Log) Read(ctx context.Context, query Query, to Flusher) error {
	c := l.container(query.Previous)
	if c == nil {
		return ErrNoContainer
	}
	content, err := os.Open(l.path)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }()
	end, ended, changed := c.present()
	from := c.from
	if query.Tail != nil {
		if from, err = tail(content, c.from, end, *query.Tail); err != nil {
			return err
		}
	}
	r := &reading{query: query, content: content, to: to, offset: from, atLine: true, left: query.Limit}
	if query.Timestamps || !query.Since.IsZero() {
		if r.clock, err = l.stamps.clock(from); err != nil {
			return err
		}
		defer func() { _ = r.clock.close() }()
	}
	for {
		if err := errors.Join(r.until(ctx, end), to.Flush()); err != nil {
			if errors.Is(err, errLimit) {
				return nil
			}
			return err
		}
		if ended || !query.Follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
		end, ended, changed = c.present()
	}
}

// container is the present one, or the last that ended.
func (l *Log) container(previous bool) *Container {
	l.mu.Lock()
	defer l.mu.Unlock()
	if previous && l.current != nil && !l.current.ended {
		return l.previous
	}
	return l.current
}

// present is how far the container has come, and what tells that it goes on.
func (c *Container) present() (end int64, ended bool, changed <-chan struct{}) {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	return c.to, c.ended, c.log.changed
}

// reading is one reader's way through the content.
type reading struct {
	query   Query
	content *os.File
	clock   *clock // nil if no times are asked for
	to      io.Writer
	offset  int64
	atLine  bool // offset is where a line begins
	skip    bool // the present line is left out
	left    int64
}

// errLimit ends a reading when the limit is reached.
var errLimit = errors.New("limit reached")

// pieceBytes bounds what is held of a long line.
const pieceBytes = 64 << 10

func (r *reading) until(ctx context.Context, end int64) error {
	lines := bufio.NewReaderSize(io.NewSectionReader(r.content, r.offset, end-r.offset), pieceBytes)
	for ctx.Err() == nil {
		piece, err := lines.ReadSlice('\n')
		if len(piece) > 0 {
			if err := r.write(piece); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
	return ctx.Err()
}

// write is given lines, or pieces of one that is too long or has no end yet.
func (r *reading) write(piece []byte) error {
	if r.atLine && r.clock != nil {
		at, err := r.clock.at(r.offset)
		if err != nil {
			return err
		}
		r.skip = at.Before(r.query.Since)
		if r.query.Timestamps && !r.skip {
			if err := r.limited([]byte(at.UTC().Format(timeFormat))); err != nil {
				return err
			}
		}
	}
	r.offset += int64(len(piece))
	r.atLine = bytes.HasSuffix(piece, []byte{'\n'})
	if r.skip {
		return nil
	}
	return r.limited(piece)
}

func (r *reading) limited(content []byte) error {
	if r.query.Limit == 0 {
		_, err := r.to.Write(content)
		return err
	}
	content = content[:min(int64(len(content)), r.left)]
	r.left -= int64(len(content))
	if _, err := r.to.Write(content); err != nil {
		return err
	}
	if r.left == 0 {
		return errLimit
	}
	return nil
}

// tail is where the last lines before end begin. A line without an end counts.
func tail(content io.ReaderAt, from, end, lines int64) (int64, error) {
	if lines == 0 {
		return end, nil
	}
	block := make([]byte, pieceBytes)
	for at := end; at > from; {
		size := min(at-from, pieceBytes)
		at -= size
		if _, err := content.ReadAt(block[:size], at); err != nil {
			return 0, err
		}
		for i := size - 1; i >= 0; i-- {
			if block[i] != '\n' || at+i == end-1 {
				continue
			}
			if lines--; lines == 0 {
				return at + i + 1, nil
			}
		}
	}
	return from, nil
}
