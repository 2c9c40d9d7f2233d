// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

// slotsOf counts how many requests a provider of the snapshot may have under way. They end at once.
func slotsOf(s *served, provider string) (n int) {
	for i := range s.snapshot.Load().providers {
		view := &s.snapshot.Load().providers[i]
		if view.id != provider {
			continue
		}
		target, now := view.account.Quota.Target(), s.living.clock()
		for ; n < 100; n++ {
			grant, _, ok := target.Take(now, 1, nil)
			if !ok {
				return n
			}
			defer grant.Settle(now, -1)
		}
	}
	return n
}

func TestProvidersLimitsAreSharedByThePodsThatServe(t *testing.T) {
	limited := func(replicas int, slots int64) *config.Document {
		doc := explained()
		doc.Core.Gateway.Replicas = replicas
		for i := range doc.Core.Providers {
			doc.Core.Providers[i].Quota.Concurrency = slots
		}
		return doc
	}
	s := serve(t, limited(2, 12))
	report := Report{Server: s.Server, Reloader: NewReloader(Identity{}, s.Apply)}
	tell := func(instance string, replicas int) func() {
		return func() { report.Exchange(config.UsageCall{Instance: instance, Replicas: replicas}) }
	}
	apply := func(replicas int, slots int64) func() {
		return func() {
			if err := s.Apply(limited(replicas, slots)); err != nil {
				t.Fatal(err)
			}
		}
	}
	me := report.Reloader.Ack().Instance
	for _, step := range []struct {
		name string
		do   func()
		want int
		told int // by Explain
	}{
		{"as configured", func() {}, 6, 2},
		{"configured otherwise", apply(3, 12), 4, 3},
		{"another process is told", tell("another", 6), 4, 3},
		{"told", tell(me, 6), 2, 6},
		{"told nothing", tell(me, 0), 2, 6},
		{"configured otherwise after it was told", apply(1, 12), 2, 6},
		{"another limit", apply(1, 24), 4, 6},
		{"told that it is alone", tell(me, 1), 24, 0},
	} {
		step.do()
		if told, err := s.Explain(ask("shared")); err != nil || told.Targets[0].Replicas != step.told {
			t.Errorf("%s: explained with %+v, %v, want %d replicas", step.name, told.Targets, err, step.told)
		}
		if got := slotsOf(s, limited(1, 1).Core.Providers[0].ID); got != step.want {
			t.Errorf("%s: %d slots, want %d", step.name, got, step.want)
		}
	}
}

func TestWhatBecomesOfLimitsWithoutTheStoreChangesWhileItStaysOpen(t *testing.T) {
	stored := func(change func(*config.Store)) *config.Document {
		doc := explained()
		doc.Core.Gateway.Store = closedStore()
		change(doc.Core.Gateway.Store)
		return doc
	}
	s := serve(t, stored(func(*config.Store) {}))
	was := s.living.sharing.current.Load()
	for _, c := range []struct {
		name   string
		change func(*config.Store)
		stays  bool
		want   config.OnFailure
	}{
		{"the same", func(*config.Store) {}, true, config.LocalShare},
		{"all are refused", func(st *config.Store) { st.OnFailure = config.DenyAll }, true, config.DenyAll},
		{"none is limited", func(st *config.Store) { st.OnFailure = config.AllowAll }, true, config.AllowAll},
		{"another server", func(st *config.Store) { st.Addresses = []string{"127.0.0.1:2"} }, false, config.LocalShare},
	} {
		if err := s.Apply(stored(c.change)); err != nil {
			t.Fatal(err)
		}
		if stays := s.living.sharing.current.Load() == was; stays != c.stays {
			t.Errorf("%s: the store stays %v, want %v", c.name, stays, c.stays)
		}
		if got := s.living.onFailure(); got != c.want {
			t.Errorf("%s: on failure %q, want %q", c.name, got, c.want)
		}
	}
}
