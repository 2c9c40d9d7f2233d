// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// health is how the store is found. An epoch begins whenever it comes up, so that what failed in an earlier one says nothing
// of it.
type health struct {
	mu      sync.Mutex
	state   config.StoreState
	epoch   int64
	changed chan struct{} // closed at every change
	kick    chan struct{} // wakes the keeper
}

func (h *health) now() (epoch int64, up bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.epoch, h.state.Up
}

func (h *health) set(state config.StoreState) {
	h.state = state
	close(h.changed)
	h.changed = make(chan struct{})
}

// State says how the store is found.
func (s *Store) State() config.StoreState {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	return s.health.state
}

// Up says whether the store answers.
func (s *Store) Up() bool {
	_, up := s.health.now()
	return up
}

// down is told of a failure in an epoch.
func (s *Store) down(epoch int64, err error) {
	h, why := &s.health, reason(err)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.epoch != epoch || s.ctx.Err() != nil {
		return
	}
	if !h.state.Up {
		h.state.Reason = why
		return
	}
	h.set(config.StoreState{Since: s.opts.Now(), Reason: why})
	s.downs.Add(1)
	s.opts.Logger.Warn("the store is down", "reason", why)
	select {
	case h.kick <- struct{}{}:
	default:
	}
}

func (s *Store) up() {
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state.Up || s.ctx.Err() != nil {
		return
	}
	s.opts.Logger.Info("the store is up", "after", s.opts.Now().Sub(h.state.Since).Round(time.Millisecond))
	h.epoch++
	h.set(config.StoreState{Up: true, Since: s.opts.Now()})
}

// waitUp waits until the store is up, false when the Store ends before.
func (s *Store) waitUp() bool {
	for {
		s.health.mu.Lock()
		up, changed := s.health.state.Up, s.health.changed
		s.health.mu.Unlock()
		if up {
			return true
		}
		select {
		case <-changed:
		case <-s.ctx.Done():
			return false
		}
	}
}

// keep probes the store while it is down, and renews the process' reservations while it is up.
func (s *Store) keep() {
	pause := time.Duration(0)
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.health.kick:
			pause = 0
		case <-time.After(pause/2 + time.Duration(rand.Int64N(int64(pause/2)+1))):
		}
		epoch, up := s.health.now()
		if up {
			s.sweep(epoch)
			pause = s.pace.renew
			continue
		}
		if err := s.probe(); err != nil {
			s.down(epoch, err)
			pause = min(max(2*pause, s.pace.probe), s.pace.slowest)
			continue
		}
		s.up()
		pause = 0
	}
}

// probe says whether the store does what it is asked: it writes.
func (s *Store) probe() error {
	client := s.client.Load()
	// A client that found nobody for a while is made anew: it may have been told of another master, or another password.
	if client == nil || time.Since(s.dialed) > 2*time.Second && s.stale() {
		made, err := s.connect()
		s.dialed = time.Now()
		if err != nil {
			return err
		}
		s.client.Store(&made)
		if client != nil {
			s.tasks.Go((*client).Close)
		}
		client = &made
	}
	// Making a connection may take longer than a request waits, with TLS above all.
	ctx, cancel := context.WithTimeout(s.ctx, dialTimeout)
	defer cancel()
	if err := (*client).Do(ctx, (*client).B().Ping().Build()).Error(); err != nil {
		return err
	}
	ctx, cancel = context.WithTimeout(s.ctx, time.Duration(s.opts.Config.Timeout))
	defer cancel()
	_, err := s.renew(ctx, false)
	if errors.Is(err, errLost) {
		return s.restore()
	}
	return err
}

// stale says whether the same client may never find its way back. It does where only the server was away.
func (s *Store) stale() bool {
	why := s.State().Reason
	if s.opts.Config.Mode == config.StoreSingle && (why == "timeout" || why == "loading" || why == "out of memory" || why == dataLost) {
		return false
	}
	return true
}

// sweep renews, and sweeps up what dead processes left.
func (s *Store) sweep(epoch int64) {
	for {
		ctx, cancel := context.WithTimeout(s.ctx, s.pace.patient)
		more, err := s.renew(ctx, false)
		cancel()
		if err != nil {
			s.down(epoch, err)
			return
		}
		if !more || s.ctx.Err() != nil {
			return
		}
	}
}

// renew says that this process lives or, leaving, that it does not any more. More says that there is more to sweep up.
func (s *Store) renew(ctx context.Context, leaving bool) (more bool, err error) {
	client := s.client.Load()
	if client == nil {
		return false, ErrDown
	}
	leaves := "0"
	if leaving {
		leaves = "1"
		// It is not heard of any more, and that is no loss.
		s.seen.Store(&sight{generation: s.seen.Load().generation, heard: "0"})
	}
	asked, seen := s.clock.own(), s.seen.Load()
	answer, err := s.scripts.renew.Exec(ctx, *client, s.prefix, []string{
		s.instance, strconv.FormatInt(s.pace.silence.Microseconds(), 10), leaves, seen.generation, seen.heard,
	}).AsIntSlice()
	if err != nil {
		return false, err
	}
	if len(answer) != 3 {
		return false, errAnswer
	}
	s.clock.heard(answer[0], asked)
	if answer[2] < 0 {
		return false, errLost
	}
	if !leaving {
		s.seen.CompareAndSwap(seen, &sight{generation: seen.generation, heard: strconv.FormatInt(answer[0], 10)})
	}
	return answer[2] == 1, nil
}
