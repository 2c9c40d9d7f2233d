// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func lines(n int64) *int64 { return &n }

func TestAReaderIsGivenWhatItAsksFor(t *testing.T) {
	// a, b and c are written a second apart, d in two pieces, and e has no end yet
	pieces := []string{"a\n", "b\nc\n", "d", "d\ne"}
	for name, tc := range map[string]struct {
		query Query
		want  string
	}{
		"all":                             {Query{}, "a\nb\nc\ndd\ne"},
		"the last line":                   {Query{Tail: lines(1)}, "e"},
		"the last two lines":              {Query{Tail: lines(2)}, "dd\ne"},
		"as many lines as there are":      {Query{Tail: lines(5)}, "a\nb\nc\ndd\ne"},
		"more lines than there are":       {Query{Tail: lines(1 << 40)}, "a\nb\nc\ndd\ne"},
		"no lines":                        {Query{Tail: lines(0)}, ""},
		"since the first":                 {Query{Since: noon}, "a\nb\nc\ndd\ne"},
		"since the second":                {Query{Since: noon.Add(time.Second)}, "b\nc\ndd\ne"},
		"since a moment between two":      {Query{Since: noon.Add(1500 * time.Millisecond)}, "dd\ne"},
		"a line is of when it began":      {Query{Since: noon.Add(3 * time.Second)}, "e"},
		"since a time to come":            {Query{Since: noon.Add(time.Hour)}, ""},
		"the tail, and of it what is new": {Query{Tail: lines(4), Since: noon.Add(2 * time.Second)}, "dd\ne"},
		"some bytes":                      {Query{Limit: 3}, "a\nb"},
		"as many bytes as there are":      {Query{Limit: 10}, "a\nb\nc\ndd\ne"},
		"more bytes than there are":       {Query{Limit: 99}, "a\nb\nc\ndd\ne"},
		"some bytes of the tail":          {Query{Limit: 2, Tail: lines(2)}, "dd"},
		"times": {Query{Timestamps: true}, "2026-05-04T12:00:00.000000000Z a\n2026-05-04T12:00:01.000000000Z b\n" +
			"2026-05-04T12:00:01.000000000Z c\n2026-05-04T12:00:02.000000000Z dd\n2026-05-04T12:00:03.000000000Z e"},
		"times of the tail":         {Query{Timestamps: true, Tail: lines(1)}, "2026-05-04T12:00:03.000000000Z e"},
		"times count among bytes":   {Query{Timestamps: true, Limit: 4}, "2026"},
		"a limit at a line's time":  {Query{Timestamps: true, Limit: 31}, "2026-05-04T12:00:00.000000000Z "},
		"times of what is new":      {Query{Timestamps: true, Since: noon.Add(3 * time.Second)}, "2026-05-04T12:00:03.000000000Z e"},
		"the one before is another": {Query{Previous: true, Tail: lines(1)}, "before\n"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.time = noon.Add(-time.Hour)
			b.say(b.Begin(), "x\n", "before\n")
			b.time = noon
			b.say(b.Begin(), pieces...)
			if diff := cmp.Diff(tc.want, b.read(tc.query)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestALongLogIsReadInPieces(t *testing.T) {
	b := newBench(t)
	c := b.Begin()
	long := strings.Repeat("x", 3*pieceBytes)
	b.say(c, long+"\n")
	for i := range 3 * blockStamps {
		b.say(c, fmt.Sprintf("%d\n", i))
	}
	if got := b.read(Query{Tail: lines(3*blockStamps + 1), Limit: 3*pieceBytes + 3}); got != long+"\n0\n" {
		t.Errorf("%d bytes of the head end with %q", len(got), got[max(0, len(got)-10):])
	}
	got := b.read(Query{Tail: lines(1), Timestamps: true})
	want := noon.Add(3*blockStamps*time.Second).Format(timeFormat) + fmt.Sprintf("%d\n", 3*blockStamps-1)
	if got != want {
		t.Errorf("the last line is %q, want %q", got, want)
	}
	if got, want := strings.Count(b.read(Query{Timestamps: true}), "2026-05-04T1"), 3*blockStamps+1; got != want {
		t.Errorf("%d times for %d lines", got, want)
	}
	for i, line := range strings.Split(strings.TrimSpace(b.read(Query{Timestamps: true})), "\n") {
		if !strings.HasPrefix(line, noon.Add(time.Duration(i)*time.Second).Format(timeFormat)) {
			t.Fatalf("line %d begins with %q", i, line[:40])
		}
	}
}

// pipe is a reader who may be waited for.
type pipe struct{ *io.PipeWriter }

func (pipe) Flush() error { return nil }

// follow reads in the background; what was read so far can be asked for, and how it ended.
func follow(ctx context.Context, b *bench, query Query) (soFar func() string, ended func() error) {
	query.Follow = true
	var mu sync.Mutex
	var got bytes.Buffer
	end := make(chan error, 1)
	from, to := io.Pipe()
	go func() {
		end <- b.Read(ctx, query, pipe{to})
		_ = to.Close()
	}()
	go func() {
		buffer := make([]byte, 1024)
		for {
			n, err := from.Read(buffer)
			mu.Lock()
			got.Write(buffer[:n])
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	soFar = func() string {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return got.String()
	}
	return soFar, func() error { return <-end }
}

func TestAFollowerSeesWhatIsWrittenUntilTheContainerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		c := b.Begin()
		b.say(c, "a\n", "b\n")
		soFar, ended := follow(t.Context(), b, Query{Tail: lines(1), Timestamps: true})
		if got, want := soFar(), "2026-05-04T12:00:01.000000000Z b\n"; got != want {
			t.Errorf("at first %q, want %q", got, want)
		}
		b.say(c, "c", "c\nd")
		b.Begin()
		if err := ended(); err != nil {
			t.Error(err)
		}
		want := "2026-05-04T12:00:01.000000000Z b\n2026-05-04T12:00:02.000000000Z cc\n2026-05-04T12:00:03.000000000Z d"
		if diff := cmp.Diff(want, soFar()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAFollowerEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		query Query
		end   func(*bench, *Container, context.CancelFunc)
		want  error
	}{
		"with its context":   {Query{}, func(_ *bench, _ *Container, cancel context.CancelFunc) { cancel() }, context.Canceled},
		"with the container": {Query{}, func(_ *bench, c *Container, _ context.CancelFunc) { c.End() }, nil},
		"with the log":       {Query{}, func(b *bench, _ *Container, _ context.CancelFunc) { _ = b.Close() }, nil},
		"at its limit":       {Query{Limit: 4}, func(b *bench, c *Container, _ context.CancelFunc) { b.say(c, "b\nc\n") }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				c := b.Begin()
				b.say(c, "a\n")
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				soFar, ended := follow(ctx, b, tc.query)
				if got := soFar(); got != "a\n" {
					t.Errorf("at first %q", got)
				}
				tc.end(b, c, cancel)
				if err := ended(); !errors.Is(err, tc.want) {
					t.Errorf("it ended with %v, want %v", err, tc.want)
				}
			})
		})
	}
}

// refusing is a client that has gone.
type refusing struct{ flush error }

func (r refusing) Write(b []byte) (int, error) {
	if r.flush == nil {
		return 0, io.ErrClosedPipe
	}
	return len(b), nil
}

func (r refusing) Flush() error { return r.flush }

func TestAReaderThatIsGoneEndsTheReading(t *testing.T) {
	for name, to := range map[string]Flusher{"when written to": refusing{}, "when flushed": refusing{io.ErrClosedPipe}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.say(b.Begin(), "a\n")
			if err := b.Read(t.Context(), Query{Follow: true}, to); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

// Writers and readers share nothing but what is locked: the race detector looks on.
func TestManyFollowersReadTheSame(t *testing.T) {
	b := newBench(t)
	b.now = time.Now
	c := b.Begin()
	const followers, count = 4, 500
	got := make([]text, followers)
	var reading sync.WaitGroup
	for i := range got {
		reading.Go(func() {
			if err := b.Read(t.Context(), Query{Follow: true, Since: noon.Add(-time.Hour)}, &got[i]); err != nil {
				t.Error(err)
			}
		})
	}
	var want strings.Builder
	for i := range count {
		line := fmt.Sprintf("line %d\n", i)
		want.WriteString(line)
		if _, err := c.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	c.End()
	reading.Wait()
	for i := range got {
		if diff := cmp.Diff(want.String(), got[i].String()); diff != "" {
			t.Errorf("follower %d: %s", i, diff)
		}
	}
}
