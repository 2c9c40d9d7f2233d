// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Stats are totals since the start or the last Reset.
type Stats struct {
	InFlight         int   `json:"inFlight"`
	MaxInFlight      int   `json:"maxInFlight"`
	Total            int64 `json:"total"`
	Completed        int64 `json:"completed"`
	Cancelled        int64 `json:"cancelled"`
	Faulted          int64 `json:"faulted"`
	BytesSent        int64 `json:"bytesSent"`
	EventsSent       int64 `json:"eventsSent"`
	PromptTokens     int64 `json:"promptTokens"`
	CompletionTokens int64 `json:"completionTokens"`
}

// recorder keeps the newest records and the totals. Safe for concurrent use.
type recorder struct {
	mu      sync.Mutex
	limit   int
	nextID  int64
	records []*Record // oldest first
	stats   Stats
	changed chan struct{} // closed at the next change; nil while nobody waits
}

func (r *recorder) begin(record Record) *Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nextID++
	record.ID = r.nextID
	entry := &record
	if len(r.records) == r.limit {
		copy(r.records, r.records[1:])
		r.records = r.records[:r.limit-1]
	}
	r.records = append(r.records, entry)
	r.stats.Total++
	r.stats.InFlight++
	r.stats.MaxInFlight = max(r.stats.MaxInFlight, r.stats.InFlight)
	r.notify()
	return entry
}

func (r *recorder) update(entry *Record, change func(*Record)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(entry)
	r.notify()
}

// served adds what was handed to the connection.
func (r *recorder) served(entry *Record, bytes, events, tokens int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	entry.BytesSent += int64(bytes)
	entry.EventsSent += events
	entry.CompletionTokens += tokens
	r.stats.BytesSent += int64(bytes)
	r.stats.EventsSent += int64(events)
	r.stats.CompletionTokens += int64(tokens)
	r.notify()
}

// settle ends a record; only the first call has an effect, so that what happened first is what is told.
func (r *recorder) settle(entry *Record, state State, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if entry.State != Running {
		return
	}
	entry.State, entry.EndedAt = state, now
	r.stats.InFlight--
	if entry.Status == http.StatusOK { // a refusal reads no prompt
		r.stats.PromptTokens += int64(entry.PromptTokens)
	}
	switch state {
	case Completed:
		r.stats.Completed++
	case Faulted:
		r.stats.Faulted++
	case Cancelled:
		r.stats.Cancelled++
		entry.CancelledAt = now
	}
	r.notify()
}

func (r *recorder) notify() {
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

func (r *recorder) list() []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.matching(func(Record) bool { return true })
}

// matching gives copies; headers are never written after begin, so sharing them is safe.
func (r *recorder) matching(want func(Record) bool) []Record {
	found := make([]Record, 0, len(r.records))
	for _, entry := range r.records {
		if want(*entry) {
			found = append(found, *entry)
		}
	}
	return found
}

// wait returns once at least n records match, or with what matches by then and an error when ctx ends.
func (r *recorder) wait(ctx context.Context, n int, want func(Record) bool) ([]Record, error) {
	for {
		r.mu.Lock()
		found, total := r.matching(want), len(r.records)
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed := r.changed
		r.mu.Unlock()
		if len(found) >= n {
			return found, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return found, fmt.Errorf("%d of %d records match, %d wanted: %w", len(found), total, n, ctx.Err())
		}
	}
}

// clear forgets the records; requests that run go on being counted.
func (r *recorder) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = nil
	r.notify()
}

func (r *recorder) totals() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats
}

func (r *recorder) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	running := r.stats.InFlight
	r.records = nil
	r.stats = Stats{InFlight: running, MaxInFlight: running, Total: int64(running)}
	r.notify()
}
