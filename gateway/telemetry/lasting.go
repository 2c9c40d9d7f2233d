// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"encoding/hex"
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// lasting is what the series of a target, a route or a provider have in common: they appear with their first use, so that
// a thousand models do not make a dozen thousand zeros, and go when their owner leaves the configuration.
type lasting struct {
	m *Metrics
	// The rest is guarded by Metrics.mu.
	sweep uint64 // the next one when it was last asked for
	gone  bool
	made  []func() bool // take single series away
}

func (l *lasting) base() *lasting { return l }

// lookup gives what lasts under a key, which make makes where there is nothing yet.
func lookup[K comparable, S interface{ base() *lasting }](m *Metrics, all map[K]S, key K, make func(lasting) S) S {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := all[key]
	if !ok {
		s = make(lasting{m: m})
		all[key] = s
	}
	s.base().sweep = m.sweeps
	return s
}

// Sweep takes away the series of all targets, routes and providers that were not asked for since the sweep before. Call it
// with each configuration, after everything in it was asked for. Who still holds what is gone may use it, to no effect.
func (m *Metrics) Sweep() {
	m.mu.Lock()
	defer m.mu.Unlock()
	sweep(m, m.series)
	sweep(m, m.routes)
	sweep(m, m.providers)
	sweep(m, m.keys.series)
	m.sweeps++
}

func sweep[K comparable, S interface{ base() *lasting }](m *Metrics, all map[K]S) {
	for key, s := range all {
		l := s.base()
		if l.sweep == m.sweeps {
			continue
		}
		delete(all, key)
		l.gone = true
		for _, takeAway := range l.made {
			takeAway()
		}
		l.made = nil
	}
}

// vector is a family of metrics.
type vector[M any] interface {
	WithLabelValues(values ...string) M
	DeleteLabelValues(values ...string) bool
}

// handle is one series, free of label lookups and locks after its first use.
type handle[M any] struct{ held atomic.Pointer[M] }

type (
	counter  = handle[prometheus.Counter]
	gauge    = handle[prometheus.Gauge]
	observer = handle[prometheus.Observer]
)

func count(h *counter, l *lasting, vec *prometheus.CounterVec, n float64, labels ...string) {
	if c, ok := of(h, l, vec, labels...); ok {
		c.Add(n)
	}
}

func set(h *gauge, l *lasting, vec *prometheus.GaugeVec, value float64, labels ...string) {
	if g, ok := of(h, l, vec, labels...); ok {
		g.Set(value)
	}
}

// measured is a value of a histogram, and the trace that it was measured in.
type measured struct {
	value float64
	trace exchange.Trace
}

func observe(h *observer, l *lasting, vec *prometheus.HistogramVec, m measured, labels ...string) {
	o, ok := of(h, l, vec, labels...)
	if !ok {
		return
	}
	if traced, can := o.(prometheus.ExemplarObserver); can && m.trace.Sampled {
		// Who sees a slow bucket finds a request that fell into it.
		traced.ObserveWithExemplar(m.value, prometheus.Labels{"trace_id": hex.EncodeToString(m.trace.ID[:])})
		return
	}
	o.Observe(m.value)
}

// of gives the series with these labels, which must be the same each time; none when its owner is gone, because a series
// that was made now would stay for ever.
func of[M any](h *handle[M], l *lasting, vec vector[M], labels ...string) (M, bool) {
	if held := h.held.Load(); held != nil {
		return *held, true
	}
	return first(h, l, vec, slices.Clone(labels))
}

func first[M any](h *handle[M], l *lasting, vec vector[M], labels []string) (made M, ok bool) {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	if l.gone {
		return made, false
	}
	made = vec.WithLabelValues(labels...)
	if h.held.CompareAndSwap(nil, &made) {
		l.made = append(l.made, func() bool { return vec.DeleteLabelValues(labels...) })
	}
	return made, true
}
