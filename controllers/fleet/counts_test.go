// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/controllers/fleet"
)

// counts are a fleet.Counts.
type counts struct {
	mu   sync.Mutex
	seen map[string]int
}

func (c *counts) Pushed(r fleet.PushResult) { c.add("push " + string(r)) }

func (c *counts) Acked(r fleet.AckResult) { c.add("ack " + string(r)) }

func (c *counts) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = map[string]int{}
	}
	c.seen[what]++
}

// told gives what was counted since it was asked before.
func (c *counts) told() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := maps.Clone(c.seen)
	clear(c.seen)
	return seen
}

func TestWhatIsSaidBetweenOperatorAndPodsIsCounted(t *testing.T) {
	c := newCaller("a", "b")
	c.edit("b", func(p *process) { p.silent = true })
	inBubble(t, c, func(t *testing.T, b *bed) {
		count := &counts{}
		b.fleet.Measure(count)
		step := func(what string, lagging lag, want map[string]int) {
			t.Helper()
			if diff := cmp.Diff(want, count.told()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
			if diff := cmp.Diff(lagging, b.fleet.Lagging()[gateway]); diff != "" {
				t.Errorf("%s: pods that lag (-want +got):\n%s", what, diff)
			}
		}
		b.want(versioned(1), "a")
		b.after(time.Millisecond)
		step("a pod that takes it", lags("", 0), map[string]int{"ack behind": 1, "ack current": 2, "push applied": 1})
		b.want(versioned(1), "a", "b")
		b.after(time.Millisecond)
		step("a pod that is silent", lags(fleet.AckSilent, 1), map[string]int{"ack silent": 1})
		b.caller.edit("b", func(p *process) { p.silent, p.refuses = false, 1 })
		b.after(100 * time.Millisecond)
		step("a pod that rejects it", lags(fleet.AckRejected, 1), map[string]int{"ack behind": 1, "ack rejected": 2, "push rejected": 1})
		b.caller.edit("a", func(p *process) { p.silent = true })
		b.want(versioned(2), "a")
		b.after(time.Millisecond)
		step("a pod that falls silent as it is pushed to", lags(fleet.AckBehind, 1), map[string]int{"ack silent": 1, "push failed": 1})
	})
}

// lag counts pods by what they say instead of what they should.
type lag = map[fleet.AckResult]int

// lags gives so many of one kind, and none of the others.
func lags(of fleet.AckResult, n int) lag {
	all := lag{fleet.AckBehind: 0, fleet.AckRejected: 0, fleet.AckSilent: 0}
	if n > 0 {
		all[of] = n
	}
	return all
}

func TestWhoWasCurrentAndIsNotHeardLagsAfterTheGracePeriod(t *testing.T) {
	inBubble(t, newCaller("a", "b"), func(t *testing.T, b *bed) {
		b.want(versioned(1), "a", "b")
		b.after(time.Millisecond)
		b.caller.edit("a", func(p *process) { p.silent = true })
		for _, step := range []struct {
			after time.Duration
			want  lag
		}{{grace - 3*time.Second, lags("", 0)}, {6 * time.Second, lags(fleet.AckSilent, 1)}} {
			b.after(step.after)
			if diff := cmp.Diff(step.want, b.fleet.Lagging()[gateway]); diff != "" {
				t.Errorf("after %s more (-want +got):\n%s", step.after, diff)
			}
		}
	})
}

func TestWhoWasAskedToLeaveLagsNoMore(t *testing.T) {
	inBubble(t, newCaller("a"), func(t *testing.T, b *bed) {
		b.caller.edit("a", func(p *process) { p.refuses = 1 })
		b.want(versioned(1), "a")
		b.after(time.Millisecond)
		if diff := cmp.Diff(lags(fleet.AckRejected, 1), b.fleet.Lagging()[gateway]); diff != "" {
			t.Errorf("before (-want +got):\n%s", diff)
		}
		b.caller.edit("a", func(p *process) { p.leaves = true })
		b.after(5 * time.Second)
		if diff := cmp.Diff(lags("", 0), b.fleet.Lagging()[gateway]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestWithoutADocumentNoPodLags(t *testing.T) {
	inBubble(t, newCaller("a"), func(t *testing.T, b *bed) {
		count := &counts{}
		b.fleet.Measure(count)
		b.want(versioned(0), "a")
		b.after(time.Millisecond)
		if got := b.fleet.Lagging(); len(got) != 0 || len(count.told()) > 0 {
			t.Errorf("pods lag: %v; counted %v", got, count.told())
		}
	})
}
