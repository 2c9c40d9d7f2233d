// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import "github.com/sparkgateway/spark/gateway/gcra"

// Mode is which part of each limit this process enforces. The zero value is that of a process that serves alone: limits as
// they are.
type Mode struct {
	kind modeKind
	pods int64 // at least 1 of gossip and share
}

type modeKind uint8

const (
	single modeKind = iota
	whole
	gossip
	share
)

// Whole enforces limits as they are, before a store that all processes ask.
func Whole() Mode { return Mode{kind: whole} }

// Gossip is that of one of so many pods without a store, which learn of each other by Book.Exchange: requests, tokens and
// cost in full, of which what the others took is taken too; of slots and of what is left of budgets its share.
func Gossip(pods int) Mode { return Mode{gossip, int64(max(pods, 1))} }

// Share is that of one of so many pods whose store is down: of everything its share, and at least one request and slot.
func Share(pods int) Mode { return Mode{share, int64(max(pods, 1))} }

// stored says that a store counts, so that what is told of holders is what Book.Learn brought.
func (m Mode) stored() bool { return m.kind == whole || m.kind == share }

// rate gives this process' part of a rate.
func (m Mode) rate(r *gcra.Rate) gcra.Rate {
	if m.kind == share {
		return r.Share(m.pods)
	}
	return *r
}

// slots gives this process' part of a limit of concurrency. Pods that gossip round it up, so that one that gets more
// requests than the others is not held back; without a store the limit is not to be overrun.
func (m Mode) slots(limit int64) int64 {
	switch m.kind {
	case gossip:
		return max((limit+m.pods-1)/m.pods, 1)
	case share:
		return max(limit/m.pods, 1)
	default:
		return limit
	}
}

// state is the mode, and how many exchanges there were in it. It is kept in one word, so that both change at once.
type state struct {
	Mode
	exchanges int64
}

const (
	kindBits = 2
	podBits  = 20
)

func (s state) word() uint64 {
	pods := min(uint64(s.pods), 1<<podBits-1)
	return uint64(s.exchanges)<<(kindBits+podBits) | pods<<kindBits | uint64(s.kind)
}

func stateOf(w uint64) state {
	return state{Mode{modeKind(w & (1<<kindBits - 1)), int64(w >> kindBits & (1<<podBits - 1))}, int64(w >> (kindBits + podBits))}
}

// become changes the state.
func (b *Book) become(change func(s *state)) {
	for {
		was := b.state.Load()
		s := stateOf(was)
		if change(&s); b.state.CompareAndSwap(was, s.word()) {
			return
		}
	}
}

// SetMode says which part of each limit is enforced from now on. What was taken stays taken.
func (b *Book) SetMode(m Mode) { b.become(func(s *state) { s.Mode = m }) }
