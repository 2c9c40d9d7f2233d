// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"time"

	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/quota"
	"github.com/sparkgateway/spark/gateway/telemetry"
)

// next finds the next target and takes what an attempt there needs. It waits where a target has to be left alone for a
// moment, and where all are full; an error says that there is none.
func (j *Journey) next() (try, *exchange.Error) {
	c := &j.choice
	var denied, full uint32 // between the look and the taking others were faster
	for {
		now := c.now()
		s := c.look(now)
		s.fresh, s.again, s.full = s.fresh&^denied, s.again&^denied, s.full|full
		place, wait := c.next(s, now)
		switch {
		case place < 0 && s.full != 0 && !j.req.Mirror:
			return j.queue(s.full)
		case place < 0:
			return try{}, j.unavailable(now)
		case wait > 0:
			if !j.sleep(wait, nil) {
				return try{}, cancelled(j.req.Guard)
			}
			continue
		}
		t, lack, ok := j.take(place, now, nil)
		if ok {
			return t, nil
		}
		denied |= 1 << place
		if lack == lacksQuota {
			full |= 1 << place
		}
	}
}

// lack is what keeps an attempt from being made.
type lack uint8

const (
	lacksNothing lack = iota
	lacksRetries
	lacksQuota
	lacksBreaker
)

// take takes the permission of a target's breaker and a part of its quota, and for retries one of the budget.
func (j *Journey) take(place int, now int64, w *quota.Waiter) (try, lack, bool) {
	c, target := &j.choice, &j.route.Targets[place]
	if !target.Vital.Breaker.Allows(now) {
		return try{}, lacksBreaker, false
	}
	grant, wait, ok := target.Vital.Quota.Take(now, c.tokens, w)
	if !ok {
		j.refill = wait
		return try{}, lacksQuota, false
	}
	if c.tries[place] > 0 && !target.Account.Retries.Retry(now, target.Retry.BudgetPercent) {
		grant.Settle(now, 0)
		c.barred |= 1 << place
		return try{}, lacksRetries, false
	}
	permit, ok := target.Vital.Breaker.Take(now)
	if !ok {
		grant.Settle(now, 0)
		return try{}, lacksBreaker, false
	}
	if c.tries[place] == 0 {
		target.Account.Retries.Request(now)
	}
	// From here on the target is under load, so that others choose by it.
	target.Vital.Load.Begin()
	return try{place: place, kind: c.tried(place), permit: permit, grant: grant}, lacksNothing, true
}

// queue waits until one of the targets that are full is not, as long as the longest of their providers allows.
func (j *Journey) queue(full uint32) (try, *exchange.Error) {
	if j.waiter == nil {
		j.waiter = quota.NewWaiter()
	}
	patience := time.Duration(0)
	for i := range j.route.Targets {
		if account := j.route.Targets[i].Account; full&(1<<i) != 0 && account.Quota.Join(j.waiter) {
			patience = max(patience, account.Quota.QueueTimeout())
		}
	}
	defer j.leave(full)
	if patience == 0 {
		return try{}, j.tooFull(telemetry.WaitFull)
	}
	deadline := time.Now().Add(patience)
	for {
		t, refill, ok := j.takeAny(full)
		if ok {
			j.waited(telemetry.WaitServed)
			return t, nil
		}
		left := time.Until(deadline)
		if left <= 0 {
			return try{}, j.tooFull(telemetry.WaitTimedOut)
		}
		if refill == 0 || refill > left {
			refill = left
		}
		if !j.sleep(refill, j.waiter.C) {
			return try{}, cancelled(j.req.Guard)
		}
	}
}

// takeAny takes the first of these targets that can be had, in order; else refill is when the clock alone may let one be
// had, 0 where it takes another's end.
func (j *Journey) takeAny(full uint32) (t try, refill time.Duration, ok bool) {
	now := j.req.Clock()
	for i := range j.route.Targets {
		if full&(1<<i) == 0 {
			continue
		}
		t, lack, ok := j.take(i, now, j.waiter)
		switch {
		case ok:
			return t, 0, true
		case lack != lacksQuota:
			// Who will not try must not stand in the way of others.
			j.route.Targets[i].Account.Quota.Leave(j.waiter)
		case j.refill > 0 && (refill == 0 || j.refill < refill):
			refill = j.refill
		}
	}
	return try{}, refill, false
}

func (j *Journey) leave(full uint32) {
	for i := range j.route.Targets {
		if full&(1<<i) != 0 {
			j.route.Targets[i].Account.Quota.Leave(j.waiter)
		}
	}
}

func (j *Journey) waited(result telemetry.WaitResult) {
	if j.req.Observe != nil {
		j.req.Observe.Waited(result)
	}
}

// sleep waits for a time or a wake-up; false says that Cancel came.
func (j *Journey) sleep(d time.Duration, wake <-chan struct{}) bool {
	j.mu.Lock()
	if j.cancelled {
		j.mu.Unlock()
		return false
	}
	if j.stop == nil {
		j.stop = make(chan struct{})
	}
	stop := j.stop
	j.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-stop:
		return false
	case <-wake:
	case <-timer.C:
	}
	return true
}

// tooFull is for requests that every target's quota stands against.
func (j *Journey) tooFull(why telemetry.WaitResult) *exchange.Error {
	j.waited(why)
	e := &exchange.Error{
		Status: 429, Type: exchange.TypeRateLimit, Code: "rate_limit_exceeded", Reason: exchange.ReasonProviderQuota,
		Outcome: exchange.Unavailable, RetryAfter: time.Second,
		Message: "Every provider of this model has as many requests as it takes. Please try again later.",
	}
	e.RetryAfter = max(e.RetryAfter, j.refill)
	return e
}

// unavailable is for requests that no target may be asked for.
func (j *Journey) unavailable(now int64) *exchange.Error {
	e := &exchange.Error{
		Status: 503, Type: exchange.TypeServer, Reason: exchange.ReasonNoTarget, Outcome: exchange.Unavailable,
		Message: "No provider of this model can be used.",
	}
	if len(j.route.Targets) == 0 {
		return e
	}
	paused := true
	for i := range j.route.Targets {
		vital := j.route.Targets[i].Vital
		paused = paused && vital.Breaker.Paused(now)
		if wait := max(vital.Breaker.Wait(now), 100*time.Millisecond); e.RetryAfter == 0 || wait < e.RetryAfter {
			e.RetryAfter = wait
		}
	}
	if paused {
		// They said so themselves, and this is what they would say again.
		e.Status, e.Type, e.Code = 429, exchange.TypeRateLimit, "rate_limit_exceeded"
		e.Reason, e.Message = exchange.ReasonProviderQuota, "Every provider of this model asks to be left alone for a while. Please try again later."
		return e
	}
	e.Reason, e.Message = exchange.ReasonBreakerOpen, "Every provider of this model has failed of late. Please try again later."
	return e
}
