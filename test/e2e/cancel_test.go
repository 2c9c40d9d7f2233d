// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/sparkgateway/spark/test/e2e/load"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

const (
	streams = 50
	// cancelledWithin is how long after its client left an upstream call may go on.
	cancelledWithin = 100 * time.Millisecond
)

// Streams whose client leaves half-way are cancelled at the provider at once, and each is accounted for once.
func TestStreamsCutHalfWayAreCancelledAndCountedOnce(t *testing.T) {
	for name, leave := range map[string]func(s *space, victim *loader, r *run) time.Time{
		"the client closes its connections": func(_ *space, _ *loader, r *run) time.Time { return r.cut().At },
		"the client is killed": func(s *space, victim *loader, _ *run) time.Time {
			return s.loader("hand").signal(victim.uid, load.SignalKill).At
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpace(t)
			s.start(minimal)
			s.apply(renamed(loadPod, "victim"))
			victim := s.loader("victim")
			s.signaller("hand", s.node(victim.pod))
			r := victim.begin(load.Spec{
				Targets: []string{victim.service("main")}, Rate: 200, Count: streams, StreamEvery: 1, Key: s.apiKey("alice"),
				SteerStream: "tokens=400 delay=50ms", Halfway: 40, Fresh: true,
			})
			eventually(t, 30*time.Second, func() string {
				if n := r.report().Total().Halfway; n < streams {
					return fmt.Sprintf("%d streams are half-way", n)
				}
				return ""
			})
			left := leave(s, victim, r)
			s.cancelled(left)
			s.countedOnce()
		})
	}
}

// cancelled checks when the provider saw each stream cancelled.
func (s *space) cancelled(left time.Time) {
	s.Helper()
	var records []fakeprovider.Record
	eventually(s, 20*time.Second, func() string {
		records = s.records()
		running := 0
		for _, r := range records {
			if r.State == fakeprovider.Running {
				running++
			}
		}
		if running > 0 {
			return fmt.Sprintf("%d calls are still running at the provider", running)
		}
		return ""
	})
	if len(records) != streams {
		s.Errorf("the provider received %d calls", len(records))
	}
	var slowest, fastest time.Duration
	for i, r := range records {
		late := r.CancelledAt.Sub(left)
		if r.State != fakeprovider.Cancelled || late > cancelledWithin {
			s.Errorf("call %d: %s, %s after the client left", r.ID, r.State, late)
		}
		if slowest = max(slowest, late); i == 0 || late < fastest {
			fastest = late
		}
	}
	s.Logf("%d calls cancelled at the provider between %s and %s after the client left", len(records), round(fastest), round(slowest))
}

// countedOnce checks the gateways' access log against what the provider sent.
func (s *space) countedOnce() {
	s.Helper()
	var lines []line
	eventually(s, 20*time.Second, func() string {
		if lines = s.accessLog("main"); len(lines) < streams {
			return fmt.Sprintf("%d lines in the access log", len(lines))
		}
		return ""
	})
	seen := map[string]bool{}
	var logged int64
	sources := map[string]int{}
	for _, l := range lines {
		if !l.Stream || l.Outcome != "client_gone" || l.Usage == nil || l.Usage.Completion < 10 || seen[l.ID] {
			s.Errorf("line %+v, usage %+v", l, l.Usage)
			continue
		}
		seen[l.ID] = true
		logged += l.Usage.Completion
		sources[l.Usage.Source]++
	}
	if len(lines) != streams {
		s.Errorf("%d lines for %d streams", len(lines), streams)
	}
	sent := 0
	for _, r := range s.records() {
		sent += r.CompletionTokens
	}
	s.Logf("%d lines, one for each stream, outcome client_gone, usage by source %v: %d completion tokens; the provider handed over %d",
		len(lines), sources, logged, sent)
}
