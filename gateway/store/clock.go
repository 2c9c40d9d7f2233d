// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"sync/atomic"
	"time"
)

// clock estimates the server's clock from answers, never ahead of it: so a reservation can say until when its caller waits,
// in the server's time, and one that is carried out later takes nothing. Times are microseconds.
type clock struct {
	begin time.Time // own time is since then, and monotonic
	ahead atomic.Int64
}

func (c *clock) own() int64 { return time.Since(c.begin).Microseconds() }

// heard learns from an answer with the server's time to a question of the own time asked. The server's clock is ahead of
// ours by at least the time that it tells less that at which the answer arrived. The largest such bound is the nearest; one
// that is larger than can be says that somebody set a clock.
func (c *clock) heard(server, asked int64) {
	least, most := server-c.own(), server-asked
	if known := c.ahead.Load(); least > known || known > most {
		c.ahead.Store(least)
	}
}

// until gives the server's time after a while, or some less.
func (c *clock) until(d time.Duration) int64 { return c.own() + d.Microseconds() + c.ahead.Load() }
