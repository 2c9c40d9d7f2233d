// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/proxy"
)

var errUnknownURL = &exchange.Error{
	Status: 404, Type: exchange.TypeInvalidRequest, Code: "unknown_url", Reason: exchange.ReasonUnknownURL,
	Outcome: exchange.Refused,
	Message: "Unknown request URL. Please check the URL for typos; this gateway serves the paths of the OpenAI, Anthropic and Gemini APIs.",
}

// dispatch serves what the path and method ask for.
func (r *request) dispatch() *exchange.Error {
	if r.preflight() {
		return nil
	}
	e := r.endpoint
	if e == nil {
		return errUnknownURL
	}
	if !allowed(e.methods, r.ex.Method) {
		return r.notAllowed(e.methods)
	}
	return e.serve(r)
}

// allowed finds a method in a list that is separated by ", ".
func allowed(methods string, method []byte) bool {
	for one := range strings.SplitSeq(methods, ", ") {
		if one == string(method) {
			return true
		}
	}
	return false
}

// notAllowed answers methods that a path does not have; OPTIONS asks for those that it has.
func (r *request) notAllowed(allow string) *exchange.Error {
	r.ctx.Response.Header.SetCanonical([]byte(fasthttp.HeaderAllow), []byte(allow+", OPTIONS"))
	if r.ctx.IsOptions() {
		r.common()
		r.ex.Status = fasthttp.StatusNoContent
		r.ctx.SetStatusCode(fasthttp.StatusNoContent)
		return nil
	}
	return &exchange.Error{
		Status: 405, Type: exchange.TypeInvalidRequest, Code: "method_not_allowed", Reason: exchange.ReasonMethod,
		Outcome: exchange.Refused, Message: "Not allowed to use this method on this URL. Allowed: " + allow + ".",
	}
}

// ask serves what goes to a provider: read, decode, route, forward.
func (r *request) ask() *exchange.Error {
	if r.ctx.IsPost() {
		if err := r.readBody(); err != nil {
			return err
		}
	}
	req, w, err := r.endpoint.plan(r)
	if err != nil {
		return err
	}
	return r.forward(req, w)
}

// planModel decides where a request with a body that was read goes: to the model that it names.
func (r *request) planModel() (req proxy.Request, w *way, err *exchange.Error) {
	e := r.endpoint
	contentType, mention, err := r.decode()
	if err == nil {
		err = r.bound()
	}
	if err != nil {
		return req, nil, err
	}
	r.ex.Model, r.ex.Stream = r.asked.Model, r.asked.Stream || e.streams
	if e.shape.ModelElsewhere {
		r.ex.Model = r.pathModel
	}
	if e.shape.ModelOptional {
		if err := r.defaultModel(); err != nil {
			return req, nil, err
		}
	}
	if r.ex.Stream && !r.ctx.Request.Header.IsHTTP11() {
		return req, nil, exchange.Invalid("stream", "Streams need HTTP/1.1.")
	}
	if w, err = r.way(); err == nil {
		err = r.boundOutput(w)
	}
	if err != nil {
		return req, nil, err
	}
	only, err := r.snap.keepers.owners(w.Targets, mention)
	if err != nil {
		return req, nil, err
	}
	return proxy.Request{
		Asked: &r.asked, Body: r.body, ContentType: contentType, Tail: r.ownPath(), Only: only,
		Array: r.array(),
	}, w, nil
}

// array says that the application wants a stream as a JSON array, as Gemini's may.
func (r *request) array() bool {
	return r.endpoint.streams && string(r.ctx.QueryArgs().Peek("alt")) != "sse"
}

// defaultModel is for requests that need not name one.
func (r *request) defaultModel() *exchange.Error {
	if len(r.ex.Model) > 0 {
		return nil
	}
	name, ok := r.snap.routes.Default()
	if !ok {
		return exchange.Invalid("model", "Missing required parameter: 'model', as this gateway serves several.")
	}
	r.ex.Model = []byte(name)
	return nil
}

// ownPath is the path for providers that have the same: from the verb on, where a model stands before it.
func (r *request) ownPath() []byte {
	if r.endpoint.shape.ModelElsewhere {
		return r.ex.Path[bytes.LastIndexByte(r.ex.Path, ':'):]
	}
	return r.ex.Path
}

// decode reads the body, and gives its type where it is not JSON, and whose ids it mentions.
func (r *request) decode() (contentType []byte, m dialect.Mention, err *exchange.Error) {
	e := r.endpoint
	contentType = r.ctx.Request.Header.ContentType()
	if e.forms && bytes.HasPrefix(bytes.ToLower(contentType), []byte("multipart/")) {
		return contentType, m, r.asked.DecodeForm(e.shape, contentType, r.body)
	}
	if r.body, m, err = dialect.Unpin(r.body, e.dialect); err != nil {
		return nil, m, err
	}
	return nil, m, r.asked.DecodeWithin(e.shape, r.body, r.snap.gateway.RequestLimits.MaxDepth)
}

// forward sends a request on its way and answers with what comes back.
func (r *request) forward(req proxy.Request, w *way) *exchange.Error {
	if err := r.send(req, w); err != nil {
		return err
	}
	switch {
	case r.caching.entry != nil:
		r.answerKept(r.caching.entry)
	case r.caching.follows:
		r.answerFollowed()
	default:
		return r.answer()
	}
	return nil
}

func (r *request) send(req proxy.Request, w *way) *exchange.Error {
	r.complete(&req, w)
	if err := r.reserve(&req, w); err != nil {
		return err
	}
	if err := r.sanitize(&req, w); err != nil {
		return err
	}
	if err := r.lookUp(&req, w); err != nil || r.ex.Caching.Result == exchange.CacheHit {
		return err
	}
	if w.from != nil {
		r.mirror(w, &req)
	}
	return r.journey.Do(req, &w.Route)
}

// complete adds what all requests have.
func (r *request) complete(req *proxy.Request, w *way) {
	req.Exchange, req.Operation, req.Dialect = &r.ex, r.endpoint.operation, r.endpoint.dialect
	req.Fields, req.Guard, req.KeepAlive = &r.ctx.Request.Header, r.guard(), r.srv.opts.KeepAlive
	req.Clock, req.Observe = r.srv.living.clock, w.observer
	if w.from != nil {
		req.Sticky, req.Hash = r.stick(w.from)
	}
}

// guard is the client's connection, or nobody where the engine serves no socket.
func (r *request) guard() proxy.Guard {
	if r.conn == nil {
		return unguarded{}
	}
	return r.conn
}

type unguarded struct{}

func (unguarded) Attach(proxy.Canceler) bool { return true }
func (unguarded) Detach()                    {}
func (unguarded) Draining() bool             { return false }
