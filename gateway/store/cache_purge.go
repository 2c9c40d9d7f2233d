// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

const (
	// maxMarks bounds how many purges are remembered one by one.
	maxMarks = 4096
	// maxMark bounds a purge's label.
	maxMark = 512
	// wholeEvery is how often all purges are read again, and not only those since the last time.
	wholeEvery = time.Minute
)

var errMark = errors.New("the label of a purge is empty or too long")

// heard is how far purges are known.
type heard struct {
	mu    sync.Mutex
	epoch int64     // of the store, in which they were read; -1 for none
	whole time.Time // when all were
	last  int64     // the time of the latest, in milliseconds since 1970
}

func (h *heard) of() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.epoch
}

// from gives what to read from in an epoch, and whether it is all.
func (h *heard) from(epoch int64) (from string, whole bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.epoch != epoch || time.Since(h.whole) > wholeEvery {
		return "-inf", true
	}
	return strconv.FormatInt(h.last-skew.Milliseconds(), 10), false
}

func (h *heard) done(epoch int64, whole bool, last int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.epoch, h.last = epoch, max(h.last, last)
	if whole {
		h.whole = time.Now()
	}
}

// Purged gives when labels were purged, in milliseconds since 1970: all of them at first and now and then, else the latest.
// It is to be asked again and again, and whoever asks takes up what it says: only then Fetch gives anything.
func (a *Answers) Purged(ctx context.Context) (map[string]int64, error) {
	s := a.store
	epoch, up := s.health.now()
	if !up {
		return nil, ErrDown
	}
	patient, cancel := context.WithTimeout(ctx, s.pace.patient)
	defer cancel()
	client := *s.client.Load()
	from, whole := a.heard.from(epoch)
	found, err := client.Do(patient, client.B().Zrangebyscore().Key(s.prefix[0]+"cm").Min(from).Max("+inf").Withscores().Build()).AsZScores()
	if err != nil && !rueidis.IsRedisNil(err) {
		if ctx.Err() == nil {
			a.fails(epoch, err)
		}
		return nil, err
	}
	marks, last := make(map[string]int64, len(found)), int64(0)
	for _, mark := range found {
		at := int64(mark.Score)
		marks[mark.Member], last = at, max(last, min(at, s.opts.Now().UnixMilli()))
	}
	a.heard.done(epoch, whole, last)
	return marks, nil
}

// Purge remembers that a label was purged at a time, in milliseconds since 1970, for as long as keepFor. Every pod's Purged
// tells of it from then on. What was purged stays in the store until it expires, and is nobody's.
func (a *Answers) Purge(ctx context.Context, label string, at int64, keepFor time.Duration) error {
	s := a.store
	if label == "" || len(label) > maxMark {
		return errMark
	}
	epoch, up := s.health.now()
	if !up {
		return ErrDown
	}
	patient, cancel := context.WithTimeout(ctx, s.pace.patient)
	defer cancel()
	err := a.purge.Exec(patient, *s.client.Load(), s.prefix, []string{
		label, strconv.FormatInt(at, 10), strconv.FormatInt(keepFor.Milliseconds(), 10), strconv.Itoa(maxMarks),
	}).Error()
	if err != nil && ctx.Err() == nil {
		a.fails(epoch, err)
	}
	return err
}
