// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// OtherKey is the label of everybody who has none of their own. No key's ID is without a slash.
const OtherKey = "other"

// keyVectors are the metrics of keys.
type keyVectors struct {
	requests, tokens, cost *prometheus.CounterVec
	series                 map[string]*KeySeries // guarded by Metrics.mu
}

func newKeyVectors(reg prometheus.Registerer) *keyVectors {
	v := &keyVectors{
		requests: counters("spark_key_requests_total",
			"Requests of a key, where telemetry.metrics.perKeyLabels is set. Keys beyond maxKeys, tokens and addresses are \"other\".", "key"),
		tokens: counters("spark_key_tokens_total",
			"Tokens of all attempts for a key's requests, where telemetry.metrics.perKeyLabels is set.", "key"),
		cost: counters("spark_key_cost_dollars_total",
			"US dollars that all attempts for a key's requests cost, where telemetry.metrics.perKeyLabels is set.", "key"),
		series: map[string]*KeySeries{},
	}
	reg.MustRegister(v.requests, v.tokens, v.cost)
	return v
}

// KeySeries are the metrics of one key.
type KeySeries struct {
	lasting
	key                    string
	requests, tokens, cost counter
}

func (s *KeySeries) settle(used exchange.Use) {
	v := s.m.keys
	count(&s.requests, &s.lasting, v.requests, 1, s.key)
	if used.Tokens > 0 {
		count(&s.tokens, &s.lasting, v.tokens, float64(used.Tokens), s.key)
	}
	if used.Cost > 0 {
		count(&s.cost, &s.lasting, v.cost, float64(used.Cost)/float64(config.Dollar), s.key)
	}
}

// Keys are the metrics of the keys of one configuration. Those that ask first have a label of their own, and keep it for as long
// as configurations have them. It is safe for concurrent use, and takes no lock after a key's first request.
type Keys struct {
	m     *Metrics
	most  int
	ids   []string
	own   []atomic.Pointer[KeySeries]
	other *KeySeries
}

// Keys gives the series of a configuration's keys, by their places in it, of which so many have labels of their own. Without any,
// it gives nil, which counts nothing. Call it before Sweep.
func (m *Metrics) Keys(ids []string, most int) *Keys {
	if most <= 0 {
		return nil
	}
	k := &Keys{m: m, most: most, ids: ids, own: make([]atomic.Pointer[KeySeries], len(ids))}
	k.other = m.key(OtherKey)
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, kept := 0, 0; i < len(ids) && kept < most; i++ {
		if s := m.keys.series[ids[i]]; s != nil {
			s.sweep = m.sweeps
			k.own[i].Store(s)
			kept++
		}
	}
	return k
}

func (m *Metrics) key(id string) *KeySeries {
	return lookup(m, m.keys.series, id, func(l lasting) *KeySeries { return &KeySeries{lasting: l, key: id} })
}

// Settle counts a request that ended, and what all its attempts used. place is the key's in the configuration, or negative of
// everybody else. A nil receiver counts nothing.
func (k *Keys) Settle(place int, used exchange.Use) {
	if k == nil {
		return
	}
	k.of(place).settle(used)
}

func (k *Keys) of(place int) *KeySeries {
	if place < 0 || place >= len(k.own) {
		return k.other
	}
	if s := k.own[place].Load(); s != nil {
		return s
	}
	s := k.room(k.ids[place])
	k.own[place].Store(s)
	return s
}

// room gives a key's series, which are those of all others where there is no room for more.
func (k *Keys) room(id string) *KeySeries {
	m := k.m
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.keys.series[id]
	switch {
	case s != nil:
	case len(m.keys.series) > k.most: // which count the others', too
		return k.other
	default:
		// The next configuration has to ask for it, or it goes.
		s = &KeySeries{lasting: lasting{m: m, sweep: m.sweeps - 1}, key: id}
		m.keys.series[id] = s
	}
	return s
}
