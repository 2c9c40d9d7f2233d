// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

func entries() map[string]*Entry {
	at := time.Unix(1900000000, 123456789)
	return map[string]*Entry{
		"the smallest": {Status: 200, TTL: 1, Asked: at, Stored: at, ContentType: []byte{}, Body: []byte{}},
		"the fullest": {
			Status: 201, ContentType: []byte("text/event-stream"), Stream: true, Body: []byte("data: 1\n\ndata: \xff\x00\n\n"),
			Usage: exchange.Usage{
				Prompt: 1, Completion: 2, Total: 1 << 62, Cached: 3, CacheWritten: 4, Reasoning: 5, Source: exchange.UsageReported,
			},
			Cost: 1 << 61, Priced: true, Provider: "team/openai", Model: "gpt-4o-2024", Target: "gpt-4o",
			Asked: at.Add(-time.Minute), Stored: at, TTL: MaxTTL,
			Labels: Labels{Holder: "team/alice", Model: "smart", Route: "team/smart", Tags: []string{"", "a", "ü"}},
		},
		"a large one": {Status: 200, TTL: time.Hour, Asked: at, Stored: at, ContentType: []byte("x"), Body: bytes.Repeat([]byte("0123456789"), 5000)},
	}
}

func TestAnEntrysBinaryFormIsReadAsItWas(t *testing.T) {
	key := numbered(1)
	for name, e := range entries() {
		t.Run(name, func(t *testing.T) {
			value := appendBinary([]byte("before"), &key, e)[len("before"):]
			got, ok := parse(&key, value)
			if !ok {
				t.Fatal("it is not read")
			}
			if diff := cmp.Diff(e, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// sealed gives a value with the right checksum at its end.
func sealed(value []byte) []byte {
	return binary.LittleEndian.AppendUint32(bytes.Clone(value), crc32.Checksum(value, castagnoli))
}

func TestAnythingElseIsNoEntry(t *testing.T) {
	key := numbered(1)
	whole := appendBinary(nil, &key, entries()["the fullest"])
	bare := whole[:len(whole)-4]
	const head = len(binaryForm) + 32
	for i := range whole {
		for bit := range 8 {
			flipped := bytes.Clone(whole)
			flipped[i] ^= 1 << bit
			if e, ok := parse(&key, flipped); ok {
				t.Fatalf("with bit %d of byte %d flipped it is %+v", bit, i, e)
			}
		}
		if e, ok := parse(&key, whole[:i]); ok {
			t.Fatalf("cut after %d bytes it is %+v", i, e)
		}
		// A checksum that is right does not make what is cut an entry, nor let it do harm.
		if e, ok := parse(&key, sealed(whole[:i])); ok && i != len(bare) {
			t.Fatalf("cut after %d bytes and sealed it is %+v", i, e)
		}
	}
	other := numbered(2)
	bad := func(e Entry) []byte { return appendBinary(nil, &key, &e) }
	at := time.Unix(1900000000, 0)
	tests := map[string][]byte{
		"nothing":                     nil,
		"that of another key":         appendBinary(nil, &other, entries()["the smallest"]),
		"one of another version":      sealed(bytes.Replace(bare, []byte("spark\x00a\x01"), []byte("spark\x00a\x02"), 1)),
		"some text":                   []byte(`{"choices":[]}`),
		"a long text":                 bytes.Repeat([]byte("x"), 1000),
		"more behind it":              sealed(append(bytes.Clone(bare), 0)),
		"two of them":                 append(bytes.Clone(whole), whole...),
		"no status":                   bad(Entry{Status: 0, TTL: 1, Asked: at, Stored: at}),
		"no time":                     bad(Entry{Status: 200, TTL: 0, Asked: at, Stored: at}),
		"more time than may be":       bad(Entry{Status: 200, TTL: MaxTTL + 1, Asked: at, Stored: at}),
		"a negative cost":             bad(Entry{Status: 200, TTL: 1, Asked: at, Stored: at, Cost: -1}),
		"a negative usage":            bad(Entry{Status: 200, TTL: 1, Asked: at, Stored: at, Usage: exchange.Usage{Total: -1}}),
		"an unknown source of usage":  bad(Entry{Status: 200, TTL: 1, Asked: at, Stored: at, Usage: exchange.Usage{Source: 4}}),
		"more tags than there can be": bad(Entry{Status: 200, TTL: 1, Asked: at, Stored: at, Labels: Labels{Tags: make([]string, MaxTags+1)}}),
		"an unknown flag":             sealed(append(append(bytes.Clone(whole[:head]), 0x08), bare[head+1:]...)),
	}
	for name, value := range tests {
		if e, ok := parse(&key, value); ok {
			t.Errorf("%s: it is %+v", name, e)
		}
	}
}

func FuzzParse(f *testing.F) {
	key := numbered(1)
	for _, e := range entries() {
		if len(e.Body) < 1000 {
			value := appendBinary(nil, &key, e)
			f.Add(value, false)
			f.Add(value[:len(value)-4], true)
		}
	}
	f.Fuzz(func(t *testing.T, value []byte, seal bool) {
		if seal {
			value = sealed(value)
		}
		e, ok := parse(&key, value)
		if !ok {
			return
		}
		again, ok := parse(&key, appendBinary(nil, &key, e))
		if !ok {
			t.Fatalf("%+v was read, and is not read again", e)
		}
		if diff := cmp.Diff(e, again); diff != "" {
			t.Fatal(diff)
		}
	})
}
