// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// framed makes a frame of a first byte and a payload, masked for a client.
func framed(first byte, payload string, masked bool) string {
	b := []byte{first, byte(len(payload))}
	switch n := len(payload); {
	case n > 0xffff:
		b = []byte{first, 127, 0, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	case n > 125:
		b = []byte{first, 126, byte(n >> 8), byte(n)}
	}
	if !masked {
		return string(b) + payload
	}
	b[1] |= maskBit
	mask := []byte{1, 2, 3, 4}
	b = append(b, mask...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return string(b)
}

type readFrame struct {
	Opcode byte
	Fin    bool
	Text   string
}

func TestFramesAreReadWhole(t *testing.T) {
	long, huge := strings.Repeat("l", 300), strings.Repeat("h", 70_000)
	tests := map[string]struct {
		masked bool
		sent   []string
		want   []readFrame
	}{
		"text of a server":      {sent: []string{framed(0x81, "hello", false)}, want: []readFrame{{opText, true, "hello"}}},
		"text of a client":      {masked: true, sent: []string{framed(0x81, "hello", true)}, want: []readFrame{{opText, true, "hello"}}},
		"empty":                 {masked: true, sent: []string{framed(0x82, "", true)}, want: []readFrame{{opBinary, true, ""}}},
		"a length of two bytes": {masked: true, sent: []string{framed(0x81, long, true)}, want: []readFrame{{opText, true, long}}},
		"a length of eight":     {sent: []string{framed(0x81, huge, false)}, want: []readFrame{{opText, true, huge}}},
		"a message in pieces, with control between": {
			sent: []string{framed(0x01, "a", false), framed(0x89, "ping", false), framed(0x00, "b", false), framed(0x80, "c", false), framed(0x88, "", false)},
			want: []readFrame{{opText, false, "a"}, {opPing, true, "ping"}, {opContinuation, false, "b"}, {opContinuation, true, "c"}, {opClose, true, ""}},
		},
	}
	for name, tc := range tests {
		for how, wrap := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "by bytes": iotest.OneByteReader} {
			t.Run(name+", "+how, func(t *testing.T) {
				fr := frameReader{r: bufio.NewReader(wrap(strings.NewReader(strings.Join(tc.sent, "")))), masked: tc.masked, bound: 1 << 20}
				var got []readFrame
				for i := range tc.sent {
					f, err := fr.next()
					if err != nil {
						t.Fatal(err)
					}
					if string(f.raw) != tc.sent[i] {
						t.Errorf("frame %d is not relayed as it came", i)
					}
					got = append(got, readFrame{f.opcode, f.fin, string(f.text())})
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Error(diff)
				}
				if _, err := fr.next(); !errors.Is(err, io.EOF) {
					t.Errorf("after the last: %v", err)
				}
			})
		}
	}
}

func TestWhatIsNoFrameIsRefused(t *testing.T) {
	tests := map[string]struct {
		masked bool
		sent   string
		want   error
	}{
		"a client's frame without a mask": {masked: true, sent: framed(0x81, "x", false), want: errFrame},
		"a server's frame with one":       {sent: framed(0x81, "x", true), want: errFrame},
		"a reserved bit":                  {sent: framed(0xc1, "x", false), want: errFrame},
		"a reserved opcode":               {sent: framed(0x83, "x", false), want: errFrame},
		"a reserved control opcode":       {sent: framed(0x8b, "x", false), want: errFrame},
		"control in pieces":               {sent: framed(0x09, "x", false), want: errFrame},
		"control that is long":            {sent: framed(0x89, strings.Repeat("x", 126), false), want: errFrame},
		"a continuation of nothing":       {sent: framed(0x80, "x", false), want: errFrame},
		"a message within a message":      {sent: framed(0x01, "a", false) + framed(0x81, "b", false), want: errFrame},
		"a negative length":               {sent: "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", want: errFrame},
		"a frame over the bound":          {sent: framed(0x81, strings.Repeat("x", 101), false), want: errFrameTooBig},
		"an announced length over it":     {sent: "\x81\x7f\x00\x00\x00\x7f\xff\xff\xff\xff", want: errFrameTooBig},
		"a message over it, in pieces":    {sent: framed(0x01, strings.Repeat("x", 60), false) + framed(0x80, strings.Repeat("x", 60), false), want: errFrameTooBig},
		"an end within a header":          {sent: "\x81\x7e\x00", want: io.ErrUnexpectedEOF},
		"an end within a payload":         {sent: framed(0x81, "hello", false)[:5], want: io.ErrUnexpectedEOF},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			fr := frameReader{r: bufio.NewReader(strings.NewReader(tc.sent)), masked: tc.masked, bound: 100}
			var err error
			for range 2 {
				if _, err = fr.next(); err != nil {
					break
				}
			}
			if !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
}

func TestMemoryIsTakenForWhatCameOnly(t *testing.T) {
	announced := "\x81\x7f\x00\x00\x00\x00\x3f\xff\xff\xff" + strings.Repeat("x", 10)
	fr := frameReader{r: bufio.NewReader(strings.NewReader(announced)), bound: 1 << 30}
	if _, err := fr.next(); !errors.Is(err, io.ErrUnexpectedEOF) || cap(fr.buf) > 64<<10 {
		t.Errorf("%v, with %d bytes", err, cap(fr.buf))
	}
}

func TestControlFramesAreWhatTheReaderTakes(t *testing.T) {
	for name, mask := range map[string]*[maskLen]byte{"to a client": nil, "to a provider": {9, 8, 7, 6}} {
		t.Run(name, func(t *testing.T) {
			sent := appendControl(nil, opClose, closePayload(closeGoingAway, strings.Repeat("why ", 50)), mask)
			fr := frameReader{r: bufio.NewReader(bytes.NewReader(sent)), masked: mask != nil, bound: 1}
			f, err := fr.next()
			if err != nil || f.closeCode() != closeGoingAway || len(f.text()) != maxControl {
				t.Errorf("%v, code %d, %d bytes", err, f.closeCode(), len(f.text()))
			}
		})
	}
	if none := (frame{}); none.closeCode() != closeNoCode {
		t.Errorf("a close frame that says nothing says %d", none.closeCode())
	}
}

// Whatever comes, frames are read without a panic, within the bound, and relayed as they came.
func FuzzFrames(f *testing.F) {
	f.Add([]byte(framed(0x81, "hello", false)), false)
	f.Add([]byte(framed(0x01, "a", true)+framed(0x80, "b", true)), true)
	f.Add([]byte("\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x01x"), false)
	f.Fuzz(func(t *testing.T, sent []byte, masked bool) {
		fr := frameReader{r: bufio.NewReader(bytes.NewReader(sent)), masked: masked, bound: 1 << 10}
		for at := 0; ; {
			f, err := fr.next()
			if err != nil {
				return
			}
			if len(f.payload) > 1<<10 || !bytes.HasPrefix(sent[at:], f.raw) {
				t.Fatalf("frame of %d bytes at %d", len(f.payload), at)
			}
			at += len(f.raw)
		}
	})
}
