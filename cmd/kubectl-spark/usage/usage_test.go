// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/ledger"
)

var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func line(id string, ended time.Duration, r ledger.Record) []byte {
	r.ID, r.Time, r.LatencyMs = id, day.Add(ended-time.Second), 1000
	return ledger.AppendJSON(nil, &r)
}

// lines are some records of everybody.
func lines() [][]byte {
	return [][]byte{
		line("1", time.Hour, ledger.Record{Key: "t/a", Principal: "key/t/a", User: "ann", Team: "x", Model: "smart", Provider: "t/p", Route: "t/r", Outcome: "ok", TokensIn: 10, TokensOut: 2, TokensCached: 5, Cost: 30, Priced: true}),
		line("2", 2*time.Hour, ledger.Record{Key: "t/a", Principal: "key/t/a", User: "ann", Team: "x", Model: "fast", Provider: "t/q", Outcome: "provider_broken", TokensIn: 1, Cost: 4, Priced: true}),
		line("2", 2*time.Hour, ledger.Record{Key: "t/a", Outcome: "ok", TokensIn: 100}),
		line("3", 26*time.Hour, ledger.Record{Principal: "token/d", User: "bob", Model: "fast", Provider: "t/q", Outcome: "client_gone", TokensIn: 7, Priced: false, TokensSaved: 9, CostSaved: 6}),
		line("4", 24*time.Hour, ledger.Record{Outcome: "unauthenticated", Priced: true}),
	}
}

func TestSums(t *testing.T) {
	for by, want := range map[By][]string{
		Key:      {"t/a 2 requests, 1 errors, 0 refused, 11 in, 2 out, 5 cached, $0.000000034, 0 unpriced", "token/d 1 requests, 0 errors, 0 refused, 7 in, 0 out, 0 cached, $0.00, 1 unpriced, 9 saved, $0.000000006", "- 1 requests, 0 errors, 1 refused, 0 in, 0 out, 0 cached, $0.00, 0 unpriced"},
		User:     {"ann 2", "bob 1", "- 1"},
		Team:     {"x 2", "- 2"},
		Model:    {"smart 1", "fast 2", "- 1"},
		Provider: {"t/p 1", "t/q 2", "- 1"},
		Route:    {"t/r 1", "- 3"},
		Day:      {"2026-03-01 2", "2026-03-02 2"},
	} {
		b := New(by, time.Time{}, time.Time{})
		for _, l := range lines() {
			if err := b.Add(l); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for _, s := range b.Sums() {
			text := fmt.Sprintf("%s %d", s.Name, s.Requests)
			if by == Key {
				text += fmt.Sprintf(" requests, %d errors, %d refused, %d in, %d out, %d cached, $%s, %d unpriced", s.Errors, s.Refused, s.TokensIn, s.TokensOut, s.TokensCached, s.Cost, s.Unpriced)
				if s.TokensSaved > 0 {
					text += fmt.Sprintf(", %d saved, $%s", s.TokensSaved, s.CostSaved)
				}
			}
			got = append(got, text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("by %s: %s", by, diff)
		}
		if diff := cmp.Diff(Sum{Name: "total", Requests: 4, Errors: 1, Refused: 1, TokensIn: 18, TokensOut: 2, TokensCached: 5, Cost: 34, Unpriced: 1, TokensSaved: 9, CostSaved: 6}, b.Total()); diff != "" {
			t.Errorf("by %s: %s", by, diff)
		}
		if first, last := b.Span(); !first.Equal(day.Add(time.Hour)) || !last.Equal(day.Add(26*time.Hour)) || b.Course() != nil {
			t.Errorf("by %s: %s to %s", by, first, last)
		}
	}
}

func TestABookHasATime(t *testing.T) {
	b := New(Day, day.Add(time.Hour), day.Add(25*time.Hour))
	for _, l := range append(lines(), line("5", 25*time.Hour-time.Millisecond, ledger.Record{}), line("6", 25*time.Hour, ledger.Record{})) {
		if err := b.Add(l); err != nil {
			t.Fatal(err)
		}
	}
	var at []int
	for i, s := range b.Course() {
		if s.Requests > 0 {
			at = append(at, i)
		}
	}
	if diff := cmp.Diff([]int{0, 2, 46, 47}, at); diff != "" || b.Total().Requests != 4 {
		t.Errorf("%s, %d requests", diff, b.Total().Requests)
	}
}

func TestWhatIsNoRecordIsNotCounted(t *testing.T) {
	for name, line := range map[string]string{
		"CSV":                          "id,time",
		"a line that was cut":          `{"id":"1","time":"2026-03-01T0`,
		"an error of a gateway":        `{"error":{"message":"no"}}`,
		"a record without an id":       `{"time":"2026-03-01T00:00:00Z","outcome":"ok"}`,
		"a record without a time":      `{"id":"1","outcome":"ok"}`,
		"a number where a text should": `{"id":1,"time":"2026-03-01T00:00:00Z"}`,
	} {
		b := New(Key, time.Time{}, time.Time{})
		if err := b.Add([]byte(line)); err == nil || b.Total().Requests != 0 {
			t.Errorf("%s: %v, %d requests", name, err, b.Total().Requests)
		}
	}
}

func TestHowRequestsEnd(t *testing.T) {
	want := map[exchange.Outcome]Sum{
		exchange.OK: {}, exchange.ClientGone: {},
		exchange.Limited: {Refused: 1}, exchange.Refused: {Refused: 1}, exchange.Unauthenticated: {Refused: 1}, exchange.Blocked: {Refused: 1},
	}
	for o := range exchange.Outcomes {
		b := New(Key, time.Time{}, time.Time{})
		if err := b.Add(line("1", time.Hour, ledger.Record{Outcome: o.String(), Priced: true})); err != nil {
			t.Fatal(err)
		}
		wanted, known := want[o]
		if !known {
			wanted = Sum{Errors: 1}
		}
		wanted.Name, wanted.Requests = "total", 1
		if diff := cmp.Diff(wanted, b.Total()); diff != "" {
			t.Errorf("%s: %s", o, diff)
		}
	}
}
