// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// clock is a time that moves when told.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = at
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// at is a record that ended then.
func at(id string, ended time.Time) []byte {
	return AppendJSON(nil, &Record{ID: id, Time: ended.Add(-time.Minute), LatencyMs: 60_000})
}

// kept opens a directory by a clock, and closes it in the end.
func kept(t testing.TB, dir string, c *clock) *Files {
	t.Helper()
	f, err := OpenFiles(FilesOptions{Dir: dir, Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// ids reads those of the records between two times.
func ids(t testing.TB, f *Files, from, to time.Time) []string {
	t.Helper()
	var got []string
	if err := f.Read(t.Context(), from, to, func(line []byte) error {
		r, err := Parse(line)
		got = append(got, r.ID)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

func all(t testing.TB, f *Files) []string { return ids(t, f, time.Time{}, noon.AddDate(9, 0, 0)) }

// names of the segments of a directory.
func names(t testing.TB, dir string) []string {
	t.Helper()
	list, err := segments(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range list {
		got = append(got, strings.TrimSuffix(strings.TrimPrefix(s.name, segmentPrefix), segmentSuffix))
	}
	return got
}

func TestWhatWasAppendedIsRead(t *testing.T) {
	c := &clock{now: noon}
	f := kept(t, filepath.Join(t.TempDir(), "made"), c)
	// The one at 13 minutes is within the slack.
	for i := range 100 {
		c.set(noon.Add(time.Duration(i) * time.Minute))
		f.Append(at(fmt.Sprint(i), c.Now()))
		f.flush()
	}
	got := ids(t, f, noon.Add(10*time.Minute), noon.Add(13*time.Minute))
	if diff := cmp.Diff([]string{"10", "11", "12", "13"}, got); diff != "" {
		t.Error(diff)
	}
	if got := all(t, f); len(got) != 100 || !slices.IsSortedFunc(got, func(a, b string) int { return len(a) - len(b) }) {
		t.Error(got)
	}
	stop := errors.New("enough")
	n := 0
	if err := f.Read(t.Context(), time.Time{}, noon.AddDate(1, 0, 0), func([]byte) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
		t.Errorf("%v after %d lines", err, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Read(ctx, time.Time{}, noon.AddDate(1, 0, 0), func([]byte) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestLinesAreWrittenWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		f := kept(t, dir, &clock{now: noon})
		f.Append(at("a", noon))
		time.Sleep(flushEvery + time.Millisecond)
		synctest.Wait()
		list, err := segments(dir)
		if err != nil || len(list) != 1 || list[0].size == 0 {
			t.Error(list, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestSegments(t *testing.T) {
	day := func(d, h int) time.Time { return time.Date(2026, 3, d, h, 0, 0, 0, time.UTC) }
	type step struct {
		at     time.Time
		reopen bool
	}
	for name, tt := range map[string]struct {
		retention time.Duration
		steps     []step
		want      []string
	}{
		"one a day":                          {90 * 24 * time.Hour, []step{{day(1, 1), false}, {day(1, 23), false}, {day(2, 0), false}}, []string{"20260301T010000.000000000Z", "20260302T000000.000000000Z"}},
		"a restart goes on":                  {90 * 24 * time.Hour, []step{{day(1, 1), false}, {day(1, 2), true}}, []string{"20260301T010000.000000000Z"}},
		"a restart on another day":           {90 * 24 * time.Hour, []step{{day(1, 1), false}, {day(2, 2), true}}, []string{"20260301T010000.000000000Z", "20260302T020000.000000000Z"}},
		"what is too old goes":               {48 * time.Hour, []step{{day(1, 1), false}, {day(2, 1), false}, {day(3, 2), false}}, []string{"20260302T010000.000000000Z", "20260303T020000.000000000Z"}},
		"short retention, short segments":    {8 * time.Hour, []step{{day(1, 1), false}, {day(1, 2), false}, {day(1, 3), false}}, []string{"20260301T010000.000000000Z", "20260301T020000.000000000Z", "20260301T030000.000000000Z"}},
		"a clock that was set back":          {90 * 24 * time.Hour, []step{{day(2, 1), false}, {day(1, 1), false}}, []string{"20260302T010000.000000000Z", "20260302T010000.000000001Z"}},
		"all are too old after a long pause": {24 * time.Hour, []step{{day(1, 1), false}, {day(9, 1), true}}, []string{"20260309T010000.000000000Z"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, c := t.TempDir(), &clock{now: tt.steps[0].at}
			if err := os.WriteFile(filepath.Join(dir, "usage-other.jsonl"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			f := kept(t, dir, c)
			f.Limit(tt.retention, 1<<30)
			for i, s := range tt.steps {
				c.set(s.at)
				if s.reopen {
					if err := f.Close(); err != nil {
						t.Fatal(err)
					}
					f = kept(t, dir, c)
					f.Limit(tt.retention, 1<<30)
				}
				f.Append(at(fmt.Sprint(i), s.at))
				f.flush()
			}
			if diff := cmp.Diff(tt.want, names(t, dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheDirectoryIsBounded(t *testing.T) {
	const most = 1 << 20
	dir, c := t.TempDir(), &clock{now: noon}
	f := kept(t, dir, c)
	f.Limit(time.Hour, most)
	written := 0
	for i := range 50 {
		c.set(noon.Add(time.Duration(i) * time.Second))
		for range 200 {
			line := at(fmt.Sprintf("%04d", i), c.Now())
			written += len(line)
			f.Append(line)
		}
		f.flush()
		list, err := segments(dir)
		if err != nil {
			t.Fatal(err)
		}
		total := int64(0)
		for _, s := range list {
			total += s.size
		}
		if total > most+most/8+64<<10 {
			t.Fatalf("%d bytes after %d were written", total, written)
		}
	}
	got := all(t, f)
	if written < 2*most || len(got) < 2000 || got[len(got)-1] != "0049" || got[0] == "0000" {
		t.Errorf("of %d bytes, %d records from %s are left", written, len(got), got[0])
	}
}

func TestTornLinesAreSkipped(t *testing.T) {
	whole := string(at("a", noon))
	for name, tt := range map[string]struct {
		content string
		skipped int64
	}{
		"a torn last line":           {whole + whole[:40], 1},
		"a torn last line alone":     {whole[:40], 1},
		"a torn line with an end":    {whole[:40] + "\n" + whole, 1},
		"an empty line":              {whole + "\n", 1},
		"bytes that are no record":   {whole + "\x00\x00\x00\n", 1},
		"a line that is far to long": {strings.Repeat("x", 3*MaxLine) + "\n" + whole, 1},
		"one without an end":         {whole + strings.Repeat("x", 3*MaxLine), 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, segmentName(noon)), []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(filepath.Join(dir, segmentName(noon)), noon, noon); err != nil {
				t.Fatal(err)
			}
			f := kept(t, dir, &clock{now: noon.Add(time.Second)})
			f.Append(at("b", noon.Add(time.Second)))
			var want []string
			if strings.HasPrefix(tt.content, whole) || strings.HasSuffix(tt.content, whole) {
				want = append(want, "a")
			}
			if diff := cmp.Diff(append(want, "b"), all(t, f)); diff != "" {
				t.Error(diff)
			}
			if f.Skipped() != tt.skipped {
				t.Errorf("%d skipped", f.Skipped())
			}
		})
	}
}

// A process that ends at any byte of a write loses that line at most, and the next one goes on.
func TestAnyCutIsSurvived(t *testing.T) {
	lines := append(at("a", noon), at("b", noon)...)
	for n := range len(lines) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, segmentName(noon)), lines[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		f := kept(t, dir, &clock{now: noon})
		f.Append(at("c", noon))
		want := slices.Concat([]string{"a", "b"}[:bytes.Count(lines[:n], []byte("\n"))], []string{"c"})
		if diff := cmp.Diff(want, all(t, f)); diff != "" {
			t.Fatalf("cut at %d: %s", n, diff)
		}
		_ = f.Close()
	}
}

func TestADirectoryThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFiles(FilesOptions{Dir: filepath.Join(file, "below")}); err == nil || !strings.Contains(err.Error(), "usage records") {
		t.Error(err)
	}
}

func TestErrorsOfWritingAreCountedAndLoggedOnceAMinute(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	var log bytes.Buffer
	var dropped atomic.Int64
	c := &clock{now: noon}
	f, err := OpenFiles(FilesOptions{
		Dir: dir, Now: c.Now, Logger: slog.New(slog.NewTextHandler(&log, nil)), Dropped: func(n int) { dropped.Add(int64(n)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{1, 1, 2} {
		c.set(noon.Add(time.Duration(i) * 40 * time.Second))
		f.Append(at("a", noon))
		f.Append(at("b", noon))
		f.flush()
		if got := strings.Count(log.String(), "usage records were not written"); got != want {
			t.Errorf("step %d: logged %d times, want %d", i, got, want)
		}
	}
	if dropped.Load() != 6 {
		t.Errorf("%d dropped", dropped.Load())
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f.Append(at("c", noon))
	if diff := cmp.Diff([]string{"c"}, all(t, f)); diff != "" {
		t.Errorf("once it can be written again: %s", diff)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	f.Append(at("d", noon))
	if dropped.Load() != 7 {
		t.Errorf("after Close: %d dropped", dropped.Load())
	}
}

func TestWhatDoesNotFitIsDropped(t *testing.T) {
	q := newQueue(1<<20, 0)
	line := at("a", noon)
	taken := 0
	for q.add(line) {
		taken++
	}
	if taken < 8000 || taken*len(line) > maxPending {
		t.Errorf("%d lines of %d bytes", taken, len(line))
	}
	batch, lines := q.take()
	if lines != taken || bytes.Count(batch, []byte("\n")) != taken || !q.add(line) {
		t.Errorf("%d lines were taken", lines)
	}
}

// Appending, reading and pruning at once: nothing that was taken is lost or seen twice.
func TestFilesAreSafeForConcurrentUse(t *testing.T) {
	c := &clock{now: noon}
	f := kept(t, t.TempDir(), c)
	f.Limit(24*time.Hour, 1<<30)
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range 500 {
				f.Append(at(fmt.Sprintf("%d-%d", w, i), noon))
			}
		})
	}
	for range 20 {
		got := all(t, f)
		unique := slices.Compact(slices.Sorted(slices.Values(got)))
		if len(unique) != len(got) {
			t.Fatal("a record was read twice")
		}
	}
	writers.Wait()
	if got := all(t, f); len(got) != 2000 {
		t.Errorf("%d records", len(got))
	}
}

func BenchmarkAppend(b *testing.B) {
	f := kept(b, b.TempDir(), &clock{now: time.Now()})
	full := example()
	line := AppendJSON(nil, &full)
	b.ReportAllocs()
	for b.Loop() {
		f.Append(line)
	}
}
