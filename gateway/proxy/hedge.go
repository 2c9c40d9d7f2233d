// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sparkgateway/spark/gateway/breaker"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/telemetry"
)

// hedgeable says that an operation may be asked for twice at once: it makes an answer, and leaves nothing behind.
func hedgeable(op exchange.Operation) bool {
	switch op {
	case exchange.Chat, exchange.Completions, exchange.Embeddings, exchange.CountTokens, exchange.Moderation, exchange.Rerank:
		return true
	default:
		return false
	}
}

// attempts are what runs beside a Journey's own.
var attempts = sync.Pool{New: func() any { return new(Attempt) }}

// silentTogether keeps attempts from telling the client that they are still there, which is not an answer to choose by.
const silentTogether = 24 * time.Hour

// race makes attempts of which two may be under way at once. The first that is to be told wins.
func (j *Journey) race() *exchange.Error {
	first, err := j.next()
	if err != nil {
		return err
	}
	j.route.Hedges.Request(j.route.Hedge.MaxExtraPercent)
	defer j.route.Hedges.Done()
	j.ended = make(chan try, 2)
	j.launch(first)
	hedge := time.NewTimer(j.route.Hedge.After.Std())
	defer hedge.Stop()
	under, hedged := 1, false
	for {
		select {
		case <-hedge.C:
			if t, ok := j.hedge(); ok {
				hedged = true
				under++
				j.launch(t)
			}
		case t := <-j.ended:
			under--
			more := j.onwards(&t)
			if under > 0 && (more || t.verdict.result == breaker.Failure) {
				// The other may still bring an answer, whatever this failure is to be followed by.
				j.drop(&t)
				continue
			}
			if more {
				if next, err := j.next(); err == nil {
					j.drop(&t)
					under++
					j.launch(next)
					continue
				}
			}
			j.beside = under
			j.overtake(&t, hedged)
			return j.arrive(&t)
		}
	}
}

// launch makes an attempt in a goroutine of its own.
func (j *Journey) launch(t try) {
	t.attempt, _ = attempts.Get().(*Attempt)
	t.attempt.own = exchange.Attempt{UpstreamID: t.attempt.own.UpstreamID[:0]}
	t.rec = &t.attempt.own
	ended := j.ended
	req := j.req
	req.KeepAlive = silentTogether
	go func() {
		defer func() {
			if fault := recover(); fault != nil {
				t.err = &exchange.Error{
					Status: 500, Type: exchange.TypeServer, Reason: exchange.ReasonInternal, Outcome: exchange.Internal,
					Message: "The gateway had an internal error.", Cause: fmt.Errorf("panic: %v\n%s", fault, debug.Stack()),
				}
				t.rec.Status = t.err.Status
				blame(t.rec, t.err)
			}
			ended <- t
		}()
		j.make(&t, &req)
	}()
}

// hedge takes what a second attempt needs, where the budget has one.
func (j *Journey) hedge() (try, bool) {
	c := &j.choice
	now := c.now()
	place := c.second(now)
	if place < 0 {
		return try{}, false
	}
	if !j.route.Hedges.Take() {
		j.hedged(telemetry.HedgeRefused)
		return try{}, false
	}
	tries := c.tries[place]
	c.tries[place] = 0 // It is no retry, whatever target it goes to.
	t, _, ok := j.take(place, now, nil)
	c.tries[place] += tries
	t.kind = exchange.HedgeAttempt
	return t, ok
}

func (j *Journey) hedged(result telemetry.HedgeResult) {
	if j.req.Observe != nil {
		j.req.Observe.Hedged(result)
	}
}

// overtake breaks off what is still under way beside the winner.
func (j *Journey) overtake(won *try, hedged bool) {
	won.attempt.req.KeepAlive = j.req.KeepAlive
	j.mu.Lock()
	for _, a := range j.running {
		if a != won.attempt {
			a.Cancel()
		}
	}
	j.mu.Unlock()
	if !hedged {
		return
	}
	// Of several that fail, or whose client leaves, the last to end has won nothing.
	if won.kind == exchange.HedgeAttempt && won.err == nil {
		j.hedged(telemetry.HedgeWon)
	} else {
		j.hedged(telemetry.HedgeLost)
	}
}

// overtaken ends an attempt that another was faster than: broken off, or a moment too late.
func (j *Journey) overtaken(t *try) {
	switch t.rec.Outcome {
	case exchange.OK, exchange.ClientGone, exchange.Drained:
		t.rec.Outcome, t.rec.Reason, t.rec.Cause = exchange.Overtaken, exchange.ReasonOvertaken, nil
	default:
	}
	j.drop(t)
}
