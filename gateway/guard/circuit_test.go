// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestACircuit(t *testing.T) {
	// Each step is what happens: "+" a success, "-" a failure, "." a second, "?" whether one may ask: "y", "p" for a probe, "n".
	for name, test := range map[string]struct{ steps, want string }{
		"it begins closed":                   {"?", "y"},
		"four failures do not open it":       {"----?", "y"},
		"five do":                            {"-----?", "n"},
		"a success between begins anew":      {"----+----?", "y"},
		"after a second one may look":        {"-----.??", "pn"},
		"who succeeds closes it":             {"-----.?P?----?", "pyy"},
		"who fails keeps it open":            {"-----.?F?.?", "pnp"},
		"who leaves lets another look":       {"-----.?L?", "pp"},
		"a late success does not close it":   {"-----+?", "n"},
		"a late failure does not prolong it": {"-----.-?", "p"},
	} {
		t.Run(name, func(t *testing.T) {
			var c circuit
			now, got := time.Unix(0, 0), ""
			for _, step := range test.steps {
				switch step {
				case '+', '-':
					c.settle(false, step == '+', now)
				case 'P', 'F':
					c.settle(true, step == 'P', now)
				case 'L':
					c.leave(true)
				case '.':
					now = now.Add(openFor)
				case '?':
					switch probe, ok := c.enter(now); {
					case probe:
						got += "p"
					case ok:
						got += "y"
					default:
						got += "n"
					}
				}
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestADeadGuardCostsNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		var alive atomic.Bool
		w := fake(t, 300*time.Millisecond, func(r *http.Request) (*http.Response, error) {
			calls.Add(1)
			if alive.Load() {
				return answerOf(`{"action":"block"}`), nil
			}
			return hang(r)
		})
		ask := func() (Failure, time.Duration) {
			began := time.Now()
			_, err := w.Ask(t.Context(), question())
			return failureOf(err), time.Since(began)
		}
		for range failuresToOpen {
			if failure, took := ask(); failure != FailureTimeout || took != 300*time.Millisecond {
				t.Errorf("%s after %v", failure, took)
			}
		}
		for range 100 {
			if failure, took := ask(); failure != FailureOpen || took != 0 {
				t.Errorf("%s after %v", failure, took)
			}
		}
		time.Sleep(openFor)
		// One finds out; the others do not wait for it.
		var wait sync.WaitGroup
		var open, late atomic.Int64
		for range 50 {
			wait.Go(func() {
				switch failure, _ := ask(); failure {
				case FailureOpen:
					open.Add(1)
				case FailureTimeout:
					late.Add(1)
				}
			})
		}
		wait.Wait()
		if open.Load() != 49 || late.Load() != 1 || calls.Load() != failuresToOpen+1 {
			t.Errorf("%d open, %d late, %d calls", open.Load(), late.Load(), calls.Load())
		}
		alive.Store(true)
		time.Sleep(openFor)
		for range 3 {
			if failure, _ := ask(); failure != "" {
				t.Errorf("%s of a service that is back", failure)
			}
		}
	})
}

// A probe that does not come to an end of its own must not keep the others out for ever.
func TestAProbeThatIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var alive atomic.Bool
		w := fake(t, 300*time.Millisecond, func(r *http.Request) (*http.Response, error) {
			if alive.Load() {
				return answerOf(`{"action":"allow"}`), nil
			}
			return hang(r)
		})
		for range failuresToOpen {
			_, _ = w.Ask(t.Context(), question())
		}
		time.Sleep(openFor)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := w.Ask(ctx, question()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		alive.Store(true)
		if v, err := w.Ask(t.Context(), question()); err != nil || !v.Allow {
			t.Errorf("got %+v, %v", v, err)
		}
	})
}

// However calls end and in whatever order, once the service answers it is asked again a second later.
func TestACircuitClosesAtLast(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 3))
		var c circuit
		now := time.Unix(0, 0)
		var probes []bool
		for range 500 {
			now = now.Add(time.Duration(random.IntN(300)) * time.Millisecond)
			if probe, ok := c.enter(now); ok {
				probes = append(probes, probe)
			}
			if n := len(probes); n > 0 && random.IntN(2) == 0 {
				i := random.IntN(n)
				switch probe := probes[i]; random.IntN(4) {
				case 0:
					c.leave(probe)
				case 1:
					c.settle(probe, true, now)
				default:
					c.settle(probe, false, now)
				}
				probes = append(probes[:i], probes[i+1:]...)
			}
			if n := count(probes); n > 1 {
				t.Fatalf("seed %d: %d probes at a time", seed, n)
			}
		}
		for _, probe := range probes {
			c.settle(probe, true, now)
		}
		now = now.Add(openFor)
		probe, ok := c.enter(now)
		if !ok {
			t.Fatalf("seed %d: it stays open", seed)
		}
		c.settle(probe, true, now)
		if probe, ok := c.enter(now); probe || !ok {
			t.Fatalf("seed %d: it did not close", seed)
		}
	}
}

func count(probes []bool) int {
	n := 0
	for _, probe := range probes {
		if probe {
			n++
		}
	}
	return n
}

func TestABookKeepsWhatStaysTheSame(t *testing.T) {
	b := NewBook()
	defer b.Close()
	one := Settings{URL: "http://a.example", Timeout: time.Second}
	two, other := one, one
	two.Timeout, other.URL = 2*time.Second, "http://b.example"
	use := func(all ...Settings) []*Webhook {
		t.Helper()
		used, err := b.Use(all)
		if err != nil || len(used) != len(all) {
			t.Fatalf("%d, %v", len(used), err)
		}
		return used
	}
	first := use(one, two, one)
	if first[0] != first[2] || first[0] == first[1] {
		t.Errorf("got %p", first)
	}
	second := use(other, one)
	if second[1] != first[0] || second[0] == first[0] {
		t.Errorf("got %p, then %p", first, second)
	}
	if third := use(two); third[0] == first[1] {
		t.Error("one that was given up came back")
	}
	fourth := use(two, other)
	if _, err := b.Use([]Settings{one, {}}); err == nil {
		t.Error("settings that are none were used")
	}
	if fifth := use(two, other); !cmp.Equal([]bool{true, true}, []bool{fifth[0] == fourth[0], fifth[1] == fourth[1]}) {
		t.Error("an error changed something")
	}
}
