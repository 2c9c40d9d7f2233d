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
}

// stillEvery is how often a step that takes long says that it goes on.
const stillEvery = 10 * time.Second

func newProgress(w io.Writer) *progress { return &progress{w: w, began: time.Now()} }

func (p *progress) printf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, format, args...)
}

// Write lets a step's own progress appear below it.
func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
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
	beating.Go(func() {
		tick := time.NewTicker(stillEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				p.note("still at it (%s)", tenths(began))
			}
		}
	})
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

func tenths(since time.Time) time.Duration { return time.Since(since).Round(100 * time.Millisecond) }
