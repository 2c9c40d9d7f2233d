// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPause(t *testing.T) {
	tests := map[string]struct {
		do   func(r *rig)
		want []string
	}{
		"nothing passes until exactly then, and everything does after": {
			do: func(r *rig) {
				r.b.Pause(r.now, 30*time.Second)
				r.after(30*time.Second - 1)
				r.refuses()
				r.after(1)
				r.succeed(10)
			},
			want: []string{"0s Closed→Open 429, asked to wait 30s", "30s Open→Closed waited as long as asked"},
		},
		"its end is told as of when it was": {
			do: func(r *rig) {
				r.b.Pause(r.now, time.Second)
				r.after(time.Hour)
				r.b.Look(r.now)
			},
			want: []string{"0s Closed→Open 429, asked to wait 1s", "1s Open→Closed waited as long as asked"},
		},
		"a row of failures goes on behind it": {
			do: func(r *rig) {
				r.fail(4)
				r.b.Pause(r.now, time.Second)
				r.after(time.Second)
				r.fail(1)
				r.refuses()
			},
			want: []string{
				"0s Closed→Open 429, asked to wait 1s", "1s Open→Closed waited as long as asked",
				"1s Closed→Open 5 failures in a row, last: status 503",
			},
		},
		"of several the longest wins": {
			do: func(r *rig) {
				r.b.Pause(r.now, time.Minute)
				r.b.Pause(r.now, time.Second)
				r.after(59 * time.Second)
				r.refuses()
				r.b.Pause(r.now, 10*time.Second)
				r.after(9 * time.Second)
				r.refuses()
				r.after(time.Second)
				r.take()
			},
			want: []string{"0s Closed→Open 429, asked to wait 1m", "1m9s Open→Closed waited as long as asked"},
		},
		"one that follows another is told as one of its own": {
			do: func(r *rig) {
				r.b.Pause(r.now, time.Second)
				r.after(2 * time.Second)
				r.b.Pause(r.now, time.Second)
			},
			want: []string{
				"0s Closed→Open 429, asked to wait 1s", "1s Open→Closed waited as long as asked",
				"2s Closed→Open 429, asked to wait 1s",
			},
		},
		"a day is the most": {
			do: func(r *rig) {
				r.b.Pause(r.now, 1<<62)
				r.after(24*time.Hour - 1)
				r.refuses()
				r.after(1)
				r.take()
			},
			want: []string{"0s Closed→Open 429, asked to wait 24h", "24h0m0s Open→Closed waited as long as asked"},
		},
		"no time at all is none": {
			do: func(r *rig) { r.b.Pause(r.now, 0); r.b.Pause(r.now, -time.Second); r.take() },
		},
		"failures of attempts that are under way open the breaker behind it": {
			do: func(r *rig) {
				var under [5]Ticket
				for i := range under {
					under[i] = r.take()
				}
				r.b.Pause(r.now, 10*time.Second)
				r.after(8 * time.Second)
				for _, ticket := range under {
					ticket.Done(r.now, Failure, "status 503")
				}
				r.after(2 * time.Second)
				r.refuses()
				r.after(13*time.Second - 1)
				r.refuses()
				r.after(1)
				r.take()
			},
			want: []string{"0s Closed→Open 429, asked to wait 10s", "23s Open→HalfOpen open long enough"},
		},
		"it outlasts an open time and holds back the probes": {
			do: func(r *rig) {
				r.halfOpen()
				r.b.Pause(r.now, 10*time.Second)
				r.after(10*time.Second - 1)
				r.refuses()
				r.after(1)
				r.take()
			},
			want: []string{"25s Open→HalfOpen open long enough"},
		},
		"a probe that is asked to wait gives its place back, and probing goes on after it": {
			do: func(r *rig) {
				r.halfOpen()
				r.succeed(2)
				a := r.take()
				r.b.Pause(r.now, 10*time.Second)
				a.Done(r.now, Neutral, "")
				r.refuses()
				r.after(10 * time.Second)
				r.succeed(1)
			},
			want: []string{
				"15s Open→HalfOpen open long enough", "15s HalfOpen→Open 429, asked to wait 10s",
				"25s Open→HalfOpen waited as long as asked", "25s HalfOpen→Closed 3 answers in a row",
			},
		},
		"probes that are answered behind it close the breaker once it is over": {
			do: func(r *rig) {
				r.halfOpen()
				a, b, c := r.take(), r.take(), r.take()
				r.b.Pause(r.now, 10*time.Second)
				a.Began(r.now)
				b.Began(r.now)
				c.Began(r.now)
				r.refuses()
				r.after(10 * time.Second)
				r.take()
			},
			want: []string{
				"15s Open→HalfOpen open long enough", "15s HalfOpen→Open 429, asked to wait 10s",
				"25s Open→Closed waited as long as asked",
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, usual())
			tt.do(r)
			if diff := cmp.Diff(tt.want, r.changes); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLookAndWait(t *testing.T) {
	const second = int64(time.Second)
	tests := map[string]struct {
		do   func(r *rig)
		want Sight
		wait time.Duration
	}{
		"a new breaker": {do: func(*rig) {}},
		"an open one says why, since when and until when": {
			do:   func(r *rig) { r.fail(5); r.after(time.Second) },
			want: Sight{Open, "5 failures in a row, last: status 503", start, start + 15*second},
			wait: 14 * time.Second,
		},
		"one whose time is over is half open, though nobody tried": {
			do:   func(r *rig) { r.fail(5); r.after(time.Minute) },
			want: Sight{HalfOpen, "5 failures in a row, last: status 503", start, 0},
		},
		"it is so from that very moment": {
			do:   func(r *rig) { r.fail(5); r.after(15 * time.Second) },
			want: Sight{HalfOpen, "5 failures in a row, last: status 503", start, 0},
		},
		"one that probes waits for their end, not for the clock": {
			do:   func(r *rig) { r.halfOpen(); r.take(); r.take(); r.take() },
			want: Sight{HalfOpen, "5 failures in a row, last: status 503", start, 0},
		},
		"one that a probe opened again still left Closed when it first did": {
			do:   func(r *rig) { r.halfOpen(); r.after(time.Second); r.fail(1) },
			want: Sight{Open, "probe failed: status 503", start, start + 31*second},
			wait: 15 * time.Second,
		},
		"one that closed again says since when": {
			do:   func(r *rig) { r.halfOpen(); r.after(time.Second); r.succeed(3); r.after(time.Hour) },
			want: Sight{Closed, "", start + 16*second, 0},
		},
		"a paused one is open until then": {
			do:   func(r *rig) { r.b.Pause(r.now, 30*time.Second); r.after(10 * time.Second) },
			want: Sight{Open, "429, asked to wait 30s", start, start + 30*second},
			wait: 20 * time.Second,
		},
		"after a pause it is closed since its end": {
			do:   func(r *rig) { r.b.Pause(r.now, 30*time.Second); r.after(time.Hour) },
			want: Sight{Closed, "", start + 30*second, 0},
		},
		"a pause that ends before an open time does not show": {
			do:   func(r *rig) { r.fail(5); r.b.Pause(r.now, 14*time.Second) },
			want: Sight{Open, "5 failures in a row, last: status 503", start, start + 15*second},
			wait: 15 * time.Second,
		},
		"a pause that ends after it does": {
			do:   func(r *rig) { r.fail(5); r.b.Pause(r.now, 16*time.Second) },
			want: Sight{Open, "429, asked to wait 16s", start, start + 16*second},
			wait: 16 * time.Second,
		},
		"a pause while probes are under way shows too": {
			do:   func(r *rig) { r.halfOpen(); r.take(); r.b.Pause(r.now, time.Second) },
			want: Sight{Open, "429, asked to wait 1s", start, start + 16*second},
			wait: time.Second,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, usual())
			tt.do(r)
			if wait := r.b.Wait(r.now); wait != tt.wait {
				t.Errorf("wait %v, want %v", wait, tt.wait)
			}
			if diff := cmp.Diff(tt.want, r.b.Look(r.now)); diff != "" {
				t.Errorf("sight (-want +got):\n%s", diff)
			}
			if wait := r.b.Wait(r.now); wait != tt.wait {
				t.Errorf("wait %v after the look, want %v", wait, tt.wait)
			}
		})
	}
}
