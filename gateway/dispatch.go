// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/proxy"
)

// The paths served.
const (
	pathChat   = "/v1/chat/completions"
	pathModels = "/v1/models"
)

// dispatch finds what the path and method ask for.
func (r *request) dispatch() *exchange.Error {
	path := r.ex.Path
	switch {
	case string(path) == pathChat:
		if r.ctx.IsPost() {
			return r.chat()
		}
		return r.notAllowed("POST")
	case string(path) == pathModels, len(path) > len(pathModels)+1 && strings.HasPrefix(string(path), pathModels+"/"):
		if r.ctx.IsGet() || r.ctx.IsHead() {
			return r.listModels(strings.TrimPrefix(string(path[len(pathModels):]), "/"))
		}
		return r.notAllowed("GET, HEAD")
	}
	return &exchange.Error{
		Status: 404, Type: exchange.TypeInvalidRequest, Code: "unknown_url", Reason: exchange.ReasonUnknownURL,
		Outcome: exchange.Refused,
		Message: "Unknown request URL. Please check the URL for typos; this gateway serves /v1/chat/completions and /v1/models.",
	}
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

// chat serves POST /v1/chat/completions.
func (r *request) chat() *exchange.Error {
	if err := r.readBody(); err != nil {
		return err
	}
	chat, err := dialect.DecodeChat(r.body)
	if err != nil {
		return err
	}
	r.ex.Model, r.ex.Stream = chat.Model, chat.Stream
	if chat.Stream && !r.ctx.Request.Header.IsHTTP11() {
		return exchange.Invalid("stream", "Streams need HTTP/1.1.")
	}
	found, err := r.snap.routes.Find(chat.Model)
	if err != nil {
		return err
	}
	if err := chat.CheckOutput(found.MaxOutputTokens); err != nil {
		return err
	}
	to := r.snap.targets[found.Place]
	r.series = to.series
	if to.Model != found.Upstream {
		to.Model, to.Quoted = found.Upstream, dialect.AppendString(nil, found.Upstream)
	}
	return r.forward(&chat, to.Target)
}

func (r *request) forward(chat *dialect.ChatRequest, to proxy.Target) *exchange.Error {
	r.chatRequest = *chat
	err := r.attempt.Do(proxy.Request{
		Exchange: &r.ex, Chat: &r.chatRequest, Body: r.body, Fields: &r.ctx.Request.Header, Guard: r.guard(),
	}, to)
	if err != nil {
		return err
	}
	r.answer()
	return nil
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
