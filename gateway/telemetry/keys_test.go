// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

var ids = []string{"ns/a", "ns/b", "ns/c"}

func TestKeysHaveMetricsOfTheirOwnUpToABound(t *testing.T) {
	one := exchange.Use{}
	dear := exchange.Use{Tokens: 10, Cost: config.Dollar / 2}
	tests := map[string]struct {
		most int
		act  func(*Keys)
		want []string
	}{
		"none where nobody asked for them": {0, func(k *Keys) { k.Settle(0, dear); k.Settle(-1, dear) }, nil},
		"nothing shows before it happened": {2, func(*Keys) {}, nil},
		"requests, tokens and dollars": {2, func(k *Keys) { k.Settle(1, dear); k.Settle(1, one) },
			[]string{"key_cost_dollars_total{ns/b} 0.5", "key_requests_total{ns/b} 2", "key_tokens_total{ns/b} 10"}},
		"those who ask first have labels, the rest share one": {2, func(k *Keys) { k.Settle(2, one); k.Settle(0, one); k.Settle(1, one); k.Settle(1, one) },
			[]string{"key_requests_total{ns/a} 1", "key_requests_total{ns/c} 1", "key_requests_total{other} 2"}},
		"who has no key is another": {2, func(k *Keys) { k.Settle(-1, one); k.Settle(3, one) }, []string{"key_requests_total{other} 2"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			m := NewMetrics(reg)
			k := m.Keys(ids, tc.most)
			m.Sweep()
			tc.act(k)
			if diff := cmp.Diff(tc.want, shown(t, reg)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestKeysKeepTheirLabelsOverConfigurations(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := NewMetrics(reg)
	begin := func(most int, ids ...string) *Keys {
		k := m.Keys(ids, most)
		m.Sweep()
		return k
	}
	check := func(when string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, shown(t, reg)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	first := begin(2, ids...)
	for i := range ids {
		first.Settle(i, exchange.Use{})
	}
	check("at first", "key_requests_total{ns/a} 1", "key_requests_total{ns/b} 1", "key_requests_total{other} 1")
	second := begin(2, "ns/c", "ns/b") // a left, the others have other places
	second.Settle(0, exchange.Use{})
	second.Settle(1, exchange.Use{})
	check("a key left, and made room", "key_requests_total{ns/b} 2", "key_requests_total{ns/c} 1", "key_requests_total{other} 1")
	first.Settle(0, exchange.Use{})
	check("a request that began before", "key_requests_total{ns/b} 2", "key_requests_total{ns/c} 1", "key_requests_total{other} 1")
	begin(1, "ns/c", "ns/b").Settle(1, exchange.Use{})
	check("fewer labels", "key_requests_total{ns/c} 1", "key_requests_total{other} 2")
	begin(0, "ns/c", "ns/b").Settle(1, exchange.Use{})
	check("none")
}

func TestTheBoundOfKeysHoldsWhenAllAskAtOnce(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := NewMetrics(reg)
	many := make([]string, 500)
	for i := range many {
		many[i] = fmt.Sprintf("ns/%d", i)
	}
	k := m.Keys(many, 100)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for place := range many {
				k.Settle(place, exchange.Use{Tokens: 1})
			}
		})
	}
	wait.Wait()
	total, series := 0.0, 0
	for _, family := range gathered(t, reg) {
		if family.GetName() != "spark_key_requests_total" {
			continue
		}
		series = len(family.Metric)
		for _, metric := range family.Metric {
			total += metric.GetCounter().GetValue()
		}
	}
	if series != 101 || total != 2000 {
		t.Errorf("%d series of %v requests, want 101 of 2000", series, total)
	}
}

func TestCountingByKeyDoesNotAllocate(t *testing.T) {
	k := NewMetrics(prometheus.NewRegistry()).Keys(ids, 2)
	all := func() {
		for place := range ids {
			k.Settle(place, exchange.Use{Tokens: 1, Cost: 1})
		}
	}
	all()
	if n := testing.AllocsPerRun(100, all); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
