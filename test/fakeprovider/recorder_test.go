// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"net/http"
	"testing"
	"time"
)

func TestWhatHappenedFirstIsWhatIsTold(t *testing.T) {
	r := recorder{limit: 2}
	entry := r.begin(Record{State: Running, Status: http.StatusOK, PromptTokens: 7})
	first, later := time.Unix(1, 0), time.Unix(2, 0)
	r.settle(entry, Cancelled, first)
	r.settle(entry, Completed, later)
	if entry.State != Cancelled || !entry.CancelledAt.Equal(first) || !entry.EndedAt.Equal(first) {
		t.Errorf("record %+v, want it cancelled at first", entry)
	}
	want := Stats{MaxInFlight: 1, Total: 1, Cancelled: 1, PromptTokens: 7}
	if got := r.totals(); got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
}

func TestAResetKeepsWhatRuns(t *testing.T) {
	r := recorder{limit: 2}
	running := r.begin(Record{State: Running})
	r.settle(r.begin(Record{State: Running}), Completed, time.Unix(1, 0))
	r.reset()
	if got, want := r.totals(), (Stats{InFlight: 1, MaxInFlight: 1, Total: 1}); got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
	r.settle(running, Completed, time.Unix(2, 0))
	if got := r.totals(); got.InFlight != 0 || got.Completed != 1 {
		t.Errorf("stats %+v after the last one ended", got)
	}
	if got := r.list(); len(got) != 0 {
		t.Errorf("records %+v", got)
	}
}
