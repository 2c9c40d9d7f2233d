// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package errortrack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// tracker gives one that tells nobody, and its clock.
func tracker(t *testing.T, most int) (*Tracker, *time.Time) {
	t.Helper()
	now := start
	tr := New(Options{Instance: "pod-1", Now: func() time.Time { return now }})
	t.Cleanup(func() { tr.Close(context.Background()) })
	if err := tr.Use(Settings{MaxGroups: most}); err != nil {
		t.Fatal(err)
	}
	return tr, &now
}

func id(c byte) (id [exchange.IDLen]byte) {
	for i := range id {
		id[i] = c
	}
	return id
}

// word makes a cause of its own class.
func word(n int) string {
	text := ""
	for ; n > 0; n /= 16 {
		text += string("ghijklmnopqrstuv"[n%16])
	}
	return "cause " + text + "z"
}

func mistake(n int) Event {
	e := failure(word(n))
	e.Outcome, e.Status, e.Reason = exchange.Refused, 400, exchange.ReasonInvalidBody
	return e
}

func fault(n int) Event { return failure(word(n)) }

func TestAGroupTellsWhatHappened(t *testing.T) {
	tr, now := tracker(t, 10)
	first := failure("dial tcp 10.2.3.4:443: connect: connection refused")
	first.UpstreamStatus, first.RequestID = 503, id('a')
	tr.Record(first)
	*now = now.Add(90 * time.Second)
	second := first
	second.RequestID, second.Route, second.Cause = id('b'), "team-b/other", errors.New("dial tcp 10.9.9.9:80: connect: connection refused")
	tr.Record(second)
	want := config.ErrorReport{Instance: "pod-1", Since: start, Groups: []Group{{
		Fingerprint: fingerprintText(fingerprint(&first)), Reason: "upstream_connect_failed", Outcome: "provider_unreachable",
		Level: config.LevelError, Status: 502, UpstreamStatus: 503, Provider: "team-a/openai", Model: "gpt-4o", Route: "team-a/smart",
		Dialect: "openai", Operation: "chat", Count: 2, LastHour: 2, First: start, Last: start.Add(90 * time.Second),
		Sample:        "The provider cannot be reached.: dial tcp [address]:443: connect: connection refused",
		LastRequestID: strings.Repeat("b", exchange.IDLen),
	}}}
	if diff := cmp.Diff(want, tr.Report()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Stats{Groups: 1, Errors: 2}, tr.Stats()); diff != "" {
		t.Error(diff)
	}
}

func TestAnEmptyReportIsAList(t *testing.T) {
	tr, _ := tracker(t, 10)
	text, err := json.Marshal(tr.Report())
	if want := `{"instance":"pod-1","since":"2026-11-23T12:00:00Z","dropped":0,"groups":[]}`; err != nil || string(text) != want {
		t.Errorf("got %s, %v", text, err)
	}
}

func TestWhatCounts(t *testing.T) {
	for outcome := range exchange.Outcomes {
		t.Run(outcome.String(), func(t *testing.T) {
			tr, _ := tracker(t, 10)
			tr.Record(Event{Outcome: outcome})
			want := 1
			switch outcome {
			case exchange.OK, exchange.ClientGone, exchange.Overtaken:
				want = 0
			}
			if s := tr.Stats(); s.Groups != want || s.Errors+s.Warnings != int64(want) {
				t.Errorf("got %+v, want %d", s, want)
			}
		})
	}
}

func TestTheLeastRecentlySeenGoes(t *testing.T) {
	tr, now := tracker(t, 3)
	for _, n := range []int{1, 2, 3, 1, 4, 5} {
		*now = now.Add(time.Second)
		tr.Record(fault(n))
	}
	if diff := cmp.Diff([]string{word(5), word(4), word(1)}, causes(tr)); diff != "" {
		t.Error(diff)
	}
	if got := tr.Report().Dropped; got != 2 {
		t.Errorf("%d were dropped", got)
	}
	// Who comes again begins anew.
	*now = now.Add(time.Second)
	tr.Record(fault(2))
	if got := tr.Groups()[0]; got.Count != 1 || got.First != *now {
		t.Errorf("got %+v", got)
	}
}

// causes gives the causes of groups, in the order of Groups.
func causes(tr *Tracker) []string {
	var all []string
	for _, g := range tr.Groups() {
		_, cause, _ := strings.Cut(g.Sample, ".: ")
		all = append(all, cause)
	}
	return all
}

func TestStrangersDoNotPushOutWhatWentWrongHere(t *testing.T) {
	tr, now := tracker(t, 10)
	count := func() (faults, mistakes int) {
		for _, g := range tr.Groups() {
			if g.Level == config.LevelError {
				faults++
			} else {
				mistakes++
			}
		}
		return faults, mistakes
	}
	for _, step := range []struct {
		made                 func(int) Event
		from, to             int
		wantFaults, mistakes int
	}{
		{fault, 1, 21, 10, 0}, {mistake, 1, 1001, 5, 5}, {fault, 21, 1000, 5, 5}, {mistake, 1001, 1003, 5, 5},
	} {
		for n := step.from; n < step.to; n++ {
			*now = now.Add(time.Second)
			tr.Record(step.made(n))
		}
		if faults, mistakes := count(); faults != step.wantFaults || mistakes != step.mistakes {
			t.Errorf("until %d: %d faults and %d mistakes, want %d and %d", step.to, faults, mistakes, step.wantFaults, step.mistakes)
		}
	}
}

func TestASmallerTrackerKeepsTheLastSeen(t *testing.T) {
	tr, now := tracker(t, 0)
	for n := range 20 {
		*now = now.Add(time.Second)
		tr.Record(fault(n + 1))
	}
	for _, test := range []struct{ most, want int }{{5, 5}, {5, 5}, {1, 1}, {100, 1}} {
		if err := tr.Use(Settings{MaxGroups: test.most}); err != nil {
			t.Fatal(err)
		}
		got := causes(tr)
		if len(got) != test.want || got[0] != word(20) {
			t.Errorf("of %d: %q", test.most, got)
		}
	}
	*now = now.Add(time.Second)
	tr.Record(fault(20))
	if got := tr.Groups()[0]; got.Count != 2 {
		t.Errorf("who stayed was forgotten: %+v", got)
	}
}

func TestTheLastHour(t *testing.T) {
	for name, test := range map[string]struct {
		pass time.Duration
		want int64
	}{
		"at once":               {0, 3},
		"in the last minute":    {59*time.Minute + 59*time.Second, 3},
		"when the hour is over": {time.Hour, 0},
		"long after":            {100 * time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			tr, now := tracker(t, 10)
			for range 3 {
				tr.Record(fault(1))
			}
			*now = start.Add(test.pass)
			if got := tr.Groups()[0]; got.Count != 3 || got.LastHour != test.want {
				t.Errorf("got %d of %d, want %d", got.LastHour, got.Count, test.want)
			}
		})
	}
}

// What ended in one order may be counted in another.
func TestLateEventsDoNotTurnBackTheClock(t *testing.T) {
	tr, now := tracker(t, 10)
	late, last := fault(1), fault(1)
	late.Time, late.RequestID = start.Add(-2*time.Minute), id('l')
	last.Time, last.RequestID = start, id('n')
	old := fault(1)
	old.Time = start.Add(-3 * time.Hour)
	for _, e := range []Event{last, late, old} {
		tr.Record(e)
	}
	*now = start
	got := tr.Groups()[0]
	if got.Last != start || got.LastRequestID != strings.Repeat("n", exchange.IDLen) || got.Count != 3 || got.LastHour != 2 {
		t.Errorf("got %+v", got)
	}
	ancient := fault(1)
	ancient.Time = time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC)
	tr.Record(ancient)
	if got := tr.Groups()[0]; got.Count != 4 || got.Last != start {
		t.Errorf("got %+v", got)
	}
}

func TestManyAtOnceAreCountedOnce(t *testing.T) {
	const most, kinds, workers, each = 40, 30, 8, 2000
	tr, _ := tracker(t, most)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(w)))
			for i := range each {
				tr.Record(fault(1 + random.IntN(kinds)))
				if i%100 == 0 {
					_ = tr.Groups()
				}
			}
		})
	}
	wait.Wait()
	var sum int64
	for _, g := range tr.Groups() {
		sum += g.Count
	}
	if s := tr.Stats(); sum != workers*each || s.Errors != workers*each || s.Groups != kinds {
		t.Errorf("%d counted in groups, %+v", sum, s)
	}
}

func TestThereAreNeverTooManyGroups(t *testing.T) {
	const most = 25
	tr, _ := tracker(t, most)
	var wait sync.WaitGroup
	for w := range 8 {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(2, uint64(w)))
			for i := range 1000 {
				if e := fault(random.IntN(200)); i%2 == 0 {
					tr.Record(e)
				} else {
					tr.Record(mistake(random.IntN(200)))
				}
				if n := len(tr.Groups()); n > most {
					t.Errorf("%d groups", n)
					return
				}
				if i%500 == 250 {
					_ = tr.Use(Settings{MaxGroups: most - w%2})
				}
			}
		})
	}
	wait.Wait()
	checkRoster(t, &tr.roster)
}

// checkRoster holds the two views of the groups against each other.
func checkRoster(t *testing.T, r *roster) {
	t.Helper()
	n, faults := 0, 0
	for i := range r.shards {
		n += len(r.shards[i].groups)
	}
	for i, g := range r.owners {
		if g.fault {
			faults++
		}
		if g.shard.groups[g.key] != g || g.seen != &r.seen[i] || g.seen.Load() != g.last.UnixNano() {
			t.Errorf("the group at %d is not where it is looked for", i)
		}
	}
	if n != len(r.owners) || faults != r.faults || n-faults != r.mistakes {
		t.Errorf("%d in shards, %d owners, %d faults of %d, %d mistakes", n, len(r.owners), r.faults, faults, r.mistakes)
	}
}

func TestMergeSumsPods(t *testing.T) {
	one, now := tracker(t, 10)
	other, otherNow := tracker(t, 10)
	one.Record(fault(1))
	*now, *otherNow = start.Add(time.Second), start.Add(2*time.Second)
	other.Record(fault(1))
	one.Record(fault(2))
	got := map[string]string{}
	for i, g := range Merge(one.Groups(), other.Groups()) {
		got[g.Sample[len(g.Sample)-len(word(1)):]] = fmt.Sprint(i, g.Count, g.Last.Sub(start), g.First.Sub(start))
	}
	if diff := cmp.Diff(map[string]string{word(1): "0 2 2s 0s", word(2): "1 1 1s 1s"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestSettingsOfADocument(t *testing.T) {
	secrets := map[string]config.Secret{"dsn": config.NewSecret("d"), "hook": config.NewSecret("h")}
	for name, test := range map[string]struct {
		document *config.ErrorTracking
		want     [5]string
	}{
		"none":           {nil, [5]string{"0"}},
		"groups only":    {&config.ErrorTracking{MaxGroups: 7}, [5]string{"7"}},
		"all there is":   {&config.ErrorTracking{MaxGroups: 7, Environment: "e", SentryDSN: "dsn", Webhook: &config.Webhook{URL: "u", Authorization: "hook"}}, [5]string{"7", "e", "d", "u", "h"}},
		"a free webhook": {&config.ErrorTracking{MaxGroups: 7, Webhook: &config.Webhook{URL: "u"}}, [5]string{"7", "", "", "u"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := SettingsOf(test.document, secrets)
			got := [5]string{fmt.Sprint(s.MaxGroups), s.Environment, s.SentryDSN.Reveal(), s.WebhookURL, s.WebhookAuthorization.Reveal()}
			if got != test.want {
				t.Errorf("got %q", got)
			}
		})
	}
}
