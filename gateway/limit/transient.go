// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"net/netip"
	"sync"

	"github.com/sparkgateway/spark/gateway/config"
)

const (
	// clientShards is a power of two that spreads the locks.
	clientShards = 64
	// sweepStep is how many neighbours each new address looks at for forgettable ones.
	sweepStep = 4
)

// clients are the holders that clients choose by their addresses, so what they make the gateway remember is bounded.
type clients struct {
	perShard int
	shards   [clientShards]clientShard
}

type clientShard struct {
	mu       sync.Mutex
	known    map[netip.Addr]*Holder
	overflow *Holder
}

func (c *clients) open(b *Book, most int) {
	if most <= 0 {
		most = DefaultTransient
	}
	c.perShard = (most + clientShards - 1) / clientShards
	for i := range c.shards {
		c.shards[i].known = map[netip.Addr]*Holder{}
		c.shards[i].overflow = &Holder{book: b, transient: true, own: config.HolderUse{Holder: config.HolderIP + "*"}}
	}
}

// Block gives the address that a client is limited by: its own, or its /64 for IPv6, the least that one customer is given.
func Block(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr
}

// Address gives the holder of a client's address, as Block gives it, for a request at now; nil for no address. Who is idle
// with nothing taken is forgotten. When all the book's room is in use, newcomers share one holder for each of a number of
// shards: a flood from many addresses is slowed down as one, and makes the book forget nobody who is limited. It does not
// allocate for an address that is known. The holder is for the request at hand: one that is kept for later may have been
// forgotten meanwhile.
func (b *Book) Address(addr netip.Addr, now int64) *Holder {
	if !addr.IsValid() {
		return nil
	}
	s := &b.clients.shards[shardOf(addr)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.known[addr]; found != nil {
		return found
	}
	s.sweep(now, b.clients.perShard)
	if len(s.known) >= b.clients.perShard {
		return s.overflow
	}
	h := &Holder{book: b, transient: true, own: config.HolderUse{Holder: config.HolderIP + addr.String()}}
	s.known[addr] = h
	return h
}

// sweep forgets idle neighbours of a newcomer.
func (s *clientShard) sweep(now int64, bound int) {
	looked := 0
	for k, other := range s.known {
		if other.idle(now) {
			delete(s.known, k)
		}
		// A full shard is swept whole: it is that, or refusing strangers their own holder.
		if looked++; looked >= sweepStep && len(s.known) < bound {
			return
		}
	}
}

// addresses gives how many are remembered.
func (b *Book) addresses() int {
	n := 0
	for i := range b.clients.shards {
		s := &b.clients.shards[i]
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
	return int(h % clientShards)
}
