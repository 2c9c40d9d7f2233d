// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sort"
	"sync/atomic"
	"time"
)

// stamps are a file of times: each is of what was written at an offset of the log, and up to the next.
type stamps struct {
	path  string
	file  *os.File
	count atomic.Int64 // those that are wholly written
}

// stampSize is that of an offset and a time in nanoseconds since 1970.
const stampSize = 16

// openStamps goes on after the last whole stamp: a process that was killed may have left half of one.
func openStamps(path string) (*stamps, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	s := &stamps{path: path, file: file}
	s.count.Store(size / stampSize)
	return s, nil
}

func (s *stamps) add(offset int64, at time.Time) error {
	var record [stampSize]byte
	binary.BigEndian.PutUint64(record[:8], uint64(offset))
	binary.BigEndian.PutUint64(record[8:], uint64(at.UnixNano()))
	if _, err := s.file.WriteAt(record[:], s.count.Load()*stampSize); err != nil {
		return err
	}
	s.count.Add(1)
	return nil
}

func (s *stamps) close() error { return s.file.Close() }

// clock tells when lines were written. It is asked for them in their order, by one goroutine.
type clock struct {
	stamps  *stamps
	file    *os.File
	next    int64 // the stamp after the present one
	present time.Time
	block   []byte // stamps from next on
}

// blockStamps are read at once.
const blockStamps = 1024

// clock begins at the line at an offset.
func (s *stamps) clock(offset int64) (*clock, error) {
	file, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	c := &clock{stamps: s, file: file}
	var failed error
	later := sort.Search(int(s.count.Load()), func(i int) bool {
		var record [stampSize]byte
		if _, err := file.ReadAt(record[:], int64(i)*stampSize); err != nil {
			failed = err
		}
		begins, _ := decode(record[:])
		return begins > offset
	})
	if failed != nil {
		return nil, errors.Join(failed, file.Close())
	}
	c.next = int64(max(0, later-1))
	return c, nil
}

func decode(record []byte) (offset int64, at time.Time) {
	return int64(binary.BigEndian.Uint64(record[:8])), time.Unix(0, int64(binary.BigEndian.Uint64(record[8:stampSize])))
}

// at is the time of the line at offset.
func (c *clock) at(offset int64) (time.Time, error) {
	for {
		if len(c.block) == 0 {
			if err := c.fill(); err != nil {
				return time.Time{}, err
			}
			if len(c.block) == 0 {
				return c.present, nil
			}
		}
		begins, at := decode(c.block)
		if begins > offset {
			return c.present, nil
		}
		c.present = at
		c.block = c.block[stampSize:]
		c.next++
	}
}

func (c *clock) fill() error {
	count := min(c.stamps.count.Load()-c.next, blockStamps)
	if count <= 0 {
		return nil
	}
	c.block = make([]byte, count*stampSize)
	_, err := c.file.ReadAt(c.block, c.next*stampSize)
	return err
}

func (c *clock) close() error { return c.file.Close() }
