// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/gateway/config"
)

// accounts ask for everything from the start, and keep what was counted.
type accounts struct {
	mu        sync.Mutex
	closed    bool
	elsewhere []config.HolderUse
	heard     []string // "pod instance: holder=requests"
	grown     []string
}

func (a *accounts) Ask(_ types.NamespacedName, pod, instance string) (config.UsageCall, func(*config.UsageAnswer) ([]string, bool), bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	call := config.UsageCall{Instance: instance, Replicas: 1, Elsewhere: a.elsewhere}
	a.elsewhere = nil
	return call, func(answer *config.UsageAnswer) (grown []string, ok bool) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if answer.Instance != instance {
			return nil, false
		}
		for _, u := range answer.Holders {
			a.heard = append(a.heard, fmt.Sprintf("%s %s: %s=%d", pod, instance, u.Holder, u.Requests))
			grown = append(grown, u.Holder)
		}
		return grown, true
	}, !a.closed
}

func (a *accounts) grew(_ types.NamespacedName, holders []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.grown = append(a.grown, holders...)
}

// take gives what was heard since the last time.
func (a *accounts) take() (heard, grown []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	heard, grown, a.heard, a.grown = a.heard, a.grown, nil, nil
	return heard, grown
}

func counted(holder string, requests int64) config.UsageAnswer {
	return config.UsageAnswer{Holders: []config.HolderUse{{Holder: holder, Requests: requests}}}
}

// wantSharing checks how far a pod shares, but for the time.
func (b *bed) wantSharing(uid string, want fleet.Sharing) {
	b.t.Helper()
	got := b.fleet.Observe(gateway)[uid].Sharing
	got.Silence = want.Silence
	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Errorf("sharing of %s (-want +got):\n%s", uid, diff)
	}
}

func TestWhatPodsCountIsHeardEveryRound(t *testing.T) {
	c := newCaller("a")
	inBubble(t, c, func(t *testing.T, b *bed) {
		books := &accounts{elsewhere: []config.HolderUse{{Holder: "all", Requests: 9}}}
		b.fleet.Share(books, books.grew)
		c.edit("a", func(p *process) { p.counted = []config.UsageAnswer{counted("all", 1), {}} })
		b.want(versioned(1), "a")
		heard, grown := books.take()
		if diff := cmp.Diff([][]string{{"a first: all=1"}, {"all"}}, [][]string{heard, grown}); diff != "" {
			t.Errorf("first round (-want +got):\n%s", diff)
		}
		b.wantSharing("a", fleet.Sharing{Told: true})
		b.told()
		more := counted("all", 2)
		more.More = true
		c.edit("a", func(p *process) {
			if diff := cmp.Diff([]config.HolderUse{{Holder: "all", Requests: 9}}, p.told[0].Elsewhere); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			p.told, p.counted = nil, []config.UsageAnswer{more, counted("key/t/x", 1), {}}
		})
		b.after(2 * time.Second)
		heard, grown = books.take()
		if diff := cmp.Diff([][]string{{"a first: all=2", "a first: key/t/x=1"}, {"all", "key/t/x"}}, [][]string{heard, grown}); diff != "" {
			t.Errorf("a round with more to tell (-want +got):\n%s", diff)
		}
		c.edit("a", func(p *process) { p.told = nil })
		b.after(10 * time.Second)
		c.edit("a", func(p *process) {
			if len(p.told) != 5 {
				t.Errorf("asked %d times in 10 seconds", len(p.told))
			}
		})
		b.wantTold(0)
	})
}

func TestWhoDoesNotShareIsKnown(t *testing.T) {
	c := newCaller("a", "b", "c")
	inBubble(t, c, func(t *testing.T, b *bed) {
		books := &accounts{}
		b.fleet.Share(books, books.grew)
		c.edit("b", func(p *process) { p.silent = true })
		c.edit("c", func(p *process) { p.stranger = true })
		b.want(versioned(1), "a", "b", "c")
		b.wantSharing("a", fleet.Sharing{Told: true})
		b.wantSharing("b", fleet.Sharing{Problem: "it does not answer in time"})
		b.wantSharing("c", fleet.Sharing{Problem: "another process answers at its address"})
		b.told()
		b.after(grace + 3*time.Second)
		b.wantTold(3) // the ack of b, and that b and c do not share
		if silence := b.fleet.Observe(gateway)["c"].Sharing.Silence; silence < grace {
			t.Errorf("c is silent for %s", silence)
		}
		b.after(time.Minute)
		b.wantTold(0)
		c.edit("c", func(p *process) { p.stranger = false })
		b.after(2 * time.Second)
		b.wantSharing("c", fleet.Sharing{Told: true})
		b.wantTold(1)
		c.edit("c", func(p *process) { p.stranger = true })
		b.after(grace + 3*time.Second)
		b.wantTold(1)
		c.edit("c", func(p *process) { p.stranger = false })
		b.after(2 * time.Second)
		b.wantTold(1)
		books.mu.Lock()
		books.closed = true
		books.mu.Unlock()
		b.after(2 * time.Second)
		b.wantSharing("c", fleet.Sharing{Told: true, Problem: "what was used before is not read yet"})
	})
}

func TestHowPodsFindTheirStoreIsNews(t *testing.T) {
	c := newCaller("a")
	inBubble(t, c, func(_ *testing.T, b *bed) {
		books := &accounts{}
		b.fleet.Share(books, books.grew)
		since := time.Unix(100, 0).UTC()
		say := func(s *config.StoreState) {
			c.edit("a", func(p *process) { p.counted = []config.UsageAnswer{{Store: s}} })
			b.after(2 * time.Second)
		}
		b.want(versioned(1), "a")
		b.told()
		say(&config.StoreState{Up: true, Since: since})
		b.wantTold(1)
		say(&config.StoreState{Up: true, Since: since})
		b.wantTold(0)
		say(&config.StoreState{Since: since, Reason: "timeout"})
		b.wantTold(1)
		b.wantSharing("a", fleet.Sharing{Told: true, Store: &config.StoreState{Since: since, Reason: "timeout"}})
		say(nil)
		b.wantTold(1)
	})
}

func TestUsageOverHTTP(t *testing.T) {
	data := credentials(t)
	call := config.UsageCall{Instance: "i", Replicas: 3, After: 7, Elsewhere: []config.HolderUse{{Holder: "all", Cost: 5}}}
	want := config.UsageAnswer{Instance: "i", Cursor: 9, Holders: []config.HolderUse{{Holder: "key/t/x", Requests: 2}}, More: true}
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	tests := map[string]struct {
		handler   http.HandlerFunc
		want      config.UsageAnswer
		wantError string
	}{
		"a call and its answer": {func(w http.ResponseWriter, r *http.Request) {
			var got config.UsageCall
			if err := json.NewDecoder(r.Body).Decode(&got); err != nil || r.Method != http.MethodPost || r.URL.Path != config.UsagePath {
				t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
			}
			if diff := cmp.Diff(call, got); diff != "" {
				t.Errorf("call (-want +got):\n%s", diff)
			}
			_ = json.NewEncoder(w).Encode(want)
		}, want, "<nil>"},
		"a pod of an older release":     {http.NotFound, config.UsageAnswer{}, "its release does not tell what it counts"},
		"another status":                {answer(500, "192.0.2.1 is ill"), config.UsageAnswer{}, "it answers with status 500"},
		"an answer of something else":   {answer(200, "hello"), config.UsageAnswer{}, "its answer is not of what it counted"},
		"an answer larger than allowed": {answer(200, `{"instance":"`+strings.Repeat("x", 9<<20)+`"}`), config.UsageAnswer{}, "its answer is not of what it counted"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			address, _ := serve(t, data, test.handler)
			c := fleet.NewPatientHTTPCaller()
			t.Cleanup(func() { c.Forget(gateway) })
			got, err := c.Usage(t.Context(), gateway, fleet.Target{Admin: data}, fleet.Pod{Address: address}, call)
			if fmt.Sprint(err) != test.wantError {
				t.Errorf("error %v, want %s", err, test.wantError)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}
