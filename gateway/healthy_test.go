// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

// outOf gives providers of which each has so many breakers that are not closed.
func outOf(providers, breakers int) (states []config.ProviderState) {
	for p := range providers {
		state := config.ProviderState{ID: fmt.Sprintf("t/p%d", p)}
		for b := range breakers {
			state.Out = append(state.Out, config.BreakerState{Model: fmt.Sprintf("m%d", b), State: config.BreakerHalfOpen, Reason: "5 failures in a row"})
		}
		states = append(states, state)
	}
	return states
}

func TestAStatusIsTheWorstOfItsReasons(t *testing.T) {
	down, up := &config.StoreState{Reason: "timeout"}, &config.StoreState{Up: true}
	sick := config.ProviderState{ID: "t/p", Health: &config.HealthState{Reason: "status 503"}}
	well := config.ProviderState{ID: "t/p", Health: &config.HealthState{Healthy: true}}
	for name, test := range map[string]struct {
		served, draining bool
		health           config.Health
		want             string
		reasons          []string
	}{
		"all is well":                        {served: true, health: config.Health{Store: up, Providers: []config.ProviderState{well}}, want: config.HealthOK, reasons: []string{}},
		"a spent budget is no reason":        {served: true, health: config.Health{Budgets: []config.BudgetHealth{{Spent: 2, Limit: 1}}}, want: config.HealthOK, reasons: []string{}},
		"nothing served":                     {want: config.HealthNotReady, reasons: []string{"configuration: none yet"}},
		"neither served nor going to be":     {draining: true, want: config.HealthNotReady, reasons: []string{"draining", "configuration: none yet"}},
		"draining with a store that is down": {served: true, draining: true, health: config.Health{Store: down}, want: config.HealthNotReady, reasons: []string{"draining", "store: down (timeout)"}},
		"everything is wrong": {
			served: true, want: config.HealthDegraded,
			health: config.Health{Rejected: &config.Rejection{Error: "secret?"}, Store: down, Providers: append([]config.ProviderState{sick}, outOf(1, 1)...)},
			reasons: []string{
				"configuration: a newer document was rejected", "store: down (timeout)", "provider t/p: unhealthy (status 503)",
				"provider t/p0: the breaker of m0 is half open (5 failures in a row)",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthServer(t, test.served)
			s.draining.Store(test.draining)
			s.judge(&test.health)
			if test.health.Status != test.want {
				t.Errorf("status %s, want %s", test.health.Status, test.want)
			}
			if diff := cmp.Diff(test.reasons, test.health.Reasons); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
			ready := s.Ready()
			if (ready != nil) != (test.want == config.HealthNotReady) || test.draining && !errors.Is(ready, ErrDraining) {
				t.Errorf("ready: %v", ready)
			}
		})
	}
}

// healthServer gives a server that serves the document, or none yet.
func healthServer(t *testing.T, served bool) *Server {
	t.Helper()
	s := NewServer(Options{})
	t.Cleanup(s.living.Close)
	if served {
		if err := s.Apply(fullPolicy("127.0.0.1:1")); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestReasonsAreBounded(t *testing.T) {
	for wrong, want := range map[int]string{19: "", 20: "", 21: "2 more", 100: "81 more"} {
		h := config.Health{Providers: outOf(1, wrong)}
		healthServer(t, true).judge(&h)
		last := h.Reasons[len(h.Reasons)-1]
		if len(h.Reasons) != min(wrong, 20) || want != "" && last != want || want == "" && slices.Contains(h.Reasons, "1 more") {
			t.Errorf("%d are wrong: %d reasons, the last %q", wrong, len(h.Reasons), last)
		}
	}
}

// What ended within one minute by the wall clock is in one minute of the traffic, in every process.
func TestTrafficIsByTheWallClock(t *testing.T) {
	start := time.Now()
	living := NewLiving(LivingOptions{Now: func() time.Time { return start }})
	t.Cleanup(living.Close)
	for _, after := range []time.Duration{0, time.Second, time.Hour} {
		if at := start.Add(after); living.wall(at) != at.UnixNano() {
			t.Errorf("%s is %s", at, time.Unix(0, living.wall(at)))
		}
	}
}
