// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"math"
	"time"

	"github.com/maypok86/otter/v2"
)

// memory keeps entries up to a weight. Which of them stay is decided by how often keys were asked for lately (W-TinyLFU), so
// that a run of answers that nobody asks for again does not drive out the others.
type memory struct {
	*otter.Cache[Key, *Entry]
	clock *otter.CoarseClock
}

// lag is how far the memory's clock may be behind. It only says when what has expired leaves the memory, and reading a better
// one would be half the cost of a hit.
const lag = 250 * time.Millisecond

// newMemory makes the memory of a Cache, to be stopped. What is evicted is evicted by who puts an entry there, before it goes
// on, so that the bound holds however fast they come.
func (c *Cache) newMemory(bytes int64) *memory {
	clock := otter.NewCoarseClock(lag)
	return &memory{clock: clock, Cache: otter.Must(&otter.Options[Key, *Entry]{
		MaximumWeight: uint64(bytes),
		Weigher:       func(_ Key, e *Entry) uint32 { return uint32(min(e.weight(), math.MaxUint32)) },
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[Key, *Entry]) time.Duration {
			return max(e.Value.TTL-e.Value.Age(c.opts.Now()), 0) + lag
		}),
		OnAtomicDeletion: func(e otter.DeletionEvent[Key, *Entry]) {
			if e.Cause == otter.CauseOverflow {
				c.evicted.Add(1)
			}
		},
		Executor: func(task func()) { task() },
		Clock:    clock,
	})}
}

// stop ends what happens in the background. Who still reads may go on.
func (m *memory) stop() {
	m.StopAllGoroutines()
	m.clock.Stop()
}
