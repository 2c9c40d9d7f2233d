// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// A store that was emptied, or that came back without its last writes, has forgotten what was spent on budgets. Every process
// remembers the store's level of each holder as it was last told. So a store has a generation, which whoever finds none makes
// up: every script is for one generation only, and a process goes on in another one only after it has told what it remembers.
// Of each number the largest stands, so it does not matter how many tell the same, nor how often. What a process settles counts
// on top of that, and waits until it has told. A generation that is not the first is not open to anybody before everybody had
// time to tell.
//
// A process that lived on sees that writes were lost, in the same generation, by when it was last heard itself. Then it waits as
// long for the others to see it too.

// errLost says that the store is not the one that this process knows, or not as it was.
var errLost = errors.New("the store lost what it knew")

// batchFloors is how many holders are told at a time: the server does nothing else meanwhile.
const batchFloors = 100

// sight is what a store has to show to be the one that this process knows.
type sight struct {
	generation string // "" before this process was first up
	heard      string // the server's time when it last heard of this process, in microseconds
}

// heritage is a generation that knows all that this process remembers.
type heritage struct {
	generation string // "" for none
	opens      time.Time
}

// restore makes a store known that lost what it knew. It is the keeper's own, and is tried again until it gives no error.
func (s *Store) restore() error {
	if s.heritage.generation == "" {
		next, err := s.bequeath()
		if err != nil {
			return err
		}
		s.heritage = next
	}
	if time.Now().Before(s.heritage.opens) {
		return errLost
	}
	s.seen.Store(&sight{generation: s.heritage.generation, heard: "0"})
	s.heritage = heritage{}
	ctx, cancel := context.WithTimeout(s.ctx, s.pace.patient)
	defer cancel()
	_, err := s.renew(ctx, false)
	return err
}

// bequeath tells the store all that this process remembers.
func (s *Store) bequeath() (heritage, error) {
	var h heritage
	body, holders := []byte{'['}, 0
	tell := func() error {
		next, err := s.floors(h.generation, append(body, ']'), holders > 0 || s.seen.Load().generation != "")
		h, body = next, body[:1]
		return err
	}
	if s.opts.Known != nil {
		for u := range s.opts.Known {
			body = appendFloor(comma(body, len(body)-1), &u)
			if holders++; holders%batchFloors != 0 {
				continue
			}
			if err := tell(); err != nil {
				return h, err
			}
		}
	}
	if err := tell(); err != nil {
		return h, err
	}
	if h.generation == s.seen.Load().generation {
		h.opens = time.Now().Add(s.pace.grace)
	}
	if holders > 0 {
		s.opts.Logger.Warn("the store was told again what it had lost", "holders", holders)
	}
	return h, nil
}

// floors tells some holders' numbers to a generation, "" for whichever there is. lost says that there was one before: others may
// know of it, so that a new one is not open at once.
func (s *Store) floors(generation string, body []byte, lost bool) (heritage, error) {
	grace := time.Duration(0)
	if lost {
		grace = s.pace.grace
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.pace.patient)
	defer cancel()
	answer, err := s.scripts.restore.Exec(ctx, *s.client.Load(), s.prefix, []string{
		generation, rand.Text()[:16], strconv.FormatInt(grace.Microseconds(), 10), string(body),
	}).ToArray()
	if err != nil {
		return heritage{}, err
	}
	if len(answer) != 3 {
		return heritage{}, errAnswer
	}
	name, err := answer[1].ToString()
	if err != nil {
		return heritage{}, errAnswer
	}
	if name == "" {
		return heritage{}, errLost
	}
	micros, err := answer[2].AsInt64()
	if err != nil {
		return heritage{}, errAnswer
	}
	wait := time.Duration(micros) * time.Microsecond
	if wait > s.pace.grace {
		wait = 0 // Somebody set the server's clock.
	}
	return heritage{name, time.Now().Add(wait)}, nil
}

// exact bounds what the server's scripts can compute with.
const exact = int64(1)<<53 - 1

// appendFloor writes what is known of a holder as the script reads it.
func appendFloor(b []byte, u *config.HolderUse) []byte {
	b = append(b, '[')
	b = appendText(b, u.Holder)
	for _, n := range []int64{
		u.Requests, u.Tokens, u.Day.Window, int64(u.Day.Cost), u.Week.Window, int64(u.Week.Cost), u.Month.Window, int64(u.Month.Cost), u.Last,
	} {
		b = number(append(b, ','), min(max(n, 0), exact))
	}
	b = append(b, `,"`...)
	b = number(b, max(int64(u.Cost), 0))
	return append(b, `"]`...)
}
