// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

const (
	minuteSlots = 6
	slotLength  = int64(time.Minute) / minuteSlots
)

// Minute counts attempts of the last minute: of the last 50 seconds at least, of 60 at most. The zero value is ready. It is
// safe for concurrent use, and takes a lock once in ten seconds.
type Minute struct {
	slots [minuteSlots]minuteSlot
	mu    sync.Mutex // held while a slot is taken for a new time
}

// minuteSlot counts within one tick: ten seconds since the caller's epoch, by their number from one on.
type minuteSlot struct {
	tick     atomic.Int64
	attempts atomic.Int64
	failures atomic.Int64
	latency  [config.LatencyBuckets]atomic.Uint32
}

// Add counts an attempt that ended. now is in nanoseconds since an epoch that lies before all calls. failed says that the
// provider is at fault. latency is until the answer began; it is not counted where it is negative, for no answer, or of an
// attempt that failed, as errors come quickly.
func (m *Minute) Add(now int64, failed bool, latency time.Duration) {
	tick := now/slotLength + 1
	slot := &m.slots[tick%minuteSlots]
	if slot.tick.Load() < tick {
		m.turn(slot, tick)
	}
	slot.attempts.Add(1)
	switch {
	case failed:
		slot.failures.Add(1)
	case latency >= 0:
		slot.latency[config.LatencyBucket(latency)].Add(1)
	}
}

// turn empties a slot for a new tick.
func (m *Minute) turn(slot *minuteSlot, tick int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if slot.tick.Load() >= tick {
		return
	}
	slot.attempts.Store(0)
	slot.failures.Store(0)
	for i := range slot.latency {
		slot.latency[i].Store(0)
	}
	slot.tick.Store(tick)
}

// Look gives the counts of the last minute, and of those that did not fail how many began how fast: by
// config.LatencyBucket, trailing zeros left out.
func (m *Minute) Look(now int64) (attempts, failures int64, latency []int64) {
	tick := now/slotLength + 1
	var began [config.LatencyBuckets]int64
	n := 0
	for i := range m.slots {
		slot := &m.slots[i]
		if at := slot.tick.Load(); at <= tick-minuteSlots || at == 0 {
			continue
		}
		attempts += slot.attempts.Load()
		failures += slot.failures.Load()
		for bucket := range slot.latency {
			if more := int64(slot.latency[bucket].Load()); more > 0 {
				began[bucket] += more
				n = max(n, bucket+1)
			}
		}
	}
	if n > 0 {
		latency = append(latency, began[:n]...)
	}
	return attempts, failures, latency
}
