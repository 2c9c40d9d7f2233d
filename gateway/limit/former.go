// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"math"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// What follows is what the gateway uses until it has moved to Book and Charge.

// Limit is a request limit in the form that GCRA computes with. Times are nanoseconds since an epoch that the caller
// chooses once.
type Limit struct {
	interval  int64 // between two requests at the allowed rate
	tolerance int64 // how far the TAT may be ahead: burst × interval
	burst     int64
	per       config.Duration
	count     int64 // as configured
}

// NewLimit converts a limit of the document, whose fields are positive.
func NewLimit(l config.RequestLimit) Limit {
	interval := max(int64(l.Per)/l.Count, 1)
	tolerance := int64(math.MaxInt64 / 4)
	if l.Burst < tolerance/interval {
		tolerance = l.Burst * interval
	}
	return Limit{interval: interval, tolerance: tolerance, burst: l.Burst, per: l.Per, count: l.Count}
}

// Decision is what a caller should be told. The zero value says that no limit applied.
type Decision struct {
	// Limited says that a limit applied, so that the numbers mean something.
	Limited bool
	// Refused says that the request must not go on.
	Refused bool
	// Limit is how many requests may come at once, Remaining how many of them may still come now.
	Limit, Remaining int64
	// Reset is the time until Remaining is Limit again, RetryAfter until one request may come; 0 when not refused.
	Reset, RetryAfter time.Duration
}

// take gives the TAT after one more request at now, and whether it is allowed. A TAT from before an edit that made the
// limit narrower counts as a full formerBucket, not as a debt of its former size.
func (l Limit) take(tat, now int64) (next int64, ok bool) {
	next = l.clamp(tat, now) + l.interval
	return next, next-now <= l.tolerance
}

func (l Limit) clamp(tat, now int64) int64 { return min(max(tat, now), now+l.tolerance) }

func (l Limit) allowed(next, now int64) Decision {
	return Decision{
		Limited: true, Limit: l.burst,
		Remaining: (l.tolerance - (next - now)) / l.interval,
		Reset:     time.Duration(next - now),
	}
}

func (l Limit) refused(next, now int64) Decision {
	return Decision{
		Limited: true, Refused: true, Limit: l.burst,
		Reset:      time.Duration(next - l.interval - now),
		RetryAfter: time.Duration(next - now - l.tolerance),
	}
}

// formerTighter says that a is what the caller of both limits should be told: the refusal with the longest wait, or else the
// limit with the least remaining.
func formerTighter(a, b Decision) bool {
	switch {
	case !b.Limited:
		return true
	case a.Refused != b.Refused:
		return a.Refused
	case a.Refused:
		return a.RetryAfter > b.RetryAfter
	default:
		return a.Remaining < b.Remaining
	}
}

// Scope keeps the buckets of one identity apart that different limits of the document use.
type Scope uint8

// The scopes.
const (
	ScopeGateway Scope = iota // the gateway's limit on each principal
	ScopeKey                  // the key's own
)

// formerBucket is the living state of one identity under one limit.
type formerBucket struct {
	tat        atomic.Int64
	generation uint64 // of the last build that used it; guarded by formerBook.mu
	scope      Scope
}

type formerKey struct {
	scope    Scope
	identity string
	per      config.Duration
}

// formerBook holds the buckets of configured identities. It is safe for concurrent use.
type formerBook struct {
	mu         sync.Mutex
	buckets    map[formerKey]*formerBucket
	generation uint64
}

// Group is the limits that one principal has to keep together, each with its formerBucket. It is immutable but for the
// buckets, and safe for concurrent use.
type Group struct {
	limits  []Limit
	buckets []*formerBucket
}

// Build calls fill with a function that resolves limits to buckets, adding them to a group, and afterwards forgets the
// buckets that neither this build nor the one before used and that are empty at now: a snapshot in use may still hold
// those of the one before.
func (b *formerBook) Build(now int64, fill func(add func(g *Group, s Scope, identity string, limits []config.RequestLimit))) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.generation++
	fill(func(g *Group, s Scope, identity string, limits []config.RequestLimit) {
		for _, l := range limits {
			k := formerKey{s, identity, l.Per}
			found, ok := b.buckets[k]
			if !ok {
				found = &formerBucket{scope: s}
				b.buckets[k] = found
			}
			found.generation = b.generation
			g.limits = append(g.limits, NewLimit(l))
			g.buckets = append(g.buckets, found)
		}
	})
	for k, found := range b.buckets {
		if found.generation+1 < b.generation && found.tat.Load() <= now {
			delete(b.buckets, k)
		}
	}
}

// Len is the number of buckets.
func (b *formerBook) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.buckets)
}

// Take lets one request through all limits of the group, or through none of them. It does not allocate.
func (g *Group) Take(now int64) Decision {
	if g == nil || len(g.limits) == 0 {
		return Decision{}
	}
	told := g.peek(now)
	if told.Refused {
		return told
	}
	told = Decision{}
	for i, l := range g.limits {
		d := l.commit(g.buckets[i], now)
		if d.Refused {
			// Another request was faster since the peek: give back what was taken.
			for j := range i {
				g.buckets[j].tat.Add(-g.limits[j].interval)
			}
			return d
		}
		if formerTighter(d, told) {
			told = d
		}
	}
	return told
}

// peek decides without taking, so that a refused request costs nothing of the limits that would have let it through.
func (g *Group) peek(now int64) Decision {
	var told Decision
	for i, l := range g.limits {
		next, ok := l.take(g.buckets[i].tat.Load(), now)
		if ok {
			continue
		}
		if d := l.refused(next, now); formerTighter(d, told) {
			told = d
		}
	}
	return told
}

func (l Limit) commit(b *formerBucket, now int64) Decision {
	for {
		tat := b.tat.Load()
		next, ok := l.take(tat, now)
		if !ok {
			return l.refused(next, now)
		}
		if b.tat.CompareAndSwap(tat, next) {
			return l.allowed(next, now)
		}
	}
}

// Client addresses are chosen by clients, so what they make the gateway remember is bounded.
const (
	formerShards = 64
	// formerStep is how many neighbours each new address looks at for forgettable ones.
	formerStep = 4
)

// Addresses limits client addresses: IPv4 each, IPv6 by /64, the least that one customer is given. When it is full of
// addresses whose buckets are in use, the others share an overflow bucket per shard: a flood from many addresses is
// slowed down as one and cannot make the gateway forget who else is limited. It is safe for concurrent use.
type Addresses struct {
	perShard int
	shards   [formerShards]formerShard
}

type formerShard struct {
	mu       sync.Mutex
	known    map[netip.Addr]*address
	overflow address
}

// address is the TATs of one client address, one for each period.
type address struct{ slots []formerSlot }

type formerSlot struct {
	per config.Duration
	tat int64
}

// NewAddresses remembers up to about max addresses; max ≤ 0 means DefaultTransient.
func NewAddresses(max int) *Addresses {
	if max <= 0 {
		max = DefaultTransient
	}
	a := &Addresses{perShard: (max + formerShards - 1) / formerShards}
	for i := range a.shards {
		a.shards[i].known = map[netip.Addr]*address{}
	}
	return a
}

// Take lets one request of an address, as Block gives it, through all limits or through none.
func (a *Addresses) Take(addr netip.Addr, limits []Limit, now int64) Decision {
	if len(limits) == 0 || !addr.IsValid() {
		return Decision{}
	}
	s := &a.shards[formerShardOf(addr)]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(addr, now, a.perShard).take(limits, now)
}

// Len is the number of addresses remembered.
func (a *Addresses) Len() int {
	n := 0
	for i := range a.shards {
		s := &a.shards[i]
		s.mu.Lock()
		n += len(s.known)
		s.mu.Unlock()
	}
	return n
}

func formerShardOf(addr netip.Addr) int {
	b := addr.As16()
	h := uint32(2166136261)
	for _, c := range b {
		h = (h ^ uint32(c)) * 16777619
	}
	return int(h % formerShards)
}

func (s *formerShard) find(addr netip.Addr, now int64, bound int) *address {
	if found, ok := s.known[addr]; ok {
		return found
	}
	looked := 0
	for k, other := range s.known {
		if other.expired(now) {
			delete(s.known, k)
		}
		// A full shard is swept whole: it is that, or refusing strangers their own formerBucket.
		if looked++; looked >= formerStep && len(s.known) < bound {
			break
		}
	}
	if len(s.known) >= bound {
		return &s.overflow
	}
	found := &address{}
	s.known[addr] = found
	return found
}

func (a *address) expired(now int64) bool {
	for _, s := range a.slots {
		if s.tat > now {
			return false
		}
	}
	return true
}

func (a *address) formerSlot(per config.Duration) *formerSlot {
	for i := range a.slots {
		if a.slots[i].per == per {
			return &a.slots[i]
		}
	}
	a.slots = append(a.slots, formerSlot{per: per})
	return &a.slots[len(a.slots)-1]
}

func (a *address) take(limits []Limit, now int64) Decision {
	var told Decision
	for _, l := range limits {
		next, ok := l.take(a.formerSlot(l.per).tat, now)
		d := l.allowed(next, now)
		if !ok {
			d = l.refused(next, now)
		}
		if formerTighter(d, told) {
			told = d
		}
	}
	if told.Refused {
		return told
	}
	for _, l := range limits {
		s := a.formerSlot(l.per)
		s.tat, _ = l.take(s.tat, now)
	}
	return told
}

// Sight is what can be seen of one limit.
type Sight struct {
	Scope Scope
	// Count requests each Per are allowed, of which Burst may come at once, and Remaining now.
	Count            int64
	Per              config.Duration
	Burst, Remaining int64
	// Reset is the time until Remaining is Burst again.
	Reset time.Duration
}

// Look gives what can be seen of each limit, in the order in which they were added, and what Take would say of one more
// request. It takes nothing.
func (g *Group) Look(now int64) (each []Sight, next Decision) {
	if g == nil {
		return nil, Decision{}
	}
	for i, l := range g.limits {
		tat := l.clamp(g.buckets[i].tat.Load(), now)
		each = append(each, Sight{
			Scope: g.buckets[i].scope, Count: l.count, Per: l.per, Burst: l.burst,
			Remaining: (l.tolerance - (tat - now)) / l.interval, Reset: time.Duration(tat - now),
		})
	}
	return each, g.peek(now)
}
