// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package errortrack

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// shard is a part of the groups, by their fingerprint, so that requests that fail in different ways seldom meet.
type shard struct {
	mu     sync.Mutex
	groups map[uint64]*group
}

// The hooks, by their place in a group's memory.
const (
	sentryHook = iota
	webhookHook
	hooks
)

// group is requests that failed in one way. What changes is guarded by its shard.
type group struct {
	// about is what the first request said; its counts mean nothing.
	about Group
	key   uint64
	shard *shard
	fault bool

	count  int64
	last   time.Time
	lastID [exchange.IDLen]byte
	hour   hour
	// seen is last, in nanoseconds since 1970, where the roster looks for the oldest.
	seen *atomic.Int64
	told [hooks]told
}

// told is what a hook knows of a group.
type told struct {
	// waiting says that the hook has the group before it.
	waiting bool
	// count is what it was told last, at its time; by the clock of waiting.
	count int64
	at    time.Time
}

// newGroup gives a group that counted nothing. It has copies of what it keeps, or a name would keep the whole document that it
// was read from.
func newGroup(key uint64, e *Event, redact func(dst, text []byte) []byte) *group {
	level := config.LevelWarning
	fault := faulty(e)
	if fault {
		level = config.LevelError
	}
	return &group{key: key, fault: fault, about: Group{
		Fingerprint: fingerprintText(key), Reason: string(e.Reason), Outcome: e.Outcome.String(), Level: level,
		Status: e.Status, UpstreamStatus: e.UpstreamStatus, Provider: strings.Clone(e.Provider),
		Model: strings.Clone(e.Target), Route: strings.Clone(e.Route), Dialect: e.Dialect.String(), Operation: e.Operation.String(), First: e.Time.UTC(), Sample: sample(e, redact),
	}}
}

// add counts one more. The caller holds the shard.
func (g *group) add(e *Event) {
	g.count++
	g.hour.add(e.Time)
	// Requests that ended at once may come in any order.
	if !e.Time.Before(g.last) {
		g.last, g.lastID = e.Time, e.RequestID
		g.seen.Store(e.Time.UnixNano())
	}
}

// view tells what is known of a group. The caller holds the shard.
func (g *group) view(now time.Time) Group {
	v := g.about
	v.Count, v.LastHour, v.Last = g.count, g.hour.sum(now), g.last.UTC()
	if g.lastID != [exchange.IDLen]byte{} {
		v.LastRequestID = string(g.lastID[:])
	}
	return v
}

// hour counts by the minute, for the last 60 of them.
type hour struct {
	counts [60]uint32
	// minute is the newest, since 1970.
	minute int64
}

func (h *hour) add(at time.Time) {
	minute := max(at.Unix()/60, 0)
	h.move(minute)
	// What comes late goes to its own minute.
	if back := h.minute - minute; back < int64(len(h.counts)) {
		h.counts[minute%int64(len(h.counts))]++
	}
}

func (h *hour) sum(now time.Time) int64 {
	h.move(now.Unix() / 60)
	var n int64
	for _, count := range h.counts {
		n += int64(count)
	}
	return n
}

// move forgets the minutes that are over when a new one comes.
func (h *hour) move(minute int64) {
	for m := max(h.minute, minute-int64(len(h.counts))) + 1; m <= minute; m++ {
		h.counts[m%int64(len(h.counts))] = 0
	}
	h.minute = max(h.minute, minute)
}
