// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"sync"
	"time"
)

const (
	// After so many failures without a success between them, a service is left alone for this time.
	failuresToOpen = 5
	openFor        = time.Second
)

// circuit spares requests the wait for a service that is dead. The zero value is closed. It is safe for concurrent use.
type circuit struct {
	mu       sync.Mutex
	failures int
	// until is when the next may ask; zero while the circuit is closed.
	until time.Time
	// probing says that one asks, to see whether the service is back.
	probing bool
}

// enter says whether the service may be asked, and whether it is to see if it is back.
func (c *circuit) enter(now time.Time) (probe, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.until.IsZero() {
		return false, true
	}
	if c.probing || now.Before(c.until) {
		return false, false
	}
	c.probing = true
	return true, true
}

// settle takes how it ended. What was asked before the circuit opened neither closes it nor keeps it open.
func (c *circuit) settle(probe, success bool, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch open := !c.until.IsZero(); {
	case open && !probe:
	case success:
		c.failures, c.until, c.probing = 0, time.Time{}, false
	case probe:
		c.until, c.probing = now.Add(openFor), false
	default:
		if c.failures++; c.failures >= failuresToOpen {
			c.until = now.Add(openFor)
		}
	}
}

// leave is for who does not know how it ended; another may look.
func (c *circuit) leave(probe bool) {
	if !probe {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.probing = false
}
