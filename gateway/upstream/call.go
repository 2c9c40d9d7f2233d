// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/sparkgateway/spark/gateway/config"
)

// Failure is how a call failed.
type Failure uint8

// The failures.
const (
	// Connect: no connection, or no TLS session.
	Connect Failure = iota + 1
	ConnectTimeout
	FirstTokenTimeout
	BetweenTokensTimeout
	TotalTimeout
	// Reset: the connection broke before the answer's body began.
	Reset
	// Truncated: it broke, or ended, within the body.
	Truncated
	// Malformed: the answer is not HTTP.
	Malformed
	// Cancelled: by Cancel.
	Cancelled
)

// Error is a failed call. The cause is for logs only.
type Error struct {
	Failure Failure
	Cause   error
}

// Error gives the cause's text.
func (e *Error) Error() string {
	if e.Cause == nil {
		return "upstream call failed"
	}
	return e.Cause.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

var errCancelled = errors.New("cancelled")

// staleWithin bounds how long after a request the end of a reused connection still means that the server had closed it
// as idle, rather than that it failed at the request.
const staleWithin = time.Second

// Call is one request to a provider and its answer. The zero value is ready for Do; after Finish it may be used again.
// It belongs to one goroutine, but for Cancel.
type Call struct {
	// Header is the answer's, valid after Do and until Finish.
	Header fasthttp.ResponseHeader

	pool     *Pool
	timeouts config.Timeouts
	end      time.Time // by Timeouts.Total
	phase    time.Time // when the current silence is too long; zero where nobody waits
	armed    time.Time // the connection's read deadline
	framing  framing
	started  bool // the answer's body has begun
	heard    bool // something of the answer came, be it not enough

	mu        sync.Mutex
	conn      *conn
	stopDial  context.CancelFunc
	cancelled bool
}

// Do sends a request, given as its header and its body, and reads the answer's header. A connection from the pool that
// turns out to be closed before anything of the answer came is replaced once by a new one. Errors are *Error.
func (c *Call) Do(pool *Pool, timeouts config.Timeouts, head, body []byte) error {
	now := time.Now()
	c.pool, c.timeouts, c.end, c.started = pool, timeouts, now.Add(timeouts.Total.Std()), false
	c.heard = false
	cn := pool.get(now)
	if cn != nil {
		if !c.attach(cn) {
			return &Error{Failure: Cancelled, Cause: errCancelled}
		}
		err := c.roundTrip(head, body)
		if err == nil || !c.stale(err, now) {
			return err
		}
		c.drop()
	}
	if err := c.connect(); err != nil {
		return err
	}
	return c.roundTrip(head, body)
}

// stale says that a reused connection had been closed by the server before the request came.
func (c *Call) stale(err error, since time.Time) bool {
	var e *Error
	return !c.heard && errors.As(err, &e) && e.Failure == Reset && time.Since(since) < staleWithin
}

func (c *Call) connect() error {
	limit, failure := c.timeouts.Connect.Std(), ConnectTimeout
	if left := time.Until(c.end); left < limit {
		limit, failure = left, TotalTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c.mu.Lock()
	if c.cancelled {
		c.mu.Unlock()
		return &Error{Failure: Cancelled, Cause: errCancelled}
	}
	c.stopDial = cancel
	c.mu.Unlock()
	cn, err := c.pool.open(ctx)
	c.mu.Lock()
	c.stopDial = nil
	cancelled := c.cancelled
	c.mu.Unlock()
	switch {
	case cancelled:
		if err == nil {
			_ = cn.tcp.Close()
		}
		return &Error{Failure: Cancelled, Cause: errCancelled}
	case err == nil:
		if !c.attach(cn) {
			return &Error{Failure: Cancelled, Cause: errCancelled}
		}
		return nil
	case ctx.Err() != nil || isTimeout(err):
		return &Error{Failure: failure, Cause: err}
	default:
		return &Error{Failure: Connect, Cause: err}
	}
}

// attach makes the connection the one that Cancel closes; false when it came too late.
func (c *Call) attach(cn *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancelled {
		_ = cn.tcp.Close()
		return false
	}
	c.conn = cn
	return true
}

// largeBody is what may not fit into the socket's buffer, so that writing it may wait for the provider.
const largeBody = 32 << 10

func (c *Call) roundTrip(head, body []byte) error {
	large := len(head)+len(body) > largeBody
	if large {
		_ = c.conn.SetWriteDeadline(c.end)
	}
	var err error
	if len(body) == 0 {
		_, err = c.conn.Write(head)
	} else {
		buffers := net.Buffers{head, body}
		_, err = buffers.WriteTo(c.conn.Conn)
	}
	if large && err == nil {
		_ = c.conn.SetWriteDeadline(time.Time{})
	}
	now := time.Now()
	switch {
	case err == nil:
		c.deadline(now, c.timeouts.FirstToken)
	case isTimeout(err) || c.wasCancelled():
		return c.fail(err, Reset)
	default:
		// The provider may have answered and closed before it had read everything: look.
		c.arm(now.Add(staleWithin), 0)
	}
	return c.readHeader(err)
}

func (c *Call) readHeader(written error) error {
	for interim := 0; ; interim++ {
		if err := c.Header.Read(c.conn.br); err != nil {
			c.heard = interim > 0 || c.conn.br.Buffered() > 0
			if written != nil {
				err = written
			}
			return c.fail(err, headerFailure(err, c.conn.br.Buffered()))
		}
		if status := c.Header.StatusCode(); status >= 200 || status == fasthttp.StatusSwitchingProtocols {
			break
		}
		if interim == 16 {
			return &Error{Failure: Malformed, Cause: errors.New("too many interim answers")}
		}
	}
	c.framing = framingOf(&c.Header)
	if written != nil {
		c.framing.reusable = false
	}
	return nil
}

// headerFailure tells a connection that broke from an answer that is not HTTP. fasthttp's errors quote what the
// provider sent, so their text goes no further.
func headerFailure(err error, buffered int) Failure {
	var op *net.OpError
	if errors.Is(err, io.EOF) || errors.As(err, &op) || buffered == 0 {
		return Reset
	}
	return Malformed
}

// deadline bounds the next reads by a phase and by the whole.
func (c *Call) deadline(now time.Time, phase config.Duration) {
	c.phase = now.Add(phase.Std())
	if c.end.Before(c.phase) {
		c.phase = c.end
	}
	c.arm(c.phase, 0)
}

// arm sets the connection's read deadline, unless it lies before that by no more than the slack: a stream of many
// events would set it for each.
func (c *Call) arm(at time.Time, slack time.Duration) {
	if early := at.Sub(c.armed); early >= 0 && early <= slack {
		return
	}
	c.armed = at
	_ = c.conn.SetReadDeadline(at)
}

// Wait waits until Read has something to say, for at most so long; false says that it has not, yet. What bounds a
// silence is not changed by it.
func (c *Call) Wait(atMost time.Duration) bool {
	if c.framing.done || c.conn.br.Buffered() > 0 {
		return true
	}
	now := time.Now()
	if c.phase.IsZero() {
		if c.phase = now.Add(c.timeouts.BetweenTokens.Std()); c.end.Before(c.phase) {
			c.phase = c.end
		}
	}
	at := now.Add(atMost)
	if c.phase.Before(at) {
		at = c.phase
	}
	for slack := atMost / 16; ; slack = 0 {
		c.arm(at, slack)
		if _, err := c.conn.br.Peek(1); err == nil || !isTimeout(err) {
			return true
		}
		if now = time.Now(); !now.Before(at) {
			return !now.Before(c.phase)
		}
	}
}

// fail makes an Error of what a read or write gave.
func (c *Call) fail(err error, otherwise Failure) error {
	switch {
	case c.wasCancelled():
		return &Error{Failure: Cancelled, Cause: errCancelled}
	case !isTimeout(err):
		if otherwise == Malformed {
			err = errors.New("the answer is not HTTP/1.1, or its header is too large")
		}
		return &Error{Failure: otherwise, Cause: err}
	case !time.Now().Before(c.end):
		return &Error{Failure: TotalTimeout, Cause: os.ErrDeadlineExceeded}
	case c.started:
		return &Error{Failure: BetweenTokensTimeout, Cause: os.ErrDeadlineExceeded}
	default:
		return &Error{Failure: FirstTokenTimeout, Cause: os.ErrDeadlineExceeded}
	}
}

func isTimeout(err error) bool {
	if errors.Is(err, fasthttp.ErrTimeout) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

func (c *Call) wasCancelled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cancelled
}

// Read reads the answer's body. It gives what is there without waiting for more, io.EOF after a whole body, or an
// *Error.
func (c *Call) Read(p []byte) (int, error) {
	if c.phase.IsZero() && c.conn.br.Buffered() == 0 && !c.framing.done {
		c.deadline(time.Now(), c.timeouts.BetweenTokens)
	}
	n, err := c.framing.read(c.conn.br, p)
	for n == 0 && err != nil && !errors.Is(err, io.EOF) && isTimeout(err) && time.Now().Before(c.phase) {
		// The deadline was that of a Wait. Nothing was taken yet.
		c.framing.broken = nil
		c.arm(c.phase, 0)
		n, err = c.framing.read(c.conn.br, p)
	}
	if n > 0 {
		c.started, c.phase = true, time.Time{}
		return n, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return 0, err
	}
	otherwise := Truncated
	switch {
	case errors.Is(err, errChunk):
		otherwise = Malformed
	case !c.started:
		otherwise = Reset
	}
	return 0, c.fail(err, otherwise)
}

// ContentLength is the length of the body that the answer announced, -1 when it did not.
func (c *Call) ContentLength() int64 {
	if c.framing.kind == fixed {
		return c.framing.left
	}
	return -1
}

// Upgraded gives the connection of a call that was answered 101, whose deadlines are the caller's from now on, and what
// reads from it. Finish closes it.
func (c *Call) Upgraded() (net.Conn, *bufio.Reader) {
	_ = c.conn.SetDeadline(time.Time{})
	return c.conn.Conn, c.conn.br
}

// Cancel breaks the call off by closing its connection, or by ending its dial. What waits in Do or Read gets an Error
// with Cancelled. Any goroutine may call it; the caller sees to it that it does not come after Finish.
func (c *Call) Cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancelled = true
	if c.conn != nil {
		_ = c.conn.tcp.Close()
	}
	if c.stopDial != nil {
		c.stopDial()
	}
}

// drop closes the connection.
func (c *Call) drop() {
	c.mu.Lock()
	cn := c.conn
	c.conn = nil
	c.mu.Unlock()
	if cn != nil {
		_ = cn.tcp.Close()
	}
}

// Finish gives the connection back to the pool when the answer was read whole, or closes it. What is left of the
// answer is waited for at most so long, as the end of a stream may be a moment behind its last event.
func (c *Call) Finish(wait time.Duration) {
	if c.conn == nil {
		c.reset()
		return
	}
	if c.framing.reusable && !c.framing.done && !c.wasCancelled() {
		c.finishBody(wait)
	}
	c.mu.Lock()
	cn := c.conn
	c.conn = nil
	reusable := !c.cancelled && c.framing.reusable && c.framing.done && cn.br.Buffered() == 0
	c.mu.Unlock()
	if reusable {
		c.pool.put(cn, time.Now())
	} else {
		_ = cn.tcp.Close()
	}
	c.reset()
}

func (c *Call) finishBody(wait time.Duration) {
	var left [512]byte
	if wait > 0 {
		_ = c.conn.SetReadDeadline(time.Now().Add(wait))
	} else if c.conn.br.Buffered() == 0 {
		return
	}
	_, _ = c.framing.read(c.conn.br, left[:])
}

func (c *Call) reset() {
	c.pool, c.framing, c.started, c.phase, c.armed = nil, framing{}, false, time.Time{}, time.Time{}
	c.mu.Lock()
	c.cancelled, c.stopDial = false, nil
	c.mu.Unlock()
}
