// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress tells a person what happens, in lines that read as well in a file.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	began time.Time
	said  time.Time // when there was the last line
}

// stillEvery is how long a step may be silent.
const stillEvery = 15 * time.Second

func newProgress(w io.Writer) *progress { return &progress{w: w, began: time.Now()} }

func (p *progress) printf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = time.Now()
	_, _ = fmt.Fprintf(p.w, format, args...)
}

// silence is how long there was no line.
func (p *progress) silence() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.said)
}

// Write lets a step's own progress appear below it.
func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = time.Now()
	if _, err := fmt.Fprintf(p.w, "    %s", b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// note is a line below the present step.
func (p *progress) note(format string, args ...any) { p.printf("    "+format+"\n", args...) }

// step runs one step and tells how long it took; its error names it.
func (p *progress) step(title string, work func() error) error {
	began := time.Now()
	p.printf("==> %s\n", title)
	done := make(chan struct{})
	var beating sync.WaitGroup
	beating.Go(func() { p.beat(began, done) })
	err := work()
	close(done)
	beating.Wait()
	if err != nil {
		p.note("failed after %s", tenths(began))
		return fmt.Errorf("%s: %w", title, err)
	}
	p.note("done (%s)", tenths(began))
	return nil
}

// beat speaks only when the step does not.
func (p *progress) beat(began time.Time, done <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			if p.silence() >= stillEvery {
				p.note("still at it (%s)", time.Since(began).Round(time.Second))
			}
		}
	}
}

func tenths(since time.Time) time.Duration { return time.Since(since).Round(100 * time.Millisecond) }
