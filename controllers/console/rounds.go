// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"sync"
	"time"
)

// rounds keeps answers for a moment, so that many viewers cost the pods one question. It is safe for concurrent use.
type rounds struct {
	// fresh is how long an answer stands.
	fresh time.Duration

	mu sync.Mutex
	of map[string]*round
}

// round is one answer, or the making of it: done is closed once the rest is there.
type round struct {
	done   chan struct{}
	at     time.Time
	answer []byte
	err    error
}

func newRounds(fresh time.Duration) *rounds {
	return &rounds{fresh: fresh, of: map[string]*round{}}
}

// get gives a fresh answer, or has one made; who asks meanwhile waits for the same. That a viewer leaves does not end the making, which
// others may wait for: ctx bounds only the waiting. An error is told to those who waited, and not kept.
func (r *rounds) get(ctx context.Context, key string, answer func(context.Context) ([]byte, error)) ([]byte, error) {
	current := r.join(ctx, key, answer)
	select {
	case <-current.done:
		return current.answer, current.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *rounds) join(ctx context.Context, key string, answer func(context.Context) ([]byte, error)) *round {
	r.mu.Lock()
	defer r.mu.Unlock()
	for other, o := range r.of {
		if o.stale(r.fresh) {
			delete(r.of, other)
		}
	}
	if current := r.of[key]; current != nil {
		return current
	}
	begun := &round{done: make(chan struct{})}
	r.of[key] = begun
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*roundTime)
		defer cancel()
		begun.answer, begun.err = answer(ctx)
		begun.at = time.Now()
		close(begun.done)
		if begun.err != nil {
			r.drop(key, begun)
		}
	}()
	return begun
}

func (r *rounds) drop(key string, which *round) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of[key] == which {
		delete(r.of, key)
	}
}

// stale says that an answer was made too long ago.
func (o *round) stale(fresh time.Duration) bool {
	select {
	case <-o.done:
		return time.Since(o.at) >= fresh
	default:
		return false
	}
}
