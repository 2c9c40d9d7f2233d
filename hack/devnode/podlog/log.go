// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package podlog keeps what a pod's containers write, and when, and gives it back as `kubectl logs` asks for it.
//
// What is written goes to a plain file, which a person may read as it is. When it was written stands in a second file
// beside it.
package podlog

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Log is of one pod. Its containers run one after another; the present one and the one before it can be read. All
// methods may be called at once.
type Log struct {
	path    string
	now     func() time.Time
	report  func(error)
	content *os.File
	stamps  *stamps

	mu       sync.Mutex
	size     int64 // of the content
	previous *Container
	current  *Container
	changed  chan struct{} // closed, and another one made, when there is more to read or a container has ended
	failed   bool
	closed   bool
}

// Open appends to the file at path, and to path.times. What was written before is kept, but belongs to no container
// that can be read. The first failure to write is reported; what cannot be written is lost, since the container must
// not wait for it or end of it.
func Open(path string, report func(error)) (*Log, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	content, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	size, err := content.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, errors.Join(err, content.Close())
	}
	stamps, err := openStamps(path + ".times")
	if err != nil {
		return nil, errors.Join(err, content.Close())
	}
	return &Log{
		path: path, now: time.Now, report: report, content: content, stamps: stamps, size: size, changed: make(chan struct{}),
	}, nil
}

// Container is the part of a log that one container wrote.
type Container struct {
	log      *Log
	from, to int64 // of the content
	ended    bool
}

// Begin ends the container before and begins another.
func (l *Log) Begin() *Container {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end()
	l.previous = l.current
	l.current = &Container{log: l, from: l.size, to: l.size, ended: l.closed}
	return l.current
}

// End says that the container writes nothing more.
func (c *Container) End() {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	if c == c.log.current {
		c.log.end()
	}
}

func (l *Log) end() {
	if l.current != nil && !l.current.ended {
		l.current.ended = true
		l.tell()
	}
}

func (l *Log) tell() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// Write never fails.
func (c *Container) Write(content []byte) (int, error) {
	l := c.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.ended || len(content) == 0 {
		return len(content), nil
	}
	if err := l.append(c, content); err != nil && !l.failed {
		l.failed = true
		l.report(err)
	}
	l.tell()
	return len(content), nil
}

// append writes the time first, so that no line can be read before it has one.
func (l *Log) append(c *Container, content []byte) error {
	if err := l.stamps.add(l.size, l.now()); err != nil {
		return err
	}
	written, err := l.content.Write(content)
	l.size += int64(written)
	c.to = l.size
	return err
}

// Close ends the present container, and with it whoever follows the log. The files stay, and can be read.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.end()
	l.closed = true
	return errors.Join(l.content.Close(), l.stamps.close())
}
