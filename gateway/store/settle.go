// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// How the script settles an item.
const (
	modeUnsent = iota
	modeSent
	modeAbandon
	modeMerged
)

// Settle says what became of a request. It never blocks: settlements are queued, sent many at a time, and sent again until
// the store has them; each counts once. A batch is numbered, and the store keeps the last number of each process for a week.
// Of more than 16,384 that wait, older ones are summed up by holder: what was used is not lost, only what it took of buckets.
// Of records at most 64 MiB wait; the oldest are dropped.
//
// A window of the calendar is charged that is current in the store when it is told.
func (s *Store) Settle(x *Settlement) {
	at := x.At
	if at.IsZero() {
		at = s.opts.Now()
	}
	mode, used := modeUnsent, exchange.Use{}
	if x.Sent {
		mode, used = modeSent, x.Used
	}
	it := item{
		use:  exchange.Use{Tokens: bounded(used.Tokens), Cost: config.Money(bounded(int64(used.Cost)))},
		last: at.UnixMilli(), sent: x.Sent,
	}
	if x.Reserved || x.Sent && len(x.Holders)+len(x.Constraints) > 0 {
		it.body = appendItem(make([]byte, 0, 320), x.ID, mode, it.use, it.last)
		it.body = append(appendPlan(it.body, x.Constraints, x.Holders, x.Reserve, exchange.Use{}), ']')
		if !x.Reserved {
			it.holders = slices.Clone(x.Holders)
		}
	}
	if x.Reserved {
		s.open.Add(-1)
	}
	if x.Record != nil && s.opts.Retention > 0 {
		it.record, it.day = line(at, x.Record), config.Day.Window(at)
	}
	if it.record == nil && x.Record != nil && s.opts.Retention > 0 {
		s.queue.drop()
	}
	if it.body != nil || it.record != nil {
		s.queue.push(it)
	}
}

// line gives a record as it is kept, nil for one that is too large.
func line(at time.Time, record []byte) []byte {
	if len(record) > MaxRecord {
		return nil
	}
	b := make([]byte, 0, len(record)+14)
	b = strconv.AppendInt(b, at.UnixMilli(), 10)
	b = append(b, ' ')
	// A line feed would end it early; in JSON it is but space. The one that ends a line is no part of it.
	b = append(b, bytes.TrimSuffix(record, []byte("\n"))...)
	return bytes.ReplaceAll(b, []byte("\n"), []byte(" "))
}

// abandon gives back what a reservation may have taken whose answer was not heard.
func (s *Store) abandon(id string) {
	body := appendItem(make([]byte, 0, 64), id, modeAbandon, exchange.Use{}, 0)
	s.queue.push(item{body: append(body, "0]"...)})
}

// appendItem writes an item up to its plan.
func appendItem(b []byte, id string, mode int, use exchange.Use, last int64) []byte {
	b = append(b, '[')
	b = appendText(b, id)
	for _, n := range []int64{int64(mode), use.Tokens, int64(use.Cost), max(last, 0)} {
		b = append(b, ',')
		b = number(b, n)
	}
	return append(b, ',')
}

// drain settles what is queued, a batch at a time and one after another, until the Store ends.
func (s *Store) drain() {
	for count := int64(1); ; {
		items, merged := s.queue.take(s.pace.batch)
		if len(items) == 0 && len(merged) == 0 {
			select {
			case <-s.queue.wake:
				continue
			case <-s.ctx.Done():
				return
			}
		}
		if !s.settle(s.batch(count, items, merged)) {
			return
		}
		s.queue.done()
		count++
	}
}

// ofSight is where the script's arguments stand that change.
const ofSight = 5

// batch gives the arguments of the script. But for how the store is known they are the same however often they are sent.
func (s *Store) batch(count int64, items []item, merged []config.HolderUse) []string {
	body := []byte{'['}
	for i := range items {
		if items[i].body != nil {
			body = append(comma(body, len(body)-1), items[i].body...)
		}
	}
	for i := range merged {
		m := &merged[i]
		body = appendItem(comma(body, len(body)-1), "", modeMerged, exchange.Use{}, m.Last)
		body = append(body, "[["...)
		body = appendText(body, m.Holder)
		for _, n := range []int64{m.Requests, m.Tokens, int64(m.Cost)} {
			body = append(body, ',')
			body = number(body, n)
		}
		body = append(body, "]]]"...)
	}
	args := []string{
		s.instance, strconv.FormatInt(count, 10), string(append(body, ']')),
		strconv.FormatInt(int64(s.opts.Retention/time.Second), 10), strconv.FormatInt(s.opts.MaxBytes, 10),
		"", "", // how the store is known, when it is sent
	}
	return append(args, days(items)...)
}

// days gives each day and its records. Most batches have one.
func days(items []item) []string {
	var args []string
	for i := range items {
		if items[i].record == nil || i > 0 && known(items[:i], items[i].day) {
			continue
		}
		var records []byte
		for _, it := range items[i:] {
			if it.record == nil || it.day != items[i].day {
				continue
			}
			if len(records) > 0 {
				records = append(records, '\n')
			}
			records = append(records, it.record...)
		}
		args = append(args, strconv.FormatInt(items[i].day, 10), string(records))
	}
	return args
}

func known(items []item, day int64) bool {
	for i := range items {
		if items[i].record != nil && items[i].day == day {
			return true
		}
	}
	return false
}

// settle sends a batch until the store has it; false says that the Store ended before.
func (s *Store) settle(args []string) bool {
	for s.waitUp() {
		epoch, _ := s.health.now()
		asked := s.clock.own()
		seen := s.seen.Load()
		args[ofSight], args[ofSight+1] = seen.generation, seen.heard
		ctx, cancel := context.WithTimeout(s.ctx, s.pace.patient)
		answer, err := s.scripts.settle.Exec(ctx, *s.client.Load(), s.prefix, args).ToArray()
		cancel()
		if err == nil {
			err = s.settled(answer, asked)
		}
		if err == nil {
			return true
		}
		if s.ctx.Err() != nil {
			return false
		}
		if server, ok := rueidis.IsRedisErr(err); ok && reason(err) == unknownError {
			// What the script had written stands, its number too: the next time it is done.
			s.opts.Logger.Error("a batch of settlements failed", "error", server.Error())
		}
		s.down(epoch, err)
	}
	return false
}

func (s *Store) settled(answer []rueidis.RedisMessage, asked int64) error {
	if len(answer) == 0 {
		return errLost
	}
	if server, err := answer[0].AsInt64(); err == nil {
		s.clock.heard(server, asked)
	}
	for i := 1; i+1 < len(answer); i += 2 {
		if holder, err := answer[i].ToString(); err == nil {
			s.learn(holder, &answer[i+1])
		}
	}
	return nil
}

// Flush waits until nothing is queued, and all is in the store.
func (s *Store) Flush(ctx context.Context) error {
	select {
	case <-s.queue.waiting():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d settlements are not stored: %w", s.queue.counts().Queued, ctx.Err())
	}
}
