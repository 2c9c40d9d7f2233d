// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// ScopeHeader says whose requests an answer of records is about: ScopeStore of all pods, ScopePod of the one that answers.
const (
	ScopeHeader = "X-Spark-Export-Scope"
	ScopeStore  = "store"
	ScopePod    = "pod"
)

// Slack is how much earlier or later than a record's Ended it may have been kept: Read gives those too.
const Slack = 2 * time.Second

// longWrite is how long the disk may hold up a record.
const longWrite = time.Minute

// Read gives the lines that were kept from a time on and before another, and some that were a little earlier or later, in the
// order in which they were: those that were appended before the call for certain. A line is each's for the time of the call
// only, and includes no end of line. An error of each, or the end of the context, ends it and is given back.
func (f *Files) Read(ctx context.Context, from, to time.Time, each func(line []byte) error) error {
	f.flush()
	f.writing.Lock()
	all, err := segments(f.dir)
	oldest := f.now().Add(-f.limits.retention)
	f.writing.Unlock()
	if err != nil {
		return err
	}
	if from.Before(oldest) {
		from = oldest
	}
	r := reader{ctx: ctx, from: from.Add(-Slack), to: to.Add(Slack), each: each}
	for i, s := range all {
		// The next one's beginning bounds what a wrong time of the file system could hide.
		last := s.last
		if i+1 < len(all) && all[i+1].begun.After(last) {
			last = all[i+1].begun
		}
		if last.Before(r.from) || !s.begun.Before(r.to.Add(longWrite)) {
			continue
		}
		if err = r.segment(filepath.Join(f.dir, s.name), s.size); err != nil {
			break
		}
	}
	f.writing.Lock()
	f.skipped += r.skipped
	f.writing.Unlock()
	return err
}

// Skipped is how many torn or broken lines reads came across since the start.
func (f *Files) Skipped() int64 {
	f.writing.Lock()
	defer f.writing.Unlock()
	return f.skipped
}

type reader struct {
	ctx      context.Context
	from, to time.Time
	each     func(line []byte) error
	skipped  int64
}

// segment reads as much of a file as was whole when the reading began. A file that has gone since was too old.
func (r *reader) segment(path string, size int64) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewReaderSize(io.LimitReader(f, size), MaxLine)
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			if len(line) > 0 {
				r.skipped++
			}
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
			r.skipped++
			if err = passOver(lines); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		if err = r.line(line[:len(line)-1]); err != nil {
			return err
		}
	}
}

// passOver reads to the end of a line that is too long to be one.
func passOver(lines *bufio.Reader) error {
	for {
		_, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func (r *reader) line(line []byte) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	at, ok := Ended(line)
	if !ok {
		r.skipped++
		return nil
	}
	if at.Before(r.from) || !at.Before(r.to) {
		return nil
	}
	return r.each(line)
}
