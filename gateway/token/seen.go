// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"sync"
	"time"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// accepted is a token that was found good. It is immutable.
type accepted struct {
	principal *exchange.Principal
	issuer    *issuer
	key       *key
	until     time.Time
}

// holds says whether the token still is good for a verifier: its issuer means the same there, and has not taken its key
// back.
func (a *accepted) holds(v *Verifier, now time.Time) bool {
	return now.Before(a.until) && !a.key.gone.Load() && v.byURL[a.issuer.config.URL] == a.issuer
}

// How many tokens are remembered, over all shards.
const (
	seenShards = 16
	seenTokens = 16 << 10
)

// seen remembers tokens that were found good, by their digests: of too many, those that were not shown of late go first. It
// is safe for concurrent use.
type seen struct{ shards [seenShards]seenShard }

// seenShard goes round its slots for one to give away, and passes over those that were used since it came by last.
type seenShard struct {
	mu    sync.Mutex
	at    map[[32]byte]int
	slots []seenSlot
	hand  int
}

type seenSlot struct {
	digest [32]byte
	token  *accepted
	used   bool
}

func (s *seen) shard(digest [32]byte) *seenShard { return &s.shards[digest[0]%seenShards] }

// get gives what was put for a digest, nil where that is unknown or forgotten.
func (s *seen) get(digest [32]byte) *accepted {
	shard := s.shard(digest)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	i, ok := shard.at[digest]
	if !ok {
		return nil
	}
	shard.slots[i].used = true
	return shard.slots[i].token
}

// put remembers a token.
func (s *seen) put(digest [32]byte, token *accepted) {
	shard := s.shard(digest)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.at == nil {
		shard.at = map[[32]byte]int{}
	}
	i, ok := shard.at[digest]
	switch {
	case ok:
	case len(shard.slots) < seenTokens/seenShards:
		i = len(shard.slots)
		shard.slots = append(shard.slots, seenSlot{})
	default:
		i = shard.free()
		delete(shard.at, shard.slots[i].digest)
	}
	shard.at[digest] = i
	shard.slots[i] = seenSlot{digest: digest, token: token}
}

func (s *seenShard) free() int {
	for {
		i := s.hand
		s.hand = (s.hand + 1) % len(s.slots)
		if !s.slots[i].used {
			return i
		}
		s.slots[i].used = false
	}
}
