// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"
)

func TestTheReportHasALineForEachScenarioInEachTable(t *testing.T) {
	good := judge(seen(nil))
	bad := judge(seen(func(f *facts) {
		f.scenario.name, f.answers[12] = "another", refusedAt(1200*ms, 502, "")
	}))
	bad.aside = []string{"play 1, on a machine that was 200 ms late: a promise"}
	text := markdown(testPace, []result{good, bad}, time.Unix(0, 0))
	for _, want := range []string{
		"1970-01-01", "10 requests a second for 5 s, ", "consecutiveFailures: 5, openFor: 500ms",
		"firstToken: 300ms", "- **a test**: ", "A healthy answer takes 20 ms",
		"| a test | 50 | 0 | **0** | 0 | **0** | 0 | 0 |", "| another | 50 | 1 × 502 | **1** | 0 | **0** | 0 | 0 |",
		"| a test | 0.50 s | 0.75 s | 0.40 s | 1.05 s | 2 |", "| a test | 10 ms | 10 ms | 10 ms | **0 ms** | 0 ms |",
		"## Promises not kept\n\n- another: 1 requests failed",
		"## Plays that were set aside\n\n- another: play 1, on a machine",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing from\n%s", want, text)
		}
	}
	if strings.Contains(markdown(testPace, []result{good}, time.Unix(0, 0)), "not kept") {
		t.Error("promises that were kept are told of as if they were not")
	}
}

func TestBoundsFollowFromThePolicy(t *testing.T) {
	s := scenario{share: 0.5, detect: 300 * ms, probe: 300 * ms}
	if got, want := s.openBound(testPace), 300*ms+time.Second+testPace.grace; got != want {
		t.Errorf("it must open within %s, want %s", got, want)
	}
	if got, want := s.closeBound(testPace), 500*ms+300*ms+600*ms+testPace.grace; got != want {
		t.Errorf("it must close within %s, want %s", got, want)
	}
	s = scenario{share: 1, failures: 1, closes: time.Second}
	if got, want := s.openBound(testPace), 100*ms+testPace.grace; got != want {
		t.Errorf("one refusal must do within %s, want %s", got, want)
	}
	if got, want := s.closeBound(testPace), time.Second+300*ms+testPace.grace; got != want {
		t.Errorf("it must close within %s, want %s", got, want)
	}
}

func TestScenariosAreWhole(t *testing.T) {
	names := map[string]bool{}
	for _, p := range []pace{fullPace, shortPace} {
		for _, s := range scenarios(p) {
			if s.name == "" || s.what == "" || s.model == "" || s.breaks == nil || s.mends == nil {
				t.Errorf("%q is not whole", s.name)
			}
			if len(s.broken) > 0 && (s.openBound(p) > p.fault || s.closeBound(p) > p.recovery) {
				t.Errorf("%s: the bounds %s and %s do not fit into %s and %s", s.name, s.openBound(p), s.closeBound(p), p.fault, p.recovery)
			}
			names[s.name] = true
		}
	}
	if len(names) != len(scenarios(fullPace)) {
		t.Errorf("the forms have different scenarios, or two have one name: %v", names)
	}
	if got := fullPace.requests(); got != 12_000 {
		t.Errorf("the full form has %d requests a scenario, want 200 a second for 60 s", got)
	}
	if milliseconds(2*time.Second) != "2s" || milliseconds(1500*ms) != "1500ms" {
		t.Error("durations are not written as the API wants them")
	}
}
