// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

// providers are the two that the gateway has: primary and secondary.
type providers [2]*fakeprovider.Server

const (
	primary   = 0
	secondary = 1
)

var providerNames = [...]string{"primary", "secondary"}

// scenario is one way to fail, and what is promised of it.
type scenario struct {
	name, what string
	model      string // that is asked for, and so the route

	// breaks is called once the steady phase is over and leaves the providers broken; it may go on until the context ends.
	// mends makes them whole.
	breaks, mends func(ctx context.Context, p providers) error

	broken []int // the providers whose breakers must open; none: no breaker may open
	// share is the part of the requests that fail at a broken provider while its breaker is closed, and that it has
	// again when it is whole.
	share float64
	// detect is how long one of them takes to fail, probe how long a probe may take to.
	detect, probe time.Duration
	// failures says how many in a row open the breaker; 0: those of the settings.
	failures int
	// closes is how long an open breaker stays so; 0: openFor.
	closes time.Duration
	// cuts is how many streams may break, 0 none.
	cuts int
	// added bounds what the fault may add to the 99th percentile of the latency.
	added time.Duration
	// dark says that no provider is left, so that requests may fail.
	dark bool
	// also judges what is particular to the scenario.
	also func(*facts) []string
}

// Routes of the manifests.
const (
	modelTiers    = "smart"
	modelWeighted = "shared"
	modelFastest  = "fast"
	modelHedged   = "hedged"
)

// scenarios gives the table.
func scenarios(p pace) []scenario {
	hit := p.within(underWay) + 2 // streams that are under way when a provider goes
	cycles := int(p.fault/(p.openFor*4/5)) + 2
	all := []scenario{
		{
			name: "primary down", what: "the primary's process ends: connections break, then are refused",
			breaks: down(primary), mends: up(primary), broken: []int{primary}, share: 1, cuts: hit,
		},
		{
			name: "primary answers 503", what: "every request to the primary is answered 503",
			breaks: sick(fault("status:503")), mends: well, broken: []int{primary}, share: 1,
		},
		{
			name:   "primary slow",
			what:   fmt.Sprintf("the primary's streams are silent after the header, beyond the %s of timeouts.firstToken; whole answers take %s", span(firstToken), span(slowAnswer)),
			breaks: sick(streams(fault("first-token-latency:"+slowStream.String())), whole(fault("latency:"+slowAnswer.String()))),
			mends:  well, broken: []int{primary}, share: 0.5, detect: firstToken, probe: firstToken, added: slowAnswer,
		},
		{
			name: "primary 429, Retry-After", what: fmt.Sprintf("the primary answers 429 and asks for a pause of %s", span(p.retryAfter)),
			breaks: sick(fault("rate-limit:" + p.retryAfter.String())), mends: well,
			broken: []int{primary}, share: 1, failures: 1, closes: p.retryAfter, also: leftAlone,
		},
		{
			name: "primary 429", what: "the primary answers 429 and does not say for how long",
			breaks: sick(fault("status:429")), mends: well, broken: []int{primary}, share: 1,
		},
		{
			name: "primary resets mid-answer", what: "the primary's streams break after four events, its whole answers half-way",
			breaks: sick(streams(fault("reset-mid-stream:4")), whole(fault("reset-mid-body"))),
			mends:  well, broken: []int{primary}, share: 1, detect: answerTokens * answerPause,
			cuts: cycles * (consecutiveFailures + halfOpenProbes + hit),
		},
		{
			name: "primary flaps", what: fmt.Sprintf("the primary's process ends and comes back, every %s", span(p.flap)),
			breaks: flap(p.flap, p.fault), mends: up(primary), broken: []int{primary}, share: 1,
			cuts: (int(p.fault/(2*p.flap)) + 1) * hit,
		},
		{
			name: "all down", what: "both processes end; they stand in one tier, so that both are asked again",
			model: modelWeighted, breaks: both(down(primary), down(secondary)), mends: both(up(primary), up(secondary)),
			broken: []int{primary, secondary}, share: 0.2, cuts: hit, dark: true, also: toldInTheDark,
		},
		{
			name: "primary down, shared by weight", what: "as the first, with both providers in one tier, 80 to 20",
			model: modelWeighted, breaks: down(primary), mends: up(primary), broken: []int{primary}, share: 0.8, cuts: hit,
			also: sharedByWeight,
		},
		{
			name:  "primary late, lowest latency",
			what:  fmt.Sprintf("both providers in one tier with strategy LowestLatency; the primary's answers come %s later, which is no failure", span(lateAnswer)),
			model: modelFastest, breaks: sick(fault("latency:" + lateAnswer.String())), mends: well,
			added: lateAnswer, also: avoided,
		},
		{
			name:  "primary late, hedged",
			what:  fmt.Sprintf("the primary's answers come %s later, and the route sends a second attempt after %s", span(hedgedLate), span(hedgeAfter)),
			model: modelHedged, breaks: sick(fault("latency:" + hedgedLate.String())), mends: well, added: hedgeAfter,
			also: hedged,
		},
	}
	for i := range all {
		if all[i].model == "" {
			all[i].model = modelTiers
		}
	}
	return all
}

// openBound is how long after the fault's beginning the breakers must be open.
func (s scenario) openBound(p pace) time.Duration {
	failures := consecutiveFailures
	if s.failures > 0 {
		failures = s.failures
	}
	return s.detect + p.lasting(float64(failures)/s.share) + p.grace
}

// closeBound is how long after the fault's end they must be closed.
func (s scenario) closeBound(p pace) time.Duration {
	closes := p.openFor
	if s.closes > 0 {
		closes = s.closes
	}
	return closes + s.probe + p.lasting(halfOpenProbes/max(s.share, 0.1)) + p.grace
}

type action = func(context.Context, providers) error

func down(which int) action {
	return func(_ context.Context, p providers) error { return p[which].Down() }
}

func up(which int) action {
	return func(_ context.Context, p providers) error { return p[which].Up() }
}

func both(first, second action) action {
	return func(ctx context.Context, p providers) error {
		if err := first(ctx, p); err != nil {
			return err
		}
		return second(ctx, p)
	}
}

// flap takes the primary down and brings it back in turn; it is down first.
func flap(every, lasting time.Duration) action {
	return func(ctx context.Context, p providers) error {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for turn := range int(lasting / every) {
			change := p[primary].Down
			if turn%2 == 1 {
				change = p[primary].Up
			}
			if err := change(); err != nil {
				return err
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return nil
			}
		}
		return nil
	}
}

func fault(spec string) fakeprovider.Rule {
	return fakeprovider.Rule{Name: "fault", Fault: spec, Tokens: answerTokens, Delay: answerPause.String()}
}

func streams(r fakeprovider.Rule) fakeprovider.Rule {
	r.Stream = new(bool)
	*r.Stream = true
	return r
}

func whole(r fakeprovider.Rule) fakeprovider.Rule {
	r.Stream = new(bool)
	return r
}

// sick makes the primary answer by the rules, well as it should.
func sick(rules ...fakeprovider.Rule) action {
	return func(_ context.Context, p providers) error { return p[primary].SetScript(rules...) }
}

var well = sick(fault("none"))
