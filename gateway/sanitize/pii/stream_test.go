// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pieces are what random texts are made of: findings of all kinds, what nearly is one, and what stands around.
var pieces = []string{
	"ann.lee@mail.example.org", "jörg@müller.example", "a@b", "@", "user@host:22", "x@y.z.", "邮箱ann@example.com请",
	"+1 415 555 0132", "(415) 555-0132 ext. 12", "0412 345 678", "00441632960961", "tel. 5551234567", "call 555 01",
	"4111 1111 1111 1111", "4111111111111111", "4111-1111-1111-1112", "3782 822463 10005", "credit card 6304000000000000",
	"GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "DE89 3704 0044 0532 0130 01", "FR14",
	"078-05-1123", "ssn 078051123", "000-12-3456", "192.168.0.1", "10.0.0.0/8", "1.2.3", "256.1.1.1", "version 1.2.3.4",
	"2001:db8::8a2e:370:7334", "::1", "fe80::", "std::move", "12:34:56", "a[::2]", "::ffff:10.0.0.1",
	"sk-ant-api03-" + drawn(60), "ghp_" + drawn(36), "AKIA" + strings.ToUpper(drawn(16)), "sk-proj-" + drawn(300),
	"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + drawn(43), "eyJ" + drawn(400), "password: hunter2!x", "my token is " + drawn(24),
	"\"api_key\": \"" + drawn(32) + "\"", "secret=" + drawn(400), "postgres://app:s3cr3tpw@db/x", "Bearer " + drawn(30),
	"-----BEGIN RSA PRIVATE KEY-----\n" + drawn(300) + "\n-----END RSA PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nAB",
	"-----BEGIN", "-----", "-----END RSA PRIVATE KEY-----", "-----BEGIN CERTIFICATE-----", "----------END x-----",
	"+44\u00a020\u202f7946\u20090958", "078\u201105\u20111123", "\u00a0", "\u2011", "4111\u20101111\u20101111\u20101111", "\xe2\x80", "\xc2",
	"hello", "The", "Größe", "日本語", "é", "\xc3", "\xff", "\x00", "🙂", "\\n", "\n\n", "'", "\"", "`", "(", ")", "+", "-", ".", "..", ":", "::", "/",
	"://", "=", "_", "#", "$", "0", "00", "1", "12", "123", "1234", "12345", "a", "ab", "abcd", "xxxx", "word", "key", "pass", "is", "ext", "office",
	strings.Repeat("1", 70), strings.Repeat("a.", 50), strings.Repeat("1 ", 40), strings.Repeat("x", 300), strings.Repeat("9.", 40),
}

// drawn gives n letters and digits, always the same.
func drawn(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	r := rand.New(rand.NewPCG(7, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[r.IntN(len(letters))]
	}
	return string(b)
}

func mixture(r *rand.Rand) []byte {
	var b []byte
	for range 1 + r.IntN(14) {
		b = append(b, pieces[r.IntN(len(pieces))]...)
		if r.IntN(3) > 0 {
			b = append(b, " \n,.:;=\"-/"[r.IntN(10)])
		}
	}
	return b
}

// streamed redacts the text in pieces whose sizes next gives, and checks what it may on the way.
func streamed(t *testing.T, s *Stream, text []byte, kinds Kinds, next func() int) ([]byte, Counts) {
	t.Helper()
	s.Reset(kinds)
	var out []byte
	for rest := text; len(rest) > 0; {
		n := min(next(), len(rest))
		out = s.Write(out, rest[:n])
		if s.Pending() > MostPending {
			t.Fatalf("%d bytes are held back, of %q", s.Pending(), text)
		}
		rest = rest[n:]
	}
	return s.Close(out), s.Counts()
}

func TestAStreamIsTheWholeHoweverItIsCut(t *testing.T) {
	rounds := 8_000
	if testing.Short() {
		rounds = 2_000
	}
	r := rand.New(rand.NewPCG(1, 2))
	s := NewStream(All)
	for range rounds {
		text := mixture(r)
		kinds := All
		if r.IntN(4) == 0 {
			kinds = Kinds(r.IntN(int(All) + 1))
		}
		want, wantCounts := Redact(nil, text, kinds)
		most := []int{1, 2, 4, 16, 100, 1000}[r.IntN(6)]
		got, counts := streamed(t, s, text, kinds, func() int { return 1 + r.IntN(most) })
		if !bytes.Equal(got, want) {
			t.Fatalf("of %q\n%s", text, cmp.Diff(string(want), string(got)))
		}
		if counts != wantCounts {
			t.Fatalf("of %q: counts %v, want %v", text, counts, wantCounts)
		}
	}
}

func TestEveryCutInTwo(t *testing.T) {
	s := NewStream(All)
	for _, piece := range pieces {
		for _, text := range []string{piece, "Call me: " + piece + ", or write.", piece + piece, "key=" + piece + "\n" + piece} {
			want, _ := Redact(nil, []byte(text), All)
			for cut := range len(text) {
				first := true
				got, _ := streamed(t, s, []byte(text), All, func() int {
					if first && cut > 0 {
						first = false
						return cut
					}
					return len(text)
				})
				if !bytes.Equal(got, want) {
					t.Fatalf("%q cut at %d: %q, want %q", text, cut, got, want)
				}
			}
		}
	}
}

// sane checks what every answer of Find keeps.
func sane(t *testing.T, text []byte, spans []Span) {
	t.Helper()
	last := 0
	for _, s := range spans {
		if s.Start < last || s.End <= s.Start || s.End > len(text) || s.Kind >= kindCount {
			t.Fatalf("%v of %q", spans, text)
		}
		last = s.End
	}
}

func TestAKindDoesNotDependOnTheOthers(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 2_000 {
		text := mixture(r)
		kinds := Kinds(r.IntN(int(All) + 1))
		var want []Span
		all := Find(nil, text, All)
		sane(t, text, all)
		for _, s := range all {
			if kinds.Has(s.Kind) {
				want = append(want, s)
			}
		}
		if diff := cmp.Diff(want, Find(nil, text, kinds)); diff != "" {
			t.Fatalf("of %q (-want +got):\n%s", text, diff)
		}
	}
}

func FuzzStream(f *testing.F) {
	for _, p := range pieces {
		f.Add([]byte("See "+p+" now"), uint8(3))
	}
	s := NewStream(All)
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		want, _ := Redact(nil, text, All)
		got, _ := streamed(t, s, text, All, func() int { return 1 + int(size)%64 })
		if !bytes.Equal(got, want) {
			t.Fatalf("of %q\n%s", text, cmp.Diff(string(want), string(got)))
		}
	})
}

func FuzzFind(f *testing.F) {
	for _, p := range pieces {
		f.Add([]byte(p))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		sane(t, text, Find(nil, text, All))
	})
}
