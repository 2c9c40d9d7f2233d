// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package turns_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sparkgateway/spark/controllers/turns"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// given gives, at one time, all turns that there are, and the wait for the next.
func given(t *turns.Turns[string], now time.Time) (all []string, wait time.Duration) {
	for {
		who, wait, ok := t.Next(now)
		if !ok {
			return all, wait
		}
		all = append(all, who)
	}
}

func TestTurns(t *testing.T) {
	const pace = 100 * time.Millisecond
	s := turns.New[string](10*time.Second, 10)
	want := func(after time.Duration, wantWait time.Duration, want ...string) {
		t.Helper()
		got, wait := given(s, noon.Add(after))
		if !slices.Equal(got, want) || wait != wantWait {
			t.Errorf("after %s: turns for %v and then a wait of %s, want %v and %s", after, got, wait, want, wantWait)
		}
	}
	want(0, 0)
	for _, who := range []string{"a", "b", "a", "c"} {
		s.Ask(who)
	}
	want(0, pace, "a")
	s.Ask("a") // has a turn that it did not take
	want(pace, pace, "b")
	if !s.Take("a") || s.Take("a") || s.Take("c") {
		t.Error("a turn is taken once, by whoever has it")
	}
	s.Ask("a")
	want(2*pace, 10*time.Second-2*pace, "c")
	s.Wrote("a", noon.Add(5*time.Second)) // by the way, and is content
	s.Take("b")
	s.Ask("b")
	s.Ask("a")
	want(10*time.Second, pace)
	want(10*time.Second+pace, 5*time.Second-pace, "b")
	want(15*time.Second, 0, "a")
	s.Take("a")
	s.Ask("a")
	s.Forget("a")
	want(time.Hour, 0)
	s.Ask("a") // somebody else of that name
	want(time.Hour, 0, "a")
}

func TestThatSomebodyAskedIsTold(t *testing.T) {
	s := turns.New[string](time.Second, 1)
	select {
	case <-s.Asked():
		t.Error("nobody asked")
	default:
	}
	s.Ask("a")
	s.Ask("b")
	<-s.Asked()
	select {
	case <-s.Asked():
		t.Error("told twice")
	default:
	}
}

// Ten thousand that always have something to write: the bound holds, nobody starves, and few are served within seconds.
func TestManyAskForTurns(t *testing.T) {
	for name, test := range map[string]struct {
		active     int
		wantWithin time.Duration
	}{
		"many come to it in turn":         {10_000, 401 * time.Second},
		"few come to it every 10 seconds": {250, 10100 * time.Millisecond},
		"one waits for nobody":            {1, 10100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			s := turns.New[int](10*time.Second, 25)
			last := make([]time.Time, test.active)
			for i := range last {
				last[i] = noon
				s.Ask(i)
			}
			inSecond, worst := 0, time.Duration(0)
			for now := noon; now.Before(noon.Add(20 * time.Minute)); now = now.Add(20 * time.Millisecond) {
				if now.Nanosecond() == 0 {
					inSecond = 0
				}
				for {
					who, _, ok := s.Next(now)
					if !ok {
						break
					}
					inSecond++
					worst = max(worst, now.Sub(last[who]))
					last[who] = now
					s.Take(who)
					s.Ask(who)
				}
				if inSecond > 25 {
					t.Fatalf("%d turns in the second of %s", inSecond, now)
				}
			}
			for who, at := range last {
				worst = max(worst, noon.Add(20*time.Minute).Sub(at))
				if at.Equal(noon) && test.active > 1 && who > 0 {
					t.Fatalf("%d never had a turn", who)
				}
			}
			if worst > test.wantWithin {
				t.Errorf("somebody waited for %s, want at most %s", worst, test.wantWithin)
			}
		})
	}
}

func TestTurnsAreGivenOnceWhoeverAsks(t *testing.T) {
	s := turns.New[int](time.Hour, 1e6)
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for i := range 500 {
				s.Ask(i)
				s.Take(i + 1000)
			}
		})
	}
	asking.Wait()
	seen := map[int]bool{}
	for now := noon; ; now = now.Add(time.Microsecond) {
		who, wait, ok := s.Next(now)
		if !ok && wait == 0 {
			break
		}
		if ok && seen[who] {
			t.Fatalf("%d has two turns", who)
		}
		if ok {
			seen[who] = true
		}
	}
	if len(seen) != 500 {
		t.Errorf("%d had a turn, want 500", len(seen))
	}
}
