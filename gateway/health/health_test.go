// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

// script is a provider whose answers are told in advance: a dot is a good one, another letter a failure of that name, and
// the last goes on for ever.
type script struct {
	answers string
	begin   time.Time

	mu sync.Mutex
	at []time.Duration // since begin
}

func (s *script) asked() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.at)
}

func (s *script) ask(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.at), len(s.answers)-1)
	s.at = append(s.at, time.Since(s.begin))
	if s.answers[n] == '.' {
		return nil
	}
	return errors.New(s.answers[n : n+1])
}

const interval = 10 * time.Second

func settings(unhealthy, healthy int64) config.HealthCheck {
	return config.HealthCheck{
		Interval: config.Duration(interval), Timeout: config.Duration(2 * time.Second),
		UnhealthyThreshold: unhealthy, HealthyThreshold: healthy,
	}
}

// in runs a test in a time of its own, with a book that is closed at its end.
func in(t *testing.T, test func(t *testing.T, b *Book)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := NewBook(time.Now)
		defer b.Close()
		test(t, b)
	})
}

func TestVerdicts(t *testing.T) {
	type look struct {
		Known, Healthy bool
		Reason         string
	}
	unknown, good := look{Healthy: true}, look{Known: true, Healthy: true}
	bad := func(reason string) look { return look{Known: true, Reason: reason} }
	tests := map[string]struct {
		answers   string
		threshold [2]int64 // unhealthy, healthy
		want      []look   // after each check
	}{
		"one success is enough at first":                    {"..", [2]int64{2, 3}, []look{good, good}},
		"failures must come in a row":                       {"a.a.aa", [2]int64{2, 1}, []look{unknown, good, good, good, good, bad("a")}},
		"what fails at first is unknown until it did often": {"aaa", [2]int64{3, 1}, []look{unknown, unknown, bad("a")}},
		"a first failure is forgotten after a success":      {"a.aa", [2]int64{2, 1}, []look{unknown, good, good, bad("a")}},
		"a threshold of one is met at once":                 {"a.a", [2]int64{1, 1}, []look{bad("a"), good, bad("a")}},
		"successes must come in a row, too":                 {"a.a..", [2]int64{1, 2}, []look{bad("a"), bad("a"), bad("a"), bad("a"), good}},
		"the reason is the latest":                          {"ab.b", [2]int64{1, 2}, []look{bad("a"), bad("b"), bad("b"), bad("b")}},
		"after a recovery failures are counted from none":   {"aa.aa", [2]int64{2, 1}, []look{unknown, bad("a"), good, good, bad("a")}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T, b *Book) {
				s := &script{answers: tc.answers, begin: time.Now()}
				status := b.Use([]Check{{Key: "p", Settings: settings(tc.threshold[0], tc.threshold[1]), Ask: s.ask}})[0]
				for i, want := range tc.want {
					for synctest.Wait(); len(s.asked()) <= i; synctest.Wait() {
						time.Sleep(interval / 10)
					}
					h, known := status.Look()
					got := look{known, status.Healthy(), h.Reason}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("after check %d (-want +got):\n%s", i+1, diff)
					}
					if known && h.Healthy != status.Healthy() {
						t.Errorf("after check %d Look says %t, Healthy %t", i+1, h.Healthy, status.Healthy())
					}
				}
			})
		})
	}
}

func TestTheFirstCheckIsMadeAtOnceAndTheNextAboutAnIntervalLater(t *testing.T) {
	in(t, func(t *testing.T, b *Book) {
		s := &script{answers: ".", begin: time.Now()}
		b.Use([]Check{{Key: "p", Settings: settings(1, 1), Ask: s.ask}})
		synctest.Wait()
		if len(s.asked()) != 1 || s.asked()[0] != 0 {
			t.Fatalf("asked at %v", s.asked())
		}
		time.Sleep(100 * interval)
		synctest.Wait()
		if n := len(s.asked()); n < 91 || n > 112 {
			t.Errorf("asked %d times in 100 intervals", n)
		}
		different := map[time.Duration]bool{}
		for i := 1; i < len(s.asked()); i++ {
			pause := s.asked()[i] - s.asked()[i-1]
			different[pause] = true
			if pause < interval*9/10 || pause > interval*11/10 {
				t.Errorf("a pause of %v", pause)
			}
		}
		if len(different) < 2 {
			t.Error("there is no jitter")
		}
	})
}

func TestSinceIsWhenTheVerdictChanged(t *testing.T) {
	in(t, func(t *testing.T, b *Book) {
		start := time.Now()
		s := &script{answers: ".aab", begin: start}
		status := b.Use([]Check{{Key: "p", Settings: settings(2, 1), Ask: s.ask}})[0]
		synctest.Wait()
		if h, known := status.Look(); !known || !h.Since.Equal(start) {
			t.Errorf("since %v after the first check at %v", h.Since, start)
		}
		time.Sleep(5 * interval)
		synctest.Wait()
		if h, _ := status.Look(); !h.Since.Equal(start.Add(s.asked()[2])) || h.Reason != "b" {
			t.Errorf("since %v for %q, want the second failure at %v", h.Since, h.Reason, start.Add(s.asked()[2]))
		}
	})
}

// hang is a provider that says nothing until it is left.
type hang struct{ begun, ended atomic.Int64 }

func (h *hang) ask(ctx context.Context) error {
	h.begun.Add(1)
	<-ctx.Done()
	h.ended.Add(1)
	return errors.New("timeout")
}

func TestACheckEndsWithItsTimeout(t *testing.T) {
	in(t, func(t *testing.T, b *Book) {
		var h hang
		status := b.Use([]Check{{Key: "p", Settings: settings(1, 1), Ask: h.ask}})[0]
		time.Sleep(2*time.Second - time.Nanosecond)
		synctest.Wait()
		if h.ended.Load() != 0 || !status.Healthy() {
			t.Error("it ended early")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if got, _ := status.Look(); h.ended.Load() != 1 || got.Reason != "timeout" {
			t.Errorf("%d ended, found %+v", h.ended.Load(), got)
		}
		// The interval is not made longer by the timeout.
		time.Sleep(interval*11/10 - 2*time.Second)
		synctest.Wait()
		if h.begun.Load() != 2 {
			t.Errorf("%d checks in an interval", h.begun.Load())
		}
	})
}

func TestAPanicIsAFailure(t *testing.T) {
	in(t, func(t *testing.T, b *Book) {
		status := b.Use([]Check{{Key: "p", Settings: settings(1, 1), Ask: func(context.Context) error { panic("at the provider's") }}})[0]
		synctest.Wait()
		if h, known := status.Look(); !known || h.Healthy || h.Reason != errPanicked.Error() {
			t.Errorf("found %+v", h)
		}
	})
}

func TestWhoIsNotCheckedIsHealthyAndUnknown(t *testing.T) {
	in(t, func(t *testing.T, b *Book) {
		all := b.Use([]Check{{Key: "without"}, {Key: "p", Settings: settings(1, 1), Ask: (&script{answers: "."}).ask}})
		if all[0] != nil || all[1] == nil {
			t.Fatalf("statuses %v", all)
		}
		for _, s := range []*Status{all[0], {}} {
			if _, known := s.Look(); known || !s.Healthy() {
				t.Errorf("%v: known %t, healthy %t", s, known, s.Healthy())
			}
		}
	})
}

func TestEachVerdictIsToldOnce(t *testing.T) {
	in(t, func(t *testing.T, b *Book) {
		told := make(chan bool, 9)
		s := &script{answers: "..aaab.."}
		b.Use([]Check{{Key: "p", Settings: settings(2, 1), Ask: s.ask, Told: func(healthy bool) { told <- healthy }}})
		time.Sleep(12 * interval)
		synctest.Wait()
		var got []bool
		for len(told) > 0 {
			got = append(got, <-told)
		}
		if diff := cmp.Diff([]bool{true, false, true}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func BenchmarkHealthy(b *testing.B) {
	s := &Status{}
	s.found.Store(&config.HealthState{Healthy: true})
	b.ReportAllocs()
	for b.Loop() {
		if !s.Healthy() {
			b.Fatal("unhealthy")
		}
	}
}
