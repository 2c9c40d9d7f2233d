// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package eventstream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/google/go-cmp/cmp"
)

// seen is a Message that outlives the scanner's buffer.
type seen struct {
	Name, Data string
	Failed     bool
}

// scan feeds the stream in pieces of the given size, 0 for all at once, and collects the messages and the rest.
func scan(t testing.TB, s *Scanner, stream []byte, size int) (messages []seen, raw, rest string, err error) {
	t.Helper()
	r := io.Reader(bytes.NewReader(stream))
	if size > 0 {
		r = &pieces{r: r, size: size}
	}
	for ended := false; ; {
		for {
			m, ok, err := s.Next()
			if err != nil {
				return messages, raw, "", err
			}
			if !ok {
				break
			}
			raw += string(m.Raw)
			messages = append(messages, seen{string(m.Name()), string(m.Data()), m.Failed()})
		}
		if ended {
			return messages, raw, string(s.Rest()), nil
		}
		if _, err := s.Fill(r); errors.Is(err, io.EOF) {
			ended = true
		} else if err != nil {
			return messages, raw, "", err
		}
	}
}

type pieces struct {
	r    io.Reader
	size int
}

func (p *pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.size)]) }

// encode builds messages as Amazon's own library does.
func encode(t testing.TB, messages ...eventstream.Message) []byte {
	t.Helper()
	var b bytes.Buffer
	e := eventstream.NewEncoder()
	for _, m := range messages {
		if err := e.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// message gives a message with string headers, given as names and values in turn.
func message(payload string, headers ...string) eventstream.Message {
	m := eventstream.Message{Payload: []byte(payload)}
	for i := 0; i < len(headers); i += 2 {
		m.Headers.Set(headers[i], eventstream.StringValue(headers[i+1]))
	}
	return m
}

func event(name, payload string) eventstream.Message {
	return message(payload, ":event-type", name, ":content-type", "application/json", ":message-type", "event")
}

// frame builds a message by hand, with right checksums, from headers that the library would not write.
func frame(headers, payload string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(framingLen+len(headers)+len(payload)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(headers)))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	b = append(append(b, headers...), payload...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func TestMessagesOfTheLibraryAreRead(t *testing.T) {
	everyType := message("{}", ":message-type", "event", ":event-type", "e")
	for name, value := range map[string]eventstream.Value{
		"true": eventstream.BoolValue(true), "false": eventstream.BoolValue(false), "byte": eventstream.Int8Value(1),
		"short": eventstream.Int16Value(2), "integer": eventstream.Int32Value(3), "long": eventstream.Int64Value(4),
		"bytes": eventstream.BytesValue([]byte("bytes")), "time": eventstream.TimestampValue(time.Unix(1, 0)),
		"uuid": eventstream.UUIDValue{},
	} {
		everyType.Headers.Set(name, value)
	}
	tests := map[string]struct {
		messages []eventstream.Message
		want     []seen
	}{
		"an empty stream has no messages": {},
		"an event": {
			messages: []eventstream.Message{event("messageStart", `{"role":"assistant"}`)},
			want:     []seen{{Name: "messageStart", Data: `{"role":"assistant"}`}},
		},
		"several, one without a payload": {
			messages: []eventstream.Message{event("a", "1"), event("b", ""), event("c", "3")},
			want:     []seen{{Name: "a", Data: "1"}, {Name: "b"}, {Name: "c", Data: "3"}},
		},
		"an exception is called by its type": {
			messages: []eventstream.Message{message(`{"message":"slow"}`, ":message-type", "exception", ":exception-type", "throttlingException")},
			want:     []seen{{Name: "throttlingException", Data: `{"message":"slow"}`, Failed: true}},
		},
		"an error is called by its code and tells its message": {
			messages: []eventstream.Message{message("", ":message-type", "error", ":error-code", "InternalError", ":error-message", "broke")},
			want:     []seen{{Name: "InternalError", Data: "broke", Failed: true}},
		},
		"headers of every type are passed over": {messages: []eventstream.Message{everyType}, want: []seen{{Name: "e", Data: "{}"}}},
		"no headers at all":                     {messages: []eventstream.Message{message("x")}, want: []seen{{Data: "x"}}},
		"a header of the right name and another type is no name": {
			messages: []eventstream.Message{{Headers: eventstream.Headers{{Name: ":event-type", Value: eventstream.Int8Value(7)}}}},
			want:     []seen{{}},
		},
		"a payload longer than the first buffer": {
			messages: []eventstream.Message{event("a", strings.Repeat("x", 100_000)), event("b", "y")},
			want:     []seen{{Name: "a", Data: strings.Repeat("x", 100_000)}, {Name: "b", Data: "y"}},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			stream := encode(t, tc.messages...)
			for _, size := range []int{0, 1, 2, 3, 7, 64, 4096} {
				got, raw, rest, err := scan(t, &Scanner{}, stream, size)
				if err != nil || rest != "" || raw != string(stream) {
					t.Errorf("pieces of %d: %d bytes of %d, rest %q, error %v", size, len(raw), len(stream), rest, err)
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("pieces of %d (-want +got):\n%s", size, diff)
				}
			}
		})
	}
}

func TestAStreamThatEndsInTheMiddleLeavesARest(t *testing.T) {
	first, second := encode(t, event("a", "1")), encode(t, event("b", "2"))
	stream := append(append([]byte{}, first...), second...)
	for cut := range stream {
		got, _, rest, err := scan(t, &Scanner{}, stream[:cut], 0)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		whole := 0
		if cut >= len(first) {
			whole = len(first)
		}
		if rest != string(stream[whole:cut]) || (len(got) == 1) != (whole > 0) {
			t.Errorf("cut at %d: %v, rest of %d bytes", cut, got, len(rest))
		}
	}
}

func TestEveryChangedByteIsSeen(t *testing.T) {
	stream := encode(t, event("contentBlockDelta", `{"delta":{"text":"hello"}}`))
	for i := range stream {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			bad := bytes.Clone(stream)
			bad[i] ^= flip
			got, _, _, err := scan(t, &Scanner{}, bad, 0)
			if len(got) != 0 || !errors.Is(err, ErrCorrupt) {
				t.Errorf("byte %d changed by %#x: %v, %v", i, flip, got, err)
			}
		}
	}
}

func TestWhatContradictsItselfIsCorrupt(t *testing.T) {
	prelude := func(total, headers uint32) []byte {
		b := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, total), headers)
		return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	}
	tests := map[string]struct {
		stream []byte
		want   error
	}{
		"shorter than its own framing":        {prelude(15, 0), ErrCorrupt},
		"headers longer than the message":     {prelude(20, 5), ErrCorrupt},
		"lengths whose sum overflows 32 bits": {prelude(16, 0xffffffff), ErrCorrupt},
		"longer than the bound":               {prelude(DefaultMaxMessage+1, 0), ErrTooLong},
		"a header's name that ends early":     {frame("\x05ab", ""), ErrCorrupt},
		"a header without a type":             {frame("\x01a", ""), ErrCorrupt},
		"a header of an unknown type":         {frame("\x01a\x0a", ""), ErrCorrupt},
		"a string without its length":         {frame("\x01a\x07\x00", ""), ErrCorrupt},
		"a string that ends early":            {frame("\x01a\x07\x00\x05xy", "z"), ErrCorrupt},
		"an integer that ends early":          {frame("\x01a\x04\x00\x00", ""), ErrCorrupt},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{0, 1} {
				s := &Scanner{}
				got, _, _, err := scan(t, s, tc.stream, size)
				if len(got) != 0 || !errors.Is(err, tc.want) {
					t.Fatalf("%v, %v", got, err)
				}
				if _, ok, again := s.Next(); ok || !errors.Is(again, tc.want) {
					t.Errorf("asked again: %t, %v", ok, again)
				}
			}
		})
	}
}

func TestTheBoundCountsTheFraming(t *testing.T) {
	stream := encode(t, event("a", "payload"))
	if got, _, _, err := scan(t, &Scanner{Max: len(stream)}, stream, 1); err != nil || len(got) != 1 {
		t.Errorf("at the bound: %v, %v", got, err)
	}
	if _, _, _, err := scan(t, &Scanner{Max: len(stream) - 1}, stream, 1); !errors.Is(err, ErrTooLong) {
		t.Errorf("above the bound: %v", err)
	}
}

func TestWhoFillsWithoutCuttingIsBounded(t *testing.T) {
	s := &Scanner{Max: 10 << 10}
	r := endless{}
	for range 100 {
		if _, err := s.Fill(r); err != nil {
			if !errors.Is(err, ErrTooLong) {
				t.Fatal(err)
			}
			return
		}
	}
	t.Errorf("%d bytes are held", len(s.Rest()))
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

func TestResetForgetsWhatArrived(t *testing.T) {
	stream := encode(t, event("a", "1"))
	s := &Scanner{Max: 1000}
	if _, _, rest, err := scan(t, s, stream[:20], 0); err != nil || len(rest) != 20 {
		t.Fatalf("%q, %v", rest, err)
	}
	s.Reset()
	got, _, rest, err := scan(t, s, stream, 0)
	if err != nil || rest != "" || len(got) != 1 || s.Max != 1000 {
		t.Errorf("%v, %q, %v", got, rest, err)
	}
	if _, _, _, err := scan(t, s, encode(t, event("b", strings.Repeat("x", 900))), 0); err != nil {
		t.Error(err)
	}
	s.Max = 0
	if _, _, _, err := scan(t, s, encode(t, event("b", strings.Repeat("x", 100<<10))), 0); err != nil {
		t.Error(err)
	}
	if s.Reset(); cap(s.buf) != 0 {
		t.Errorf("a buffer of %d bytes is kept", cap(s.buf))
	}
}

func TestScanningDoesNotAllocate(t *testing.T) {
	stream := encode(t, event("contentBlockDelta", `{"delta":{"text":"hello"},"contentBlockIndex":0}`))
	s, r := &Scanner{}, bytes.NewReader(stream)
	n := testing.AllocsPerRun(100, func() {
		r.Reset(stream)
		if _, err := s.Fill(r); err != nil {
			t.Fatal(err)
		}
		if m, ok, err := s.Next(); err != nil || !ok || len(m.Data()) == 0 {
			t.Fatal(ok, err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzScanner(f *testing.F) {
	f.Add(encode(f, event("a", "1"), event("b", "2")), uint8(1))
	f.Add(encode(f, message("{}", ":message-type", "exception", ":exception-type", "x")), uint8(5))
	f.Add(frame("\x01a\x07\x00\x05xy", "z"), uint8(3))
	f.Add([]byte("not a stream at all"), uint8(2))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		want, wantRaw, wantRest, wantErr := scan(t, &Scanner{Max: 1 << 10}, stream, 0)
		got, raw, rest, err := scan(t, &Scanner{Max: 1 << 10}, stream, int(size))
		if !errors.Is(err, wantErr) || raw != wantRaw || rest != wantRest {
			t.Errorf("in pieces: %v, rest %q; at once: %v, rest %q", err, rest, wantErr, wantRest)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-at once +in pieces):\n%s", diff)
		}
		if err == nil && raw+rest != string(stream) {
			t.Error("bytes are lost")
		}
		// Amazon's own decoder reads every message as this one does.
		d, r := eventstream.NewDecoder(), bytes.NewReader([]byte(raw))
		for range got {
			if _, err := d.Decode(r, nil); err != nil {
				t.Errorf("the library does not read it: %v", err)
			}
		}
	})
}

func BenchmarkScanner(b *testing.B) {
	stream := encode(b, event("contentBlockDelta", `{"delta":{"text":"hello"},"contentBlockIndex":0}`))
	s, r := &Scanner{}, bytes.NewReader(stream)
	b.ReportAllocs()
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		r.Reset(stream)
		if _, err := s.Fill(r); err != nil {
			b.Fatal(err)
		}
		if _, ok, err := s.Next(); err != nil || !ok {
			b.Fatal(ok, err)
		}
	}
}
