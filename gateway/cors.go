// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"github.com/valyala/fasthttp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

var (
	headerOrigin        = []byte("Origin")
	headerAskedMethod   = []byte("Access-Control-Request-Method")
	headerAskedFields   = []byte("Access-Control-Request-Headers")
	errOriginNotAllowed = &exchange.Error{
		Status: 403, Type: exchange.TypePermission, Code: "origin_not_allowed", Reason: exchange.ReasonOrigin,
		Outcome: exchange.Refused, Message: "Pages of this origin may not open a session.", Final: true,
	}
)

// origin is where the script that makes the request comes from; empty where none does.
func (r *request) origin() []byte { return r.ctx.Request.Header.PeekCanonical(headerOrigin) }

// crossOrigin sets what every answer tells scripts of other origins.
func (r *request) crossOrigin() {
	if r.snap.cors != nil {
		r.snap.cors.Apply(&r.ctx.Response.Header, r.origin())
	}
}

// preflight answers a browser that asks what a script may do, before anything is asked for that needs a key (Fetch standard,
// 4.8). It says whether it did; without CORS, and where OPTIONS asks for the methods of a path, it does not.
func (r *request) preflight() bool {
	h := &r.ctx.Request.Header
	if r.snap.cors == nil || !r.ctx.IsOptions() || len(r.origin()) == 0 || len(h.PeekCanonical(headerAskedMethod)) == 0 {
		return false
	}
	r.common()
	r.snap.cors.Preflight(&r.ctx.Response.Header, r.origin(), h.PeekCanonical(headerAskedFields))
	r.ex.Status = fasthttp.StatusNoContent
	r.ctx.SetStatusCode(fasthttp.StatusNoContent)
	return true
}

// checkOrigin keeps out pages that CORS does not allow: browsers ask no leave for a WebSocket, but say where its page comes from
// (RFC 6455 10.2).
func (r *request) checkOrigin() *exchange.Error {
	if !r.snap.cors.Allows(r.origin()) {
		return errOriginNotAllowed
	}
	return nil
}
