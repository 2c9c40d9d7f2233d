// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sparkgateway/spark/gateway/balance"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// choice decides which target comes next. A route's targets are bits of a mask by their place.
type choice struct {
	req    *Request
	route  *Route
	random func() uint64
	tokens int64 // what the request may cost, as quotas count before it is known

	// barred are not tried again for this request; slow timed out, and are tried again only where nothing else is left.
	barred, slow uint32
	tries        [config.MaxTargets]int64
	// ready is when a target that failed may be tried again; asked says that the target itself named the time.
	ready [config.MaxTargets]int64
	asked uint32
	total int
}

func (c *choice) begin(req *Request, route *Route) {
	*c = choice{req: req, route: route, random: rand.Uint64}
	c.tokens = 1
	if req.Asked != nil {
		c.tokens = max(1, prompted(req).Total+req.Asked.MaxOutputTokens)
	}
	if req.Only != 0 {
		c.barred = ^req.Only
	}
}

func (c *choice) now() int64 { return c.req.Clock() }

// state is what the targets that may still be tried are in.
type state struct {
	// fresh were not tried yet, again were and may be once more; full would be either, but for their quota.
	fresh, again, full uint32
	healthy            uint32
}

func (c *choice) look(now int64) state {
	s := state{}
	for i := range c.route.Targets {
		bit := uint32(1) << i
		t := &c.route.Targets[i]
		if c.barred&bit != 0 || c.tries[i] > 0 && c.tries[i] >= t.Retry.Attempts {
			continue
		}
		if !t.Vital.Breaker.Allows(now) && !c.comesBack(i, now) {
			continue
		}
		if t.Health.Healthy() {
			s.healthy |= bit
		}
		switch {
		case !t.Vital.Quota.Allows(now, c.tokens):
			s.full |= bit
		case c.tries[i] == 0:
			s.fresh |= bit
		default:
			s.again |= bit
		}
	}
	return s
}

// comesBack says that a target which asked this very request to wait will be there when the wait is over.
func (c *choice) comesBack(i int, now int64) bool {
	return c.asked&(1<<i) != 0 && now+int64(c.route.Targets[i].Vital.Breaker.Wait(now)) <= c.ready[i]
}

// next gives the place of the target to try, and how long to wait before; -1 where there is none. Within a tier a target
// that was not tried comes before one that was; a tier before the next; the healthy before the others; and only then come
// those that have kept the request waiting once.
func (c *choice) next(s state, now int64) (place int, wait time.Duration) {
	for _, among := range [...]uint32{s.healthy, ^s.healthy} {
		for from := 0; from < len(c.route.Targets); {
			tier, to := c.tier(from)
			if fresh := s.fresh & tier & among; fresh != 0 {
				return c.pick(fresh, now), 0
			}
			if again := s.again & tier & among &^ c.slow; again != 0 {
				return c.soonest(again, now)
			}
			from = to
		}
	}
	if again := s.again & c.slow; again != 0 {
		return c.soonest(again, now)
	}
	return -1, 0
}

// tier gives the mask of the tier that begins at a place, and where the next one does.
func (c *choice) tier(from int) (mask uint32, to int) {
	for to = from; to < len(c.route.Targets) && c.route.Targets[to].Tier == c.route.Targets[from].Tier; to++ {
		mask |= 1 << to
	}
	return mask, to
}

func (c *choice) soonest(among uint32, now int64) (place int, wait time.Duration) {
	place = -1
	for i := range c.route.Targets {
		if among&(1<<i) != 0 && (place < 0 || c.ready[i] < c.ready[place]) {
			place = i
		}
	}
	return place, time.Duration(max(c.ready[place]-now, 0))
}

// pick chooses by the route's strategy.
func (c *choice) pick(among uint32, now int64) int {
	if bits.OnesCount32(among) == 1 {
		return bits.TrailingZeros32(among)
	}
	var candidates [config.MaxTargets]balance.Candidate
	for i := range c.route.Targets {
		t := &c.route.Targets[i]
		candidates[i] = balance.Candidate{ID: t.ID, Load: &t.Vital.Load, Weight: t.Weight}
		if c.route.Strategy == config.LowestCost {
			candidates[i].Cost = c.cost(t)
		}
	}
	return balance.Pick(balance.Question{
		Strategy: c.route.Strategy, Now: now, Streamed: c.req.Exchange.Stream, Sticky: c.req.Sticky, Hash: c.req.Hash,
	}, candidates[:len(c.route.Targets)], among, c.random)
}

// answerTokens is how long an answer is taken to be where the request does not bound it.
const answerTokens = 500

// expected is what a request is taken to use, before anybody knows.
func expected(r *Request) (prompt, answer int64) {
	answer = answerTokens
	if asked := r.Asked; asked != nil {
		prompt = prompted(r).Total
		if asked.MaxOutputTokens > 0 {
			answer = min(answer, asked.MaxOutputTokens)
		}
	}
	return prompt, answer
}

// cost is what a request is expected to cost at a target; NaN where nobody said the price.
func (c *choice) cost(t *Target) float64 {
	if t.Price == nil {
		return math.NaN()
	}
	prompt, answer := expected(c.req)
	return float64(prompt)*float64(t.Price.Input) + float64(answer)*float64(t.Price.Output)
}

// second gives the target of an attempt beside a slow one: another where there is one, and no target whose breaker or
// quota stands against it.
func (c *choice) second(now int64) int {
	s := c.look(now)
	s.again = 0
	if place, _ := c.next(s, now); place >= 0 {
		return place
	}
	if len(c.route.Targets) == 1 && c.barred == 0 && c.route.Targets[0].Vital.Breaker.Allows(now) &&
		c.route.Targets[0].Vital.Quota.Allows(now, c.tokens) {
		return 0
	}
	return -1
}

// tried notes that an attempt is made.
func (c *choice) tried(place int) exchange.AttemptKind {
	kind := exchange.FailoverAttempt
	switch {
	case c.req.Mirror:
		kind = exchange.MirrorAttempt
	case c.req.Aside != exchange.FirstAttempt:
		kind = c.req.Aside
	case c.total == 0:
		kind = exchange.FirstAttempt
	case c.tries[place] > 0:
		kind = exchange.RetryAttempt
	}
	c.tries[place]++
	c.total++
	return kind
}

// failed notes how an attempt ended, and says whether another may be made at all.
func (c *choice) failed(place int, v *verdict, now int64) bool {
	bit := uint32(1) << place
	retry := c.route.Targets[place].Retry
	switch {
	case v.incapable:
		// Nobody was asked.
		c.barred |= bit
		c.tries[place]--
		c.total--
		return true
	case !slices.Contains(retry.On, v.condition):
		return false
	case v.condition == config.RetryTargetRefused:
		c.barred |= bit
	case v.condition == config.RetryTimeout:
		c.slow |= bit
	}
	if c.total >= maxAttempts {
		return false
	}
	wait := backoff(retry, c.tries[place])
	if v.retryAfter > retry.MaxBackoff.Std() {
		c.barred |= bit
	} else if v.retryAfter > 0 {
		wait = max(wait, v.retryAfter)
		c.asked |= bit
	}
	c.ready[place] = now + int64(wait)
	return true
}

// maxAttempts bounds the attempts of one request, however many targets it has.
const maxAttempts = 32

// backoff is drawn between zero and an exponentially growing bound ("full jitter").
func backoff(r *config.Retry, tries int64) time.Duration {
	limit := r.MaxBackoff.Std()
	if doublings := tries - 1; doublings < 20 {
		limit = min(limit, r.Backoff.Std()<<doublings)
	}
	return time.Duration(rand.Int64N(int64(limit) + 1))
}
