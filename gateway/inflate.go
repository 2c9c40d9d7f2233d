// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	brotli "github.com/molecule-man/go-brrr"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// acceptedCodings is what a 415 tells of the codings that a body may have (RFC 9110 12.5.3).
const acceptedCodings = "gzip, deflate, br, zstd"

// maxWindow bounds what a decoder of zstd remembers, as RFC 9659 has it. Those of the others remember less by their nature: 32 KiB
// of gzip and deflate, 16 MiB of br.
const maxWindow = 8 << 20

// decoder undoes one coding. It is reused for one body after another.
type decoder interface {
	io.Reader
	// start begins a new body; its errors are those of the data.
	start(from *bufio.Reader) error
}

// coding is one that a body may have.
type coding struct {
	pool sync.Pool
	// windowed codings remember much, however little came yet. Such a body is undone when it is there as a whole, and few at a
	// time, so that memory does not grow with the clients that send slowly.
	windowed bool
}

func codingOf(made func() decoder) *coding {
	return &coding{pool: sync.Pool{New: func() any { return made() }}}
}

func windowedCodingOf(made func() decoder) *coding {
	c := codingOf(made)
	c.windowed = true
	return c
}

// The codings, by their names in lower case (RFC 9110 8.4.1; RFC 7932; RFC 8878). x-gzip is gzip's old name.
var (
	gzipCoding = codingOf(func() decoder { return &gzipDecoder{} })
	codings    = map[string]*coding{
		"gzip": gzipCoding, "x-gzip": gzipCoding,
		"deflate": codingOf(func() decoder { return &zlibDecoder{} }),
		"br":      windowedCodingOf(func() decoder { return &brotliDecoder{} }),
		"zstd":    windowedCodingOf(func() decoder { return &zstdDecoder{} }),
	}
)

// windows bounds how many windowed bodies are undone at once. It is work without waiting, so that more would not be faster.
var windows = make(chan struct{}, runtime.GOMAXPROCS(0))

// codingNamed gives the coding that a Content-Encoding names, nil for none; false where it is not one that is undone here. Several
// are refused as an unknown one is: nobody but an attacker compresses twice.
func codingNamed(field []byte) (*coding, bool) {
	field = bytes.TrimSpace(field)
	if len(field) == 0 || bytes.EqualFold(field, []byte("identity")) {
		return nil, true
	}
	for name, c := range codings {
		if bytes.EqualFold(field, []byte(name)) {
			return c, true
		}
	}
	return nil, false
}

type gzipDecoder struct{ gzip.Reader }

func (d *gzipDecoder) start(from *bufio.Reader) error { return d.Reset(from) }

// zlibDecoder undoes deflate, which in HTTP is in zlib's format (RFC 9110 8.4.1.2).
type zlibDecoder struct{ io.ReadCloser }

func (d *zlibDecoder) start(from *bufio.Reader) (err error) {
	if d.ReadCloser == nil {
		d.ReadCloser, err = zlib.NewReader(from)
		return err
	}
	return d.ReadCloser.(zlib.Resetter).Reset(from, nil) //nolint:forcetypeassert // So the package says.
}

type brotliDecoder struct{ brotli.Reader }

func (d *brotliDecoder) start(from *bufio.Reader) error {
	d.Reset(from)
	return nil
}

type zstdDecoder struct{ *zstd.Decoder }

func (d *zstdDecoder) start(from *bufio.Reader) (err error) {
	if d.Decoder != nil {
		return d.Reset(from)
	}
	// With a concurrency of one it decodes where it is read, and has no goroutine that would have to be ended.
	d.Decoder, err = zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow))
	return err
}

var (
	errDecodedTooLarge = errors.New("decoded body too large")
	errCompression     = errors.New("not compressed as announced")
)

// inflating is a body without its coding. Read gives the source's own errors as they are, errDecodedTooLarge where too large a
// window is needed, and errCompression, wrapped, for everything else that is wrong with the data.
type inflating struct {
	coding *coding
	with   decoder
	source witnessed
	buf    *bufio.Reader
	begun  bool
}

// witnessed remembers how its reader ended, because decoders dress up what they are told.
type witnessed struct {
	from io.Reader
	err  error
}

func (w *witnessed) Read(b []byte) (int, error) {
	n, err := w.from.Read(b)
	if err != nil {
		w.err = err
	}
	return n, err
}

var inflaters = sync.Pool{New: func() any { return &inflating{buf: bufio.NewReader(nil)} }}

// inflate gives a reader of a body without its coding. close must be called once it was read.
func inflate(c *coding, from io.Reader) *inflating {
	i, _ := inflaters.Get().(*inflating)
	i.coding, i.source, i.begun = c, witnessed{from: from}, false
	i.with, _ = c.pool.Get().(decoder)
	i.buf.Reset(&i.source)
	return i
}

func (i *inflating) close() {
	i.coding.pool.Put(i.with)
	i.coding, i.with, i.source = nil, nil, witnessed{}
	inflaters.Put(i)
}

// Read reads what was decoded.
func (i *inflating) Read(b []byte) (n int, err error) {
	if !i.begun {
		i.begun = true
		err = i.with.start(i.buf)
	}
	if err == nil {
		n, err = i.with.Read(b)
	}
	switch {
	case err == nil:
		return n, nil
	case i.source.err != nil && !errors.Is(i.source.err, io.EOF):
		return n, i.source.err
	case err == io.EOF: //nolint:errorlint // What is wrapped is no end.
		return n, i.ended()
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return n, errDecodedTooLarge
	default:
		return n, fmt.Errorf("%w: %w", errCompression, err)
	}
}

// ended says whether the body ends where its compressed form does.
func (i *inflating) ended() error {
	if _, err := i.buf.Peek(1); err == nil {
		return fmt.Errorf("%w: more follows behind its end", errCompression)
	}
	if i.source.err != nil && !errors.Is(i.source.err, io.EOF) {
		return i.source.err
	}
	return io.EOF
}

func unsupportedCoding() *exchange.Error {
	return &exchange.Error{
		Status: 415, Type: exchange.TypeInvalidRequest, Reason: exchange.ReasonEncoding, Outcome: exchange.Refused,
		Message: "The Content-Encoding of the request's body is not supported. Use one of " + acceptedCodings + ", or none.",
	}
}

func decodedTooLarge() *exchange.Error {
	return &exchange.Error{
		Status: 413, Type: exchange.TypeInvalidRequest, Reason: exchange.ReasonDecompressed, Outcome: exchange.Refused,
		Message: "The request's body is too large once it is decompressed.",
	}
}

func badCompression(cause error) *exchange.Error {
	return &exchange.Error{
		Status: 400, Type: exchange.TypeInvalidRequest, Reason: exchange.ReasonCompression, Outcome: exchange.Refused,
		Message: "The request's body is not compressed as its Content-Encoding says.", Cause: cause,
	}
}
