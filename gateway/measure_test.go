// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/telemetry"
)

func TestMetricsShowTheProcess(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	living := NewLiving(LivingOptions{Now: func() time.Time { return now }})
	t.Cleanup(living.Close)
	s := NewServer(Options{Living: living, Version: "v9"})
	s.RegisterMetrics()
	if diff := cmp.Diff(telemetry.ProcessSight{Version: "v9"}, s.process()); diff != "" {
		t.Errorf("at first (-want +got):\n%s", diff)
	}
	r := s.Reloader(Identity{})
	offer := func(sequence int64, doc *config.Document) config.Bundle {
		b, err := config.Encode(doc)
		if err != nil {
			t.Fatal(err)
		}
		b.Manifest.Sequence = sequence
		r.Offer(b)
		return b
	}
	b := offer(1, fullPolicy("127.0.0.1:1"))
	broken := fullPolicy("127.0.0.1:1")
	broken.Core.Gateway.MaxConnections = -1
	offer(2, broken)
	r.Drain()
	want := telemetry.ProcessSight{
		Version: "v9", Revision: b.Manifest.Revision, Sequence: 1, Applied: s.snapshot.Load().applied, Taken: 1, Rejected: 1, Draining: true,
	}
	if diff := cmp.Diff(want, s.process()); diff != "" || want.Applied.IsZero() {
		t.Errorf("with a configuration, and one that was rejected (-want +got):\n%s", diff)
	}
	if _, err := s.Registry().Gather(); err != nil {
		t.Error(err)
	}
}

func TestMetricsShowTheFullestBudgetThatRefuses(t *testing.T) {
	of := func(amount config.Money, shadow bool) []config.Budget {
		return []config.Budget{{Amount: amount, Per: config.Total, Shadow: shadow}}
	}
	empty := NewServer(Options{})
	t.Cleanup(empty.living.Close)
	if got := empty.budgets(); len(got) > 0 {
		t.Errorf("without a configuration: %v", got)
	}
	s, doc := newSpender(t, 0), explained()
	doc.Core.Policies = []config.Policy{{ID: "default/team", Budgets: of(10*config.Dollar, false)}}
	for i, b := range [][]config.Budget{of(config.Dollar, true), of(4*config.Dollar, false), of(8*config.Dollar, false)} {
		doc.Keys[i].Budgets = b
	}
	s.doc = doc
	s.apply(t)
	if diff := cmp.Diff(telemetry.BudgetSight{telemetry.BudgetOfKey: 0, telemetry.BudgetOfPolicy: 0}, s.budgets()); diff != "" {
		t.Errorf("before anything was spent (-want +got):\n%s", diff)
	}
	for _, holder := range []string{config.HolderPolicy + "default/team", config.HolderKey + doc.Keys[0].ID, config.HolderKey + doc.Keys[1].ID,
		config.HolderKey + doc.Keys[2].ID} {
		s.spend(holder, 2*config.Dollar)
	}
	s.pass(time.Minute)
	if diff := cmp.Diff(telemetry.BudgetSight{telemetry.BudgetOfKey: 0.5, telemetry.BudgetOfPolicy: 0.2}, s.budgets()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRequestsAreCountedByKey(t *testing.T) {
	s := NewServer(Options{})
	t.Cleanup(s.living.Close)
	doc := explained()
	doc.Core.Gateway.KeyLabels = 2
	if err := s.Apply(doc); err != nil {
		t.Fatal(err)
	}
	r := &request{srv: s, snap: s.snapshot.Load()}
	count := func(p *exchange.Principal, op exchange.Operation) {
		r.ex.Principal, r.ex.Operation = p, op
		r.countByKey(exchange.Use{Tokens: 5})
	}
	key := &exchange.Principal{Kind: exchange.ByKey, Index: 1}
	count(key, exchange.Chat)
	count(key, exchange.Embeddings)
	count(&exchange.Principal{Kind: exchange.ByToken, Index: 1}, exchange.Chat)
	count(key, exchange.ListModels)
	count(key, exchange.NoOperation)
	count(nil, exchange.Chat)
	r.snap = nil
	count(key, exchange.Chat)
	families, err := s.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		if family.GetName() == "spark_key_tokens_total" {
			for _, m := range family.Metric {
				got[m.Label[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	if diff := cmp.Diff(map[string]float64{"team/k": 10, "other": 5}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
