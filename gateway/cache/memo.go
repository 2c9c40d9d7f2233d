// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"crypto/sha256"
	"hash/maphash"
	"sync/atomic"
)

// memo remembers digests by the texts that they are of, or of whose canonical form: who asks for what is cached mostly asks in the same words, and to
// order and digest them again would be most of what a hit costs. A text is known by two hashes of 64 bits under secrets of the
// process, so that nobody can make two texts that are taken for one. It is safe for concurrent use.
type memo struct {
	seeds [2]maphash.Seed
	slots [memoSlots]atomic.Pointer[remembered]
}

// memoSlots bounds the texts that are remembered; each takes about 80 bytes.
const memoSlots = 1 << 12

// remembered is one text's digest.
type remembered struct {
	hashes [2]uint64
	digest [sha256.Size]byte
}

func newMemo() *memo { return &memo{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}} }

// forms are the digests of texts in canonical form, keys those of what keys are made of. What they say depends on texts alone.
var forms, keys = newMemo(), newMemo()

func (m *memo) hash(text []byte) [2]uint64 {
	return [2]uint64{maphash.Bytes(m.seeds[0], text), maphash.Bytes(m.seeds[1], text)}
}

// find gives what is remembered of a text, nil where nothing is.
func (m *memo) find(hashes [2]uint64) *remembered {
	if known := m.slots[hashes[0]%memoSlots].Load(); known != nil && known.hashes == hashes {
		return known
	}
	return nil
}

// put remembers a text in the place of another.
func (m *memo) put(hashes [2]uint64, digest [sha256.Size]byte) {
	m.slots[hashes[0]%memoSlots].Store(&remembered{hashes, digest})
}
