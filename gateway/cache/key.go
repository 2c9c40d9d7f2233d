// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// Key stands for all that an answer depends on: a SHA-256.
type Key [sha256.Size]byte

// Keying puts a Key together from parts, each with its length before it, so that no two lists of parts are alike. Its
// buffers are kept for the next key: in the long run it allocates nothing. The zero value is ready; it belongs to one
// goroutine at a time.
type Keying struct {
	buf   []byte
	shape canonical
}

// Reset begins another key. What one large request made large is not kept.
func (k *Keying) Reset() {
	const keep = 256 << 10
	if cap(k.buf) > keep {
		k.buf = nil
	}
	k.buf = k.buf[:0]
	k.shape.reset(keep)
}

// Add adds a part.
func (k *Keying) Add(part []byte) {
	k.buf = append(binary.LittleEndian.AppendUint64(k.buf, uint64(len(part))), part...)
}

// AddString adds a part.
func (k *Keying) AddString(part string) {
	k.buf = append(binary.LittleEndian.AppendUint64(k.buf, uint64(len(part))), part...)
}

// AddCanonical adds a JSON text in its canonical form, see AppendCanonical, as the digest of that; false where it has none, and
// nothing is to be cached.
func (k *Keying) AddCanonical(text []byte) bool {
	hashes := forms.hash(text)
	if known := forms.find(hashes); known != nil {
		k.Add(known.digest[:])
		return true
	}
	at := len(k.buf)
	var ok bool
	if k.buf, ok = k.shape.append(k.buf, text); !ok {
		k.buf = k.buf[:at]
		return false
	}
	digest := sha256.Sum256(k.buf[at:])
	k.buf = k.buf[:at]
	forms.put(hashes, digest)
	k.Add(digest[:])
	return true
}

// Key gives the key of what was added since Reset.
func (k *Keying) Key() Key {
	hashes := keys.hash(k.buf)
	if known := keys.find(hashes); known != nil {
		return known.digest
	}
	key := sha256.Sum256(k.buf)
	keys.put(hashes, key)
	return key
}

var keyings = sync.Pool{New: func() any { return new(Keying) }}

// KeyOf is the key of some parts. Who makes a key of a body has a Keying.
func KeyOf(parts ...[]byte) Key {
	k := keyings.Get().(*Keying)
	for _, part := range parts {
		k.Add(part)
	}
	key := k.Key()
	k.Reset()
	keyings.Put(k)
	return key
}

// AppendCanonical appends a JSON text in canonical form: without white space, the members of each object in the order of
// their names' bytes, each string escaped in one way, numbers as they are written. Texts that differ in nothing else have
// the same form, and others never do. It says false, and dst is as it was, where the text is no JSON in UTF-8, an object
// has a name twice, it is nested deeper than 500, or ordering it would cost too much.
func AppendCanonical(dst, text []byte) ([]byte, bool) {
	k := keyings.Get().(*Keying)
	n := len(dst)
	dst, ok := k.shape.append(dst, text)
	k.Reset()
	keyings.Put(k)
	if !ok {
		return dst[:n], false
	}
	return dst, true
}
