// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// hourMinutes is how many minutes an Hour remembers, the one that is not over included.
const hourMinutes = 60

// Hour counts requests of the last 60 minutes, by the minute. The zero value is ready. It is safe for concurrent use, and takes
// a lock once a minute.
type Hour struct {
	slots [hourMinutes]hourSlot
	mu    sync.Mutex // held while a slot is taken for a new minute
}

// hourSlot counts within one minute. Those who were answered are in the buckets of duration only: a request adds to few numbers. But
// sessions, which last for as long as their clients like, are in left.
type hourSlot struct {
	minute     atomic.Int64 // since 1970; 0 before the first use
	left       atomic.Int64 // neither answered nor failed nor refused
	failed     atomic.Int64
	refused    atomic.Int64
	tokens     atomic.Int64
	cost       atomic.Int64
	misses     atomic.Int64
	hits       atomic.Int64
	duration   [config.LatencyBuckets]atomic.Uint32
	firstToken [config.LatencyBuckets]atomic.Uint32
}

// Add counts a request that ended at a time, and what all its attempts used. now is the same time in nanoseconds since 1970, by
// a clock that does not go back: it says which minute.
func (h *Hour) Add(now int64, end time.Time, ex *exchange.Exchange, use exchange.Use) {
	minute := now / int64(time.Minute)
	slot := &h.slots[minute%hourMinutes]
	if slot.minute.Load() < minute {
		h.turn(slot, minute)
	}
	switch classOf(ex) {
	case answered:
		slot.answer(end, ex)
	case failed:
		slot.failed.Add(1)
	case refused:
		slot.refused.Add(1)
	default:
		slot.left.Add(1)
	}
	if use.Tokens > 0 {
		slot.tokens.Add(use.Tokens)
	}
	if use.Cost > 0 {
		slot.cost.Add(int64(use.Cost))
	}
	switch ex.Caching.Result {
	case exchange.CacheHit:
		slot.hits.Add(1)
	case exchange.CacheMiss:
		slot.misses.Add(1)
	}
}

func (s *hourSlot) answer(end time.Time, ex *exchange.Exchange) {
	s.duration[config.LatencyBucket(end.Sub(ex.Start))].Add(1)
	if !ex.Stream {
		return
	}
	// What was kept comes at once.
	first := end
	if !ex.FirstToken.IsZero() {
		first = ex.FirstToken
	}
	s.firstToken[config.LatencyBucket(first.Sub(ex.Start))].Add(1)
}

// class is whose fault it is how a request ended.
type class uint8

const (
	answered class = iota
	left           // nobody's
	failed         // the gateway's or a provider's
	refused        // the client's
)

func classOf(ex *exchange.Exchange) class {
	switch ex.Outcome {
	case exchange.OK:
		if ex.Operation == exchange.Realtime {
			return left
		}
		return answered
	case exchange.ClientGone, exchange.Overtaken:
		return left
	case exchange.Internal, exchange.Unavailable, exchange.Drained:
		return failed
	}
	// A limit that nobody could ask is refused with a 503. Who wants a cached answer or none gets a 504 that is no fault.
	if ex.Outcome.ProviderFault() || ex.Status >= 500 && ex.Reason != exchange.ReasonNotCached {
		return failed
	}
	return refused
}

// turn empties a slot for a new minute.
func (h *Hour) turn(slot *hourSlot, minute int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if slot.minute.Load() >= minute {
		return
	}
	for _, n := range [...]*atomic.Int64{&slot.left, &slot.failed, &slot.refused, &slot.tokens, &slot.cost, &slot.misses, &slot.hits} {
		n.Store(0)
	}
	for i := range config.LatencyBuckets {
		slot.duration[i].Store(0)
		slot.firstToken[i].Store(0)
	}
	slot.minute.Store(minute)
}

// Look gives the minutes from that of since to that of now, at most 60, the oldest first: one each, whether or not there were
// requests. Both are as in Add.
func (h *Hour) Look(since, now int64) []config.TrafficMinute {
	last := now / int64(time.Minute)
	first := max(since/int64(time.Minute), last-hourMinutes+1)
	minutes := make([]config.TrafficMinute, 0, max(last-first+1, 0))
	for minute := first; minute <= last; minute++ {
		m := config.TrafficMinute{At: time.Unix(minute*60, 0).UTC()}
		if slot := &h.slots[minute%hourMinutes]; slot.minute.Load() == minute {
			slot.tell(&m)
		}
		minutes = append(minutes, m)
	}
	return minutes
}

func (s *hourSlot) tell(m *config.TrafficMinute) {
	m.Failed, m.Refused, m.Tokens, m.Hits = s.failed.Load(), s.refused.Load(), s.tokens.Load(), s.hits.Load()
	m.Cost = float64(s.cost.Load()) / float64(config.Dollar)
	m.Lookups = m.Hits + s.misses.Load()
	var whole int64
	m.Duration, whole = spread(&s.duration)
	m.FirstToken, _ = spread(&s.firstToken)
	m.Requests = whole + m.Failed + m.Refused + s.left.Load()
}

// spread gives the counts without trailing zeros, nil where there are none, and their sum.
func spread(from *[config.LatencyBuckets]atomic.Uint32) (counts []int64, sum int64) {
	var all [config.LatencyBuckets]int64
	n := 0
	for i := range from {
		if all[i] = int64(from[i].Load()); all[i] > 0 {
			sum += all[i]
			n = i + 1
		}
	}
	if n == 0 {
		return nil, 0
	}
	return append(counts, all[:n]...), sum
}
