// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// binaryForm begins the form of entries for a Tier, and is another for each version of it. Behind it stand the key, so that a
// value is never taken for that of another, the fields in the order of the code below (numbers as varints, texts with their
// length before them), and a CRC-32C of it all.
const binaryForm = "spark\x00a\x01"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const (
	flagStream = 1 << iota
	flagPriced
	flagsKnown = flagStream | flagPriced
)

// appendBinary appends the binary form of an entry.
func appendBinary(dst []byte, key *Key, e *Entry) []byte {
	from := len(dst)
	dst = append(append(dst, binaryForm...), key[:]...)
	var flags int64
	if e.Stream {
		flags |= flagStream
	}
	if e.Priced {
		flags |= flagPriced
	}
	for _, n := range []int64{
		flags, int64(e.Status), e.Asked.UnixNano(), e.Stored.UnixNano(), int64(e.TTL), int64(e.Cost),
		e.Usage.Prompt, e.Usage.Completion, e.Usage.Total, e.Usage.Cached, e.Usage.CacheWritten, e.Usage.Reasoning, int64(e.Usage.Source),
	} {
		dst = binary.AppendVarint(dst, n)
	}
	for _, s := range []string{e.Provider, e.Model, e.Target, e.Labels.Holder, e.Labels.Model, e.Labels.Route} {
		dst = append(binary.AppendUvarint(dst, uint64(len(s))), s...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(e.Labels.Tags)))
	for _, s := range e.Labels.Tags {
		dst = append(binary.AppendUvarint(dst, uint64(len(s))), s...)
	}
	dst = append(binary.AppendUvarint(dst, uint64(len(e.ContentType))), e.ContentType...)
	dst = append(binary.AppendUvarint(dst, uint64(len(e.Body))), e.Body...)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[from:], castagnoli))
}

// parse reads the binary form of the entry of a key; false where it is anything else. The entry keeps parts of the value.
func parse(key *Key, value []byte) (*Entry, bool) {
	const head, sum = len(binaryForm) + len(Key{}), 4
	if len(value) < head+sum || string(value[:len(binaryForm)]) != binaryForm || !bytes.Equal(value[len(binaryForm):head], key[:]) {
		return nil, false
	}
	value, told := value[:len(value)-sum], binary.LittleEndian.Uint32(value[len(value)-sum:])
	if crc32.Checksum(value, castagnoli) != told {
		return nil, false
	}
	r := reader{rest: value[head:], ok: true}
	flags := r.number(0, flagsKnown)
	e := &Entry{
		Stream: flags&flagStream != 0, Priced: flags&flagPriced != 0,
		Status: int(r.number(100, 599)), Asked: r.time(), Stored: r.time(), TTL: time.Duration(r.number(1, int64(MaxTTL))),
		Cost: config.Money(r.number(0, math.MaxInt64)),
		Usage: exchange.Usage{
			Prompt: r.count(), Completion: r.count(), Total: r.count(), Cached: r.count(), CacheWritten: r.count(), Reasoning: r.count(),
			Source: exchange.UsageSource(r.number(0, int64(exchange.UsageReported))),
		},
		Provider: string(r.text()), Model: string(r.text()), Target: string(r.text()),
		Labels: Labels{Holder: string(r.text()), Model: string(r.text()), Route: string(r.text())},
	}
	for n := r.length(MaxTags); n > 0 && r.ok; n-- {
		e.Labels.Tags = append(e.Labels.Tags, string(r.text()))
	}
	e.ContentType, e.Body = r.text(), r.text()
	return e, r.ok && len(r.rest) == 0
}

// reader reads what appendBinary wrote. After the first that is not as it can be, all is zero.
type reader struct {
	rest []byte
	ok   bool
}

func (r *reader) number(least, most int64) int64 {
	n, size := binary.Varint(r.rest)
	if !r.ok || size <= 0 || n < least || n > most {
		r.ok, r.rest = false, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) count() int64 { return r.number(0, math.MaxInt64) }

func (r *reader) time() time.Time { return time.Unix(0, r.number(math.MinInt64, math.MaxInt64)) }

func (r *reader) length(most int) int {
	n, size := binary.Uvarint(r.rest)
	if !r.ok || size <= 0 || n > uint64(most) {
		r.ok, r.rest = false, nil
		return 0
	}
	r.rest = r.rest[size:]
	return int(n)
}

func (r *reader) text() []byte {
	n := r.length(len(r.rest))
	if n > len(r.rest) {
		r.ok, r.rest = false, nil
		return nil
	}
	text := r.rest[:n:n]
	r.rest = r.rest[n:]
	return text
}
