// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/zstd"
	brotli "github.com/molecule-man/go-brrr"
)

// compressed gives a text in a coding.
func compressed(t testing.TB, coding string, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch coding {
	case "gzip", "x-gzip":
		w = gzip.NewWriter(&out)
	case "deflate":
		w = zlib.NewWriter(&out)
	case "br":
		w, err = brotli.NewWriter(&out, 5)
	case "zstd":
		w, err = zstd.NewWriter(&out)
	}
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// zeros gives some GiB of zeros in a coding. The end is missing, which nobody should come to.
func zeros(t testing.TB, coding string, gib int) []byte {
	t.Helper()
	var out bytes.Buffer
	var w interface {
		io.Writer
		Flush() error
	}
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "deflate":
		w = zlib.NewWriter(&out)
	case "br":
		w, _ = brotli.NewWriter(&out, 5)
	case "zstd":
		w, _ = zstd.NewWriter(&out)
	}
	// What a MiB adds to those before it, it adds any number of times.
	var ends [3]int
	for i := range ends {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		ends[i] = out.Len()
	}
	return append(out.Bytes(), bytes.Repeat(out.Bytes()[ends[1]:], gib<<10-len(ends))...)
}

var allCodings = []string{"gzip", "x-gzip", "deflate", "br", "zstd"}

type noDeadline struct{}

func (noDeadline) SetReadDeadline(time.Time) error { return nil }

// readIn reads a body as a request does.
func readIn(coding string, from io.Reader, length int, most int64) ([]byte, error) {
	in := incoming{stream: from, conn: noDeadline{}, length: length, most: most, pace: pace{total: time.Minute}}
	return in.read(nil, []byte(coding))
}

func TestBodiesAreReadWithoutTheirCoding(t *testing.T) {
	texts := map[string][]byte{
		"nothing": {}, "a byte": []byte("x"), "a chat": []byte(`{"model":"m","messages":[{"role":"user","content":"hello"}]}`),
		"much": bytes.Repeat([]byte("a long prompt "), 5_000),
	}
	ways := map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader,
		"with the end": iotest.DataErrReader,
	}
	for _, coding := range append(allCodings, "identity", "GZIP", " br ") {
		for name, text := range texts {
			for way, read := range ways {
				t.Run(fmt.Sprintf("%s of %s, %s", coding, name, way), func(t *testing.T) {
					sent := text
					if !strings.EqualFold(coding, "identity") {
						sent = compressed(t, strings.ToLower(strings.TrimSpace(coding)), text)
					}
					for _, length := range []int{len(sent), -1} {
						got, err := readIn(coding, read(bytes.NewReader(sent)), length, 2<<20)
						if err != nil || !bytes.Equal(got, text) {
							t.Errorf("length %d: %d bytes of %d, %v", length, len(got), len(text), err)
						}
					}
				})
			}
		}
	}
}

func TestWhatIsNotCompressedAsAnnouncedIsRefused(t *testing.T) {
	text := []byte(`{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("hello ", 1000) + `"}]}`)
	for _, coding := range allCodings {
		whole := compressed(t, coding, text)
		flipped := bytes.Clone(whole)
		flipped[len(flipped)/2] ^= 0xff
		for name, sent := range map[string][]byte{
			"a text":           text,
			"cut off":          whole[:len(whole)-1],
			"cut in two":       whole[:len(whole)/2],
			"cut in its head":  whole[:1],
			"a bit turned":     flipped,
			"more behind it":   append(bytes.Clone(whole), "more"...),
			"a byte behind it": append(bytes.Clone(whole), 0xff),
			"bytes of nothing": make([]byte, 100),
		} {
			t.Run(coding+": "+name, func(t *testing.T) {
				got, err := readIn(coding, bytes.NewReader(sent), len(sent), 1<<20)
				if coding == "br" && name == "a bit turned" && err == nil && !bytes.Equal(got, text) {
					return // It has no checksum, so that other data is data.
				}
				if !errors.Is(err, errCompression) {
					t.Fatalf("%v", err)
				}
				if refused := refusedBody(err, false); refused.Status != 400 || refused.Reason != "bad_compression" {
					t.Errorf("%v", refused)
				}
			})
		}
	}
}

// gzip and zstd may consist of several bodies of their own, which are one.
func TestSeveralMembersAreOneBody(t *testing.T) {
	for _, coding := range []string{"gzip", "zstd"} {
		sent := append(compressed(t, coding, []byte("one ")), compressed(t, coding, []byte("body"))...)
		if got, err := readIn(coding, bytes.NewReader(sent), len(sent), 100); err != nil || string(got) != "one body" {
			t.Errorf("%s: %q, %v", coding, got, err)
		}
	}
}

func TestDecodedBodiesAreBoundedExactly(t *testing.T) {
	for _, coding := range allCodings {
		for size, want := range map[int]error{1000: nil, 1001: errDecodedTooLarge} {
			sent := compressed(t, coding, bytes.Repeat([]byte("x"), size))
			if _, err := readIn(coding, bytes.NewReader(sent), len(sent), 1000); !errors.Is(err, want) {
				t.Errorf("%s of %d bytes: %v", coding, size, err)
			}
		}
		// More came than may come, whatever it would have been.
		if _, err := readIn(coding, bytes.NewReader(make([]byte, 1001)), -1, 1000); !errors.Is(err, errTooLarge) && !errors.Is(err, errCompression) {
			t.Errorf("%s: %v", coding, err)
		}
	}
	if refused := refusedBody(errDecodedTooLarge, false); refused.Status != 413 || refused.Reason != "decompressed_too_large" {
		t.Errorf("%v", refused)
	}
}

// What decodes to nothing is bounded by what comes.
func TestBodiesOfNothingAreBounded(t *testing.T) {
	skipped := append([]byte{0x50, 0x2a, 0x4d, 0x18, 100, 0, 0, 0}, make([]byte, 100)...)
	for coding, nothing := range map[string][]byte{"gzip": compressed(t, "gzip", nil), "zstd": skipped} {
		sent := bytes.Repeat(nothing, 1000)
		if got, err := readIn(coding, bytes.NewReader(sent), -1, int64(len(sent))); err != nil || len(got) != 0 {
			t.Errorf("%s: %d bytes, %v", coding, len(got), err)
		}
		_, err := readIn(coding, bytes.NewReader(sent), -1, int64(len(sent)-1))
		if refused := refusedBody(err, false); refused.Reason != "body_too_large" {
			t.Errorf("%s: %v", coding, err)
		}
	}
}

// hugeWindow is a frame of zstd whose decoder would have to remember 1 GiB.
func hugeWindow() []byte {
	frame := binary.LittleEndian.AppendUint32(nil, 0xfd2fb528)
	return append(frame, 0, 20<<3, 1, 0, 0)
}

func TestALargeWindowIsRefused(t *testing.T) {
	if _, err := readIn("zstd", bytes.NewReader(hugeWindow()), -1, 1<<20); !errors.Is(err, errDecodedTooLarge) {
		t.Errorf("%v", err)
	}
}

// A connection that fails is no fault of the data, whatever a decoder makes of it.
func TestTheConnectionsErrorsAreItsOwn(t *testing.T) {
	broken := &net.OpError{Op: "read", Err: errors.New("reset")}
	for _, coding := range append(allCodings, "") {
		sent := []byte("text")
		if coding != "" {
			sent = compressed(t, coding, bytes.Repeat([]byte("a long prompt "), 100))
		}
		from := io.MultiReader(bytes.NewReader(sent[:len(sent)/2]), iotest.ErrReader(broken))
		if _, err := readIn(coding, from, len(sent), 1<<20); !errors.Is(err, broken) || errors.Is(err, errCompression) {
			t.Errorf("%q: %v", coding, err)
		}
		// A client that ends before the length that it announced has left.
		if _, err := readIn(coding, bytes.NewReader(sent), len(sent)+1, 1<<20); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q, cut: %v", coding, err)
		}
	}
}

func TestOtherCodingsAreNot(t *testing.T) {
	for _, field := range []string{"compress", "gzip, br", "gzip,gzip", "gzip;q=1", "*", "\x00", strings.Repeat("gzip", 10_000)} {
		if _, ok := codingNamed([]byte(field)); ok {
			t.Errorf("%.20q is one", field)
		}
	}
	if _, ok := codingNamed(nil); !ok {
		t.Error("none is not one")
	}
}

// A body of 10 GiB ends where it is too large, having taken no more memory than one that is not.
func TestBombsAreRefusedWithinBounds(t *testing.T) {
	const gib, most = 10, 2 << 20
	for _, coding := range []string{"gzip", "deflate", "br", "zstd"} {
		t.Run(coding, func(t *testing.T) {
			bomb := zeros(t, coding, gib)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			_, err := readIn(coding, bytes.NewReader(bomb), -1, most)
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			taken := after.TotalAlloc - before.TotalAlloc
			t.Logf("%d GiB in %d bytes: %v after %v, %d KiB of memory", gib, len(bomb), err, took, taken>>10)
			if !errors.Is(err, errDecodedTooLarge) {
				t.Errorf("%v", err)
			}
			if taken > 32<<20 {
				t.Errorf("%d MiB of memory", taken>>20)
			}
		})
	}
}

// One coding is undone, so that a bomb in a bomb is what the outer one says: some bytes.
func TestABombWithinABombIsData(t *testing.T) {
	bomb := zeros(t, "zstd", 1)
	for _, coding := range allCodings {
		sent := compressed(t, coding, bomb)
		if got, err := readIn(coding, bytes.NewReader(sent), len(sent), 1<<20); err != nil || !bytes.Equal(got, bomb) {
			t.Errorf("%s: %d bytes, %v", coding, len(got), err)
		}
	}
}

func FuzzInflate(f *testing.F) {
	text := []byte(strings.Repeat("a long prompt ", 20))
	for i, coding := range allCodings {
		f.Add(uint8(i), compressed(f, coding, text))
	}
	f.Add(uint8(4), hugeWindow())
	var stored bytes.Buffer
	w, _ := flate.NewWriter(&stored, flate.NoCompression)
	_, _ = w.Write(text)
	_ = w.Close()
	f.Add(uint8(2), stored.Bytes())
	f.Fuzz(func(t *testing.T, which uint8, sent []byte) {
		coding := allCodings[int(which)%len(allCodings)]
		got, err := readIn(coding, bytes.NewReader(sent), len(sent), 1<<16)
		if err == nil && len(got) > 1<<16 {
			t.Fatalf("%d bytes", len(got))
		}
		// However it is cut, it is the same body.
		again, errAgain := readIn(coding, iotest.OneByteReader(bytes.NewReader(sent)), len(sent), 1<<16)
		if (err == nil) != (errAgain == nil) || err == nil && !bytes.Equal(got, again) {
			t.Fatalf("%s: %d bytes, %v; byte by byte %d bytes, %v", coding, len(got), err, len(again), errAgain)
		}
		if err != nil && !errors.Is(err, errDecodedTooLarge) && !errors.Is(err, errCompression) {
			t.Fatalf("%s: %v", coding, err)
		}
	})
}

func BenchmarkReadBody(b *testing.B) {
	text := bytes.Repeat([]byte("a long prompt, of which no word is new "), 30)
	for _, coding := range append([]string{""}, allCodings...) {
		b.Run("coding="+coding, func(b *testing.B) {
			sent := text
			if coding != "" {
				sent = compressed(b, coding, text)
			}
			reader := bytes.NewReader(nil)
			var dst []byte
			in := &incoming{}
			b.ReportAllocs()
			for b.Loop() {
				reader.Reset(sent)
				*in = incoming{stream: reader, conn: noDeadline{}, length: len(sent), most: 1 << 20, pace: pace{total: time.Minute, rate: 128}, wire: in.wire}
				var err error
				if dst, err = in.read(dst[:0], []byte(coding)); err != nil || len(dst) != len(text) {
					b.Fatal(err)
				}
			}
		})
	}
}
