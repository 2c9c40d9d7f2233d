// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Segments are named by when they were begun, so that their names sort by time.
const (
	segmentPrefix = "usage-"
	segmentSuffix = ".jsonl"
	segmentLayout = "20060102T150405.000000000Z"
)

// segment is one file of records.
type segment struct {
	name string
	// begun is when its first record was written, last when its latest was, as the file system says.
	begun, last time.Time
	size        int64
}

func segmentName(at time.Time) string {
	return segmentPrefix + at.UTC().Format(segmentLayout) + segmentSuffix
}

// segments lists a directory's, the oldest first. Other files are none of the ledger's.
func segments(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []segment
	for _, e := range entries {
		text, ok := strings.CutPrefix(e.Name(), segmentPrefix)
		text, suffixed := strings.CutSuffix(text, segmentSuffix)
		begun, err := time.Parse(segmentLayout, text)
		if !ok || !suffixed || err != nil {
			continue
		}
		at, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if at.Mode().IsRegular() {
			all = append(all, segment{name: e.Name(), begun: begun, last: at.ModTime(), size: at.Size()})
		}
	}
	slices.SortFunc(all, func(a, b segment) int { return cmp.Compare(a.name, b.name) })
	return all, nil
}

// whole says whether a file ends with the end of a line, so that it can be gone on with.
func whole(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	at, err := f.Stat()
	if err != nil || at.Size() == 0 {
		return err == nil
	}
	var last [1]byte
	_, err = f.ReadAt(last[:], at.Size()-1)
	return err == nil && last[0] == '\n'
}

// prune removes what is too old, and the oldest of what is too much; current stays.
func prune(dir, current string, before time.Time, most int64) error {
	all, err := segments(dir)
	if err != nil {
		return err
	}
	total := int64(0)
	for _, s := range all {
		total += s.size
	}
	for _, s := range all {
		if s.name == current || !s.last.Before(before) && total <= most {
			continue
		}
		if e := os.Remove(filepath.Join(dir, s.name)); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = e
			continue
		}
		total -= s.size
	}
	return err
}
