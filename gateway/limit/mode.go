// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

// Mode is which part of each limit this process enforces. The zero value is Whole.
type Mode struct {
	kind modeKind
	pods int64
}

type modeKind uint8

const (
	whole modeKind = iota
	gossip
	share
)

// Whole enforces limits as they are: by a process alone, and before a store that answers.
func Whole() Mode { return Mode{} }

// Gossip is that of one of so many pods without a store, which learn of each other by Book.Exchange: requests, tokens and
// cost in full, of which what the others took is taken too; of slots and of what is left of budgets its share.
func Gossip(pods int) Mode { return Mode{gossip, int64(pods)} }

// Share is that of one of so many pods whose store is down: of everything its share, and at least one request and slot.
func Share(pods int) Mode { return Mode{share, int64(pods)} }

// SetMode says which part of each limit is enforced from now on. What was taken stays taken.
func (b *Book) SetMode(m Mode) {}
