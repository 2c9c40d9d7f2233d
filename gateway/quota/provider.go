// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package quota keeps the limits of a provider, those that are configured and those that its answers tell, so that
// requests go elsewhere or wait before the provider refuses them.
//
// Times are nanoseconds since an epoch that the caller chooses once, and never negative.
package quota

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// mostTokens bounds what one request is believed to take.
const mostTokens = int64(1) << 40

// What Provider.rules says beside the generation.
const (
	limited = 1 << iota // there is a limit
	metered             // there is a limit of tokens
	ruleBits
)

// Provider is the account of one provider in this process. It outlives configurations and is safe for concurrent use.
type Provider struct {
	// rules is the generation of the limits, counted in steps of ruleBits, with the bits above. Requests without any limit
	// pass by it and the two counts alone, without the lock.
	rules    atomic.Uint64
	inFlight atomic.Int64
	lined    atomic.Int64 // line.length

	mu           sync.Mutex
	pods         int64 // that share the limits, at least 1
	requests     []bucket
	tokens       []bucket
	concurrency  int64 // of all pods
	slots        int64 // of this one; 0 for no limit
	queueLength  int64
	queueTimeout time.Duration
	latest       int64 // time that was told
	line         line  // who waits for the provider
	aside        line  // who waits for a target that is out, in the way of nobody
	tickets      uint64
	telling      []*Target // those with words in force, and perhaps others
}

// New gives the account of a provider of which nothing was taken, in a process that has its limits for itself.
func New(q config.Quota) *Provider {
	p := &Provider{pods: 1}
	p.Use(q)
	return p
}

// Share says that this process is one of so many that share the limits; fewer than one count as one. Each may take its part,
// so that together they keep the limits, but one slot, and of what may come at once one request or token, at least. What was
// taken stays taken, slots in use stay in use, and who waits is told. The queue is each process' own.
func (p *Provider) Share(now int64, pods int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := int64(max(pods, 1))
	if n == p.pods {
		return
	}
	p.pods, p.latest = n, max(p.latest, now)
	for _, buckets := range [...][]bucket{p.requests, p.tokens} {
		for i := range buckets {
			buckets[i].share(n, p.latest)
		}
	}
	p.slots = p.part()
	p.wake()
}

// part gives the slots of this process.
func (p *Provider) part() int64 {
	if p.concurrency <= 0 {
		return 0
	}
	return max(p.concurrency/p.pods, 1)
}

// Use sets other limits. What was taken from a limit of the same period stays taken, and slots in use stay in use.
func (p *Provider) Use(q config.Quota) {
	p.mu.Lock()
	defer p.mu.Unlock()
	generation := p.rules.Load()/ruleBits + 1
	requests := make([]bucket, 0, len(q.Requests))
	for _, l := range q.Requests {
		requests = append(requests, p.renew(requestBucket(l, p.pods), p.requests, generation))
	}
	tokens := make([]bucket, 0, len(q.Tokens))
	for _, l := range q.Tokens {
		tokens = append(tokens, p.renew(tokenBucket(l, p.pods), p.tokens, generation))
	}
	p.requests, p.tokens, p.concurrency = requests, tokens, q.Concurrency
	p.slots = p.part()
	p.queueLength, p.queueTimeout = q.QueueLength, time.Duration(q.QueueTimeout)
	rules := generation * ruleBits
	if len(q.Requests)+len(q.Tokens) > 0 || q.Concurrency > 0 {
		rules |= limited
	}
	if len(q.Tokens) > 0 {
		rules |= metered
	}
	p.rules.Store(rules)
	p.wake()
}

// renew gives a bucket of new limits what was taken from the one of its period.
func (p *Provider) renew(b bucket, old []bucket, generation uint64) bucket {
	b.since = generation
	for i := range old {
		switch {
		case !old[i].rate.SamePeriod(&b.rate):
		case old[i].rate == b.rate:
			return old[i]
		default:
			b.inherit(&old[i], p.latest)
		}
	}
	return b
}

// Target gives one model of the provider, about which the provider's answers tell more. It outlives configurations, as
// its provider does.
func (p *Provider) Target() *Target { return &Target{provider: p} }

// Sight is what can be seen of a provider.
type Sight struct {
	// InFlight is how many requests have a slot, Waiting how many wait in the queue.
	InFlight, Waiting int64
	// Out is the time until which one of the targets, or more, has nothing left, as the provider told; 0 when none.
	Out int64
}

// Sight gives what can be seen of the provider at now.
func (p *Provider) Sight(now int64) Sight {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Sight{InFlight: p.inFlight.Load(), Waiting: p.line.length + p.aside.length}
	p.prune(now)
	for _, t := range p.telling {
		s.Out = max(s.Out, t.out(now, 1))
	}
	return s
}

// Grant is what one request was granted. The zero value grants nothing and is harmless.
type Grant struct {
	provider   *Provider
	tokens     int64
	generation uint64
}

// Settle gives the slot back and replaces the estimate by the tokens that the request took; with tokens < 0, which is not
// known, the estimate stays. It is called once, and wakes the first who waits.
func (g Grant) Settle(now int64, tokens int64) {
	p := g.provider
	if p == nil {
		return
	}
	// The slot is free before the queue is looked at, and a waiter is in the queue before it looks for a slot: one of the
	// two sees the other.
	p.inFlight.Add(-1)
	if p.rules.Load()&metered != 0 || p.lined.Load() > 0 {
		p.settle(g, now, tokens)
	}
}

func (p *Provider) settle(g Grant, now, tokens int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest = max(p.latest, now)
	for i := range p.tokens {
		if tokens < 0 {
			break
		}
		b, estimate := &p.tokens[i], g.tokens
		if g.generation < b.since {
			estimate = 0 // It was never taken from this limit.
		}
		b.correct(now, estimate, min(tokens, mostTokens))
	}
	p.wake()
}
