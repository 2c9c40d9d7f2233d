// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/proxy"
)

// aside is a request that the gateway makes on behalf of another, to the model of one target.
type aside struct {
	kind      exchange.AttemptKind
	operation exchange.Operation
	shape     *dialect.Shape
	target    *proxy.Target
	body      []byte
	// within bounds it; 0 leaves that to the provider's timeouts.
	within time.Duration
}

// aside is the context of what a request waits for beside its call, all of which is bounded in time. The engine's own will not do:
// it ends when a drain begins, which requests in flight are to live through, and is another request's while timers look at it.
func (*request) aside() context.Context { return context.Background() }

// askAside gives the body of the answer. What it costs is the request's own, among its attempts.
func (r *request) askAside(a *aside) ([]byte, *exchange.Error) {
	if a.target == nil {
		return nil, internal(fmt.Errorf("there is no target for %s", a.kind))
	}
	var asked dialect.Request
	if err := asked.Decode(a.shape, a.body); err != nil {
		return nil, internal(err)
	}
	ex := exchange.Exchange{ID: r.ex.ID, Start: r.srv.living.now(), Operation: a.operation, Model: []byte(a.target.Name), Trace: r.ex.Trace}
	// Even where it panics, it took place.
	defer func() { r.addTried(&ex) }()
	return r.journeyAside(a, &asked, &ex)
}

// journeyAside makes the request. What it took is given back, whatever happens.
func (r *request) journeyAside(a *aside, asked *dialect.Request, ex *exchange.Exchange) ([]byte, *exchange.Error) {
	target := *a.target
	target.Weight = 1
	route := proxy.Route{Targets: []proxy.Target{target}, Strategy: config.Weighted}
	var journey proxy.Journey
	defer journey.Finish()
	if a.within > 0 {
		timer := time.AfterFunc(a.within, journey.Cancel)
		defer timer.Stop()
	}
	if err := journey.Do(proxy.Request{
		Exchange: ex, Operation: a.operation, Dialect: exchange.OpenAI, Asked: asked, Body: a.body, Fields: noFields{},
		Tail: []byte(asidePaths[a.operation]), Guard: r.caller(), Clock: r.srv.living.clock, Observe: r.snap.plain, Aside: a.kind,
	}, &route); err != nil {
		return nil, err
	}
	if ex.Status == 200 {
		return bytes.Clone(journey.Answer.Body()), nil
	}
	return nil, &exchange.Error{
		Status: 502, Type: exchange.TypeUpstream, Reason: exchange.ReasonProviderStatus, Outcome: exchange.ProviderFailed,
		Message: "The provider answered with an error.", Cause: fmt.Errorf("status %d", ex.Status),
	}
}

// addTried adds the attempts of a request that was made aside to the request's own.
func (r *request) addTried(ex *exchange.Exchange) {
	for _, tried := range append(ex.Tried, ex.Attempt) {
		if tried.Began.IsZero() {
			continue
		}
		tried.UpstreamID = bytes.Clone(tried.UpstreamID)
		r.ex.Tried = append(r.ex.Tried, tried)
	}
}

// caller is who waits for what the request asks of others: its client and, where it leads, those who follow.
func (r *request) caller() proxy.Guard {
	if l := r.caching.leading; l != nil {
		return l
	}
	return r.guard()
}

// ends says that what failed aside did so because nobody waits any more, or the gateway must leave, so that the request ends.
func (r *request) ends(err *exchange.Error) bool {
	switch err.Outcome {
	case exchange.Drained:
		return true
	case exchange.ClientGone:
		// What took too long ends in the same way.
		return r.conn != nil && r.conn.hasLeft() && (r.caching.leading == nil || r.caching.leading.alone())
	default:
		return false
	}
}

// addAsides adds what the requests may use that the gateway makes on behalf of one.
func (w *way) addAsides(req *proxy.Request, most *proxy.Most) {
	if req.Asked == nil {
		return
	}
	add := func(t *proxy.Target, tokens int64) {
		if t == nil {
			return
		}
		most.Estimate += most.Least.Tokens
		cost, _ := proxy.Cost(t.Price, exchange.Usage{Prompt: tokens}, 1)
		most.Cost += cost
	}
	if w.keeping != nil && w.keeping.semantic != nil && req.Operation == exchange.Chat {
		// A token has at least one byte.
		add(w.keeping.semantic.target, req.Asked.TextBytes)
	}
	if g := w.guarding; g != nil && g.moderation != nil {
		for _, direction := range g.moderation.from.Directions {
			if direction == config.DirectionRequest {
				add(g.moderation.target, req.Asked.TextBytes)
			} else {
				add(g.moderation.target, w.longest(req.Operation, req.Asked))
			}
		}
	}
}

// unbounded is how many tokens an answer is taken for that nobody bounds.
const unbounded = 4096

// longest is how many tokens the texts of an answer may have.
func (w *way) longest(op exchange.Operation, asked *dialect.Request) int64 {
	switch op {
	case exchange.Embeddings, exchange.CountTokens, exchange.Moderation, exchange.Rerank:
		return 0
	default:
	}
	each := asked.MaxOutputTokens
	if each == 0 {
		for i := range w.Targets {
			each = max(each, cmp.Or(w.Targets[i].MaxTokens, unbounded))
		}
	}
	return min(each, 1<<36) * max(asked.Choices, 1)
}

// asidePaths are the paths of what the gateway asks itself, as providers of OpenAI's dialect have them.
var asidePaths = map[exchange.Operation]string{
	exchange.Embeddings: "/v1/embeddings", exchange.Moderation: "/v1/moderations",
}

// noFields is the header of a request that no application made.
type noFields struct{}

// PeekCanonical gives nothing.
func (noFields) PeekCanonical([]byte) []byte { return nil }

// asideTarget resolves a model of the configuration that the gateway itself asks; nil where it is not there.
func (b *build) asideTarget(from *config.Target) *proxy.Target {
	for i := range b.doc.Core.Providers {
		if b.doc.Core.Providers[i].ID != from.Provider {
			continue
		}
		made := b.target(i, from.Model)
		setModel(&made, from.Upstream)
		made.MaxTokens, made.Price, made.Cost = from.MaxOutputTokens, from.Price, proxy.CostText(from.Price)
		return &made
	}
	return nil
}
