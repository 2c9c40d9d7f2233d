// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"testing"
	"time"
)

const someMetrics = `# HELP spark_breaker_state The state.
# TYPE spark_breaker_state gauge
spark_breaker_state{model="gpt",provider="default/primary"} 0
spark_breaker_state{model="gpt-mini",provider="default/primary"} 2
spark_breaker_state{model="claude",provider="secondary"} 1
spark_breaker_state{model="c",provider="tertiary"} 7
spark_breaker_transitions_total{model="gpt",provider="default/primary",to="open"} 2
spark_breaker_transitions_total{model="gpt",provider="default/primary",to="half_open"} 1
spark_requests_total{provider="default/quaternary"} 2
`

func TestTheWorstBreakerOfAProviderIsReadFromTheMetrics(t *testing.T) {
	for provider, want := range map[string]look{"primary": {stateOpen, 3}, "secondary": {stateHalfOpen, 0}} {
		if got, ok := lookAt(someMetrics, provider); !ok || got != want {
			t.Errorf("%s: %+v, %t; want %+v", provider, got, ok, want)
		}
	}
	for _, provider := range []string{"tertiary", "quaternary", "prim"} {
		if got, ok := lookAt(someMetrics, provider); ok {
			t.Errorf("%s: %+v", provider, got)
		}
	}
}

// A probe that fails between two looks leaves no other trace than the number of transitions.
func TestAProbeBetweenTwoLooksIsSeen(t *testing.T) {
	h := history{{at: time.Second, to: stateOpen}}
	h.seeTurn(2*time.Second, 2020*ms)
	want := history{
		{at: time.Second, to: stateOpen}, {2 * time.Second, 2 * time.Second, stateHalfOpen}, {2 * time.Second, 2020 * ms, stateOpen},
	}
	if !slices.Equal(h, want) {
		t.Errorf("%v, want %v", h, want)
	}
	closed := history{{at: time.Second, to: stateOpen}, {at: 2 * time.Second, to: stateClosed}}
	before := slices.Clone(closed)
	if closed.seeTurn(3*time.Second, 4*time.Second); !slices.Equal(closed, before) {
		t.Errorf("%v, want %v", closed, before)
	}
}

func TestAHistoryKeepsChanges(t *testing.T) {
	var h history
	for i, state := range []breakerState{stateClosed, stateClosed, stateOpen, stateOpen, stateHalfOpen, stateClosed, stateClosed} {
		h.see(time.Duration(i-1)*time.Second, time.Duration(i)*time.Second, state)
	}
	if len(h) != 3 {
		t.Fatalf("%v", h)
	}
	if got, want := h.String(), "open at 2s, half open at 4s, closed at 5s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for at, want := range map[time.Duration]bool{
		time.Second: false, 2 * time.Second: false, 2099 * ms: false, 2100 * ms: true, 2999 * ms: true,
		3 * time.Second: false, 3500 * ms: false, time.Minute: false,
	} {
		if got := h.surelyOpen(at, 100*ms); got != want {
			t.Errorf("open at %s: %t, want %t", at, got, want)
		}
	}
	if at, ok := h.opened(0); !ok || at != 2*time.Second {
		t.Errorf("opened at %s, %t", at, ok)
	}
	if _, ok := h.opened(3 * time.Second); ok {
		t.Error("it did not open after second 3")
	}
	if at, ok := h.closed(); !ok || at != 5*time.Second {
		t.Errorf("closed at %s, %t", at, ok)
	}
	if _, ok := h[:2].closed(); ok {
		t.Error("it was half open at last")
	}
	if at, ok := (history{}).closed(); !ok || at != 0 {
		t.Errorf("what was never open closed at %s, %t", at, ok)
	}
}
