// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

// opened are the first changes of a rig whose breaker opened and closed again by first tokens.
var opened = []string{"15s Open→HalfOpen open long enough", "15s HalfOpen→Closed 3 answers in a row"}

// began closes the breaker by the first tokens of three probes, which go on.
func (r *rig) began() (probes [3]Ticket) {
	r.t.Helper()
	r.halfOpen()
	for i := range probes {
		probes[i] = r.take()
	}
	for _, p := range probes {
		p.Began(r.now)
	}
	return probes
}

func TestTrialAndLateTickets(t *testing.T) {
	tests := map[string]struct {
		do   func(r *rig)
		want []string
	}{
		"a probe that breaks off after the breaker closed opens it at once": {
			do: func(r *rig) {
				probes := r.began()
				r.take()
				r.after(time.Second)
				probes[1].Done(r.now, Failure, "broke off")
				r.refuses()
			},
			want: append(opened[:2:2], "16s Closed→Open failed again right after closing: broke off"),
		},
		"so does any other of the first results": {
			do: func(r *rig) {
				probes := r.began()
				probes[0].Done(r.now, Success, "")
				probes[1].Done(r.now, Success, "")
				r.fail(1)
				r.refuses()
				probes[2].Done(r.now, Success, "")
				r.refuses()
			},
			want: append(opened[:2:2], "15s Closed→Open failed again right after closing: status 503"),
		},
		"after as many successes the trial is over": {
			do: func(r *rig) {
				for _, p := range r.began() {
					p.Done(r.now, Success, "")
				}
				r.fail(4)
				r.succeed(1)
				r.fail(4)
				r.take()
			},
			want: opened,
		},
		"the answer that closes the breaker is not on trial itself": {
			do: func(r *rig) {
				r.halfOpen()
				r.succeed(3)
				r.succeed(2)
				r.fail(1)
				r.refuses()
			},
			want: append(opened[:2:2], "15s Closed→Open failed again right after closing: status 503"),
		},
		"clients that leave do not shorten the trial": {
			do: func(r *rig) {
				for _, p := range r.began() {
					p.Done(r.now, Neutral, "")
				}
				r.fail(1)
				r.refuses()
			},
			want: append(opened[:2:2], "15s Closed→Open failed again right after closing: status 503"),
		},
		"what failed before it opened is forgotten when it closes": {
			do: func(r *rig) {
				r.halfOpen()
				r.succeed(6)
				r.fail(4)
				r.succeed(10)
				r.take()
			},
			want: opened,
		},
		"tickets from before it opened say nothing while it is open or half open": {
			do: func(r *rig) {
				var late [8]Ticket
				for i := range late {
					late[i] = r.take()
				}
				r.halfOpen()
				late[0].Done(r.now, Failure, "late")
				late[1].Done(r.now, Success, "")
				probe := r.take()
				r.take()
				late[2].Done(r.now, Failure, "late")
				for _, l := range late[3:6] {
					l.Began(r.now)
					l.Done(r.now, Success, "")
				}
				late[6].Done(r.now, Neutral, "")
				r.take()
				r.refuses()
				probe.Done(r.now, Neutral, "")
				r.take()
			},
			want: opened[:1],
		},
		"nor do they disturb the trial": {
			do: func(r *rig) {
				late := []Ticket{r.take(), r.take(), r.take(), r.take()}
				r.began()
				late[0].Done(r.now, Failure, "late")
				for _, l := range late[1:] {
					l.Done(r.now, Success, "")
				}
				r.take()
				r.fail(1)
				r.refuses()
			},
			want: append(opened[:2:2], "15s Closed→Open failed again right after closing: status 503"),
		},
		"probes of an earlier time are no probes of this one": {
			do: func(r *rig) {
				r.halfOpen()
				a, b := r.take(), r.take()
				r.fail(1)
				r.after(15 * time.Second)
				r.take()
				a.Began(r.now)
				b.Done(r.now, Failure, "late")
				r.take()
				r.take()
				r.refuses()
			},
			want: []string{
				opened[0], "15s HalfOpen→Open probe failed: status 503", "30s Open→HalfOpen open long enough",
			},
		},
		"a probe that is done twice gives one place back": {
			do: func(r *rig) {
				r.halfOpen()
				a := r.take()
				r.take()
				r.take()
				a.Done(r.now, Neutral, "")
				a.Done(r.now, Neutral, "")
				r.take()
				r.refuses()
			},
			want: opened[:1],
		},
		"nobody's ticket is harmless": {
			do: func(r *rig) {
				Ticket{}.Began(r.now)
				Ticket{}.Done(r.now, Failure, "nobody")
				r.take()
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

func TestUse(t *testing.T) {
	use := func(r *rig, edit func(s *config.Breaker)) {
		s := usual()
		edit(&s)
		r.b.Use(s)
	}
	tests := map[string]struct {
		do   func(r *rig)
		want []string
	}{
		"failures in a row go on being counted": {
			do: func(r *rig) {
				r.fail(4)
				use(r, func(s *config.Breaker) { s.OpenFor = config.Duration(time.Minute) })
				r.fail(1)
				r.after(time.Minute - 1)
				r.refuses()
			},
			want: []string{"0s Closed→Open 5 failures in a row, last: status 503"},
		},
		"an open breaker stays open, but no longer than the new time": {
			do: func(r *rig) {
				r.fail(5)
				use(r, func(s *config.Breaker) { s.OpenFor = config.Duration(2 * time.Second) })
				r.after(2*time.Second - 1)
				r.refuses()
				r.after(1)
				r.take()
			},
			want: []string{
				"0s Closed→Open 5 failures in a row, last: status 503", "2s Open→HalfOpen open long enough",
			},
		},
		"a longer time does not hold back one that is open": {
			do: func(r *rig) {
				r.fail(5)
				use(r, func(s *config.Breaker) { s.OpenFor = config.Duration(time.Hour) })
				r.after(15 * time.Second)
				r.take()
			},
			want: []string{
				"0s Closed→Open 5 failures in a row, last: status 503", "15s Open→HalfOpen open long enough",
			},
		},
		"fewer probes close it when there were as many answers, though all places are taken": {
			do: func(r *rig) {
				r.halfOpen()
				a := r.take()
				a.Began(r.now)
				use(r, func(s *config.Breaker) { s.Probes = 1 })
				r.take()
				a.Done(r.now, Failure, "broke off")
				r.refuses()
			},
			want: []string{
				opened[0], "15s HalfOpen→Closed 1 answer in a row",
				"15s Closed→Open failed again right after closing: broke off",
			},
		},
		"more probes give more places": {
			do: func(r *rig) {
				r.halfOpen()
				for range 3 {
					r.take()
				}
				use(r, func(s *config.Breaker) { s.Probes = 5 })
				r.take()
				r.take()
				r.refuses()
			},
			want: opened[:1],
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
