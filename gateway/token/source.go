// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkgateway/spark/gateway/exchange"
)

const (
	// An issuer's keys are asked for again when its answer says so, within these bounds, or else after usualAge.
	minAge, usualAge, maxAge = time.Minute, 15 * time.Minute, 24 * time.Hour
	// unknownPause is the least time between two times that unknown keys make a source ask.
	unknownPause = 10 * time.Second
	// The pause after a failure doubles from the first to the last of these: it is shorter while there are no keys at all.
	firstRetry, lastRetry     = time.Second, 30 * time.Second
	firstRefresh, lastRefresh = 10 * time.Second, 5 * time.Minute
	// maxWait bounds how long a request waits for keys, and maxWaiting how many do.
	maxWait    = 5 * time.Second
	maxWaiting = 256
)

// sourceID is where keys come from. What else is said of an issuer does not change its keys.
type sourceID struct{ issuer, jwksURI, ca string }

// source keeps the keys of one issuer: it asks for them ahead of time in the background and, at once but not often, where a
// token is signed by one that it does not know. It asks once at a time. Keys that it has stay until there are others. It is
// safe for concurrent use.
type source struct {
	id      sourceID
	fetch   func(context.Context) (keySet, time.Duration, error)
	options Options
	life    context.Context
	set     atomic.Pointer[keySet] // nil before the first

	mu      sync.Mutex
	flight  chan struct{} // closed when the attempt under way ends; nil where none is
	waiting int
	heard   time.Time // when there last were keys
	asked   time.Time // when an unknown key last made it ask
	next    time.Time // of the timer
	timer   *time.Timer
	failed  int   // attempts in a row
	err     error // of the last attempt
	stopped bool
}

func newSource(life context.Context, id sourceID, options Options) *source {
	return &source{id: id, fetch: newFetcher(id, options.Transport).keys, options: options, life: life}
}

// begin asks for the first time.
func (s *source) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.start()
}

// stop ends what goes on in the background; keys that are known remain.
func (s *source) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	if s.timer != nil {
		s.timer.Stop()
	}
}

// find gives the keys that a token may be signed with, by its kid, which may be empty, and its algorithm.
func (s *source) find(ctx context.Context, id, algorithm string) ([]*key, *exchange.Error) {
	keys, known := s.lookup(id, algorithm)
	if len(keys) == 0 && !known {
		s.await(ctx)
		keys, known = s.lookup(id, algorithm)
	}
	switch {
	case len(keys) > 0:
		return keys, nil
	case known:
		return nil, errKey
	default:
		return nil, s.unknown()
	}
}

func (s *source) lookup(id, algorithm string) (fitting []*key, known bool) {
	set := s.set.Load()
	if set == nil {
		return nil, false
	}
	return set.find(id, algorithm)
}

// unknown is what to tell of a key that is not there: that the issuer has no such key, where the issuer was heard.
func (s *source) unknown() *exchange.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set.Load() != nil && s.err == nil {
		return errKey
	}
	return unavailable(s.next.Sub(s.options.Now()), s.err)
}

func (s *source) state() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := State{Issuer: s.id.issuer, Heard: s.heard, Failure: s.err}
	if set := s.set.Load(); set != nil {
		state.Keys = len(*set)
	}
	return state
}

// await waits for the attempt under way, or for one that it may begin.
func (s *source) await(ctx context.Context) {
	s.mu.Lock()
	now := s.options.Now()
	// Without any keys the timer is soon enough: it begins with a second.
	if s.flight == nil && s.set.Load() != nil && now.Sub(s.asked) >= unknownPause {
		s.asked = now
		s.start()
	}
	flight := s.flight
	if flight == nil || s.waiting >= maxWaiting {
		s.mu.Unlock()
		return
	}
	s.waiting++
	s.mu.Unlock()
	patience := time.NewTimer(maxWait)
	defer patience.Stop()
	select {
	case <-flight:
	case <-ctx.Done():
	case <-patience.C:
	}
	s.mu.Lock()
	s.waiting--
	s.mu.Unlock()
}

// start begins an attempt, unless one is under way; the lock is held.
func (s *source) start() {
	if s.flight != nil || s.stopped {
		return
	}
	flight := make(chan struct{})
	s.flight = flight
	if s.timer != nil {
		s.timer.Stop()
	}
	go func() {
		set, age, err := s.attempt()
		s.mu.Lock()
		s.end(set, age, err)
		s.flight = nil
		close(flight)
		s.mu.Unlock()
		if err != nil && s.life.Err() == nil {
			s.options.Failed(s.id.issuer, err)
		}
	}()
}

// attempt turns a panic over what an issuer sent into an error.
func (s *source) attempt() (set keySet, age time.Duration, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = errors.New("what the issuer sent cannot be read")
		}
	}()
	return s.fetch(s.life)
}

// end takes up what an attempt gave, and says when the next one is; the lock is held.
func (s *source) end(set keySet, age time.Duration, err error) {
	s.err = err
	pause := age
	earlier := s.set.Load()
	switch {
	case err == nil:
		if earlier != nil {
			set = set.keep(*earlier)
		}
		s.set.Store(&set)
		s.failed, s.heard = 0, s.options.Now()
	case earlier == nil:
		pause = min(firstRetry<<min(s.failed, 10), lastRetry)
		s.failed++
	default:
		pause = min(firstRefresh<<min(s.failed, 10), lastRefresh)
		s.failed++
	}
	if s.stopped {
		return
	}
	// A little less than told, and not the same for all pods.
	pause -= rand.N(pause/10 + 1)
	s.next = s.options.Now().Add(pause)
	s.timer = time.AfterFunc(pause, s.begin)
}
