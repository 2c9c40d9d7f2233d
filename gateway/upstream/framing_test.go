// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http/httputil"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/valyala/fasthttp"
)

func TestFramingOf(t *testing.T) {
	tests := map[string]struct {
		head     string
		kind     kind
		left     int64
		done     bool
		reusable bool
	}{
		"a length":                  {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", fixed, 5, false, true},
		"no body":                   {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", none, 0, true, true},
		"chunks":                    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunked, 0, false, true},
		"until the end":             {"HTTP/1.1 200 OK\r\n\r\n", untilClose, 0, false, false},
		"no content":                {"HTTP/1.1 204 No Content\r\n\r\n", none, 0, true, true},
		"not modified":              {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", none, 0, true, true},
		"a connection to be closed": {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n", fixed, 5, false, false},
		"HTTP/1.0":                  {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", fixed, 5, false, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var h fasthttp.ResponseHeader
			if err := h.Read(bufio.NewReader(strings.NewReader(tc.head))); err != nil {
				t.Fatal(err)
			}
			f := framingOf(&h)
			if f.kind != tc.kind || f.left != tc.left || f.done != tc.done || f.reusable != tc.reusable {
				t.Errorf("got %+v", f)
			}
		})
	}
}

// readAll reads a body to its end in pieces of so many bytes.
func readAll(f *framing, br *bufio.Reader, size int) (string, error) {
	var got []byte
	p := make([]byte, size)
	for {
		n, err := f.read(br, p)
		got = append(got, p[:n]...)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return string(got), err
		}
	}
}

func TestChunkedBodies(t *testing.T) {
	tests := map[string]struct {
		wire, want string
		wantErr    error
		after      string // what is left for the next answer
	}{
		"one chunk":                    {wire: "5\r\nhello\r\n0\r\n\r\n", want: "hello"},
		"several":                      {wire: "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", want: "hello"},
		"an empty body":                {wire: "0\r\n\r\n"},
		"upper and lower case":         {wire: "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", want: "01234567890123456789"},
		"leading zeros":                {wire: "0005\r\nhello\r\n000\r\n\r\n", want: "hello"},
		"an extension":                 {wire: "5;a=b\r\nhello\r\n0;x\r\n\r\n", want: "hello"},
		"line feeds alone":             {wire: "5\nhello\n0\n\n", want: "hello"},
		"a trailer":                    {wire: "5\r\nhello\r\n0\r\nX: y\r\nZ: w\r\n\r\n", want: "hello"},
		"the next answer stays":        {wire: "5\r\nhello\r\n0\r\n\r\nHTTP/1.1", want: "hello", after: "HTTP/1.1"},
		"an end within a chunk":        {wire: "5\r\nhel", want: "hel", wantErr: io.ErrUnexpectedEOF},
		"an end after a chunk":         {wire: "5\r\nhello", want: "hello", wantErr: io.ErrUnexpectedEOF},
		"an end before the last":       {wire: "5\r\nhello\r\n", want: "hello", wantErr: io.ErrUnexpectedEOF},
		"an end in the trailer":        {wire: "5\r\nhello\r\n0\r\n", want: "hello", wantErr: io.ErrUnexpectedEOF},
		"no size":                      {wire: "\r\nhello\r\n", wantErr: errChunk},
		"noise for a size":             {wire: "xyz\r\nhello\r\n", wantErr: errChunk},
		"noise and then a body":        {wire: "zz\r\n5\r\nhello\r\n0\r\n\r\n", wantErr: errChunk},
		"a negative size":              {wire: "-1\r\nhello\r\n", wantErr: errChunk},
		"a size beyond counting":       {wire: "ffffffffffffffff\r\nhello\r\n", wantErr: errChunk},
		"a chunk longer than its size": {wire: "3\r\nhello\r\n0\r\n\r\n", want: "hel", wantErr: errChunk},
		"a size line without end":      {wire: strings.Repeat("1", 3000), wantErr: errChunk},
		"a trailer without end":        {wire: "0\r\n" + strings.Repeat("X: y\r\n", 3000), wantErr: errChunk},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 2, 3, 7, 4096} {
				for _, slow := range []bool{false, true} {
					var r io.Reader = strings.NewReader(tc.wire)
					if slow {
						r = iotest.OneByteReader(r)
					}
					br := bufio.NewReaderSize(r, 4096)
					f := &framing{kind: chunked}
					got, err := readAll(f, br, size)
					if got != tc.want || !errors.Is(err, tc.wantErr) {
						t.Fatalf("by %d, slow %t: %q, %v", size, slow, got, err)
					}
					if again, err2 := f.read(br, make([]byte, 1)); tc.wantErr != nil && (again != 0 || !errors.Is(err2, tc.wantErr)) {
						t.Errorf("after its failure: %d, %v", again, err2)
					}
					if rest, _ := io.ReadAll(br); tc.wantErr == nil && string(rest) != tc.after {
						t.Errorf("left %q", rest)
					}
				}
			}
		})
	}
}

func TestFixedBodies(t *testing.T) {
	tests := map[string]struct {
		wire    string
		length  int64
		want    string
		wantErr error
	}{
		"exactly":                {"hello", 5, "hello", nil},
		"more on the connection": {"helloHTTP/1.1", 5, "hello", nil},
		"too short":              {"hel", 5, "hel", io.ErrUnexpectedEOF},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for size := 1; size < 8; size++ {
				got, err := readAll(&framing{kind: fixed, left: tc.length}, bufio.NewReader(strings.NewReader(tc.wire)), size)
				if got != tc.want || !errors.Is(err, tc.wantErr) {
					t.Errorf("by %d: %q, %v", size, got, err)
				}
			}
		})
	}
}

// hanging gives what it has and then fails the test when asked for more.
type hanging struct {
	t *testing.T
	r io.Reader
}

func (h hanging) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	if err != nil {
		h.t.Error("waited for more with data in hand")
		return 0, io.ErrNoProgress
	}
	return n, nil
}

func TestWhatHasArrivedIsGivenWithoutWaiting(t *testing.T) {
	for _, wire := range []string{
		"5\r\nhello", "5\r\nhello\r", "5\r\nhello\r\n", "5\r\nhello\r\n5", "5\r\nhello\r\n5\r", "5\r\nhello\r\n5\r\n", "5\r\nhello\r\n0\r\n",
		"2\r\nhe\r\n3\r\nllo",
	} {
		br := bufio.NewReader(hanging{t, strings.NewReader(wire)})
		f := &framing{kind: chunked}
		if n, err := f.read(br, make([]byte, 100)); n != 5 || err != nil {
			t.Errorf("%q: %d, %v", wire, n, err)
		}
	}
}

// FuzzChunked: what the standard library reads as a whole body is read alike, and no piecewise reading changes it.
func FuzzChunked(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\n"), 3)
	f.Add([]byte("5;x\r\nhello\r\n0\r\nA: b\r\n\r\n"), 1)
	f.Add([]byte("ffffffff\r\n"), 2)
	f.Fuzz(func(t *testing.T, wire []byte, size int) {
		size = 1 + (size&0xff)%64
		whole, err := readAll(&framing{kind: chunked}, bufio.NewReader(bytes.NewReader(wire)), 4096)
		cut, cutErr := readAll(&framing{kind: chunked}, bufio.NewReader(iotest.OneByteReader(bytes.NewReader(wire))), size)
		if whole != cut || (err == nil) != (cutErr == nil) {
			t.Errorf("whole %q, %v; cut %q, %v", whole, err, cut, cutErr)
		}
		if err != nil {
			return
		}
		// The standard library is stricter about line ends, and leaves the trailer.
		if want, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(wire))); err == nil && string(want) != whole {
			t.Errorf("got %q, the standard library %q", whole, want)
		}
	})
}

func BenchmarkChunked(b *testing.B) {
	event := strings.Repeat("x", 150)
	wire := strings.Repeat(fmt.Sprintf("%x\r\n%s\r\n", len(event), event), 100) + "0\r\n\r\n"
	r, buf := strings.NewReader(""), make([]byte, 16<<10)
	br := bufio.NewReaderSize(r, MaxHeaderBytes)
	b.ReportAllocs()
	b.SetBytes(int64(len(wire)))
	for b.Loop() {
		r.Reset(wire)
		br.Reset(r)
		for f := (framing{kind: chunked}); ; {
			if _, err := f.read(br, buf); err != nil {
				break
			}
		}
	}
}
