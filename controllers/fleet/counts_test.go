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
		step := func(what string, lagging int, want map[string]int) {
			t.Helper()
			if diff := cmp.Diff(want, count.told()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
			if got := b.fleet.Lagging(); got != lagging {
				t.Errorf("%s: %d pods lag, want %d", what, got, lagging)
			}
		}
		b.want(versioned(1), "a")
		b.after(time.Millisecond)
		step("a pod that takes it", 0, map[string]int{"ack behind": 1, "ack current": 2, "push applied": 1})
		b.want(versioned(1), "a", "b")
		b.after(time.Millisecond)
		step("a pod that is silent", 1, map[string]int{"ack silent": 1})
		b.caller.edit("b", func(p *process) { p.silent, p.refuses = false, 1 })
		b.after(100 * time.Millisecond)
		step("a pod that rejects it", 1, map[string]int{"ack behind": 1, "ack rejected": 2, "push rejected": 1})
		b.caller.edit("a", func(p *process) { p.silent = true })
		b.want(versioned(2), "a")
		b.after(time.Millisecond)
		step("a pod that falls silent as it is pushed to", 1, map[string]int{"ack silent": 1, "push failed": 1})
	})
}

func TestWithoutADocumentNoPodLags(t *testing.T) {
	inBubble(t, newCaller("a"), func(t *testing.T, b *bed) {
		count := &counts{}
		b.fleet.Measure(count)
		b.want(versioned(0), "a")
		b.after(time.Millisecond)
		if got := b.fleet.Lagging(); got != 0 || len(count.told()) > 0 {
			t.Errorf("%d pods lag; counted %v", got, count.told())
		}
	})
}
