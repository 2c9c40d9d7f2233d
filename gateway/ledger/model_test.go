// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Files are held against a list of what was appended, over random appends, pauses, restarts, crashes that tear the last write,
// changes of the clock and reads. Nothing that was flushed is lost while it is within the limits, and nothing comes twice.
func TestFilesAgainstAModel(t *testing.T) {
	for seed := range uint64(25) {
		walk(t, seed)
	}
}

// noted is a record of the model.
type noted struct {
	id    string
	ended time.Time
}

func walk(t *testing.T, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 7))
	dir, c := t.TempDir(), &clock{now: noon}
	retention := time.Duration(1+random.IntN(72)) * time.Hour
	open := func() *Files {
		f := kept(t, dir, c)
		f.Limit(retention, 1<<30)
		return f
	}
	f := open()
	var want []noted
	for step := range 120 {
		switch random.IntN(10) {
		default:
			for i := range 1 + random.IntN(5) {
				want = append(want, noted{fmt.Sprintf("%d-%d", step, i), c.Now()})
				f.Append(at(want[len(want)-1].id, c.Now()))
			}
			f.flush()
		case 0:
			c.set(c.Now().Add(time.Duration(random.IntN(20)) * time.Hour))
		case 1:
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			f = open()
		case 2:
			// Some bytes of a record that was never whole.
			_ = f.Close()
			tear(t, dir, at("torn", c.Now()), random)
			f = open()
		case 3, 4:
			from := c.Now().Add(-time.Duration(random.IntN(100)) * time.Hour)
			to := from.Add(time.Duration(1+random.IntN(100)) * time.Hour)
			compare(t, f, want, [3]time.Time{from, to, c.Now().Add(-retention)}, fmt.Sprintf("seed %d, step %d", seed, step))
		}
	}
	_ = f.Close()
}

// tear adds the beginning of a line to the latest segment.
func tear(t *testing.T, dir string, line []byte, random *rand.Rand) {
	t.Helper()
	list, err := segments(dir)
	if err != nil || len(list) == 0 {
		return
	}
	latest := list[len(list)-1]
	path := filepath.Join(dir, latest.name)
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Write(line[:random.IntN(len(line))]); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, latest.last, latest.last); err != nil {
		t.Fatal(err)
	}
}

// compare reads, and leaves aside what is within the slack of a bound: from, to, and the end of the retention.
func compare(t *testing.T, f *Files, all []noted, bounds [3]time.Time, where string) {
	t.Helper()
	near := map[string]bool{}
	var want []string
	for _, r := range all {
		for _, b := range bounds {
			near[r.id] = near[r.id] || r.ended.Sub(b).Abs() <= Slack
		}
		if !near[r.id] && !r.ended.Before(bounds[0]) && r.ended.Before(bounds[1]) && !r.ended.Before(bounds[2]) {
			want = append(want, r.id)
		}
	}
	got := slices.DeleteFunc(ids(t, f, bounds[0], bounds[1]), func(id string) bool { return near[id] })
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%s: %s", where, diff)
	}
}
