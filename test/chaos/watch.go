// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// lookEvery is how often the gateway is asked for the state of its breakers.
const lookEvery = 20 * time.Millisecond

// breakerState is the value of the metric spark_breaker_state.
type breakerState int

// The states.
const (
	stateClosed   breakerState = 0
	stateHalfOpen breakerState = 1
	stateOpen     breakerState = 2
)

// change is a breaker that was seen in another state than before, first at a time from the scenario's start. after is when
// it was last known to be in the state before.
type change struct {
	after, at time.Duration
	to        breakerState
}

// look is what the metrics say of one provider's breakers at one time.
type look struct {
	state breakerState // the worst
	turns int          // transitions so far
}

// history is what was seen of the breakers of one provider, oldest first. A breaker is closed until it is seen otherwise.
type history []change

// String tells the latest changes.
func (h history) String() string {
	const most = 12
	var words []string
	for _, c := range h[max(0, len(h)-most):] {
		words = append(words, fmt.Sprintf("%s at %s", [...]string{"closed", "half open", "open"}[c.to], c.at.Round(time.Millisecond)))
	}
	return strings.Join(words, ", ")
}

func (h history) now() breakerState {
	if len(h) == 0 {
		return stateClosed
	}
	return h[len(h)-1].to
}

func (h *history) see(after, at time.Duration, state breakerState) {
	if h.now() != state {
		*h = append(*h, change{after, at, state})
	}
}

// seeTurn notes that between two looks which found the same state there was another: an open breaker let a probe
// through, and it failed.
func (h *history) seeTurn(after, at time.Duration) {
	if state := h.now(); state != stateClosed {
		h.see(after, after, stateHalfOpen)
		h.see(after, at, state)
	}
}

// surelyOpen says whether a breaker was open at a time, and had been for a while.
func (h history) surelyOpen(at, since time.Duration) bool {
	for i, c := range h {
		last := i == len(h)-1
		if c.to == stateOpen && at >= c.at+since && (last || at < h[i+1].after) {
			return true
		}
	}
	return false
}

// opened gives when a breaker was first open, not before from; ok is false if it never was.
func (h history) opened(from time.Duration) (at time.Duration, ok bool) {
	for _, c := range h {
		if c.to == stateOpen && c.at >= from {
			return c.at, true
		}
	}
	return 0, false
}

// closed gives when the last breaker closed for good; ok is false if one never did.
func (h history) closed() (at time.Duration, ok bool) {
	if len(h) == 0 {
		return 0, true
	}
	last := h[len(h)-1]
	return last.at, last.to == stateClosed
}

// watched is what was seen of all breakers.
type watched struct {
	breakers [len(providerNames)]history
	told     bool          // the gateway's metrics speak of breakers
	late     time.Duration // the longest that the gateway took to say so
}

// watch looks at the breakers until the context ends.
func watch(ctx context.Context, g *gatewayProcess, begun time.Time) watched {
	var w watched
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	var last [len(providerNames)]look
	var before time.Duration
	for {
		asking := time.Since(begun)
		if _, body := g.get(ctx, "/metrics"); body != nil {
			now := time.Since(begun)
			for i, name := range providerNames {
				l, ok := lookAt(string(body), name)
				if !ok {
					continue
				}
				w.told = true
				if l.turns > last[i].turns && l.state == last[i].state {
					w.breakers[i].seeTurn(before, now)
				}
				w.breakers[i].see(before, now, l.state)
				last[i] = l
			}
			before = asking
			w.late = max(w.late, now-asking)
		}
		select {
		case <-ctx.Done():
			return w
		case <-ticker.C:
		}
	}
}

var breakerLine = regexp.MustCompile(`^spark_breaker_(state|transitions_total)\{[^}]*provider="(?:[^"/]*/)?([^"/]*)"[^}]*\} (\d+)\s*$`)

// lookAt reads what the metrics say of a provider's breakers; ok is false if they do not tell their state.
func lookAt(metrics, provider string) (l look, ok bool) {
	for line := range strings.Lines(metrics) {
		m := breakerLine.FindStringSubmatch(line)
		if m == nil || m[2] != provider {
			continue
		}
		value, err := strconv.Atoi(m[3])
		switch {
		case err != nil:
		case m[1] == "transitions_total":
			l.turns += value
		case value <= int(stateOpen):
			l.state, ok = max(l.state, breakerState(value)), true
		}
	}
	return l, ok
}
