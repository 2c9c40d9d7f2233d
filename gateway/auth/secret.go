// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"crypto/subtle"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"slices"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// secret is one that was given out for a key: the current one, or that before the last rotation.
type secret struct {
	digest config.Digest
	// notAfter is the end of the secret and, of a replaced one, keyNotAfter that of the key; 0 is never.
	notAfter, keyNotAfter int64
	key                   int32 // its place
	disabled, replaced    bool
}

// check says why the secret does not let in, at a time in milliseconds since 1970; nil where it does.
func (s *secret) check(now int64) *exchange.Error {
	switch {
	case s.disabled:
		return errDisabled
	case s.keyNotAfter != 0 && now >= s.keyNotAfter:
		return errExpired
	case s.replaced && now >= s.notAfter:
		return errReplaced
	case s.notAfter != 0 && now >= s.notAfter:
		return errExpired
	default:
		return nil
	}
}

func sameDigests(a, b []secret) bool {
	return slices.EqualFunc(a, b, func(x, y secret) bool { return x.digest == y.digest })
}

// index finds secrets by their digests. It is a hash table with linear probing, at most half full, of places in the list
// of secrets: a map would hold the digests a second time, and not compare them in constant time. The seed keeps those who
// bring keys of their own from choosing keys that fall together.
type index struct {
	seed   maphash.Seed
	places []uint32 // plus one; 0 is free
}

func newIndex(secrets []secret) index {
	x := index{maphash.MakeSeed(), make([]uint32, 1<<bits.Len(uint(2*len(secrets))))}
	for i := range secrets {
		if _, taken := x.find(secrets, secrets[i].digest); !taken {
			x.places[x.free(secrets[i].digest)] = uint32(i) + 1
		}
	}
	return x
}

// free gives the slot for a digest that is not there.
func (x *index) free(digest config.Digest) uint64 {
	at := x.start(digest)
	for x.places[at] != 0 {
		at = x.next(at)
	}
	return at
}

// find gives the place of a digest among the secrets that the index was made of.
func (x *index) find(secrets []secret, digest config.Digest) (int, bool) {
	for at := x.start(digest); x.places[at] != 0; at = x.next(at) {
		i := int(x.places[at] - 1)
		if subtle.ConstantTimeCompare(secrets[i].digest[:], digest[:]) == 1 {
			return i, true
		}
	}
	return 0, false
}

func (x *index) start(digest config.Digest) uint64 {
	// A part is enough to spread them: SHA-256 made it.
	return maphash.Comparable(x.seed, binary.LittleEndian.Uint64(digest[:])) & uint64(len(x.places)-1)
}

func (x *index) next(at uint64) uint64 { return (at + 1) & uint64(len(x.places)-1) }
