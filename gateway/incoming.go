// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"
)

// incoming is a body on its way in, as it comes over the wire: bounded in bytes, and in time while it comes.
type incoming struct {
	stream io.Reader
	conn   interface{ SetReadDeadline(t time.Time) error }
	client *clientConn // nil in tests without one
	// length is what the header announced, negative where it did not; most bounds what comes and what it is decoded to.
	length int
	most   int64
	pace   pace
	// came is how many bytes came, at least; until is the deadline that is set.
	came  int64
	until time.Time
	// wire is what came of a windowed coding, and whole reads it.
	wire  []byte
	whole bytes.Reader
}

var incomings = sync.Pool{New: func() any { return &incoming{} }}

func (in *incoming) release() {
	if cap(in.wire) > keepBody {
		in.wire = nil
	}
	*in = incoming{wire: in.wire[:0]}
	incomings.Put(in)
}

// read appends the body, without its coding, to dst.
func (in *incoming) read(dst []byte, encoding []byte) ([]byte, error) {
	in.pace.start = time.Now()
	c, _ := codingNamed(encoding)
	if c == nil {
		return fill(dst, in, in.length, in.most)
	}
	var from io.Reader = in
	if c.windowed {
		var err error
		if in.wire, err = fill(in.wire[:0], in, in.length, in.most); err != nil {
			return dst, err
		}
		windows <- struct{}{}
		defer func() { <-windows }()
		in.whole.Reset(in.wire)
		from = &in.whole
	}
	inflating := inflate(c, from)
	defer inflating.close()
	dst, err := fill(dst, inflating, in.length, in.most)
	if errors.Is(err, errTooLarge) && in.came <= in.most {
		err = errDecodedTooLarge
	}
	return dst, err
}

// Read reads what comes, under a deadline that follows what came.
func (in *incoming) Read(b []byte) (int, error) {
	if until := in.pace.deadline(in.came); !until.Equal(in.until) {
		in.until = until
		_ = in.conn.SetReadDeadline(until)
	}
	n, err := in.stream.Read(b)
	in.came += int64(n)
	switch {
	case in.came > in.most:
		return n, errTooLarge
	case !errors.Is(err, io.EOF):
		return n, err
	case in.length >= 0 && in.came != int64(in.length), in.length < 0 && in.client != nil && in.client.ended:
		// The engine gives the same for a body that ends and for a client that ends between two chunks.
		return n, io.ErrUnexpectedEOF
	}
	return n, io.EOF
}

// slow says that the body would have had more time, had it come faster.
func (in *incoming) slow() bool { return in.until.Before(in.pace.start.Add(in.pace.total)) }

// bodyGrace is how long a body may come as slowly as it likes.
const bodyGrace = 5 * time.Second

// pace is how fast a body must come.
type pace struct {
	start time.Time
	total time.Duration
	// rate is the least bytes per second, on average since the start, once bodyGrace is over; 0 is none.
	rate int64
}

// deadline is when a body must have brought more than the bytes that came.
func (p *pace) deadline(came int64) time.Time {
	left := p.total
	if p.rate > 0 {
		if earned := float64(came) / float64(p.rate); earned < left.Seconds() {
			left = min(left, max(bodyGrace, time.Duration(earned*float64(time.Second))))
		}
	}
	return p.start.Add(left)
}

var errTooLarge = errors.New("body too large")

// trusted is how much of an announced length memory is taken for before the bytes come.
const trusted = 1 << 20

// fill appends what a reader gives, up to its end, to an empty dst, for which length is expected, where that is not negative. More
// than most bytes are errTooLarge.
func fill(dst []byte, from io.Reader, length int, most int64) ([]byte, error) {
	if expect := min(length+1, trusted); cap(dst) < expect {
		dst = make([]byte, 0, expect)
	}
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, make([]byte, max(4096, len(dst)))...)[:len(dst)]
		}
		n, err := from.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if int64(len(dst)) > most {
			return dst, errTooLarge
		}
		if errors.Is(err, io.EOF) {
			return dst, nil
		}
		if err != nil {
			return dst, err
		}
	}
}
