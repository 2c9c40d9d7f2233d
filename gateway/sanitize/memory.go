// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync/atomic"
)

// A conversation sends its past with every message, and an application its instructions: what is remembered of them is digests, under
// a key of this process, so that nobody can make a text that is taken for another.
const (
	// minRemembered is the shortest text that is cheaper to digest than to look at.
	minRemembered = 256
	// cleanSlots is how many texts a policy remembers that had no findings: 128 KiB.
	cleanSlots = 8192
	// indexSlots is how many indexes of system texts a policy keeps, none of more than maxKeptIndex slots: 8 MiB at most.
	indexSlots   = 16
	maxKeptIndex = 1 << 16
)

// digestKey is of this process alone.
var digestKey = func() (key [16]byte) {
	_, _ = rand.Read(key[:]) // It never fails.
	return key
}()

// digest is the beginning of a text's SHA-256 behind the key.
type digest struct{ high, low uint64 }

// digester makes digests without allocating.
type digester struct {
	sha hash.Hash
	sum [sha256.Size]byte
}

func (d *digester) begin(of byte) {
	if d.sha == nil {
		d.sha = sha256.New()
	}
	d.sha.Reset()
	d.sum[0] = of
	d.sha.Write(digestKey[:])
	d.sha.Write(d.sum[:1])
}

func (d *digester) text(text []byte) { d.sha.Write(text) }

func (d *digester) end() digest {
	sum := d.sha.Sum(d.sum[:0])
	return digest{binary.LittleEndian.Uint64(sum), binary.LittleEndian.Uint64(sum[8:])}
}

// cleanTexts remembers texts in which a policy found nothing, in as many slots as there are: the newer takes an older one's. It is
// safe for concurrent use: halves of two digests in one slot are no text's.
type cleanTexts struct {
	slots atomic.Pointer[[cleanSlots][2]atomic.Uint64]
}

func (c *cleanTexts) has(d digest) bool {
	slots := c.slots.Load()
	if slots == nil {
		return false
	}
	slot := &slots[d.low%cleanSlots]
	return slot[0].Load() == d.high && slot[1].Load() == d.low
}

func (c *cleanTexts) add(d digest) {
	slots := c.slots.Load()
	if slots == nil {
		c.slots.CompareAndSwap(nil, new([cleanSlots][2]atomic.Uint64))
		slots = c.slots.Load()
	}
	slot := &slots[d.low%cleanSlots]
	slot[0].Store(d.high)
	slot[1].Store(d.low)
}

// leakIndexes keeps indexes of system texts. It is safe for concurrent use.
type leakIndexes struct {
	slots [indexSlots]atomic.Pointer[keptIndex]
}

type keptIndex struct {
	of    digest
	index *leakIndex // nil of texts that are too short to leak
}

// of gives the index of the texts, nil when they are too short to leak.
func (l *leakIndexes) of(texts [][]byte) *leakIndex {
	var d digester
	d.begin(0)
	for _, text := range texts {
		var length [8]byte
		binary.LittleEndian.PutUint64(length[:], uint64(len(text)))
		d.text(length[:])
		d.text(text)
	}
	key := d.end()
	slot := &l.slots[key.low%indexSlots]
	if kept := slot.Load(); kept != nil && kept.of == key {
		return kept.index
	}
	index := newLeakIndex(texts)
	if index == nil || len(index.slots) <= maxKeptIndex {
		slot.Store(&keptIndex{key, index})
	}
	return index
}
