// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
	"sync"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

const (
	spendShards = 16
	// maxSpenders bounds the keys of one shard.
	maxSpenders = 10_000 / spendShards
)

// Spend counts what each key spent, of up to 10,000 keys: where there are more, those that spent least are forgotten, so that
// one that comes again begins anew. Make one with NewSpend. It is safe for concurrent use, and allocates for a new key only.
type Spend struct {
	seed   maphash.Seed
	shards [spendShards]spendShard
}

type spendShard struct {
	mu   sync.Mutex
	keys map[string]*spender
}

type spender struct {
	key, user, team  string
	requests, tokens int64
	cost             config.Money
}

// NewSpend gives one of which nothing was spent.
func NewSpend() *Spend {
	s := &Spend{seed: maphash.MakeSeed()}
	for i := range s.shards {
		s.shards[i].keys = map[string]*spender{}
	}
	return s
}

// Add counts a request of a key.
func (s *Spend) Add(of *exchange.Principal, use exchange.Use) {
	shard := &s.shards[maphash.String(s.seed, of.ID)%spendShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	known := shard.keys[of.ID]
	if known == nil {
		if len(shard.keys) >= maxSpenders {
			shard.forget()
		}
		// The principal's texts are parts of a document, which they would keep in memory.
		known = &spender{key: strings.Clone(of.ID)}
		shard.keys[known.key] = known
	}
	if known.user != of.User || known.team != of.Team {
		known.user, known.team = strings.Clone(of.User), strings.Clone(of.Team)
	}
	known.requests++
	known.tokens += use.Tokens
	known.cost += use.Cost
}

// forget makes room: the half that spent least goes. The caller holds the lock.
func (s *spendShard) forget() {
	all := make([]spender, 0, len(s.keys))
	for _, each := range s.keys {
		all = append(all, *each)
	}
	slices.SortFunc(all, dearer)
	for _, each := range all[len(all)/2:] {
		delete(s.keys, each.key)
	}
}

// dearer puts who spent more first: dollars, else tokens, else requests.
func dearer(a, b spender) int {
	return cmp.Or(cmp.Compare(b.cost, a.cost), cmp.Compare(b.tokens, a.tokens), cmp.Compare(b.requests, a.requests),
		strings.Compare(a.key, b.key))
}

// Look gives so many keys at most, those that spent most first. It is never nil.
func (s *Spend) Look(most int) []config.KeySpend {
	var all []spender
	for i := range s.shards {
		shard := &s.shards[i]
		shard.mu.Lock()
		for _, each := range shard.keys {
			all = append(all, *each)
		}
		shard.mu.Unlock()
	}
	slices.SortFunc(all, dearer)
	all = all[:min(len(all), most)]
	spent := make([]config.KeySpend, len(all))
	for i, each := range all {
		spent[i] = config.KeySpend{
			Key: each.key, User: each.user, Team: each.team, Requests: each.requests, Tokens: each.tokens,
			Cost: float64(each.cost) / float64(config.Dollar),
		}
	}
	return spent
}
