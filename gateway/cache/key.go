// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

// Key stands for all that an answer depends on: a SHA-256.
type Key [32]byte

// Keying puts a Key together from parts, each with its length, so that no two lists of parts are alike. Its buffers are
// kept for the next key: it allocates nothing in the long run. It belongs to one goroutine at a time.
type Keying struct{ buf []byte }

// Reset begins another key.
func (k *Keying) Reset() { k.buf = k.buf[:0] }

// Add adds a part.
func (k *Keying) Add(part []byte) { k.buf = append(k.buf, part...) }

// AddString adds a part.
func (k *Keying) AddString(part string) { k.buf = append(k.buf, part...) }

// AddCanonical adds a JSON text in its canonical form; false where it has none, and nothing is to be cached.
func (k *Keying) AddCanonical(text []byte) bool { return false }

// Key gives the key of what was added since Reset.
func (k *Keying) Key() Key { return Key{} }

// KeyOf is the key of some parts. Who makes many keys has a Keying.
func KeyOf(parts ...[]byte) Key { return Key{} }

// AppendCanonical appends a JSON text in canonical form: without white space, the members of objects in the order of their
// names' bytes, strings escaped in one way, numbers as they are written. It says false, and appends nothing of use, where
// the text is no JSON, an object has a name twice, or it is nested too deep.
func AppendCanonical(dst, text []byte) ([]byte, bool) { return dst, false }
