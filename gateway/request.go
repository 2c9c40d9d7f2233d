// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/sparkgateway/spark/gateway/auth"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/limit"
	"github.com/sparkgateway/spark/gateway/proxy"
	"github.com/sparkgateway/spark/gateway/telemetry"
	"github.com/sparkgateway/spark/gateway/token"
)

// request is one exchange on its way through the pipeline, and what it needs that can be used again.
type request struct {
	srv  *Server
	ctx  *fasthttp.RequestCtx
	conn *clientConn
	snap *Snapshot
	ex   exchange.Exchange

	admitted bool // the limits were asked
	limits   taking
	series   *telemetry.Series
	journey  proxy.Journey
	alone    way // of a model that only the application names
	relay    relay
	relaying bool // the rest happens in relay
	caching  caching
	words    sanitizing
	told     *exchange.Error // in place of an answer; nil where there was one

	endpoint  *endpoint // nil at paths that there are not
	dialect   exchange.Dialect
	pathModel []byte
	asked     dialect.Request
	body      []byte
	scratch   []byte
}

// keepBody is the largest body buffer that an idle request holds on to.
const keepBody = 256 << 10

func (s *Server) begin(ctx *fasthttp.RequestCtx) *request {
	r, _ := s.requests.Get().(*request)
	r.ctx, r.conn, r.snap = ctx, clientOf(ctx.Conn()), s.snapshot.Load()
	r.relay.r = r
	telemetry.NewID(&r.ex.ID)
	r.ex.Start = s.living.now()
	r.ex.Method, r.ex.Path = ctx.Method(), ctx.Path()
	if r.conn != nil {
		r.ex.ClientIP = r.conn.ip
	}
	if r.snap != nil {
		r.series = r.snap.nowhere
		r.beginTrace()
	}
	r.locate()
	s.inFlight.Add(1)
	s.living.metrics.InFlight.Inc()
	return r
}

// locate finds the endpoint, and with it the dialect to answer in.
func (r *request) locate() {
	if r.endpoint = r.find(); r.endpoint != nil {
		r.dialect, r.ex.Operation = r.endpoint.dialect, r.endpoint.operation
	} else {
		r.dialect = dialectOf(r.ex.Path)
	}
}

// handle serves one request whose header was read. Its body may be still to come.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	r := s.beginOrResume(ctx)
	defer r.leave()
	if err := r.serve(); err != nil {
		r.refuse(err)
	}
}

// leave ends a request that is not relaying, and turns a panic into a 500.
func (r *request) leave() {
	if fault := recover(); fault != nil {
		err := r.panicked(fault)
		r.relaying = false
		r.ctx.Response.Reset()
		r.refuse(internal(err))
		r.ctx.SetConnectionClose()
	}
	if !r.relaying {
		r.settle()
	}
}

// panicked logs a panic where it was caught, and makes it an error.
func (r *request) panicked(fault any) error {
	r.srv.log.Error("panic while serving a request", slog.String("id", string(r.ex.ID[:])), slog.Any("fault", fault),
		slog.String("stack", string(debug.Stack())))
	return fmt.Errorf("panic: %v", fault)
}

func internal(cause error) *exchange.Error {
	return &exchange.Error{
		Status: 500, Type: exchange.TypeServer, Reason: exchange.ReasonInternal, Outcome: exchange.Internal,
		Message: "The gateway had an internal error.", Cause: cause,
	}
}

var errNotReady = &exchange.Error{
	Status: 503, Type: exchange.TypeServer, Reason: exchange.ReasonNotReady, Outcome: exchange.Internal,
	Message: "The gateway has no configuration yet.", RetryAfter: time.Second,
}

func (r *request) serve() *exchange.Error {
	if err := r.admit(); err != nil {
		return err
	}
	return r.dispatch()
}

// admit is what a request must pass before its body is read. A request that was told to go on with its body passed
// already.
func (r *request) admit() *exchange.Error {
	if r.admitted {
		return nil
	}
	r.admitted = true
	if r.snap == nil {
		return errNotReady
	}
	if trusted := r.snap.proxies; len(trusted) > 0 {
		r.ex.ClientIP = trusted.client(r.ex.ClientIP, r.ctx.Request.Header.PeekAll("X-Forwarded-For"))
	}
	if err := r.checkHeader(); err != nil {
		return err
	}
	now := r.srv.living.nanos(r.ex.Start)
	if err := r.takeAddress(now); err != nil {
		return err
	}
	if r.ctx.IsOptions() || r.endpoint != nil && r.endpoint.public {
		return nil
	}
	principal, err := r.authenticate()
	if err != nil {
		return err
	}
	r.ex.Principal = principal
	if err := auth.Permit(principal, r.ex.Operation, r.ex.ClientIP); err != nil {
		return err
	}
	return r.takeRequest(now)
}

var headerAuthorization = []byte("Authorization")

// authenticate finds the principal by what the request shows. A request that shows nothing may be an anonymous one's; one
// that shows something wrong is not.
func (r *request) authenticate() (*exchange.Principal, *exchange.Error) {
	shown := r.shown()
	if len(shown) == 0 && r.snap.visitors != nil {
		return r.snap.visitors.Principal(limit.Block(r.ex.ClientIP)), nil
	}
	if len(shown) == 0 {
		return r.snap.keys.Authenticate(&r.ctx.Request.Header, r.ex.Start)
	}
	if !r.snap.verifier.Empty() && token.LooksLikeJWT(shown) {
		return r.snap.verifier.Verify(r.aside(), shown)
	}
	return r.snap.keys.Lookup(shown, r.ex.Start)
}

// shown gives the key or token of the request, which Gemini's applications may also send in the query, and browsers among a
// WebSocket's subprotocols.
func (r *request) shown() []byte {
	if r.dialect == exchange.Gemini {
		if key := r.ctx.QueryArgs().Peek("key"); len(key) > 0 {
			return key
		}
	}
	if r.ex.Operation == exchange.Realtime && len(r.ctx.Request.Header.PeekCanonical(headerAuthorization)) == 0 {
		if key := r.keyInSubprotocol(); len(key) > 0 {
			return key
		}
	}
	return auth.Presented(&r.ctx.Request.Header)
}

// settle ends the exchange, once: usage, metrics, log. The request is then free for another exchange.
func (r *request) settle() {
	if answered, ok := r.journey.Recorder().(*recorder); ok {
		r.series = answered.series
	}
	r.journey.Finish()
	r.land()
	s, end := r.srv, r.srv.living.now()
	if r.ex.Caching.Result != exchange.CacheNone {
		s.living.metrics.Cached(&r.ex.Caching)
	}
	s.track(r, end)
	r.tally(end)
	if r.series == nil {
		// Before the first configuration, too, a request is one.
		r.series = s.living.metrics.Series("", "")
	}
	r.series.Settle(&r.ex, end)
	r.settleLimits(end)
	r.endTrace(end)
	if s.accessLog != nil && r.logged() {
		r.scratch = telemetry.AppendLine(r.scratch[:0], &r.ex, end)
		s.accessLog.Line(r.scratch)
	}
	r.keepCourse(end)
	s.living.metrics.InFlight.Dec()
	s.inFlight.Add(-1)
	r.reset()
	s.requests.Put(r)
}

func (r *request) reset() {
	if cap(r.body) > keepBody {
		r.body = nil
	}
	r.ctx, r.conn, r.snap, r.series, r.told = nil, nil, nil, nil, nil
	r.relay.screened, r.relay.sent = false, 0
	r.ex = exchange.Exchange{
		Attempt: exchange.Attempt{UpstreamID: r.ex.UpstreamID[:0]}, Tried: r.ex.Tried[:0],
	}
	if r.alone.from != nil {
		r.alone = way{}
	}
	r.limits.reset()
	if r.caching.keeping != nil {
		r.caching.reset()
	}
	r.words.reset()
	r.admitted, r.relaying, r.asked = false, false, dialect.Request{}
	r.endpoint, r.dialect, r.pathModel = nil, exchange.OpenAI, nil
}

// beginOrResume goes on with a request whose body was waited for, or begins one.
func (s *Server) beginOrResume(ctx *fasthttp.RequestCtx) *request {
	if c := clientOf(ctx.Conn()); c != nil {
		if r := c.expected(); r != nil {
			return r
		}
	}
	return s.begin(ctx)
}

// abandon ends a request whose body never came. Its context may be another request's by now.
func (r *request) abandon() {
	r.ex.Method, r.ex.Path, r.ex.Trace.State = nil, nil, nil
	r.ex.Outcome, r.ex.Reason = exchange.ClientGone, exchange.ReasonClientGone
	r.settle()
}

// handleExpect decides whether a client that asked first should send its body (RFC 9110 10.1.1).
func (s *Server) handleExpect(ctx *fasthttp.RequestCtx) (status int) {
	status = fasthttp.StatusContinue
	if clientOf(ctx.Conn()) == nil {
		return status
	}
	r := s.begin(ctx)
	err := r.admit()
	if err == nil {
		err = r.checkLength()
	}
	if err == nil {
		r.conn.expect(r)
		return status
	}
	r.refuse(err)
	status = r.ex.Status
	r.settle()
	return status
}

// handleError answers what the engine could not read as a request. A connection that ends, or stays silent, before its
// first byte was no request, and is not counted: load balancers and scanners make many.
func (s *Server) handleError(ctx *fasthttp.RequestCtx, err error) {
	if _, nothingCame := err.(net.Error); nothingCame { //nolint:errorlint // What came in part is wrapped.
		ctx.SetStatusCode(fasthttp.StatusRequestTimeout)
		return
	}
	r := s.beginOrResume(ctx)
	defer r.settle()
	told := &exchange.Error{
		Status: 400, Type: exchange.TypeInvalidRequest, Reason: exchange.ReasonMalformed, Outcome: exchange.Refused,
		Message: "The request is not valid HTTP.",
	}
	var small *fasthttp.ErrSmallBuffer
	switch {
	case errors.As(err, &small):
		told.Status, told.Reason = 431, exchange.ReasonHeaderTooLarge
		told.Message = "The request's header is too large."
	case isTimeout(err):
		told.Status, told.Reason = 408, exchange.ReasonHeaderTimeout
		told.Message = "The request's header did not arrive in time."
	}
	r.refuse(told)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
