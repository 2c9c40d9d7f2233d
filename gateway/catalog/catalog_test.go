// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// asker counts how often it is asked.
type asker struct {
	count  atomic.Int64
	models []string
	err    error
	takes  time.Duration
}

func (a *asker) ask() ([]string, error) {
	a.count.Add(1)
	time.Sleep(a.takes) // of synctest's clock
	return a.models, a.err
}

func TestAnAnswerHoldsForAMinuteAndAFailureForSeconds(t *testing.T) {
	tests := map[string]struct {
		err   error
		fresh time.Duration
	}{
		"an answer": {fresh: Fresh},
		"a failure": {err: errors.New("down"), fresh: FreshFailure},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, a := New(time.Now), &asker{models: []string{"a"}, err: tc.err}
				for _, step := range []struct {
					after time.Duration
					want  int64
				}{{0, 1}, {0, 1}, {tc.fresh - 1, 1}, {1, 2}, {tc.fresh / 2, 2}} {
					time.Sleep(step.after)
					models, err := c.Models("k", a.ask)
					if !cmp.Equal(models, a.models) || !errors.Is(err, tc.err) || a.count.Load() != step.want {
						t.Errorf("after %s: %v, %v, asked %d times, want %d", step.after, models, err, a.count.Load(), step.want)
					}
				}
			})
		})
	}
}

func TestManyAtOnceAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a := New(time.Now), &asker{models: []string{"a"}, takes: time.Second}
		var wait sync.WaitGroup
		for range 20 {
			wait.Go(func() {
				if models, err := c.Models("k", a.ask); len(models) != 1 || err != nil {
					t.Errorf("%v, %v", models, err)
				}
			})
		}
		wait.Wait()
		if n := a.count.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestOneKeyDoesNotWaitForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, slow, quick := New(time.Now), &asker{takes: time.Hour}, &asker{models: []string{"q"}}
		go func() { _, _ = c.Models("slow", slow.ask) }()
		synctest.Wait()
		before := time.Now()
		if models, _ := c.Models("quick", quick.ask); len(models) != 1 || time.Since(before) != 0 {
			t.Errorf("%v after %s", models, time.Since(before))
		}
		time.Sleep(2 * slow.takes)
	})
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	now := time.Unix(0, 0)
	c, a := New(func() time.Time { return now }), &asker{}
	for i := range 3 * maxEntries {
		_, _ = c.Models(strconv.Itoa(i), a.ask)
	}
	if n := len(c.entries); n > maxEntries {
		t.Errorf("%d entries", n)
	}
	now = now.Add(time.Hour)
	_, _ = c.Models("new", a.ask)
	if n := len(c.entries); n != 1 {
		t.Errorf("%d entries, of which one holds", n)
	}
}
