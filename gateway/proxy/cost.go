// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"math/bits"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// What is taken for the most that a request may use, where nobody said: its own texts cannot be more tokens than they have
// bytes; what else is in its body, such as the schemas of tools, neither, but pictures are bytes in thousands for each token;
// and an answer without a bound is taken to have one.
const (
	maxOtherTokens = 16_384
	maxOpenAnswer  = 4_096
	maxTokens      = 1 << 36
)

// Cost gives what a usage costs, rounded up to the nanodollar, and whether the price is known. answers is how many the
// request asked for that have a price of their own, 0 where the provider gave none.
func Cost(p *config.Price, u exchange.Usage, answers int64) (cost config.Money, known bool) {
	if p == nil {
		return 0, false
	}
	fresh := max(u.Prompt-u.Cached-u.CacheWritten, 0)
	var high, low uint64 // in picodollars
	for _, part := range [...]struct{ tokens, price int64 }{
		{fresh, p.Input}, {u.Cached, p.CachedInput}, {u.CacheWritten, p.CacheWrite}, {u.Completion, p.Output},
	} {
		h, l := bits.Mul64(uint64(min(max(part.tokens, 0), maxTokens)), uint64(part.price))
		var carry uint64
		low, carry = bits.Add64(low, l, 0)
		high += h + carry
	}
	low, carry := bits.Add64(low, 999, 0)
	nano, _ := bits.Div64(high+carry, low, 1000)
	each, of := uint64(max(answers, 0)), uint64(p.Request)
	return config.Money(nano + each*of), true
}

// answers is how many of a request's answers have a price of their own.
func (r *Request) answers() int64 {
	if r.Asked == nil {
		return 1
	}
	switch r.Operation {
	case exchange.ImageGeneration, exchange.ImageEdit, exchange.ImageVariation:
		return r.Asked.Choices
	default:
		return 1
	}
}

// Most is what a request may use before it is known.
type Most struct {
	// Estimate is what it is taken to use of tokens.
	Estimate int64
	// Cost is the most that it may cost at any of the route's targets, and Least what its prompt surely uses, at the cheapest.
	Cost  config.Money
	Least exchange.Use
	// Priced are the targets whose price is known, a bit each by their place in the route.
	Priced uint32
}

// Most gives what the request may use on a route. Requests whose use nobody can tell beforehand, such as those that the
// gateway does not read, may use nothing.
func (r *Request) Most(route *Route) (m Most) {
	prompt, answer := expected(r)
	if r.Asked != nil && r.Asked.MaxOutputTokens > 0 {
		answer = r.Asked.MaxOutputTokens
	}
	asks := r.Asked != nil && r.Operation != exchange.CountTokens
	if asks {
		m.Estimate, m.Least.Tokens = prompt, prompt
		if generates(r.Operation) {
			m.Estimate += min(answer, maxTokens) * r.Asked.Choices
		}
	}
	if r.Operation == exchange.Realtime {
		m.Estimate = answerTokens
	}
	for i := range route.Targets {
		t := &route.Targets[i]
		if t.Price == nil {
			continue
		}
		m.Priced |= 1 << i
		if r.Operation == exchange.Realtime {
			// One answer of the session, whose others are looked at when they come.
			most, _ := Cost(t.Price, exchange.Usage{Completion: maxOpenAnswer}, 1)
			m.Cost = max(m.Cost, most)
		}
		if !asks {
			continue
		}
		most, _ := Cost(t.Price, r.worst(t), r.answers())
		least, _ := Cost(t.Price, exchange.Usage{Prompt: prompt}, 0)
		if m.Cost < most {
			m.Cost = most
		}
		if m.Least.Cost == 0 || least < m.Least.Cost {
			m.Least.Cost = least
		}
	}
	if route.Hedge != nil && hedgeable(r.Operation) {
		// Both attempts may be charged for.
		m.Cost *= 2
	}
	return m
}

// worst is the most that an answer of a target may use.
func (r *Request) worst(t *Target) exchange.Usage {
	u := exchange.Usage{Prompt: r.Asked.TextBytes + min(max(int64(len(r.Body))-r.Asked.TextBytes, 0), maxOtherTokens)}
	if generates(r.Operation) {
		each := r.Asked.MaxOutputTokens
		if each == 0 {
			each = t.MaxTokens
		}
		if each == 0 {
			each = maxOpenAnswer
		}
		u.Completion = min(each, maxTokens) * r.Asked.Choices
	}
	// Whatever the prompt's tokens turn out to be, they cost no more than this.
	if t.Price.CacheWrite > t.Price.Input {
		u.CacheWritten = u.Prompt
	}
	return u
}

// generates says that an answer has tokens of its own.
func generates(o exchange.Operation) bool {
	switch o {
	case exchange.Chat, exchange.Completions, exchange.Realtime, exchange.Transcription, exchange.Translation,
		exchange.ImageGeneration, exchange.ImageEdit, exchange.ImageVariation, exchange.Speech:
		return true
	default:
		return false
	}
}

// CostText gives what tells the cost of a usage as a decimal of US dollars; nil without a price.
func CostText(p *config.Price) func(exchange.Usage) string {
	if p == nil {
		return nil
	}
	return func(u exchange.Usage) string {
		cost, _ := Cost(p, u, 1)
		return cost.String()
	}
}
