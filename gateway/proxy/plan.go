// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"math/rand/v2"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/telemetry"
)

// Standing is what would become of a request at a target.
type Standing uint8

// The standings.
const (
	// Ready targets would be tried, in order.
	Ready Standing = iota
	// Incapable targets would be tried, and found not to do what is asked.
	Incapable
	// Full targets would be waited for, where no other is ready.
	Full
	// Out targets would not be tried: their breaker stands against it.
	Out
	// Elsewhere are targets of another provider than the one that issued the ids which the request mentions.
	Elsewhere
)

// Step is one target of a Plan.
type Step struct {
	// Place of the target in Route.Targets.
	Place    int
	Standing Standing
	// Chance, 0 to 1, is how likely the target comes here in the order, once those before failed; 0 where it is not ready.
	Chance float64
	// Refusal says what an Incapable target cannot do.
	Refusal *exchange.Error
	// Translated says that the provider gets the request in the words of Wire, Edited that the body differs from the
	// application's in a few fields. Where there is no way to ask the provider, they mean nothing.
	Wire               exchange.Dialect
	Translated, Edited bool
	// Timeouts are those of an attempt at this request.
	Timeouts config.Timeouts
}

// Plan is what a Journey would do with a request now, were each attempt to fail in a way that another may follow.
type Plan struct {
	// Steps has each target of the route once: in the order in which they would be tried first, then those that would not.
	Steps []Step
	// Prompt and Answer are the tokens that the request is taken to use, Reserved those that quotas are asked for.
	Prompt, Answer, Reserved int64
	// Hedge is the place in Steps of the target of a second attempt beside a slow first one; -1 where there would be none.
	Hedge int
	// Refused is what the application would be told without any attempt being sent; nil where one would be, or waited for.
	Refused *exchange.Error
	// TooFull is what it would be told where all that is left is to wait, and waiting is not allowed or of no use; else nil.
	TooFull *exchange.Error
}

// planner goes through a choice without taking anything.
type planner struct {
	choice
	now  int64
	plan Plan
}

// Plan says what would become of the request on a route. It takes nothing, asks nobody and changes no living state.
func (r *Request) Plan(route *Route) Plan {
	p := planner{now: r.Clock()}
	p.begin(r, route)
	p.plan = Plan{Reserved: p.tokens, Hedge: -1}
	p.plan.Prompt, p.plan.Answer = expected(r)
	at := p.look(p.now)
	for p.step() { // One after the other.
	}
	p.rest(at)
	p.hedge()
	p.refused()
	return p.plan
}

// step adds the target that comes next, as next has it, and lets it fail for good; false where there is none.
func (p *planner) step() bool {
	now := p.look(p.now)
	place, chance := p.likeliest(func() int {
		place, _ := p.next(now, p.now)
		return place
	})
	if place < 0 {
		return false
	}
	s := p.dry(place)
	if s.Standing == Ready {
		s.Chance = chance
	}
	p.plan.Steps = append(p.plan.Steps, s)
	p.tries[place] = p.route.Targets[place].Retry.Attempts
	return true
}

// draws is how often a choice that chance has a part in is made to see how it falls.
const draws = 512

// golden spreads the first number of each draw evenly, so that a choice by one number falls nearly as its weights say.
const golden = 0x9e3779b97f4a7c15

// likeliest makes a choice many times, and gives what most of them chose, the first in order of those alike.
func (p *planner) likeliest(choose func() int) (place int, share float64) {
	var fell [config.MaxTargets + 1]int
	more := rand.NewPCG(1, 2)
	for i := range uint64(draws) {
		first := true
		p.random = func() uint64 {
			if first {
				first = false
				return i * golden
			}
			return more.Uint64()
		}
		fell[choose()+1]++
	}
	place = -1
	for at, n := range fell {
		if n > fell[place+1] {
			place = at - 1
		}
	}
	return place, float64(fell[place+1]) / draws
}

// rest adds the targets that would not be tried, as a look before the first attempt finds them: those that would be waited
// for first, as a queue has them.
func (p *planner) rest(at state) {
	tried := uint32(0)
	for _, s := range p.plan.Steps {
		tried |= 1 << s.Place
	}
	for _, standing := range [...]Standing{Full, Out, Elsewhere} {
		for i := range p.route.Targets {
			bit := uint32(1) << i
			stands := Out
			switch {
			case tried&bit != 0:
				continue
			case p.req.Only != 0 && p.req.Only&bit == 0:
				stands = Elsewhere
			case at.full&bit != 0:
				stands = Full
			}
			if stands == standing {
				s := p.dry(i)
				s.Standing = standing
				p.plan.Steps = append(p.plan.Steps, s)
			}
		}
	}
}

// dry words an attempt that is not made.
func (p *planner) dry(place int) Step {
	t := &p.route.Targets[place]
	var a Attempt
	a.prepare(p.req, t, &a.own)
	s := Step{Place: place, Timeouts: a.timeouts(t.Provider.Timeouts), Refusal: p.req.fits(t)}
	body, refused := a.word()
	if s.Refusal == nil {
		s.Refusal = refused
	}
	if s.Refusal != nil {
		s.Standing = Incapable
	}
	if a.way != nil {
		s.Wire, s.Translated = a.way.Wire, a.translating
		s.Edited = !a.translating && len(body) > 0 && &body[0] != &p.req.Body[0]
	}
	return s
}

// hedge finds where a second attempt would go while the first is under way.
func (p *planner) hedge() {
	if p.route.Hedge == nil || !hedgeable(p.req.Operation) || len(p.plan.Steps) == 0 || p.plan.Steps[0].Standing != Ready {
		return
	}
	p.begin(p.req, p.route)
	p.tried(p.plan.Steps[0].Place)
	place, _ := p.likeliest(func() int { return p.second(p.now) })
	for i := range p.plan.Steps {
		if p.plan.Steps[i].Place == place {
			p.plan.Hedge = i
		}
	}
}

// refused finds what the application is told where nothing can be sent.
func (p *planner) refused() {
	j := Journey{req: *p.req, route: p.route}
	j.req.Observe = nil
	var incapable *exchange.Error
	for _, s := range p.plan.Steps {
		switch s.Standing {
		case Ready:
			return
		case Incapable:
			incapable = s.Refusal
		case Full:
			p.plan.TooFull = j.tooFull(telemetry.WaitFull)
			return
		default:
		}
	}
	if p.plan.Refused = incapable; incapable == nil {
		p.plan.Refused = j.unavailable(p.now)
	}
}
