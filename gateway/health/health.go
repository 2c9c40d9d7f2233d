// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package health asks providers now and then whether they are there, and remembers what it found.
package health

import (
	"context"
	"sync"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// Ask makes one check and returns soon after its context ends. The text of its error is a short, stable phrase without
// secrets, such as "status 503".
type Ask func(ctx context.Context) error

// Check is what is to be asked, and how often.
type Check struct {
	// Key is whose check it is. What was found is kept by it.
	Key string
	// Version changes with what is asked: then a check is made at once, and what is under way is broken off.
	Version string
	// Settings may change without a check at once, unless one is overdue by them.
	Settings config.HealthCheck
	// Ask is nil for no check.
	Ask Ask
	// Told, where it is not nil, is called with each verdict, in order. It must be quick and call nothing of this package.
	Told func(healthy bool)
}

// Book keeps the checks that are under way. It is safe for concurrent use.
type Book struct {
	now  func() time.Time
	wait sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	statuses map[string]*Status
}

// NewBook gives a book without checks. now is the clock of what is told; intervals and timeouts are real time. Close it to
// end its goroutines.
func NewBook(now func() time.Time) *Book {
	return &Book{now: now, statuses: map[string]*Status{}}
}

// Use gives the status of each check, in order, nil where there is none, and ends the checks that are not among them. A
// check that is new, or of another version, is made at once. It waits for nothing.
func (b *Book) Use(checks []Check) []*Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	used := make([]*Status, len(checks))
	keep := make(map[string]*Status, len(checks))
	for i, check := range checks {
		if check.Ask == nil {
			continue
		}
		status, ok := keep[check.Key]
		if !ok {
			status, ok = b.statuses[check.Key]
		}
		if !ok {
			status = &Status{now: b.now}
		}
		keep[check.Key], used[i] = status, status
		if life, wait, begins := status.use(check); begins && !b.closed {
			b.wait.Go(func() { status.watch(life, wait) })
		}
	}
	for key, status := range b.statuses {
		if keep[key] == nil {
			status.stop()
		}
	}
	b.statuses = keep
	return used
}

// Close ends all checks and waits for those under way, which are broken off. What was found can still be read.
func (b *Book) Close() {
	b.mu.Lock()
	b.closed = true
	for _, status := range b.statuses {
		status.stop()
	}
	b.mu.Unlock()
	b.wait.Wait()
}
