// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// bench is a log whose clock moves only when told.
type bench struct {
	*Log
	t      *testing.T
	time   time.Time
	failed []error
}

// noon is when the clock begins.
var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func newBench(t *testing.T) *bench {
	t.Helper()
	return openBench(t, filepath.Join(t.TempDir(), "log", "pod.log"))
}

func openBench(t *testing.T, path string) *bench {
	t.Helper()
	b := &bench{t: t, time: noon}
	log, err := Open(path, func(err error) { b.failed = append(b.failed, err) })
	if err != nil {
		t.Fatal(err)
	}
	b.Log = log
	log.now = func() time.Time { return b.time }
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// say writes each piece a second after the one before.
func (b *bench) say(c *Container, pieces ...string) {
	b.t.Helper()
	for _, piece := range pieces {
		if n, err := c.Write([]byte(piece)); n != len(piece) || err != nil {
			b.t.Fatalf("wrote %d of %d: %v", n, len(piece), err)
		}
		b.time = b.time.Add(time.Second)
	}
}

// text is what a reader is given.
type text struct {
	strings.Builder
	flushed int // bytes
}

func (s *text) Flush() error {
	s.flushed = s.Len()
	return nil
}

func (b *bench) read(query Query) string {
	b.t.Helper()
	var got text
	if err := b.Read(b.t.Context(), query, &got); err != nil {
		b.t.Fatal(err)
	}
	if got.flushed != got.Len() {
		b.t.Errorf("%d of %d bytes were flushed", got.flushed, got.Len())
	}
	return got.String()
}

func TestTheFileHoldsWhatWasWrittenAndNothingElse(t *testing.T) {
	b := newBench(t)
	b.say(b.Begin(), "one\n", "two\n")
	b.say(b.Begin(), "three")
	content, err := os.ReadFile(b.path)
	if err != nil || string(content) != "one\ntwo\nthree" {
		t.Errorf("the file says %q, %v", content, err)
	}
}

func TestAContainerIsReadWithoutTheOneBefore(t *testing.T) {
	b := newBench(t)
	if err := b.Read(t.Context(), Query{}, &text{}); !errors.Is(err, ErrNoContainer) {
		t.Errorf("before the first container: %v", err)
	}
	first := b.Begin()
	b.say(first, "first\n")
	if err := b.Read(t.Context(), Query{Previous: true}, &text{}); !errors.Is(err, ErrNoContainer) {
		t.Errorf("before the first container ended: %v", err)
	}
	first.End()
	// while a container waits to be restarted, its log is the present one and the last that ended
	got := []string{b.read(Query{}), b.read(Query{Previous: true})}
	b.say(b.Begin(), "second\n")
	got = append(got, b.read(Query{}), b.read(Query{Previous: true}))
	b.say(b.Begin(), "third\n")
	got = append(got, b.read(Query{}), b.read(Query{Previous: true}))
	want := []string{"first\n", "first\n", "second\n", "first\n", "third\n", "second\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatAnEndedContainerWritesIsNotTheNextOnes(t *testing.T) {
	b := newBench(t)
	first := b.Begin()
	second := b.Begin()
	b.say(second, "second\n")
	b.say(first, "late\n")
	first.End() // must not end the second
	b.say(second, "still\n")
	if got := b.read(Query{}); got != "second\nstill\n" {
		t.Errorf("the second wrote %q", got)
	}
}

func TestALogThatIsOpenedAgainGoesOnWhereItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pod.log")
	b := openBench(t, path)
	b.say(b.Begin(), "before\n", "the end of ")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	// a stamp that a process wrote half when it was killed
	times, err := os.OpenFile(path+".times", os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := times.WriteString("half"); err != nil {
		t.Fatal(err)
	}
	if err := times.Close(); err != nil {
		t.Fatal(err)
	}
	b = openBench(t, path)
	if err := b.Read(t.Context(), Query{}, &text{}); !errors.Is(err, ErrNoContainer) {
		t.Errorf("before the next container: %v", err)
	}
	b.time = noon.Add(time.Hour)
	b.say(b.Begin(), "after\n")
	if got, want := b.read(Query{Timestamps: true}), "2026-05-04T13:00:00.000000000Z after\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAFullDiskLosesLinesButNotTheContainer(t *testing.T) {
	b := newBench(t)
	c := b.Begin()
	b.say(c, "kept\n")
	if err := b.content.Close(); err != nil {
		t.Fatal(err)
	}
	b.say(c, "lost\n", "lost too\n")
	if len(b.failed) != 1 {
		t.Errorf("reported %v, want one", b.failed)
	}
	if got := b.read(Query{Timestamps: true}); got != "2026-05-04T12:00:00.000000000Z kept\n" {
		t.Errorf("got %q", got)
	}
	var err error
	if b.content, err = os.OpenFile(b.path, os.O_APPEND|os.O_WRONLY, 0); err != nil {
		t.Fatal(err)
	}
	b.say(c, "again\n")
	if got := b.read(Query{}); got != "kept\nagain\n" {
		t.Errorf("when there is space again: %q", got)
	}
}

func TestAClosedLogCanStillBeRead(t *testing.T) {
	b := newBench(t)
	c := b.Begin()
	b.say(c, "last words\n")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
	b.say(c, "too late\n")
	if got := b.read(Query{Follow: true}); got != "last words\n" {
		t.Errorf("got %q", got)
	}
	b.say(b.Begin(), "never\n")
	if len(b.failed) > 0 {
		t.Errorf("reported %v", b.failed)
	}
}

func TestALogThatCannotBeOpenedSaysSo(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{
		"a file where the directory should be": filepath.Join(dir, "file", "pod.log"),
		"a directory where the log should be":  dir,
		"a directory where the times should be": func() string {
			path := filepath.Join(dir, "pod.log")
			if err := os.Mkdir(path+".times", 0o700); err != nil {
				t.Fatal(err)
			}
			return path
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(path, nil); err == nil {
				t.Error("it was opened")
			}
		})
	}
}
