// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// ErrLate says that a reservation reached the store after its time, and took nothing.
var ErrLate = errors.New("the store was asked too late")

var (
	errAnswer = errors.New("the store gave an answer that is not known")
	errID     = errors.New("the ID of a reservation is empty, too long or in use")
	errBusy   = errors.New("too many reservations wait for the store")
)

const maxID = 128

// What the script says of a reservation.
const (
	saidNo = iota
	saidYes
	saidLate
	saidKnown
	saidLost
)

// Reserve takes all that a request needs, or nothing. It waits at most Config.Timeout, and not at all while the store is down.
// An error says that the store cannot say: the caller goes by OnFailure, and settles without Reserved. What such a call may
// have taken all the same is given back.
func (s *Store) Reserve(ctx context.Context, r *Reservation) (exchange.Decision, error) {
	epoch, up := s.health.now()
	if !up {
		return exchange.Decision{}, ErrDown
	}
	if r.ID == "" || len(r.ID) > maxID {
		return exchange.Decision{}, errID
	}
	if s.reserving.Add(1) > maxReserving {
		s.reserving.Add(-1)
		return exchange.Decision{}, errBusy
	}
	defer s.reserving.Add(-1)
	began := time.Now()
	waiting, cancel := context.WithDeadline(ctx, began.Add(time.Duration(s.opts.Config.Timeout)))
	defer cancel()
	plan := string(appendPlan(make([]byte, 0, 256), r.Constraints, r.Holders, r.Use, r.Least))
	answer, err := s.reserve(waiting, r.ID, plan)
	if errors.Is(err, ErrLate) && waiting.Err() == nil {
		// Somebody may have set the server's clock: by now it is known.
		answer, err = s.reserve(waiting, r.ID, plan)
	}
	var decision exchange.Decision
	if err == nil {
		decision, err = s.decide(answer, r)
	}
	if err != nil {
		if !s.nothing(err) {
			// It may have been carried out, and only the answer is lost.
			s.abandon(r.ID)
			if ctx.Err() == nil {
				s.down(epoch, err)
			}
		}
		return exchange.Decision{}, err
	}
	if decision.Refused == nil {
		s.open.Add(1)
	}
	return decision, nil
}

// nothing says that the store has answered, and that nothing was taken.
func (s *Store) nothing(err error) bool {
	if errors.Is(err, ErrLate) {
		s.late.Add(1)
		return true
	}
	return errors.Is(err, errID)
}

func (s *Store) reserve(ctx context.Context, id, plan string) ([]rueidis.RedisMessage, error) {
	deadline, _ := ctx.Deadline()
	asked := s.clock.own()
	seen := s.seen.Load()
	late := strconv.FormatInt(s.clock.until(time.Until(deadline)), 10)
	answer, err := s.scripts.reserve.Exec(ctx, *s.client.Load(), s.prefix, []string{s.instance, id, plan, late, seen.generation, seen.heard}).ToArray()
	if err != nil {
		return nil, err
	}
	if len(answer) < 2 {
		return nil, errAnswer
	}
	server, err := answer[1].AsInt64()
	if err != nil {
		return nil, errAnswer
	}
	s.clock.heard(server, asked)
	switch said, err := answer[0].AsInt64(); {
	case err != nil:
		return nil, errAnswer
	case said == saidLate:
		return nil, ErrLate
	case said == saidKnown:
		return nil, errID
	case said == saidLost:
		return nil, errLost
	}
	return answer, nil
}

// decide reads the script's answer.
func (s *Store) decide(answer []rueidis.RedisMessage, r *Reservation) (exchange.Decision, error) {
	const fixed = 11
	var d exchange.Decision
	if len(answer) < fixed {
		return d, errAnswer
	}
	var n [fixed]int64
	for i := range n {
		var err error
		if n[i], err = answer[i].AsInt64(); err != nil {
			return d, errAnswer
		}
	}
	of := func(i int64) *exchange.Constraint {
		if i < 1 || i > int64(len(r.Constraints)) {
			return nil
		}
		return &r.Constraints[i-1]
	}
	if n[0] == saidNo {
		if d.Refused = of(n[2]); d.Refused == nil {
			return d, errAnswer
		}
		d.RetryAfter = time.Duration(max(n[3], 0)) * time.Microsecond
	}
	d.Shadowed = of(n[4])
	for i, level := range []*exchange.Level{&d.Requests, &d.Tokens} {
		at := 5 + 3*i
		c := of(n[at])
		if c == nil {
			continue
		}
		*level = exchange.Level{
			Limited: true, Limit: c.Limit, Remaining: n[at+1], Reset: time.Duration(n[at+2]) * time.Microsecond,
		}
		if c.Dimension == exchange.Requests {
			level.Limit = c.Burst
		}
	}
	holders := all(r.Constraints, r.Holders)
	for i := range min(len(holders), len(answer)-fixed) {
		s.learn(holders[i], &answer[fixed+i])
	}
	return d, nil
}

// learn passes on what a holder used in all.
func (s *Store) learn(holder string, totals *rueidis.RedisMessage) {
	if s.opts.Learned == nil {
		return
	}
	text, err := totals.ToString()
	if err != nil {
		return
	}
	var n [10]int64
	for i := range n {
		var field string
		field, text, _ = strings.Cut(text, " ")
		if n[i], err = strconv.ParseInt(field, 10, 64); err != nil {
			return
		}
	}
	use := func(i int) config.WindowUse { return config.WindowUse{Window: n[i], Cost: config.Money(n[i+1])} }
	s.opts.Learned(holder, &config.HolderUse{
		Holder: holder, Requests: n[0], Tokens: n[1], Day: use(2), Week: use(4), Month: use(6), Last: n[8], Cost: config.Money(n[9]),
	})
}
