// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"strings"
	"sync"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

const (
	maxRecordBytes = 64 << 20 // of records that wait
	recordCost     = 128      // that one takes beside its bytes
	maxBatchBytes  = 256 << 10
	maxMerged      = 10000 // holders that are chosen by clients
)

// item is a settlement that waits.
type item struct {
	body   []byte // as the script reads it; nil where only the record is left
	record []byte // time in milliseconds, a space and the record; nil for none
	day    int64  // of the record
	// holders and use are what is left of it when it is merged; holders is nil where it must not be.
	holders []string
	use     exchange.Use
	last    int64
	sent    bool
}

// queue holds settlements in order, bounded. Beyond its bounds the usage of older ones is summed up by holder, so that none
// is lost, and the oldest records are dropped.
type queue struct {
	mu      sync.Mutex
	items   []item
	merged  map[string]*config.HolderUse
	records int // bytes
	most    int
	tidy    int // the length at which it is merged next
	flying  int // settlements that were taken, and not done
	wake    chan struct{}
	idle    chan struct{} // closed while nothing waits

	mergedCount, dropped int64
}

func (q *queue) counts() Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Counts{Queued: int64(len(q.items) + q.flying), Merged: q.mergedCount, RecordsDropped: q.dropped}
}

func (q *queue) push(it item) {
	q.mu.Lock()
	if q.empty() {
		q.idle = make(chan struct{})
	}
	q.items = append(q.items, it)
	if it.record != nil {
		q.records += len(it.record) + recordCost
	}
	if q.records > maxRecordBytes {
		q.forget()
	}
	if len(q.items) >= max(q.most, q.tidy) {
		q.merge()
		q.tidy = len(q.items) + q.most/4
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) empty() bool { return len(q.items) == 0 && len(q.merged) == 0 && q.flying == 0 }

// merge sums up the older half. Settlements of reservations stay: there are no more of them than requests were under way.
func (q *queue) merge() {
	kept := q.items[:0]
	half := len(q.items) / 2
	for i, it := range q.items {
		if i < half && it.body != nil && it.holders != nil {
			q.sum(&it)
			q.mergedCount++
			it.body, it.holders = nil, nil
		}
		if it.body != nil || it.record != nil {
			kept = append(kept, it)
		}
	}
	clear(q.items[len(kept):])
	q.items = kept
}

func (q *queue) sum(it *item) {
	if !it.sent {
		return
	}
	if q.merged == nil {
		q.merged = make(map[string]*config.HolderUse)
	}
	for _, h := range it.holders {
		u := q.merged[h]
		if u == nil {
			chosen := strings.HasPrefix(h, config.HolderUser) || strings.HasPrefix(h, config.HolderToken)
			// What addresses used in all is nobody's concern.
			if strings.HasPrefix(h, config.HolderIP) || chosen && len(q.merged) >= maxMerged {
				continue
			}
			u = &config.HolderUse{Holder: h}
			q.merged[h] = u
		}
		u.Add(&config.HolderUse{Requests: 1, Tokens: it.use.Tokens, Cost: it.use.Cost, Last: it.last})
	}
}

// forget drops the oldest records, some more than need be.
func (q *queue) forget() {
	kept := q.items[:0]
	for _, it := range q.items {
		if it.record != nil && q.records > maxRecordBytes*3/4 {
			q.records -= len(it.record) + recordCost
			q.dropped++
			it.record = nil
		}
		if it.body != nil || it.record != nil {
			kept = append(kept, it)
		}
	}
	clear(q.items[len(kept):])
	q.items = kept
}

// take gives the next to be settled: merged ones before others, and nothing when nothing waits.
func (q *queue) take(most int) (items []item, merged []config.HolderUse) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for holder, use := range q.merged {
		if len(merged) >= most {
			break
		}
		merged = append(merged, *use)
		delete(q.merged, holder)
	}
	size := 0
	for _, it := range q.items {
		size += len(it.body) + len(it.record)
		if len(items)+len(merged) >= most || len(items) > 0 && size > maxBatchBytes {
			break
		}
		if it.record != nil {
			q.records -= len(it.record) + recordCost
		}
		items = append(items, it)
	}
	clear(q.items[:len(items)])
	if q.items = q.items[len(items):]; len(q.items) == 0 {
		// A long outage leaves a large array.
		q.items, q.tidy = nil, 0
	}
	q.flying = len(items) + len(merged)
	return items, merged
}

// done says that what was taken is in the store.
func (q *queue) done() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.flying = 0
	if q.empty() {
		close(q.idle)
	}
}

func (q *queue) waiting() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.idle
}

// drop counts a record that was not taken.
func (q *queue) drop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dropped++
}
