// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// fetchTimeout bounds one attempt to obtain something.
	fetchTimeout = 20 * time.Second
	// maxLead is how long before its end something is renewed, if it is valid for five times that.
	maxLead = 10 * time.Minute
	// maxMargin is how long before its end something is not used any more, so that it is still valid when it arrives.
	maxMargin = 10 * time.Second
	// firstRetry and maxRetry bound the pause after an attempt that failed; it doubles.
	firstRetry = time.Second
	maxRetry   = 30 * time.Second
	// maxRefusal is the longest pause while there is nothing valid.
	maxRefusal = 5 * time.Second
)

// errExpired says that what was given was not valid when it arrived.
var errExpired = errors.New("what was given has expired already: is the clock right?")

// keeper holds something that expires and renews it ahead of that, on demand and in the background: whoever asks waits only
// where nothing valid is held. At most one attempt is under way. After a failure there is a pause, in which the failure is
// told at once where nothing valid is held. It is safe for concurrent use.
type keeper[T any] struct {
	// fetch obtains the thing and says until when it is valid; the zero time is for ever.
	fetch func(context.Context) (T, time.Time, error)
	now   func() time.Time
	// life ends attempts.
	life context.Context

	mu     sync.Mutex
	held   T
	has    bool
	until  time.Time // not used from then on; zero for ever
	renew  time.Time
	retry  time.Time // no attempt before that
	failed int       // attempts in a row
	err    error     // of the last attempt
	flight chan struct{}
}

func (k *keeper[T]) get(ctx context.Context) (T, error) {
	var none T
	for {
		k.mu.Lock()
		now := k.now()
		due := k.flight == nil && !now.Before(k.retry)
		if k.has && (k.until.IsZero() || now.Before(k.until)) {
			if due && !k.until.IsZero() && !now.Before(k.renew) {
				k.start()
			}
			held := k.held
			k.mu.Unlock()
			return held, nil
		}
		if k.flight == nil && !due {
			err := k.err
			k.mu.Unlock()
			return none, err
		}
		if due {
			k.start()
		}
		flight := k.flight
		k.mu.Unlock()
		select {
		case <-flight:
		case <-ctx.Done():
			return none, fmt.Errorf("credentials are still being obtained: %w", context.Cause(ctx))
		}
	}
}

// start begins an attempt; the lock is held.
func (k *keeper[T]) start() {
	flight := make(chan struct{})
	k.flight = flight
	go func() {
		ctx, cancel := context.WithTimeout(k.life, fetchTimeout)
		defer cancel()
		got, until, err := k.attempt(ctx)
		k.mu.Lock()
		defer k.mu.Unlock()
		k.end(got, until, err)
		k.flight = nil
		close(flight)
	}()
}

// attempt turns a panic of a cloud's library into an error.
func (k *keeper[T]) attempt(ctx context.Context) (got T, until time.Time, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("a cloud's library panicked")
		}
	}()
	return k.fetch(ctx)
}

// end notes what an attempt gave; the lock is held.
func (k *keeper[T]) end(got T, until time.Time, err error) {
	now := k.now()
	lifetime := until.Sub(now)
	if err == nil && !until.IsZero() && lifetime <= 0 {
		err = errExpired
	}
	if err != nil {
		k.fail(now, err)
		return
	}
	k.held, k.has, k.until = got, true, time.Time{}
	k.failed, k.err, k.retry = 0, nil, time.Time{}
	if !until.IsZero() {
		k.until = until.Add(-min(lifetime/10, maxMargin))
		k.renew = until.Add(-min(lifetime/5, maxLead))
	}
}

func (k *keeper[T]) fail(now time.Time, err error) {
	k.err = err
	pause := min(firstRetry<<min(k.failed, 10), maxRetry)
	k.failed++
	if k.has && now.Before(k.until) {
		// Once nothing valid is left, it is tried again at once.
		k.retry = now.Add(min(pause, k.until.Sub(now)))
		return
	}
	k.retry = now.Add(min(pause, maxRefusal))
}
