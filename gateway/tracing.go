// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/provider"
	"github.com/sparkgateway/spark/gateway/route"
	"github.com/sparkgateway/spark/gateway/trace"
)

// tracing is what a snapshot knows of traces.
type tracing struct {
	percent   int
	providers map[string]trace.Provider
}

// trace takes up who is told of requests. A gateway that took no changes for a collector would be worse than one without traces.
func (b *build) trace(living *Living) {
	g := &b.doc.Core.Gateway
	if err := living.traces.Use(trace.SettingsOf(g.Tracing, b.doc.Secrets, g.ID, b.version)); err != nil {
		living.log.Warn("requests are not traced", slog.Any("error", err))
		return
	}
	if g.Tracing == nil {
		return
	}
	t := &tracing{percent: g.Tracing.SamplingPercent, providers: make(map[string]trace.Provider, len(b.providers))}
	for _, p := range b.providers {
		t.providers[p.ID] = tracedProvider(p)
	}
	b.snapshot.tracing = t
}

func tracedProvider(p *provider.Provider) trace.Provider {
	host, text, err := net.SplitHostPort(p.Address)
	if err != nil {
		return trace.Provider{System: trace.System(p.Type), Host: p.Address}
	}
	port, _ := strconv.Atoi(text) // Zero, of what is no number, is not told.
	return trace.Provider{System: trace.System(p.Type), Host: host, Port: port}
}

var headerTraceparent = []byte("Traceparent")

// beginTrace finds where the request stands in its caller's trace, or begins one.
func (r *request) beginTrace() {
	t := r.snap.tracing
	if t == nil {
		return
	}
	header := &r.ctx.Request.Header
	parent := header.PeekCanonical(headerTraceparent)
	var state []byte
	if len(parent) > 0 {
		if all := header.PeekAll("Traceparent"); len(all) > 1 {
			parent = nil // Which of them?
		}
		state = bytes.Join(header.PeekAll("Tracestate"), []byte(","))
	}
	trace.Begin(&r.ex.Trace, &r.ex.ID, parent, state, t.percent)
}

// endTrace tells of the request, if it is to be told of.
func (r *request) endTrace(end time.Time) {
	if !trace.Wanted(&r.ex) {
		return
	}
	tracer := r.srv.living.traces.Tracer()
	if tracer == nil {
		return
	}
	ended := trace.Ended{At: end, Dialect: r.dialect, Providers: r.snap.tracing.providers, AnyModel: route.OtherModel}
	_, ended.Named = slices.BinarySearch(r.snap.routes.Names(), string(r.ex.Model))
	if _, fixed := endpoints[string(r.ex.Path)]; fixed {
		ended.Route = string(r.ex.Path)
	}
	tracer.Request(&r.ex, &ended)
}

// traceCopy makes a copy of the request one of its trace, and gives what tells of it at its end; nil where it is not told of. A copy
// that fails is no failure of the request, so only the beginning decides.
func (r *request) traceCopy(ex *exchange.Exchange) func() {
	if !r.ex.Trace.Traced() {
		return nil
	}
	ex.Trace = r.ex.Trace
	ex.Trace.State = slices.Clone(ex.Trace.State)
	if !ex.Trace.Sampled {
		return nil
	}
	living, ended := r.srv.living, trace.Ended{Providers: r.snap.tracing.providers, AnyModel: route.OtherModel}
	return func() {
		ended.At = living.now()
		if tracer := living.traces.Tracer(); tracer != nil {
			tracer.Attempts(ex, &ended)
		}
	}
}

// logged says that the request has a line in the access log. The same requests have one for every percentage that lets them, so that
// of two samples, of lines and of traces, the smaller is a part of the larger.
func (r *request) logged() bool {
	if r.snap == nil {
		return true
	}
	g := &r.snap.gateway
	return g.AccessLog && (g.LogSkips == 0 || r.ex.Outcome != exchange.OK || trace.Drawn(&r.ex.ID, 100-g.LogSkips))
}

// newDroppedTraces counts what a collector was not told.
func newDroppedTraces(b *trace.Book) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "spark_traces_dropped_total",
		Help: "Traces, or parts of them, that were lost: too many waited, or the collector did not take them.",
	}, func() float64 { return float64(b.Dropped()) })
}
