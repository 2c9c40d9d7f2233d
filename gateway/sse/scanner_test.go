// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sse

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seen is an Event that outlives the scanner's buffer.
type seen struct {
	Raw, Name, Data string
	HasData         bool
}

// scan feeds the stream in pieces of the given size, 0 for all at once, and collects the events and the rest.
func scan(t testing.TB, s *Scanner, stream string, size int) (events []seen, rest string, err error) {
	t.Helper()
	r := io.Reader(strings.NewReader(stream))
	if size > 0 {
		r = &pieces{r: r, size: size}
	}
	for {
		for {
			e, ok, err := s.Next()
			if err != nil {
				return events, "", err
			}
			if !ok {
				break
			}
			events = append(events, seen{string(e.Raw), string(e.Name), string(e.Data), e.HasData})
		}
		if s.ended {
			return events, string(s.Rest()), nil
		}
		if _, err := s.Fill(r); errors.Is(err, io.EOF) {
			s.End()
		} else if err != nil {
			return events, "", err
		}
	}
}

type pieces struct {
	r    io.Reader
	size int
}

func (p *pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.size)]) }

func TestScanner(t *testing.T) {
	tests := map[string]struct {
		stream   string
		want     []seen
		wantRest string
	}{
		"an empty stream has no events": {},
		"one data line is an event": {
			stream: "data: a\n\n",
			want:   []seen{{Raw: "data: a\n\n", Data: "a", HasData: true}},
		},
		"only the first space after the colon is framing": {
			stream: "data:  a\n\ndata:b\n\n",
			want: []seen{
				{Raw: "data:  a\n\n", Data: " a", HasData: true},
				{Raw: "data:b\n\n", Data: "b", HasData: true},
			},
		},
		"data lines are joined by line feeds": {
			stream: "data: a\ndata\ndata: c\n\n",
			want:   []seen{{Raw: "data: a\ndata\ndata: c\n\n", Data: "a\n\nc", HasData: true}},
		},
		"CRLF ends lines and stays in the raw block": {
			stream: "event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n",
			want: []seen{
				{Raw: "event: x\r\ndata: a\r\n\r\n", Name: "x", Data: "a", HasData: true},
				{Raw: "data: b\r\n\r\n", Data: "b", HasData: true},
			},
		},
		"CR alone ends lines": {
			stream: "data: a\r\rdata: b\r\r",
			want: []seen{
				{Raw: "data: a\r\r", Data: "a", HasData: true},
				{Raw: "data: b\r\r", Data: "b", HasData: true},
			},
		},
		"a line feed after a blank line of lone CRs is a block of its own": {
			stream: "data: a\r\r\ndata: b\n\n",
			want: []seen{
				{Raw: "data: a\r\r", Data: "a", HasData: true},
				{Raw: "\n"},
				{Raw: "data: b\n\n", Data: "b", HasData: true},
			},
		},
		"a comment is a block without data": {
			stream: ": ping\n\ndata: a\n: b\n\n",
			want: []seen{
				{Raw: ": ping\n\n"},
				{Raw: "data: a\n: b\n\n", Data: "a", HasData: true},
			},
		},
		"a byte order mark is not part of the first field": {
			stream: "\xef\xbb\xbfdata: a\n\n",
			want:   []seen{{Raw: "\xef\xbb\xbfdata: a\n\n", Data: "a", HasData: true}},
		},
		"a byte order mark later on is part of a field name": {
			stream: "data: a\n\n\xef\xbb\xbfdata: b\n\n",
			want: []seen{
				{Raw: "data: a\n\n", Data: "a", HasData: true},
				{Raw: "\xef\xbb\xbfdata: b\n\n"},
			},
		},
		"the last event field wins and unknown fields are kept in the raw block only": {
			stream: "event: a\nevent: b\nid: 7\nretry: 1\ndata: x\n\n",
			want:   []seen{{Raw: "event: a\nevent: b\nid: 7\nretry: 1\ndata: x\n\n", Name: "b", Data: "x", HasData: true}},
		},
		"an empty data field is an event with empty data": {
			stream: "data:\n\n",
			want:   []seen{{Raw: "data:\n\n", HasData: true}},
		},
		"what no blank line ended is the rest": {
			stream: "data: a\n\ndata: [DONE]\n", want: []seen{{Raw: "data: a\n\n", Data: "a", HasData: true}},
			wantRest: "data: [DONE]\n",
		},
		"UTF-8 stays whole": {
			stream: "data: é😀\n\n",
			want:   []seen{{Raw: "data: é😀\n\n", Data: "é😀", HasData: true}},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for size := range 9 {
				got, rest, err := scan(t, &Scanner{}, tc.stream, size)
				if err != nil {
					t.Fatalf("in pieces of %d: %v", size, err)
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("in pieces of %d (-want +got):\n%s", size, diff)
				}
				if rest != tc.wantRest {
					t.Errorf("in pieces of %d: rest %q, want %q", size, rest, tc.wantRest)
				}
			}
		})
	}
}

func TestAnEventInLoneCRsIsNotDelayed(t *testing.T) {
	s := &Scanner{}
	if _, err := s.Fill(strings.NewReader("data: a\r\r")); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := s.Next(); !ok {
		t.Error("the event waits for a byte that need not come")
	}
}

func TestALineOfOneMebibyteIsOneEvent(t *testing.T) {
	data := strings.Repeat("x", 1<<20)
	got, _, err := scan(t, &Scanner{}, "data: "+data+"\n\ndata: [DONE]\n\n", 4096)
	if err != nil || len(got) != 2 || got[0].Data != data {
		t.Errorf("got %d events, error %v", len(got), err)
	}
}

func TestBound(t *testing.T) {
	tests := map[string]struct {
		stream string
		want   error
	}{
		"an event of exactly the bound passes":              {stream: "data: 89abcd\n\n" + "data: b\n\n"},
		"an event one byte longer is refused":               {stream: "data: 89abcde\n\n", want: ErrTooLong},
		"many short lines count together":                   {stream: strings.Repeat(":a\n", 6) + "\n", want: ErrTooLong},
		"a line that never ends is refused":                 {stream: strings.Repeat("a", 100), want: ErrTooLong},
		"many events that are short each are no long event": {stream: strings.Repeat("data: a\n\n", 100)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for size := range 9 {
				if _, _, err := scan(t, &Scanner{Max: 14}, tc.stream, size); !errors.Is(err, tc.want) {
					t.Errorf("in pieces of %d: %v, want %v", size, err, tc.want)
				}
			}
		})
	}
}

func TestResetKeepsNothingOfTheStreamBefore(t *testing.T) {
	s := &Scanner{}
	if _, _, err := scan(t, s, "event: x\ndata: a\ndata: b\r", 0); err != nil {
		t.Fatal(err)
	}
	s.Reset()
	got, rest, err := scan(t, s, "data: c\n\n", 3)
	want := []seen{{Raw: "data: c\n\n", Data: "c", HasData: true}}
	if diff := cmp.Diff(want, got); diff != "" || rest != "" || err != nil {
		t.Errorf("rest %q, error %v (-want +got):\n%s", rest, err, diff)
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	event := []byte("data: {\"choices\":[{\"delta\":{\"content\":\"hello\"}}]}\n\n")
	s := &Scanner{}
	r := bytes.NewReader(event)
	if n := testing.AllocsPerRun(100, func() {
		r.Reset(event)
		if _, err := s.Fill(r); err != nil {
			t.Fatal(err)
		}
		if _, ok, _ := s.Next(); !ok {
			t.Fatal("no event")
		}
	}); n != 0 {
		t.Errorf("%v allocations an event", n)
	}
}

// FuzzChunking: the events are the same however the stream is cut, and their raw blocks and the rest are the stream.
func FuzzChunking(f *testing.F) {
	f.Add("data: a\n\ndata: b\r\n\r\n", uint8(1))
	f.Add("data: a\r\r\n\r\n\rdata: \xc3\xa9\n\r\n", uint8(2))
	f.Add("\xef\xbb\xbfevent: x\ndata\ndata:y\n\n:\n\n", uint8(3))
	f.Fuzz(func(t *testing.T, stream string, size uint8) {
		whole, rest, err := scan(t, &Scanner{Max: 4096}, stream, 0)
		cut, cutRest, cutErr := scan(t, &Scanner{Max: 4096}, stream, int(size%16)+1)
		if diff := cmp.Diff(whole, cut); diff != "" {
			t.Errorf("cut in pieces (-whole +cut):\n%s", diff)
		}
		if rest != cutRest || !errors.Is(cutErr, err) {
			t.Errorf("rest %q and %q, errors %v and %v", rest, cutRest, err, cutErr)
		}
		if err != nil {
			return
		}
		joined := rest
		for i := len(whole) - 1; i >= 0; i-- {
			joined = whole[i].Raw + joined
		}
		if joined != stream {
			t.Errorf("the raw blocks are %q, not the stream %q", joined, stream)
		}
	})
}

func BenchmarkScanner(b *testing.B) {
	event := bytes.Repeat([]byte("data: {\"choices\":[{\"delta\":{\"content\":\"hello\"}}]}\n\n"), 8)
	s := &Scanner{}
	r := bytes.NewReader(event)
	b.ReportAllocs()
	b.SetBytes(int64(len(event)))
	for b.Loop() {
		r.Reset(event)
		_, _ = s.Fill(r)
		for {
			if _, ok, _ := s.Next(); !ok {
				break
			}
		}
	}
}
