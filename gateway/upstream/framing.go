// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/valyala/fasthttp"
)

// errChunk says that the chunked framing is broken (RFC 9112 7.1).
var errChunk = errors.New("malformed chunk")

const (
	maxChunkLine = 1 << 10
	maxTrailer   = 8 << 10
)

type kind uint8

const (
	none kind = iota
	fixed
	chunked
	untilClose
)

// framing is how far into an answer's body a call is (RFC 9112 6).
type framing struct {
	kind kind
	// left is what remains of the body, or of the current chunk.
	left int64
	// inside says that a chunk was begun, so that a CRLF comes before the next.
	inside   bool
	trailer  int // bytes of the trailer so far; 0 before it
	done     bool
	reusable bool
	broken   error // what made the framing unreadable, for good
}

func framingOf(h *fasthttp.ResponseHeader) framing {
	f := framing{reusable: !h.ConnectionClose()}
	status := h.StatusCode()
	switch n := h.ContentLength(); {
	case status == fasthttp.StatusSwitchingProtocols:
		// What follows is no body.
		f.done, f.reusable = true, false
	case status == fasthttp.StatusNoContent || status == fasthttp.StatusNotModified || n == 0:
		f.done = true
	case n > 0:
		f.kind, f.left = fixed, int64(n)
	case n == -1:
		f.kind = chunked
	default:
		f.kind, f.reusable = untilClose, false
	}
	return f
}

// read gives what can be had without waiting once it has anything.
func (f *framing) read(br *bufio.Reader, p []byte) (int, error) {
	if f.done {
		return 0, io.EOF
	}
	if f.broken != nil {
		return 0, f.broken
	}
	n, err := f.readKind(br, p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.broken = err
	}
	return n, err
}

func (f *framing) readKind(br *bufio.Reader, p []byte) (int, error) {
	switch f.kind {
	case fixed:
		return f.readFixed(br, p)
	case chunked:
		return f.readChunked(br, p)
	default:
		n, err := br.Read(p)
		if err == io.EOF {
			f.done = true
		}
		return n, err
	}
}

func (f *framing) readFixed(br *bufio.Reader, p []byte) (int, error) {
	n, err := br.Read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	switch {
	case f.left == 0:
		f.done, err = true, nil
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (f *framing) readChunked(br *bufio.Reader, p []byte) (int, error) {
	n := 0
	for n < len(p) && !f.done {
		if f.left == 0 {
			wait := n == 0
			if ok, err := f.nextChunk(br, wait); err != nil || !ok {
				return n, err
			}
			continue
		}
		if n > 0 && br.Buffered() == 0 {
			return n, nil
		}
		m, err := br.Read(p[n : n+int(min(int64(len(p)-n), f.left))])
		n += m
		f.left -= int64(m)
		if err != nil {
			return n, unexpected(err)
		}
	}
	if n == 0 && f.done {
		return 0, io.EOF
	}
	return n, nil
}

// nextChunk reads what lies between chunks. Without wait it only looks at what has arrived and says whether that was
// enough.
func (f *framing) nextChunk(br *bufio.Reader, wait bool) (bool, error) {
	for {
		line, ok, err := peekLine(br, wait)
		if err != nil || !ok {
			return false, err
		}
		_, _ = br.Discard(len(line))
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case f.trailer > 0:
			if f.trailer += len(line) + 1; f.trailer > maxTrailer {
				return false, fmt.Errorf("%w: trailer too long", errChunk)
			}
			if len(line) == 0 {
				f.done = true
				return true, nil
			}
		case f.inside:
			if len(line) > 0 {
				return false, fmt.Errorf("%w: longer than its size", errChunk)
			}
			f.inside = false
		default:
			size, err := chunkSize(line)
			if err != nil {
				return false, err
			}
			if size > 0 {
				f.left, f.inside = size, true
				return true, nil
			}
			f.trailer = 1
		}
	}
}

// peekLine gives the next line with its end, without taking it.
func peekLine(br *bufio.Reader, wait bool) (line []byte, ok bool, err error) {
	for {
		b, _ := br.Peek(br.Buffered())
		i := bytes.IndexByte(b, '\n')
		switch {
		case i > maxChunkLine, i < 0 && len(b) > maxChunkLine:
			return nil, false, fmt.Errorf("%w: line too long", errChunk)
		case i >= 0:
			return b[:i+1], true, nil
		}
		if !wait {
			return nil, false, nil
		}
		if _, err := br.Peek(len(b) + 1); err != nil {
			return nil, false, unexpected(err)
		}
	}
}

func chunkSize(line []byte) (int64, error) {
	if i := bytes.IndexByte(line, ';'); i >= 0 {
		line = line[:i]
	}
	line = bytes.TrimRight(line, " \t")
	if len(line) == 0 || len(line) > 15 {
		return 0, fmt.Errorf("%w: size", errChunk)
	}
	size := int64(0)
	for _, c := range line {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, fmt.Errorf("%w: size", errChunk)
		}
		size = size<<4 | int64(c)
	}
	return size, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
