// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/gateway/config"
)

// quiet is a provider of which nothing is wrong.
func quiet(id string) config.ProviderState { return config.ProviderState{ID: id, Attempts: 5} }

func open(id string) config.ProviderState {
	s := quiet(id)
	s.Out = []config.BreakerState{{Model: "gpt", State: config.BreakerOpen, Reason: "5 failures in a row", Since: time.Unix(1, 0), Until: time.Now()}}
	return s
}

func ill(id, reason string) config.ProviderState {
	s := quiet(id)
	s.Health = &config.HealthState{Healthy: reason == "", Reason: reason}
	return s
}

// states makes a process say this of the providers.
func (b *bed) states(uid string, providers ...config.ProviderState) {
	b.caller.edit(uid, func(p *process) { p.providers = providers })
}

// wantWord checks what is known of a pod's word on a provider: "unheard", "none" or a breaker's state.
func (b *bed) wantWord(uid, provider, want string) fleet.Word {
	b.t.Helper()
	w := b.fleet.Words(gateway, provider)[uid]
	got := config.BreakerClosed
	switch {
	case !w.Heard:
		got = "unheard"
	case w.State == nil:
		got = "none"
	case len(w.State.Out) > 0:
		got = w.State.Out[0].State
	}
	if got != want {
		b.t.Errorf("pod %s says %s of %s, want %s", uid, got, provider, want)
	}
	return w
}

func TestAPodIsAskedForItsStateWithEveryAck(t *testing.T) {
	inBubble(t, newCaller("a"), func(t *testing.T, b *bed) {
		b.states("a", quiet("p"), open("q"))
		b.want(versioned(1), "a")
		b.wantHeard("all")
		b.wantWord("a", "p", config.BreakerClosed)
		b.wantWord("a", "q", config.BreakerOpen)
		b.wantWord("a", "r", "none")
		b.wantWord("b", "p", "unheard")
		b.caller.edit("a", func(p *process) { p.asked = 0 })
		b.after(10*time.Second + time.Millisecond)
		b.caller.edit("a", func(p *process) {
			if p.asked != 5 {
				t.Errorf("asked %d times within ten seconds", p.asked)
			}
		})
		if w := b.wantWord("a", "p", config.BreakerClosed); w.Silence > time.Second || w.Problem != "" {
			t.Errorf("word %+v", w)
		}
	})
}

func TestWhatMattersIsToldAtOnceAndNumbersNowAndThen(t *testing.T) {
	tests := map[string]struct {
		before, after []config.ProviderState
		want          []string
		// wantLater is what the ten seconds after bring.
		wantLater []string
	}{
		"nothing changes":             {[]config.ProviderState{open("p")}, []config.ProviderState{open("p")}, nil, nil},
		"a breaker opens":             {[]config.ProviderState{quiet("p"), quiet("q")}, []config.ProviderState{open("p"), quiet("q")}, []string{"p"}, nil},
		"a breaker closes":            {[]config.ProviderState{open("p")}, []config.ProviderState{quiet("p")}, []string{"p"}, nil},
		"a health check is there":     {[]config.ProviderState{quiet("p")}, []config.ProviderState{ill("p", "")}, []string{"p"}, nil},
		"a health check fails":        {[]config.ProviderState{ill("p", "")}, []config.ProviderState{ill("p", "no")}, []string{"p"}, nil},
		"a provider comes":            {[]config.ProviderState{quiet("p")}, []config.ProviderState{quiet("p"), quiet("q")}, []string{"q"}, nil},
		"a provider goes":             {[]config.ProviderState{quiet("p"), quiet("q")}, []config.ProviderState{quiet("q")}, []string{"p"}, nil},
		"a breaker's time runs on":    {[]config.ProviderState{open("p")}, []config.ProviderState{later(open("p"))}, nil, nil},
		"a breaker opens once more":   {[]config.ProviderState{open("p")}, []config.ProviderState{again(open("p"))}, []string{"p"}, nil},
		"there are other numbers":     {[]config.ProviderState{quiet("p"), quiet("q")}, []config.ProviderState{{ID: "p", Attempts: 6}, quiet("q")}, nil, []string{"p"}},
		"there are other latencies":   {[]config.ProviderState{quiet("p")}, []config.ProviderState{{ID: "p", Attempts: 5, Latency: []int64{1}}}, nil, []string{"p"}},
		"there are more failures":     {[]config.ProviderState{quiet("p")}, []config.ProviderState{{ID: "p", Attempts: 5, Failures: 1}}, nil, []string{"p"}},
		"numbers come with a breaker": {[]config.ProviderState{quiet("p")}, []config.ProviderState{busy(open("p"))}, []string{"p"}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, newCaller("a"), func(_ *testing.T, b *bed) {
				b.states("a", test.before...)
				b.want(versioned(1), "a")
				b.after(time.Second)
				b.wantHeard("all")
				b.states("a", test.after...)
				b.after(2 * time.Second)
				b.wantHeard(test.want...)
				b.after(10 * time.Second)
				b.wantHeard(test.wantLater...)
			})
		})
	}
}

func later(s config.ProviderState) config.ProviderState {
	s.Out[0].Until = s.Out[0].Until.Add(time.Second)
	return s
}

func again(s config.ProviderState) config.ProviderState {
	s.Out[0].Since = s.Out[0].Since.Add(time.Second)
	return s
}

func busy(s config.ProviderState) config.ProviderState {
	s.Attempts += 100
	return s
}

// Numbers that go on changing are told every few seconds, and what they came to in the end is told too.
func TestNumbersThatAlwaysChange(t *testing.T) {
	inBubble(t, newCaller("a"), func(_ *testing.T, b *bed) {
		b.states("a", quiet("p"))
		b.want(versioned(1), "a")
		b.wantHeard("all")
		for i := range 30 {
			b.states("a", config.ProviderState{ID: "p", Attempts: int64(i + 100)})
			b.after(2 * time.Second)
		}
		var want []string
		for range 10 {
			want = append(want, "p")
		}
		b.wantHeard(want...)
		b.states("a", quiet("p"))
		b.after(8 * time.Second)
		b.wantHeard("p")
		b.after(time.Minute)
		b.wantHeard()
	})
}

func TestThatAPodDoesNotTellItsStateIsNoProblemOfItsAck(t *testing.T) {
	for name, edit := range map[string]func(*process){
		"an older release":            func(p *process) { p.mumbles = "its release does not tell" },
		"a word that is not its own":  func(p *process) { p.stranger = true },
		"an answer that is no answer": func(p *process) { p.mumbles = "its answer is not a state" },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCaller("a")
			c.edit("a", edit)
			inBubble(t, c, func(t *testing.T, b *bed) {
				b.states("a", quiet("p"))
				b.want(versioned(1), "a")
				b.after(grace)
				b.wantHeard()
				b.wantSequence("a", 1)
				b.told()
				b.after(5 * time.Second)
				b.wantHeard("all") // it is silent, which is told once
				b.wantTold(0)
				if o := b.fleet.Observe(gateway)["a"]; o.Problem != "" || o.Silence > 2*time.Second {
					t.Errorf("observation %+v", o)
				}
				if w := b.wantWord("a", "p", "unheard"); w.Problem == "" || w.Silence <= grace {
					t.Errorf("word %+v", w)
				}
				b.after(time.Minute)
				b.wantHeard()
				b.caller.edit("a", func(p *process) { p.mumbles, p.stranger = "", false })
				b.after(3 * time.Second)
				b.wantHeard("all")
				b.wantWord("a", "p", config.BreakerClosed)
			})
		})
	}
}

func TestASilentPodsStateGrowsOld(t *testing.T) {
	inBubble(t, newCaller("a"), func(t *testing.T, b *bed) {
		b.states("a", open("p"))
		b.want(versioned(1), "a")
		b.wantHeard("all")
		b.caller.edit("a", func(p *process) { p.silent = true })
		b.after(grace + 5*time.Second)
		b.wantHeard("all")
		if w := b.wantWord("a", "p", config.BreakerOpen); w.Silence <= grace || w.Problem != "it does not answer in time" {
			t.Errorf("word %+v", w)
		}
		b.caller.edit("a", func(p *process) { p.silent = false })
		b.after(3 * time.Second)
		b.wantHeard("all")
		if w := b.wantWord("a", "p", config.BreakerOpen); w.Silence > 2*time.Second || w.Problem != "" {
			t.Errorf("word %+v", w)
		}
	})
}

func TestWhatTheProcessBeforeSaidDoesNotCount(t *testing.T) {
	tests := map[string]struct {
		restart func(*bed)
		want    string
	}{
		"its container restarts": {func(b *bed) {
			b.caller.edit("a", func(p *process) { p.instance, p.silent = "second", true })
			b.want(versioned(1), "a@second")
		}, "unheard"},
		"its process is another, and does not tell its state yet": {func(b *bed) {
			b.caller.edit("a", func(p *process) { p.instance, p.mumbles = "second", "not yet" })
			b.after(3 * time.Second)
		}, "unheard"},
		"its process is another, and nobody told of a restart": {func(b *bed) {
			b.caller.edit("a", func(p *process) { p.instance, p.providers = "second", []config.ProviderState{quiet("p")} })
			b.after(3 * time.Second)
			b.wantHeard("all")
		}, config.BreakerClosed},
		"its gateway is gone": {func(b *bed) { b.fleet.Forget(gateway) }, "unheard"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, newCaller("a"), func(_ *testing.T, b *bed) {
				b.states("a", open("p"))
				b.want(versioned(1), "a@first")
				b.wantWord("a", "p", config.BreakerOpen)
				b.wantHeard("all")
				test.restart(b)
				b.wantWord("a", "p", test.want)
			})
		})
	}
}

// What was given once is not changed by what is heard later.
func TestWordsStayAsTheyAre(t *testing.T) {
	inBubble(t, newCaller("a"), func(t *testing.T, b *bed) {
		b.states("a", open("p"))
		b.want(versioned(1), "a")
		before := b.fleet.Words(gateway, "p")["a"]
		b.states("a", quiet("p"))
		b.after(3 * time.Second)
		b.wantWord("a", "p", config.BreakerClosed)
		if before.State == nil || len(before.State.Out) != 1 {
			t.Errorf("the word became %+v", before.State)
		}
		if diff := cmp.Diff(map[string]fleet.Word{}, b.fleet.Words(named("other"), "p")); diff != "" {
			t.Errorf("words of another gateway (-want +got):\n%s", diff)
		}
	})
}
