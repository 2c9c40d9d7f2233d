// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// FilesOptions of a Files. The zero value of each field but Dir has a use.
type FilesOptions struct {
	// Dir is where the files are. It is made where it is missing, and must be nobody else's.
	Dir string
	// Now is the clock by which files are rotated and removed; nil is time.Now.
	Now func() time.Time
	// Logger takes what goes wrong, once a minute; nil discards.
	Logger *slog.Logger
	// Dropped is told how many records were lost; nil is not.
	Dropped func(n int)
}

// Files keep records in a directory, as JSON lines in segments. Append never waits for the disk: a goroutine writes, at most
// a second later. What was written survives the process; of a write that was cut off, the torn line is skipped when read.
// Files are safe for concurrent use.
type Files struct {
	dir     string
	now     func() time.Time
	dropped func(n int)
	queue   *queue
	ended   chan struct{}

	writing sync.Mutex // held while what is below is used
	file    *os.File   // nil where none is open
	current segment
	limits  limits
	pruned  time.Time
	skipped int64
	// lost and left complain of records that were not written, and of files that were not removed.
	lost, left complaints
}

// limits of what is kept.
type limits struct {
	retention time.Duration
	bytes     int64
}

const (
	// segmentBytes is how large a segment grows; where little may be kept, an eighth of that.
	segmentBytes    = 8 << 20
	minSegmentBytes = 64 << 10
	// flushAt is how many bytes are written without waiting for more.
	flushAt = 128 << 10
	// pruneEvery bounds how long a segment outlives its retention.
	pruneEvery = time.Minute
	// The limits before the first Limit.
	defaultRetention = 30 * 24 * time.Hour
	defaultBytes     = 256 << 20
)

// OpenFiles goes on with a directory's records. It fails where nothing can be written. Close it to end its goroutine.
func OpenFiles(o FilesOptions) (*Files, error) {
	f := &Files{
		dir: o.Dir, now: o.Now, dropped: o.Dropped, queue: newQueue(flushAt, 0), ended: make(chan struct{}),
		limits: limits{defaultRetention, defaultBytes},
	}
	if f.now == nil {
		f.now = time.Now
	}
	if f.dropped == nil {
		f.dropped = func(int) {}
	}
	f.lost.logger, f.lost.now = o.Logger, f.now
	f.left.logger, f.left.now = o.Logger, f.now
	if err := f.resume(); err != nil {
		return nil, fmt.Errorf("the directory of usage records: %w", err)
	}
	go f.follow()
	return f, nil
}

// resume proves that the directory can be written, and opens the latest segment if it can be gone on with.
func (f *Files) resume() error {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	probe, err := os.CreateTemp(f.dir, ".probe-")
	if err != nil {
		return err
	}
	_ = probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		return err
	}
	all, err := segments(f.dir)
	if err != nil || len(all) == 0 {
		return err
	}
	latest := all[len(all)-1]
	path := filepath.Join(f.dir, latest.name)
	if f.current = latest; f.over() || !whole(path) {
		f.current = segment{}
		return nil
	}
	f.file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	return err
}

// Limit says how long records are kept, and how many bytes; the oldest go first. Both are positive.
func (f *Files) Limit(retention time.Duration, bytes int64) {
	f.writing.Lock()
	defer f.writing.Unlock()
	if f.limits == (limits{retention, bytes}) {
		return
	}
	f.limits = limits{retention, bytes}
	f.prune(f.now())
}

// Append takes a line, which it copies. It never waits; where there is no room left the line is dropped and counted.
func (f *Files) Append(line []byte) {
	if !f.queue.add(line) {
		f.dropped(1)
	}
}

// Close writes what waits, and ends the goroutine. Lines that come later are dropped.
func (f *Files) Close() error {
	f.queue.close()
	<-f.ended
	f.writing.Lock()
	defer f.writing.Unlock()
	return f.shut()
}

func (f *Files) follow() {
	defer close(f.ended)
	for more := true; more; {
		more = f.queue.wait()
		f.flush()
	}
}

// flush writes what waits.
func (f *Files) flush() {
	f.writing.Lock()
	defer f.writing.Unlock()
	batch, lines := f.queue.take()
	defer f.queue.giveBack(batch)
	now := f.now()
	if now.Sub(f.pruned) >= pruneEvery {
		f.prune(now)
	}
	if lines == 0 {
		return
	}
	if err := f.write(batch, now); err != nil {
		f.dropped(lines)
		f.lost.complain("usage records were not written", slog.Any("error", err), slog.Int("records", lines))
		// What was written of them in part is not gone on with.
		_ = f.shut()
	}
}

func (f *Files) write(batch []byte, now time.Time) error {
	if f.file != nil && f.over() {
		if err := f.shut(); err != nil {
			return err
		}
		f.prune(now)
	}
	if f.file == nil {
		if err := f.begin(now); err != nil {
			return err
		}
	}
	n, err := f.file.Write(batch)
	f.current.size += int64(n)
	if err == nil {
		// By the clock that the segment is removed by.
		err = os.Chtimes(f.file.Name(), now, now)
	}
	return err
}

// begin opens a new segment, whose name sorts behind all others even where the clock was set back.
func (f *Files) begin(now time.Time) error {
	all, err := segments(f.dir)
	if err != nil {
		return err
	}
	if n := len(all); n > 0 && !now.After(all[n-1].begun) {
		now = all[n-1].begun.Add(1)
	}
	name := segmentName(now)
	f.file, err = os.OpenFile(filepath.Join(f.dir, name), os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	f.current = segment{name: name, begun: now.UTC()}
	return err
}

func (f *Files) shut() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file, f.current = nil, segment{}
	return err
}

// over says that the current segment is not gone on with: it is large enough, or of another day or, where records are kept
// for hours only, of an earlier part of it.
func (f *Files) over() bool {
	now := f.now().UTC()
	if f.current.size >= max(minSegmentBytes, min(segmentBytes, f.limits.bytes/8)) {
		return true
	}
	part := min(24*time.Hour, max(time.Minute, f.limits.retention/8))
	return !now.Truncate(24*time.Hour).Equal(f.current.begun.Truncate(24*time.Hour)) || now.Sub(f.current.begun) >= part
}

func (f *Files) prune(now time.Time) {
	f.pruned = now
	// The segment that is written to may grow by as much as the others must then give up.
	if f.file != nil && f.over() {
		_ = f.shut()
	}
	if err := prune(f.dir, f.current.name, now.Add(-f.limits.retention), f.limits.bytes); err != nil {
		f.left.complain("old usage records were not removed", slog.Any("error", err))
	}
}

// complaints are logged once a minute.
type complaints struct {
	logger *slog.Logger
	now    func() time.Time

	mu   sync.Mutex
	last time.Time
}

func (c *complaints) complain(message string, fields ...any) {
	c.mu.Lock()
	now := c.now()
	quiet := c.logger == nil || !c.last.IsZero() && now.Sub(c.last) < time.Minute
	if !quiet {
		c.last = now
	}
	c.mu.Unlock()
	if !quiet {
		c.logger.Error(message, fields...)
	}
}
