// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import "time"

// roll ends the row that is under way, and gives it.
func (t *tally) roll(at time.Time) Row {
	t.mu.Lock()
	defer t.mu.Unlock()
	until := at.Sub(t.begun)
	row := t.now
	row.At, row.Seconds, row.InFlight = t.rolled.Seconds(), (until - t.rolled).Seconds(), t.inFlight
	row.Warmup = t.rolled < t.warmup
	row.P50, row.P99, row.FirstToken = millis(t.latency.At(50)), millis(t.latency.At(99)), millis(t.firstToken.At(95))
	if t.profile != nil {
		row.Offered = t.profile.Due(until) - t.profile.Due(t.rolled)
	}
	t.latency.forget()
	t.firstToken.forget()
	t.now, t.rolled = Row{}, until
	t.keep(row)
	return row
}

// keep adds a row to those kept, and folds them when there are too many.
func (t *tally) keep(row Row) {
	if t.held > 0 && t.held < t.seconds {
		fold(&t.rows[len(t.rows)-1], &row)
		t.held++
		return
	}
	if len(t.rows) == maxRows {
		for i := range maxRows / 2 {
			fold(&t.rows[2*i], &t.rows[2*i+1])
			t.rows[i] = t.rows[2*i]
		}
		clear(t.rows[maxRows/2:])
		t.rows = t.rows[:maxRows/2]
		t.seconds *= 2
	}
	t.rows = append(t.rows, row)
	t.held = 1
}

// fold makes one row of two that follow each other.
func fold(a, b *Row) {
	a.Seconds += b.Seconds
	a.Offered += b.Offered
	a.Sent, a.Done, a.Errors, a.Output = a.Sent+b.Sent, a.Done+b.Done, a.Errors+b.Errors, a.Output+b.Output
	a.InFlight = b.InFlight
	a.P50, a.P99, a.FirstToken = max(a.P50, b.P50), max(a.P99, b.P99), max(a.FirstToken, b.FirstToken)
	if len(b.Kinds) == 0 {
		return
	}
	kinds := make(map[Kind]int64, len(a.Kinds)+len(b.Kinds))
	for _, from := range []map[Kind]int64{a.Kinds, b.Kinds} {
		for k, n := range from {
			if _, known := kinds[k]; !known && len(kinds) >= maxKinds {
				k = KindOther
			}
			kinds[k] += n
		}
	}
	a.Kinds = kinds
}

func millis(t time.Duration) float64 {
	return float64(t.Round(time.Microsecond)) / float64(time.Millisecond)
}

// Until is when a row ends, in seconds since the beginning of the run.
func (r Row) Until() float64 { return r.At + r.Seconds }
