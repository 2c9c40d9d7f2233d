// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

const (
	// skew is how far a pod's clock may be ahead of the store's without records being missed.
	skew = 5 * time.Minute
	// page is how many entries, of some records each, are read at a time.
	page = 32
)

// Records calls back with each record whose At is in [from, to): day by day, and within a day in the order in which the store
// was told, which is that of time but for what waited while the store was down. record is the callee's until it returns.
// It ends with the first error, ErrDown while the store is down among them.
func (s *Store) Records(ctx context.Context, from, to time.Time, each func(record []byte) error) error {
	now := s.opts.Now()
	if oldest := now.Add(-s.opts.Retention - 24*time.Hour); from.Before(oldest) {
		from = oldest
	}
	if newest := now.Add(24 * time.Hour); to.After(newest) {
		to = newest
	}
	for day := config.Day.Window(from); day <= config.Day.Window(to); day++ {
		if err := s.day(ctx, day, from, to, each); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) day(ctx context.Context, day int64, from, to time.Time, each func(record []byte) error) error {
	stream := s.prefix[0] + "l:" + strconv.FormatInt(day, 10)
	next := strconv.FormatInt(max(from.Add(-skew).UnixMilli(), 0), 10)
	for {
		epoch, up := s.health.now()
		if !up {
			return ErrDown
		}
		client := *s.client.Load()
		patient, cancel := context.WithTimeout(ctx, s.pace.patient)
		entries, err := client.Do(patient, client.B().Xrange().Key(stream).Start(next).End("+").Count(page).Build()).AsXRange()
		cancel()
		if err != nil {
			if ctx.Err() == nil {
				s.down(epoch, err)
			}
			return err
		}
		for i := range entries {
			if err := lines(entries[i].FieldValues["r"], from.UnixMilli(), to.UnixMilli(), each); err != nil {
				return err
			}
			next = "(" + entries[i].ID
		}
		if len(entries) < page {
			return nil
		}
	}
}

// lines calls back with those of an entry that are of the time.
func lines(text string, from, to int64, each func(record []byte) error) error {
	for line := range strings.SplitSeq(text, "\n") {
		ms, record, _ := strings.Cut(line, " ")
		at, err := strconv.ParseInt(ms, 10, 64)
		if err != nil || at < from || at >= to {
			continue
		}
		if err := each([]byte(record)); err != nil {
			return err
		}
	}
	return nil
}
