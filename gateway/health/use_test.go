// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatWasFoundStaysWhenTheSettingsChange(t *testing.T) {
	in(t, func(t *testing.T, b *Book) {
		s := &script{answers: "a", begin: time.Now()}
		check := Check{Key: "p", Version: "1", Settings: settings(1, 2), Ask: s.ask}
		first := b.Use([]Check{check})[0]
		synctest.Wait()
		check.Settings.Interval *= 2
		again := b.Use([]Check{{Key: "other", Settings: settings(1, 1), Ask: (&script{answers: "."}).ask}, check})[1]
		if again != first || again.Healthy() {
			t.Fatal("another status, or another verdict")
		}
		time.Sleep(interval * 17 / 10)
		synctest.Wait()
		if len(s.asked()) != 1 {
			t.Errorf("asked at %v: the interval is still the old one", s.asked())
		}
		time.Sleep(interval / 2)
		synctest.Wait()
		if len(s.asked()) != 2 {
			t.Errorf("asked at %v: the interval was begun anew", s.asked())
		}
	})
}

func TestAShorterIntervalThatIsOverBringsACheckAtOnce(t *testing.T) {
	in(t, func(t *testing.T, b *Book) {
		s := &script{answers: ".", begin: time.Now()}
		check := Check{Key: "p", Settings: settings(1, 1), Ask: s.ask}
		b.Use([]Check{check})
		time.Sleep(interval / 2)
		check.Settings.Interval /= 10
		b.Use([]Check{check})
		synctest.Wait()
		if len(s.asked()) != 2 || s.asked()[1] != interval/2 {
			t.Errorf("asked at %v", s.asked())
		}
	})
}

func TestTheSameCheckGoesOnInItsRhythmWithTheNewWayToAsk(t *testing.T) {
	in(t, func(t *testing.T, b *Book) {
		old, renewed := &script{answers: ".", begin: time.Now()}, &script{answers: "a", begin: time.Now()}
		check := Check{Key: "p", Version: "1", Settings: settings(1, 1), Ask: old.ask}
		status := b.Use([]Check{check})[0]
		check.Ask = renewed.ask
		for range 100 {
			time.Sleep(interval / 100)
			b.Use([]Check{check})
		}
		time.Sleep(interval / 10)
		synctest.Wait()
		if len(old.asked()) != 1 || len(renewed.asked()) != 1 || status.Healthy() {
			t.Errorf("the old one was asked at %v, the new one at %v, healthy %t", old.asked(), renewed.asked(), status.Healthy())
		}
	})
}

func TestAnotherVersionIsAskedAtOnceAndOldResultsSayNothing(t *testing.T) {
	tests := map[string]struct {
		before    string // the answers that are waited for under the old version
		wait      time.Duration
		after     string
		unhealthy int64
		want      bool
	}{
		"a verdict stays until the new version's checks say other":    {"a", 0, "a", 1, false},
		"a success of the new version ends a bad verdict":             {"a", 0, ".", 1, true},
		"failures of the old version do not count for the new one":    {".a", interval * 11 / 10, "a", 2, true},
		"first failures of the old version do not count for the new":  {"a", 0, "a", 2, true},
		"the new version's failures are counted by its own threshold": {".", 0, "a", 1, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T, b *Book) {
				old := &script{answers: tc.before}
				check := Check{Key: "p", Version: "1", Settings: settings(tc.unhealthy, 1), Ask: old.ask}
				status := b.Use([]Check{check})[0]
				time.Sleep(tc.wait)
				synctest.Wait()
				renewed := &script{answers: tc.after, begin: time.Now()}
				check.Version, check.Ask = "2", renewed.ask
				b.Use([]Check{check})
				synctest.Wait()
				if len(renewed.asked()) != 1 || renewed.asked()[0] != 0 {
					t.Errorf("asked at %v", renewed.asked())
				}
				if status.Healthy() != tc.want {
					t.Errorf("healthy: %t", status.Healthy())
				}
			})
		})
	}
}

func TestACheckOfAnOldVersionIsBrokenOffAndSaysNothing(t *testing.T) {
	in(t, func(t *testing.T, b *Book) {
		var h hang
		check := Check{Key: "p", Version: "1", Settings: settings(1, 1), Ask: h.ask}
		status := b.Use([]Check{check})[0]
		synctest.Wait()
		check.Version, check.Ask = "2", (&script{answers: "."}).ask
		b.Use([]Check{check})
		synctest.Wait()
		if h.begun.Load() != 1 || h.ended.Load() != 1 || !status.Healthy() {
			t.Errorf("begun %d, ended %d, healthy %t", h.begun.Load(), h.ended.Load(), status.Healthy())
		}
	})
}

func TestACheckUnderWayWhenSettingsChangeIsMadeAgain(t *testing.T) {
	in(t, func(t *testing.T, b *Book) {
		var h hang
		check := Check{Key: "p", Settings: settings(1, 1), Ask: h.ask}
		b.Use([]Check{check})
		synctest.Wait()
		check.Settings.UnhealthyThreshold = 2
		b.Use([]Check{check})
		synctest.Wait()
		if h.begun.Load() != 2 || h.ended.Load() != 1 {
			t.Errorf("begun %d, ended %d", h.begun.Load(), h.ended.Load())
		}
	})
}

func TestWhoIsNotNamedAnyMoreIsNotAskedAnyMoreAndForgotten(t *testing.T) {
	for name, without := range map[string][]Check{
		"left out":               nil,
		"named without an asker": {{Key: "p", Version: "1", Settings: settings(1, 1)}},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T, b *Book) {
				s := &script{answers: "a."}
				check := Check{Key: "p", Version: "1", Settings: settings(1, 1), Ask: s.ask}
				former := b.Use([]Check{check})[0]
				synctest.Wait()
				b.Use(without)
				time.Sleep(10 * interval)
				synctest.Wait()
				if len(s.asked()) != 1 {
					t.Errorf("asked %d times", len(s.asked()))
				}
				check.Settings.UnhealthyThreshold = 9
				if again := b.Use([]Check{check})[0]; again == former || !again.Healthy() {
					t.Error("what was found is still known")
				}
				if former.Healthy() {
					t.Error("who still holds the former status reads another verdict")
				}
			})
		})
	}
}

func TestTwoChecksOfOneKeyAreOne(t *testing.T) {
	in(t, func(t *testing.T, b *Book) {
		s := &script{answers: "."}
		check := Check{Key: "p", Settings: settings(1, 1), Ask: s.ask}
		all := b.Use([]Check{check, check})
		synctest.Wait()
		if all[0] != all[1] || len(s.asked()) != 1 {
			t.Errorf("statuses %p and %p, asked %d times", all[0], all[1], len(s.asked()))
		}
	})
}

func TestCloseBreaksOffWhatIsUnderWayAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, hangs := NewBook(time.Now), make([]hang, 3)
		var checks []Check
		for i := range hangs {
			checks = append(checks, Check{Key: fmt.Sprint(i), Settings: settings(1, 1), Ask: hangs[i].ask})
		}
		all := b.Use(checks)
		synctest.Wait()
		b.Close()
		for i := range hangs {
			h := &hangs[i]
			if h.begun.Load() != 1 || h.ended.Load() != 1 || !all[i].Healthy() {
				t.Errorf("begun %d, ended %d, healthy %t", h.begun.Load(), h.ended.Load(), all[i].Healthy())
			}
		}
		if late := b.Use([]Check{{Key: "late", Settings: settings(1, 1), Ask: hangs[0].ask}}); late[0] == nil || !late[0].Healthy() {
			t.Errorf("after Close: %v", late)
		}
		b.Close()
		synctest.Wait()
		if hangs[0].begun.Load() != 1 {
			t.Error("there are checks after Close")
		}
	})
}

func TestManyMayUseAndLookAtOnce(t *testing.T) {
	in(t, func(t *testing.T, b *Book) {
		var wait sync.WaitGroup
		for i := range 8 {
			wait.Go(func() {
				for n := range 50 {
					check := Check{Key: "p", Version: fmt.Sprint(n % 2), Settings: settings(1, 1), Ask: func(context.Context) error {
						if n%3 == 0 {
							return errors.New("a")
						}
						return nil
					}}
					status := b.Use([]Check{check, {Key: fmt.Sprint(i), Settings: settings(1, 1), Ask: check.Ask}})[0]
					time.Sleep(time.Duration(n) * time.Millisecond)
					if h, known := status.Look(); known && h.Healthy != (h.Reason == "") {
						t.Errorf("found %+v", h)
					}
				}
			})
		}
		wait.Wait()
	})
}
