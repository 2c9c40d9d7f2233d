// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import "sort"

// chunkBytes is the largest array that several writes share.
const chunkBytes = 64 << 10

// buffer holds what was written and is still needed, in arrays that only grow at their ends: what was read of it stays as it
// is while more is written. Each write is whole in one of them.
type buffer struct {
	chunks []chunk
	total  int64 // written so far
}

type chunk struct {
	at    int64 // where it begins
	bytes []byte
}

func (c *chunk) end() int64 { return c.at + int64(len(c.bytes)) }

// base is where what is still there begins.
func (b *buffer) base() int64 {
	if len(b.chunks) == 0 {
		return b.total
	}
	return b.chunks[0].at
}

// write says whether it took another array.
func (b *buffer) write(p []byte) (grown bool) {
	last := len(b.chunks) - 1
	if last < 0 || cap(b.chunks[last].bytes)-len(b.chunks[last].bytes) < len(p) {
		size := max(len(p), int(min(b.total, chunkBytes)))
		b.chunks = append(b.chunks, chunk{at: b.total, bytes: make([]byte, 0, size)})
		last, grown = last+1, true
	}
	b.chunks[last].bytes = append(b.chunks[last].bytes, p...)
	b.total += int64(len(p))
	return grown
}

// from gives some or all of what was written behind a place; nothing when that is the end.
func (b *buffer) from(at int64) []byte {
	i := sort.Search(len(b.chunks), func(i int) bool { return b.chunks[i].end() > at })
	if i == len(b.chunks) {
		return nil
	}
	p := b.chunks[i].bytes[at-b.chunks[i].at:]
	return p[:len(p):len(p)]
}

// drop forgets what is before a place, as far as whole arrays can be.
func (b *buffer) drop(before int64) {
	n := 0
	for n < len(b.chunks) && b.chunks[n].end() <= before {
		n++
	}
	clear(b.chunks[:n])
	b.chunks = b.chunks[n:]
}

// whole gives all that was written in one piece of its size.
func (b *buffer) whole() []byte {
	if len(b.chunks) == 1 && cap(b.chunks[0].bytes) == len(b.chunks[0].bytes) {
		return b.chunks[0].bytes
	}
	all := make([]byte, 0, b.total)
	for _, c := range b.chunks {
		all = append(all, c.bytes...)
	}
	return all
}
