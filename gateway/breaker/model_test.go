// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"fmt"
	"slices"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// model is a breaker as one would explain it: it keeps everything that ever happened in lists, and looks through them
// whenever it is asked.
type model struct {
	settings config.Breaker
	state    State
	chance   float64
	tickets  []*modelTicket // all that were ever given
	results  []modelResult  // since the breaker last closed
	pauses   []modelPause   // all there ever were

	openings      int
	reason        string
	opened, until int64
	halfOpenings  int // of all, to tell their probes apart

	changes []Change
}

type modelTicket struct {
	openings       int // when it was taken
	halfOpening    int // 0 for one that is no probe
	begun, done    bool
	succeeded      bool
	closedMeantime bool // it was a probe, and no longer is
}

type modelResult struct {
	at     int64 // the begin of its bucket
	failed bool
	why    string
}

type modelPause struct {
	until int64
	d     time.Duration
}

// longest gives the pause that counts at now, if there is one.
func (m *model) longest(now int64) (modelPause, bool) {
	var found modelPause
	for _, p := range m.pauses {
		if p.until > now && p.until > found.until {
			found = p
		}
	}
	return found, found.until > now
}

func (m *model) probes(want func(*modelTicket) bool) int64 {
	n := int64(0)
	for _, t := range m.tickets {
		if t.halfOpening == m.halfOpenings && t.halfOpening > 0 && !t.closedMeantime && want(t) {
			n++
		}
	}
	return n
}

func (m *model) answered() int64 {
	return m.probes(func(t *modelTicket) bool { return t.begun || t.succeeded })
}

func (m *model) running() int64 {
	return m.probes(func(t *modelTicket) bool { return !t.done })
}

// told is the state that was last told.
func (m *model) told() State {
	if len(m.changes) == 0 {
		return Closed
	}
	return m.changes[len(m.changes)-1].To
}

// tell adds a change if what can be seen at a time is another state than was told.
func (m *model) tell(at int64, reason string) {
	to := m.state
	if _, on := m.longest(at); on {
		to = Open
	}
	if from := m.told(); from != to {
		m.changes = append(m.changes, Change{From: from, To: to, Reason: reason, At: at})
	}
}

// notice does what is due at now.
func (m *model) notice(now int64) {
	if _, on := m.longest(now); !on && len(m.pauses) > 0 {
		end := slices.MaxFunc(m.pauses, func(a, b modelPause) int { return int(a.until - b.until) }).until
		m.pauses = nil
		m.tell(end, "waited as long as asked")
	}
	if n := m.answered(); m.state == HalfOpen && n >= m.settings.Probes {
		m.state = Closed
		for _, t := range m.tickets {
			t.closedMeantime = t.closedMeantime || t.halfOpening > 0
		}
		m.results = nil
		m.trials(m.settings.Probes)
		m.tell(now, plural(n, "answer")+" in a row")
	}
}

// trials marks that so many successes are to come first.
func (m *model) trials(n int64) {
	for range n {
		m.results = append(m.results, modelResult{why: "to come"})
	}
}

func (m *model) onTrial() bool {
	return slices.ContainsFunc(m.results, func(r modelResult) bool { return r.why == "to come" })
}

func (m *model) open(now int64, reason string) {
	m.state, m.reason, m.opened, m.openings = Open, reason, now, m.openings+1
	m.until = now + min(int64((0.8+0.2*m.chance)*float64(m.settings.OpenFor)), int64(m.settings.OpenFor))
	m.results = nil
	m.tell(now, reason)
}

func (m *model) allows(now int64) bool {
	if _, on := m.longest(now); on {
		return false
	}
	return m.state == Closed || m.state == Open && now >= m.until ||
		m.state == HalfOpen && (m.running() < m.settings.Probes || m.answered() >= m.settings.Probes)
}

func (m *model) take(now int64) (*modelTicket, bool) {
	m.notice(now)
	if !m.allows(now) {
		return nil, false
	}
	if m.state == Open {
		m.state = HalfOpen
		m.halfOpenings++
		m.tell(now, "open long enough")
	}
	t := &modelTicket{openings: m.openings}
	if m.state == HalfOpen {
		t.halfOpening = m.halfOpenings
	}
	m.tickets = append(m.tickets, t)
	return t, true
}

func (m *model) pauseFor(now int64, d time.Duration) {
	m.notice(now)
	m.pauses = append(m.pauses, modelPause{until: now + int64(d), d: d})
	m.tell(now, "429, asked to wait "+span(d))
}

func (m *model) began(t *modelTicket, now int64) {
	if t.halfOpening == 0 {
		return
	}
	m.notice(now)
	t.begun = true
	m.notice(now)
}

func (m *model) done(t *modelTicket, now int64, r Result, why string) {
	if t.halfOpening == 0 && r == Neutral {
		return
	}
	m.notice(now)
	t.done = true
	if t.openings != m.openings {
		return
	}
	switch {
	case m.state == HalfOpen && r == Failure:
		m.open(now, "probe failed: "+why)
	case m.state == HalfOpen:
		t.succeeded = r == Success
		m.notice(now)
	case r != Neutral:
		m.result(now, r == Failure, why)
	}
}

// result is one of a closed breaker.
func (m *model) result(now int64, failed bool, why string) {
	if failed && m.onTrial() {
		m.open(now, "failed again right after closing: "+why)
		return
	}
	if i := slices.IndexFunc(m.results, func(r modelResult) bool { return r.why == "to come" }); i >= 0 {
		m.results = slices.Delete(m.results, i, i+1)
	}
	width := int64(m.settings.Window) / 10
	m.results = append(m.results, modelResult{at: now / width * width, failed: failed, why: why})
	all, bad, row, last := m.tally()
	switch {
	case row >= m.settings.ConsecutiveFailures:
		m.open(now, plural(row, "failure")+" in a row, last: "+last)
	case all >= m.settings.MinRequests && float64(bad)/float64(all)*100 >= float64(m.settings.FailurePercent):
		m.open(now, fmt.Sprintf("%d%% of %s in %s failed, last: %s",
			bad*100/all, plural(all, "request"), span(m.settings.Window.Std()), last))
	}
}

// tally counts what is in the window now: the results of ten buckets up to that of the newest result.
func (m *model) tally() (all, bad, row int64, last string) {
	width := int64(m.settings.Window) / 10
	newest := m.results[len(m.results)-1].at
	for _, r := range m.results {
		if r.why == "to come" {
			continue
		}
		if r.failed {
			row, last = row+1, r.why
		} else {
			row = 0
		}
		if !m.within(r, newest, width) {
			continue
		}
		all++
		if r.failed {
			bad++
		}
	}
	return all, bad, row, last
}

func (*model) within(r modelResult, newest, width int64) bool {
	return r.at/width > newest/width-10
}

// use goes on with other settings: results are from then on of the time that their bucket began, and those that the
// former window had forgotten stay forgotten.
func (m *model) use(s config.Breaker) {
	was, width := int64(m.settings.Window)/10, int64(s.Window)/10
	if n := len(m.results); n > 0 && was != width {
		newest := m.results[n-1].at
		for i, r := range m.results {
			if !m.within(r, newest, was) {
				m.results[i].at = -1 << 60
				continue
			}
			m.results[i].at = r.at / width * width
		}
		for i, r := range m.results {
			if !m.within(r, m.results[n-1].at, width) {
				m.results[i].at = -1 << 60
			}
		}
	}
	m.settings = s
	m.until = min(m.until, m.opened+int64(s.OpenFor))
}

func (m *model) wait(now int64) time.Duration {
	until := now
	if p, on := m.longest(now); on {
		until = p.until
	}
	if m.state == Open {
		until = max(until, m.until)
	}
	return time.Duration(until - now)
}

func (m *model) look(now int64) Sight {
	m.notice(now)
	s := Sight{State: m.told()}
	for _, c := range m.changes {
		if c.From == Closed || c.To == Closed {
			s.Since = c.At
		}
	}
	p, on := m.longest(now)
	switch {
	case on && (m.state != Open || p.until >= m.until):
		s.Reason, s.Until = "429, asked to wait "+span(p.d), p.until
	case m.state == Open && m.until > now:
		s.Reason, s.Until = m.reason, m.until
	case m.state != Closed:
		s.State, s.Reason = HalfOpen, m.reason
	}
	return s
}
