// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestReasonsAreBoundedAndReadable(t *testing.T) {
	tests := map[string]struct{ why, want string }{
		"a phrase stands as it is":         {"status 529", "1 failure in a row, last: status 529"},
		"no phrase leaves no colon":        {"", "1 failure in a row"},
		"a long one is cut, between runes": {strings.Repeat("a", 99) + "éé", "1 failure in a row, last: " + strings.Repeat("a", 99)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := usual()
			s.ConsecutiveFailures = 1
			r := newRig(t, s)
			r.take().Done(r.now, Failure, tt.why)
			got := r.b.Look(r.now).Reason
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("reason (-want +got):\n%s", diff)
			}
			if !utf8.ValidString(got) {
				t.Errorf("%q is not UTF-8", got)
			}
		})
	}
}

func TestSpans(t *testing.T) {
	tests := map[time.Duration]string{
		1: "1ms", time.Millisecond: "1ms", 2500 * time.Millisecond: "2.5s", 30 * time.Second: "30s", time.Minute: "1m",
		10 * time.Minute: "10m", 90 * time.Second: "1m30s", time.Hour: "1h", 24 * time.Hour: "24h",
		time.Hour + time.Second: "1h0m1s", time.Hour + 10*time.Minute: "1h10m",
	}
	for d, want := range tests {
		if got := span(d); got != want {
			t.Errorf("span(%d) = %q, want %q", d, got, want)
		}
	}
}

func TestStatesHaveTheWordsOfTheContract(t *testing.T) {
	want := map[State]string{Closed: config.BreakerClosed, HalfOpen: config.BreakerHalfOpen, Open: config.BreakerOpen}
	for state, word := range want {
		if got := state.String(); got != word {
			t.Errorf("State(%d) is %q, want %q", state, got, word)
		}
	}
}

func TestWithoutAChanceOfItsOwnABreakerTakesOne(t *testing.T) {
	b := New(usual(), nil, nil)
	for range 5 {
		ticket, _ := b.Take(start)
		ticket.Done(start, Failure, "status 503")
	}
	if wait := b.Wait(start); wait < 12*time.Second || wait > 15*time.Second {
		t.Errorf("the breaker is open for %v, want 12s to 15s", wait)
	}
}
