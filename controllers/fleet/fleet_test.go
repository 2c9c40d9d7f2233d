// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/gateway/config"
)

func TestAPodIsAskedThenPushedToThenLeftAlone(t *testing.T) {
	inBubble(t, newCaller("a"), func(_ *testing.T, b *bed) {
		b.want(versioned(1), "a")
		b.wantSaid("a", "ask", "push 1: core keys-07 secrets", "ask")
		b.wantSequence("a", 1)
		b.wantTold(2) // it was heard, and it runs the revision
		b.after(6*time.Second + time.Millisecond)
		b.wantSaid("a", "ask", "ask", "ask")
		b.wantTold(0)
	})
}

func TestAPodThatRunsItAlreadyIsNotPushedTo(t *testing.T) {
	c := newCaller("a")
	c.edit("a", func(p *process) { p.serving = versioned(1).Manifest })
	inBubble(t, c, func(_ *testing.T, b *bed) {
		b.want(versioned(1), "a")
		b.wantSaid("a", "ask", "ask")
		b.wantSequence("a", 1)
	})
}

func TestOnlyPartsThatChangedArePushed(t *testing.T) {
	inBubble(t, newCaller("a"), func(_ *testing.T, b *bed) {
		b.want(versioned(1), "a")
		b.after(time.Second)
		b.caller.said("a")
		b.told()
		b.want(versioned(2), "a")
		b.wantSaid("a", "push 2: keys-07", "ask")
		b.wantSequence("a", 2)
		b.wantTold(1)
		// The same content under another number has no part to send.
		same := versioned(2)
		same.Manifest.Sequence = 3
		b.want(same, "a")
		b.wantSaid("a", "push 3: ", "ask")
		b.wantSequence("a", 3)
	})
}

func TestTheSameTargetAgainIsNoNews(t *testing.T) {
	inBubble(t, newCaller("a"), func(_ *testing.T, b *bed) {
		b.want(versioned(1), "a")
		b.caller.said("a")
		b.told()
		for range 10 {
			b.want(versioned(1), "a")
		}
		b.wantSaid("a")
		b.wantTold(0)
	})
}

func TestPartsThatAPodLacksAreSent(t *testing.T) {
	inBubble(t, newCaller("a"), func(_ *testing.T, b *bed) {
		b.want(versioned(1), "a")
		b.caller.said("a")
		// The process holds another version of a part than the fleet thinks.
		b.caller.edit("a", func(p *process) {
			p.serving.Parts = map[string]string{"core": p.serving.Parts["core"], "secrets": "other"}
		})
		b.want(versioned(2), "a")
		b.wantSaid("a", "push 2: keys-07", "push 2: keys-07 secrets", "ask")
		b.wantSequence("a", 2)
	})
}

func TestARejectedDocumentIsNotPushedAgain(t *testing.T) {
	c := newCaller("a", "b")
	c.edit("a", func(p *process) { p.refuses = 2 })
	inBubble(t, c, func(t *testing.T, b *bed) {
		b.want(versioned(1), "a", "b")
		b.caller.said("a")
		b.told()
		b.want(versioned(2), "a", "b")
		b.wantSaid("a", "push 2: keys-07", "ask")
		b.wantTold(2)
		b.after(10 * time.Second)
		for _, call := range b.caller.said("a") {
			if call != "ask" {
				t.Errorf("after the rejection: %s", call)
			}
		}
		b.wantTold(0)
		want := config.Rejection{Revision: versioned(2).Manifest.Revision, Sequence: 2, Error: "no"}
		if got := b.fleet.Observe(gateway)["a"].Ack; got.Rejected == nil || *got.Rejected != want || got.Sequence != 1 {
			t.Errorf("ack %+v", got)
		}
		b.wantSequence("b", 2)
		// The next document is tried.
		b.want(versioned(3), "a", "b")
		b.wantSequence("a", 3)
		b.wantSequence("b", 3)
	})
}

func TestSilenceIsToldOnceAndItsEndAgain(t *testing.T) {
	inBubble(t, newCaller("a"), func(t *testing.T, b *bed) {
		b.want(versioned(1), "a")
		b.told()
		b.caller.edit("a", func(p *process) { p.silent = true })
		b.after(grace)
		b.wantTold(0)
		b.wantSequence("a", 1)
		b.after(5 * time.Second)
		b.wantTold(1)
		o := b.fleet.Observe(gateway)["a"]
		if o.Silence <= grace || o.Problem != "it does not answer in time" || o.Ack == nil {
			t.Errorf("observation %+v", o)
		}
		b.after(time.Minute)
		b.wantTold(0)
		b.caller.edit("a", func(p *process) { p.silent = false })
		b.after(3 * time.Second)
		b.wantTold(1)
		if o := b.fleet.Observe(gateway)["a"]; o.Silence > 2*time.Second || o.Problem != "" {
			t.Errorf("after its return: %+v", o)
		}
	})
}

// Whoever looks between the end of the grace period and the next failed call sees the silence untold. Its end is news
// all the same, or what they saw would stand forever.
func TestTheEndOfASilenceThatNobodyWasToldOfIsTold(t *testing.T) {
	inBubble(t, newCaller("a"), func(t *testing.T, b *bed) {
		b.want(versioned(1), "a")
		b.told()
		b.caller.edit("a", func(p *process) { p.takes = grace + time.Second })
		b.after(grace + 2*time.Second)
		b.wantTold(0)
		if o := b.fleet.Observe(gateway)["a"]; o.Silence <= grace {
			t.Errorf("it is silent for %s only", o.Silence)
		}
		b.after(2 * time.Second)
		b.wantTold(1)
	})
}

func TestAPodThatNeverSpokeIsToldOfToo(t *testing.T) {
	c := newCaller("a")
	c.edit("a", func(p *process) { p.silent = true })
	inBubble(t, c, func(t *testing.T, b *bed) {
		b.want(versioned(1), "a")
		b.after(grace + 3*time.Second)
		b.wantTold(1)
		if o := b.fleet.Observe(gateway)["a"]; o.Ack != nil || o.Silence <= grace {
			t.Errorf("observation %+v", o)
		}
		// It comes up: within the longest pause it is heard and has its document.
		b.caller.edit("a", func(p *process) { p.silent = false })
		b.after(2*time.Second + time.Millisecond)
		b.wantSequence("a", 1)
	})
}

func TestAPodThatDoesNotAnswerIsTriedLessAndLess(t *testing.T) {
	c := newCaller("a")
	c.edit("a", func(p *process) { p.silent = true })
	inBubble(t, c, func(t *testing.T, b *bed) {
		b.want(versioned(1), "a")
		b.after(time.Second)
		early := len(b.caller.said("a"))
		b.after(time.Minute)
		if late := len(b.caller.said("a")); early < 4 || early > 6 || late < 29 || late > 33 {
			t.Errorf("%d calls in the first second, %d in the minute after", early, late)
		}
		// News does not wait for the pause to end.
		b.caller.edit("a", func(p *process) { p.silent = false })
		b.want(versioned(2), "a")
		b.wantSequence("a", 2)
	})
}

func TestARestartForgetsWhatWasHeard(t *testing.T) {
	inBubble(t, newCaller("a"), func(_ *testing.T, b *bed) {
		b.want(versioned(1), "a@first")
		b.wantSequence("a", 1)
		b.told()
		b.caller.said("a")
		// The container restarts, and does not answer yet.
		b.caller.edit("a", func(p *process) { p.silent, p.instance, p.serving = true, "second", config.Manifest{} })
		b.want(versioned(1), "a@second")
		b.wantSequence("a", -1)
		b.wantSaid("a", "ask")
		b.caller.edit("a", func(p *process) { p.silent = false })
		b.after(time.Second)
		b.wantSequence("a", 1)
		b.wantSaid("a", "ask", "push 1: core keys-07 secrets", "ask")
	})
}

func TestPodsThatWereThereFirstAreKnown(t *testing.T) {
	inBubble(t, newCaller("a", "b"), func(t *testing.T, b *bed) {
		found := func(want map[string]bool) {
			t.Helper()
			got := map[string]bool{}
			for uid, o := range b.fleet.Observe(gateway) {
				got[uid] = o.Found
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
		}
		b.want(versioned(1), "a")
		b.want(versioned(1), "a", "b")
		found(map[string]bool{"a": true, "b": false})
		b.want(versioned(1), "a@second", "b")
		found(map[string]bool{"a": false, "b": false})
		b.fleet.Forget(gateway)
		b.want(versioned(1), "a", "b")
		found(map[string]bool{"a": true, "b": true})
	})
}

func TestAProcessThatFallsBackIsToldOfAndPushedToAgain(t *testing.T) {
	inBubble(t, newCaller("a"), func(_ *testing.T, b *bed) {
		b.want(versioned(1), "a")
		b.want(versioned(2), "a")
		b.caller.said("a")
		b.told()
		// It starts again from the mounted Secrets, which are behind; nobody told the fleet of a restart.
		b.caller.edit("a", func(p *process) { p.instance, p.serving = "second", versioned(1).Manifest })
		b.after(3 * time.Second)
		b.wantSequence("a", 2)
		b.wantTold(2)
	})
}

func TestAnotherPodAtTheAddressIsNotBelieved(t *testing.T) {
	for name, edit := range map[string]func(*process){
		"another pod":     func(p *process) { p.uid = "b" },
		"another gateway": func(p *process) { p.gateway = "team/other" },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCaller("a")
			c.edit("a", edit)
			inBubble(t, c, func(t *testing.T, b *bed) {
				b.want(versioned(1), "a")
				b.after(time.Second)
				b.wantSequence("a", -1)
				if got := b.fleet.Observe(gateway)["a"].Problem; got != "another pod answers at its address" {
					t.Errorf("problem %q", got)
				}
			})
		})
	}
}

func TestAPodThatIsGoneIsLeftAlone(t *testing.T) {
	tests := map[string]func(*bed){
		"it is no longer named": func(b *bed) { b.want(versioned(1), "b") },
		"its gateway is gone":   func(b *bed) { b.fleet.Forget(gateway) },
		"it hangs when it goes": func(b *bed) {
			b.caller.edit("a", func(p *process) { p.hangs = true })
			b.after(3 * time.Second)
			b.want(versioned(1), "b")
		},
	}
	for name, remove := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, newCaller("a", "b"), func(t *testing.T, b *bed) {
				b.want(versioned(1), "a", "b")
				remove(b)
				synctest.Wait()
				b.caller.said("a")
				b.told()
				b.after(time.Minute)
				b.wantSaid("a")
				b.wantTold(0)
				if _, known := b.fleet.Observe(gateway)["a"]; known {
					t.Error("it is still observed")
				}
			})
			// inBubble ends only when every goroutine of the fleet has.
		})
	}
}

func TestForgetEndsTheCallersConnections(t *testing.T) {
	inBubble(t, newCaller("a"), func(t *testing.T, b *bed) {
		b.want(versioned(1), "a")
		b.fleet.Forget(gateway)
		b.fleet.Forget(gateway)
		if diff := cmp.Diff([]types.NamespacedName{gateway, gateway}, b.caller.forgotten); diff != "" {
			t.Errorf("forgotten (-want +got):\n%s", diff)
		}
		if got := b.fleet.Observe(gateway); len(got) != 0 {
			t.Errorf("observed: %v", got)
		}
	})
}

func TestWithoutADocumentPodsAreOnlyAsked(t *testing.T) {
	inBubble(t, newCaller("a"), func(_ *testing.T, b *bed) {
		b.want(config.Bundle{}, "a")
		b.after(5 * time.Second)
		for _, call := range b.caller.said("a") {
			if call != "ask" {
				b.t.Errorf("call %s", call)
			}
		}
		b.want(versioned(1), "a")
		b.wantSequence("a", 1)
	})
}

// A thousand pods that hang hold up neither the caller nor more than a bounded number of calls.
func TestCallsAreBounded(t *testing.T) {
	var uids []string
	for i := range 1000 {
		uids = append(uids, fmt.Sprint("pod-", i))
	}
	c := newCaller(uids...)
	for _, uid := range uids {
		c.edit(uid, func(p *process) { p.hangs = true })
	}
	inBubble(t, c, func(t *testing.T, b *bed) {
		began := time.Now()
		b.want(versioned(1), uids...)
		if took := time.Since(began); took != 0 {
			t.Errorf("Want took %s", took)
		}
		if c.most != 64 {
			t.Errorf("%d calls at once", c.most)
		}
		if got := len(b.fleet.Observe(gateway)); got != 1000 {
			t.Errorf("%d pods are observed", got)
		}
	})
}

// Nobody reads the changes: the fleet goes on.
func TestAReaderThatIsSlowHoldsUpNothing(t *testing.T) {
	var uids []string
	for i := range 2000 {
		uids = append(uids, fmt.Sprint("pod-", i))
	}
	inBubble(t, newCaller(uids...), func(_ *testing.T, b *bed) {
		b.want(versioned(1), uids...)
		b.after(time.Second)
		b.wantSequence("pod-1999", 1)
	})
}

var _ fleet.Caller = (*caller)(nil)
