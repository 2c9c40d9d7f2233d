// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"io"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/limit"
)

var (
	headerRequestID    = []byte("X-Request-Id")
	headerAnthropicID  = []byte("Request-Id")
	headerReason       = []byte("X-Spark-Reason")
	headerRetryAfter   = []byte("Retry-After")
	headerSparkLimit   = []byte("X-Spark-Limit")
	headerSparkCost    = []byte("X-Spark-Cost")
	headerShouldRetry  = []byte("X-Should-Retry")
	headerAuthenticate = []byte("Www-Authenticate")
	jsonType           = []byte("application/json")
)

// common sets the header fields of every answer.
func (r *request) common() {
	h := &r.ctx.Response.Header
	h.SetCanonical(headerRequestID, r.ex.ID[:])
	if r.dialect == exchange.Anthropic {
		h.SetCanonical(headerAnthropicID, r.ex.ID[:])
	}
	if r.snap != nil {
		r.snap.headers.Apply(h)
		r.crossOrigin()
	}
	r.levels()
	r.protected()
	if r.srv.draining.Load() || r.conn != nil && r.snap != nil && r.conn.overTLS != (r.snap.tls != nil) {
		// The client should come back to another pod, or over TLS now that the configuration says so.
		r.ctx.SetConnectionClose()
	}
}

// refuse answers with an error of the gateway.
func (r *request) refuse(e *exchange.Error) {
	r.ex.Status, r.ex.Outcome, r.ex.Reason, r.ex.Cause = e.Status, e.Outcome, e.Reason, e.Cause
	r.caching.failed, r.told = e, e
	resp := &r.ctx.Response
	r.common()
	r.ex.Status = dialect.ErrorStatus(r.dialect, e.Status)
	resp.SetStatusCode(r.ex.Status)
	resp.Header.SetContentTypeBytes(jsonType)
	resp.Header.SetCanonical(headerReason, []byte(e.Reason))
	if e.RetryAfter > 0 {
		resp.Header.SetCanonical(headerRetryAfter, strconv.AppendInt(nil, limit.RetryAfterSeconds(e.RetryAfter), 10))
	}
	if e.Status == 401 {
		resp.Header.SetCanonical(headerAuthenticate, challengeOf(e.Reason))
	}
	if e.Limit != "" {
		resp.Header.SetCanonical(headerSparkLimit, []byte(e.Limit))
	}
	if e.Final {
		resp.Header.SetCanonical(headerShouldRetry, []byte("false"))
	}
	resp.SetBody(dialect.AppendError(nil, r.dialect, e, r.ex.ID[:]))
	r.ex.BytesOut = int64(len(resp.Body()))
	tooLarge := e.Status == fasthttp.StatusRequestEntityTooLarge || e.Status == fasthttp.StatusRequestHeaderFieldsTooLarge
	if tooLarge || e.Outcome == exchange.ClientGone || e.Outcome == exchange.Drained {
		// What the client still sends is not read.
		r.ctx.SetConnectionClose()
		if r.conn != nil && tooLarge {
			r.conn.lingers.Store(true)
		}
	}
}

// challengeOf is what a 401 asks for (RFC 6750 3).
func challengeOf(reason exchange.Reason) []byte {
	if reason == exchange.ReasonMissingKey {
		return []byte("Bearer")
	}
	return []byte(`Bearer error="invalid_token"`)
}

// answer relays what the provider answered.
func (r *request) answer() *exchange.Error {
	body, screened := r.journey.Answer.Body(), r.screened(r.journey.Answer)
	if screened && !r.journey.Answer.Streamed() {
		var err *exchange.Error
		if body, err = r.screenWhole(body); err != nil {
			return err
		}
	}
	r.common()
	resp := &r.ctx.Response
	r.beginFlight(body)
	if r.limits.unpriced && r.journey.Price() == nil && r.snap.gateway.UnknownPrice != config.UnknownPriceZero {
		resp.Header.SetCanonical(headerSparkCost, []byte("unknown"))
	}
	r.journey.Answer.Returned(r.limits.told.Requests.Limited || r.limits.told.Tokens.Limited, resp.Header.SetCanonical)
	resp.SetStatusCode(r.ex.Status)
	resp.Header.SetContentTypeBytes(r.journey.Answer.ContentType())
	if r.ex.Reason != "" {
		resp.Header.SetCanonical(headerReason, []byte(r.ex.Reason))
	}
	if r.journey.Answer.Streamed() {
		if r.journey.Answer.Events() {
			// Proxies in front, nginx above all, must not hold events back.
			resp.Header.SetCanonical([]byte("X-Accel-Buffering"), []byte("no"))
		}
		r.relaying, r.relay.screened = true, screened
		resp.SetBodyStream(&r.relay, -1)
		return nil
	}
	r.ex.BytesOut = int64(len(body))
	if len(body) > keepBody {
		// The engine keeps a response's own buffer with the connection; this one is too large for that.
		resp.SetBodyRaw(body)
		r.journey.Answer.Swap(nil)
		r.words.out = nil
		return nil
	}
	if screened {
		resp.SetBody(body)
		return nil
	}
	r.journey.Answer.Swap(resp.SwapBody(body))
	return nil
}

// relay is a stream as the HTTP engine takes it: WriteTo in the connection's own goroutine, then Close.
type relay struct {
	r *request
	// screened says that the words of the stream are looked at.
	screened bool
	// sent counts what the client was sent.
	sent int64
}

// SupportsBodyWriteTo tells fasthttp to call WriteTo, each of whose writes it sends as one chunk, at once.
func (*relay) SupportsBodyWriteTo() bool { return true }

// WriteTo relays events until the stream ends. An error makes the engine close the connection without the end of the
// chunked framing.
func (s *relay) WriteTo(w io.Writer) (n int64, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = s.r.panicked(fault)
			s.r.ex.Outcome, s.r.ex.Reason, s.r.ex.Cause = exchange.Internal, exchange.ReasonInternal, err
		}
	}()
	to := deadlineWriter{w, s.r.ctx, &s.sent}
	if s.r.caching.follows {
		err = s.r.relayFollowed(to)
	} else {
		err = s.write(to)
	}
	s.r.ex.BytesOut = s.sent
	if err != nil && s.r.ex.Outcome != exchange.ClientGone {
		<-time.After(readTime)
	}
	return s.sent, err
}

// write relays the provider's stream through all that looks at it on the way.
func (s *relay) write(to io.Writer) error {
	r := s.r
	if r.caching.leading != nil {
		to = tee{to, r.caching.leading}
	}
	if !s.screened {
		_, err := r.journey.WriteTo(to)
		return r.ended(err)
	}
	if !r.journey.Answer.Events() {
		text := &plainText{r: r, w: to}
		if r.words.answer != nil {
			text.text = r.openChannel(dialect.Channel{})
		}
		_, err := r.journey.WriteTo(text)
		if err == nil {
			err = text.end()
		}
		r.tellFindings()
		return r.ended(err)
	}
	var held *holdback
	if r.words.guards {
		held = &holdback{r: r, w: to, alive: time.Now()}
		to = held
	}
	var seen *screen
	if r.words.answer != nil {
		r.words.screen.Reset(r.dialect, r.array(), r.openChannel)
		seen = &screen{r: r, w: to}
		to = seen
	}
	_, err := r.journey.WriteTo(to)
	if seen != nil && err == nil {
		err = seen.end()
	}
	if held != nil {
		if last := held.end(err != nil); err == nil {
			err = last
		}
	}
	r.tellFindings()
	return r.ended(err)
}

// readTime is what a client gets to read an error event before its connection ends without the end of the framing:
// Node's fetch throws away what it has not read when that happens.
const readTime = 100 * time.Millisecond

// Read is not used, as SupportsBodyWriteTo is true.
func (*relay) Read([]byte) (int, error) { return 0, io.ErrNoProgress }

// Close settles the request.
func (s *relay) Close() error {
	s.r.settle()
	return nil
}

// deadlineWriter bounds each write, as a stream as a whole may take long.
type deadlineWriter struct {
	w    io.Writer
	ctx  *fasthttp.RequestCtx
	sent *int64
}

func (d deadlineWriter) Write(b []byte) (int, error) {
	_ = d.ctx.Conn().SetWriteDeadline(time.Now().Add(writeTimeout))
	n, err := d.w.Write(b)
	*d.sent += int64(n)
	return n, err
}
