// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// meter is a bucket in exact arithmetic: the time until it is full again, as a fraction of nanoseconds.
type meter struct {
	ahead *big.Rat
	at    int64
	rate  exchange.Constraint
	slots int64
}

func ratio(a, b int64) *big.Rat { return big.NewRat(a, b) }

// price gives the time in which n units come back.
func price(c *exchange.Constraint, n int64) *big.Rat {
	return new(big.Rat).Mul(ratio(n, 1), ratio(int64(c.Per), c.Limit))
}

// entire gives the time in which all comes back that may be taken at once.
func entire(c *exchange.Constraint) *big.Rat {
	return price(c, c.Burst)
}

func least(a, b *big.Rat) *big.Rat {
	if a.Cmp(b) < 0 {
		return a
	}
	return b
}

// model is all that the engine keeps, written as simply as can be.
type model struct {
	meters   map[string]*meter
	spent    map[string]config.Money
	reserved map[string]config.Money
}

func (m *model) meter(c *exchange.Constraint, now int64) *meter {
	key := fmt.Sprint(c.Holder, c.Scope, c.Dimension, c.Per)
	if m.meters[key] == nil {
		m.meters[key] = &meter{ahead: new(big.Rat), at: now, rate: *c}
	}
	one := m.meters[key]
	if one.ahead.Sub(one.ahead, ratio(now-one.at, 1)); one.ahead.Sign() < 0 {
		one.ahead.SetInt64(0)
	}
	one.at = now
	return one
}

// lets says whether one constraint lets a request pass, and whether that is beyond what a few nanoseconds of rounding
// change.
func (m *model) lets(c *exchange.Constraint, now int64, use exchange.Use, rounding int64) (passes, sure bool) {
	n := wants(c, use)
	switch {
	case n == 0:
		return true, true
	case c.Dimension == exchange.Spending:
		return m.spent[c.Holder]+m.reserved[c.Holder]+config.Money(n) <= config.Money(c.Limit), true
	case c.Dimension == exchange.Concurrency:
		return m.meter(c, now).slots < c.Limit, true
	}
	one := m.meter(c, now)
	ahead := one.ahead
	if one.rate.Limit != c.Limit || one.rate.Burst != c.Burst {
		ahead = least(ahead, entire(c))
	}
	room := new(big.Rat).Sub(entire(c), ahead)
	room.Sub(room, least(price(c, n), entire(c)))
	spare := ratio(rounding, 1)
	return room.Sign() >= 0, new(big.Rat).Abs(room).Cmp(spare) > 0
}

func wants(c *exchange.Constraint, use exchange.Use) int64 {
	switch c.Dimension {
	case exchange.Requests, exchange.Concurrency:
		return 1
	case exchange.Tokens:
		return use.Tokens
	default:
		return int64(use.Cost)
	}
}

func (m *model) take(c *exchange.Constraint, now int64, use exchange.Use) {
	one := m.meter(c, now)
	switch c.Dimension {
	case exchange.Spending:
	case exchange.Concurrency:
		one.slots++
	default:
		if one.rate.Limit != c.Limit || one.rate.Burst != c.Burst {
			one.ahead.Set(least(one.ahead, entire(c)))
		}
		one.rate = *c
		one.ahead.Add(one.ahead, least(price(c, wants(c, use)), entire(c)))
	}
}

// settle replaces the estimate by the truth.
func (m *model) settle(c *exchange.Constraint, now int64, estimate, truth exchange.Use) {
	one := m.meter(c, now)
	switch c.Dimension {
	case exchange.Concurrency:
		one.slots--
	case exchange.Tokens, exchange.Cost:
		more := new(big.Rat).Sub(price(c, wants(c, truth)), least(price(c, wants(c, estimate)), entire(c)))
		is := new(big.Rat).Add(one.ahead, more)
		if more.Sign() > 0 {
			most := new(big.Rat).Add(entire(c), ratio(int64(c.Per), 1))
			if is = least(is, most); is.Cmp(one.ahead) < 0 {
				is = one.ahead // A debt of a former limit.
			}
		}
		if one.ahead.Set(is); one.ahead.Sign() < 0 {
			one.ahead.SetInt64(0)
		}
	}
}

// run is one random run of the two side by side.
type run struct {
	*testing.T
	random   *rand.Rand
	now      int64
	book     *Book
	model    *model
	parts    []Parts // of each principal
	routes   []Part
	open     []*trip
	rounding int64
	passed   int
	refused  map[exchange.Dimension]int
}

type trip struct {
	charge      *Charge
	constraints []exchange.Constraint
	holders     []string
	use         exchange.Use
}

// Few numbers, so that exact fractions stay short.
var (
	counts  = []int64{1, 2, 3, 7, 30}
	amounts = []int64{300, 997, 2000, 3000, 5000}
)

var periods = []time.Duration{time.Second, 7 * time.Second, time.Minute}

func (r *run) limits() *config.Limits {
	l := &config.Limits{}
	for _, per := range periods {
		switch r.random.IntN(6) {
		case 0:
			l.Requests = append(l.Requests, request(counts[r.random.IntN(len(counts))], 1+r.random.Int64N(15), per))
		case 1:
			l.Tokens = append(l.Tokens, config.TokenLimit{Count: amounts[r.random.IntN(len(amounts))], Per: config.Duration(per)})
		case 2:
			l.Cost = append(l.Cost, config.CostLimit{Amount: config.Money(amounts[r.random.IntN(len(amounts))]), Per: config.Duration(per)})
		}
	}
	if r.random.IntN(4) == 0 {
		l.Concurrency = 1 + r.random.Int64N(12)
	}
	return l
}

// part gives random rules of a holder, as an edit of the configuration does.
func (r *run) part(name string, scope exchange.Scope) Part {
	var budgets []config.Budget
	if scope != exchange.ScopeEach && r.random.IntN(3) == 0 {
		budgets = budget(config.Money(1000+r.random.Int64N(40_000)), config.Total)
	}
	return Part{r.book.Holder(name), NewRules(scope, r.limits(), budgets)}
}

func (r *run) edit() {
	r.parts, r.routes = nil, nil
	for _, key := range []string{"key/a", "key/b", "key/c"} {
		r.parts = append(r.parts, Parts{
			r.part(key, exchange.ScopeEach), r.part(key, exchange.ScopeKey), r.part("policy/p", exchange.ScopePolicy), r.part(config.HolderAll, exchange.ScopeAll),
		})
	}
	for _, name := range []string{"route/r", "route/s"} {
		r.routes = append(r.routes, r.part(name, exchange.ScopeRoute))
	}
}

func (r *run) begin() {
	p, route := r.parts[r.random.IntN(len(r.parts))], r.routes[r.random.IntN(len(r.routes))]
	use := of(r.random.Int64N(400), config.Money(r.random.Int64N(400)))
	all := p.Constraints(route)
	refuses, sure := false, true
	for i := range all {
		ok, certain := r.model.lets(&all[i], r.now, use, r.rounding)
		if sure = sure && certain; !ok && certain {
			refuses = true
		}
	}
	c, d := begin(r.now, p, route, use)
	if got := d.Refused != nil; got != refuses && (sure || refuses) {
		r.Fatalf("refused %v, want %v: %+v", got, refuses, d.Refused)
	}
	if d.Refused != nil {
		// What Admit took of requests stays taken.
		r.refused[d.Refused.Dimension]++
		if d.Refused.Scope == exchange.ScopeRoute || d.Refused.Dimension != exchange.Requests && d.Refused.Dimension != exchange.Concurrency {
			r.takeRequests(p.Constraints(Part{}))
		}
		return
	}
	r.passed++
	r.rounding += 2
	one := &trip{charge: c, constraints: all, use: use}
	for i := range all {
		r.model.take(&all[i], r.now, use)
		if all[i].Dimension == exchange.Spending {
			r.model.reserved[all[i].Holder] += use.Cost
		}
	}
	for _, part := range append(slices.Clone(p), route) {
		if name := part.Holder.Name(); !slices.Contains(one.holders, name) {
			one.holders = append(one.holders, name)
		}
	}
	r.open = append(r.open, one)
}

func (r *run) takeRequests(all []exchange.Constraint) {
	for i := range all {
		if all[i].Dimension == exchange.Requests {
			r.model.take(&all[i], r.now, exchange.Use{})
			r.rounding += 2
		}
	}
}

func (r *run) settle() {
	i := r.random.IntN(len(r.open))
	one := r.open[i]
	r.open = slices.Delete(r.open, i, i+1)
	sent := r.random.IntN(5) > 0
	truth := of(r.random.Int64N(one.use.Tokens*5/4+1), config.Money(r.random.Int64N(int64(one.use.Cost)*5/4+1)))
	one.charge.Settle(r.now, truth, sent)
	r.rounding += 2
	if !sent {
		truth = exchange.Use{}
	}
	for i := range one.constraints {
		c := &one.constraints[i]
		if r.model.settle(c, r.now, one.use, truth); c.Dimension == exchange.Spending {
			r.model.reserved[c.Holder] -= one.use.Cost
		}
	}
	for _, name := range one.holders {
		r.model.spent[name] += truth.Cost
	}
}

// Random limits, edits of them, clocks and interleavings of requests agree with exact arithmetic.
func TestChargesAgreeWithTheModel(t *testing.T) {
	refused := map[exchange.Dimension]int{}
	passed := 0
	for seed := range uint64(30) {
		r := &run{
			T: t, random: rand.New(rand.NewPCG(seed, 4)), now: start, book: newBook(&wall{noon}), refused: refused,
			model: &model{map[string]*meter{}, map[string]config.Money{}, map[string]config.Money{}},
		}
		r.edit()
		for range 400 {
			switch n := r.random.IntN(40); {
			case n == 0:
				r.edit()
			case n < 10:
				r.now += r.random.Int64N(int64(3 * time.Second))
			case n < 20 && len(r.open) > 0:
				r.settle()
			default:
				r.begin()
			}
		}
		for len(r.open) > 0 {
			r.settle()
		}
		for name, spent := range r.model.spent {
			if h := r.book.Holder(name); h.Use().Cost != spent || h.reserved != 0 {
				t.Fatalf("seed %d: %+v of %s, want %d", seed, h.Use(), name, spent)
			}
		}
		passed += r.passed
	}
	if passed < 1000 {
		t.Errorf("only %d passed", passed)
	}
	for d := range exchange.Dimensions {
		if refused[d] < 50 {
			t.Errorf("only %d were refused for %s", refused[d], d)
		}
	}
}
