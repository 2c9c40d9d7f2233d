// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"net/netip"
	"sync"

	"github.com/sparkgateway/spark/gateway/config"
)

// Client addresses are chosen by clients, so what they make the gateway remember is bounded.
const (
	addressShards = 64
	// DefaultAddresses is how many client addresses a Addresses remembers.
	DefaultAddresses = 1 << 16
	// sweepStep is how many neighbours each new address looks at for forgettable ones.
	sweepStep = 4
)

// Addresses limits client addresses: IPv4 each, IPv6 by /64, the least that one customer is given. When it is full of
// addresses whose buckets are in use, the others share an overflow bucket per shard: a flood from many addresses is
// slowed down as one and cannot make the gateway forget who else is limited. It is safe for concurrent use.
type Addresses struct {
	perShard int
	shards   [addressShards]addressShard
}

type addressShard struct {
	mu       sync.Mutex
	known    map[netip.Addr]*address
	overflow address
}

// address is the TATs of one client address, one for each period.
type address struct{ slots []slot }

type slot struct {
	per config.Duration
	tat int64
}

// NewAddresses remembers up to about max addresses; max ≤ 0 means DefaultAddresses.
func NewAddresses(max int) *Addresses {
	if max <= 0 {
		max = DefaultAddresses
	}
	a := &Addresses{perShard: (max + addressShards - 1) / addressShards}
	for i := range a.shards {
		a.shards[i].known = map[netip.Addr]*address{}
	}
	return a
}

// Block gives the address that a client is limited by: its own, or its /64 for IPv6.
func Block(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr
}

// Take lets one request of an address, as Block gives it, through all limits or through none.
func (a *Addresses) Take(addr netip.Addr, limits []Limit, now int64) Decision {
	if len(limits) == 0 || !addr.IsValid() {
		return Decision{}
	}
	s := &a.shards[shardOf(addr)]
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

func shardOf(addr netip.Addr) int {
	b := addr.As16()
	h := uint32(2166136261)
	for _, c := range b {
		h = (h ^ uint32(c)) * 16777619
	}
	return int(h % addressShards)
}

func (s *addressShard) find(addr netip.Addr, now int64, bound int) *address {
	if found, ok := s.known[addr]; ok {
		return found
	}
	looked := 0
	for k, other := range s.known {
		if other.expired(now) {
			delete(s.known, k)
		}
		// A full shard is swept whole: it is that, or refusing strangers their own bucket.
		if looked++; looked >= sweepStep && len(s.known) < bound {
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

func (a *address) slot(per config.Duration) *slot {
	for i := range a.slots {
		if a.slots[i].per == per {
			return &a.slots[i]
		}
	}
	a.slots = append(a.slots, slot{per: per})
	return &a.slots[len(a.slots)-1]
}

func (a *address) take(limits []Limit, now int64) Decision {
	var told Decision
	for _, l := range limits {
		next, ok := l.take(a.slot(l.per).tat, now)
		d := l.allowed(next, now)
		if !ok {
			d = l.refused(next, now)
		}
		if tighter(d, told) {
			told = d
		}
	}
	if told.Refused {
		return told
	}
	for _, l := range limits {
		s := a.slot(l.per)
		s.tat, _ = l.take(s.tat, now)
	}
	return told
}
