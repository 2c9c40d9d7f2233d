// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// jitter is how much an interval may be longer or shorter, so that the pods of a gateway do not ask all at once.
const jitter = 0.1

// Status is what the checks of one key found. It is safe for concurrent use; a nil one is of nobody who is checked.
type Status struct {
	now   func() time.Time
	found atomic.Pointer[config.HealthState] // nil before the first verdict

	mu    sync.Mutex
	check Check
	life  context.Context // of the goroutine that makes the checks now
	end   context.CancelFunc
	asked time.Time // when the last check that counted began
	// against counts the checks in a row that say other than what was found.
	against int64
}

// Healthy is true until checks proved otherwise. It takes no lock.
func (s *Status) Healthy() bool {
	if s == nil {
		return true
	}
	found := s.found.Load()
	return found == nil || found.Healthy
}

// Look gives what was found. known is false without checks, and before a first success or enough failures in a row.
func (s *Status) Look() (h config.HealthState, known bool) {
	if s == nil {
		return h, false
	}
	found := s.found.Load()
	if found == nil {
		return h, false
	}
	return *found, true
}

// use takes up a check. begins says that a goroutine is to watch for as long as life, and to wait before its first check.
func (s *Status) use(check Check) (life context.Context, wait time.Duration, begins bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, first := s.check, s.life == nil
	s.check = check
	if !first && was.Version == check.Version && was.Settings == check.Settings {
		return nil, 0, false
	}
	if !first {
		s.end()
	}
	if was.Version != check.Version {
		// What another endpoint or credential did says nothing about this one.
		s.asked, s.against = time.Time{}, 0
	}
	s.life, s.end = context.WithCancel(context.Background())
	if !s.asked.IsZero() {
		wait = time.Until(s.asked.Add(check.Settings.Interval.Std()))
	}
	return s.life, wait, true
}

func (s *Status) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
}

// watch makes checks until its life ends. An interval is from the beginning of one check to that of the next.
func (s *Status) watch(life context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-life.Done():
			return
		case <-timer.C:
		}
		check, began := s.current(), time.Now()
		s.count(life, began, ask(life, check))
		interval := float64(check.Settings.Interval) * (1 + jitter*(2*rand.Float64()-1))
		timer.Reset(time.Until(began.Add(time.Duration(interval))))
	}
}

func (s *Status) current() Check {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.check
}

var errPanicked = errors.New("the check panicked")

// ask makes one check. A panic is a failure: the gateway serves on.
func ask(life context.Context, check Check) (err error) {
	ctx, cancel := context.WithTimeout(life, check.Settings.Timeout.Std())
	defer cancel()
	defer func() {
		if recover() != nil {
			err = errPanicked
		}
	}()
	return check.Ask(ctx)
}

// count takes the result of a check, unless its life was ended meanwhile: then it says nothing.
func (s *Status) count(life context.Context, began time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if life.Err() != nil {
		return
	}
	s.asked = began
	healthy, was := err == nil, s.found.Load()
	if was != nil && was.Healthy == healthy {
		s.against = 0
		if !healthy && was.Reason != err.Error() {
			s.found.Store(&config.HealthState{Reason: err.Error(), Since: was.Since})
		}
		return
	}
	s.against++
	if was != nil && healthy && s.against < s.check.Settings.HealthyThreshold ||
		!healthy && s.against < s.check.Settings.UnhealthyThreshold {
		return
	}
	s.against = 0
	found := &config.HealthState{Healthy: healthy, Since: s.now()}
	if !healthy {
		found.Reason = err.Error()
	}
	if s.check.Told != nil {
		s.check.Told(healthy)
	}
	s.found.Store(found)
}
