// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package accounting

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/ledger"
	"github.com/sparkgateway/spark/test/accounting/bed"
)

// readLedger gives all records of a directory.
func readLedger(t *testing.T, dir string) []ledger.Record {
	t.Helper()
	kept, err := ledger.New(ledger.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = kept.Close(t.Context()) }()
	var all []ledger.Record
	err = kept.Read(t.Context(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour), func(line []byte) error {
		r, err := ledger.Parse(line)
		all = append(all, r)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// judgeRecords holds the ledger against the access log, which the provider's books were held against: one record a request,
// with the tokens of all its attempts and their cost.
func judgeRecords(t *testing.T, lines []bed.Line, records []ledger.Record) {
	t.Helper()
	byID := map[string][]ledger.Record{}
	for _, r := range records {
		byID[r.ID] = append(byID[r.ID], r)
	}
	wrong := 0
	for i := range lines {
		l := &lines[i]
		if got := byID[l.ID]; len(got) != 1 {
			t.Errorf("%s: %d records of a request", l.Model, len(got))
			wrong++
		} else if diff := cmp.Diff(wanted(l), simple(&got[0])); diff != "" {
			t.Errorf("%s: the record (-access log +ledger):\n%s", l.Model, diff)
			wrong++
		}
		delete(byID, l.ID)
		if wrong > 20 {
			t.Fatal("and so on")
		}
	}
	for id := range byID {
		t.Errorf("a record of %s, which the access log does not know", id)
	}
}

// spent is what a record and the lines of an access log both tell.
type spent struct {
	Key, Model, Outcome, Source   string
	Attempts                      int64
	In, Out, Cached, Reason, Cost int64
	Priced                        bool
}

func simple(r *ledger.Record) spent {
	return spent{
		Key: r.Key, Model: r.Model, Outcome: r.Outcome, Source: r.Source, Attempts: r.Attempts, In: r.TokensIn, Out: r.TokensOut,
		Cached: r.TokensCached, Reason: r.TokensReasoning, Cost: int64(r.Cost), Priced: r.Priced,
	}
}

var certainty = []string{"", "estimated", "counted", "reported"}

// wanted is what the record of a line must say; costs are rounded up to a nanodollar for each attempt.
func wanted(l *bed.Line) spent {
	s := spent{Key: l.Key, Model: l.Model, Outcome: l.Outcome, Priced: true}
	for _, a := range l.All() {
		s.Attempts++
		u := a.Usage
		if u == nil {
			continue
		}
		if s.Source == "" || slices.Index(certainty, u.Source) < slices.Index(certainty, s.Source) {
			s.Source = u.Source
		}
		s.In, s.Out, s.Cached, s.Reason = s.In+u.Prompt, s.Out+u.Completion, s.Cached+u.Cached, s.Reason+u.Reasoning
		pico := (u.Prompt-u.Cached-u.CacheWritten)*price.Input + u.Cached*price.CachedInput +
			u.CacheWritten*price.CacheWrite + u.Completion*price.Output
		s.Cost += (pico + 999) / 1000
	}
	return s
}

// sums adds up records by every holder that they concern.
func sums(records []ledger.Record) map[string]config.HolderUse {
	all := map[string]config.HolderUse{}
	for i := range records {
		r := &records[i]
		holders := []string{config.HolderAll, r.Principal, config.HolderUser + r.User, config.HolderRoute + r.Route}
		for _, p := range r.Policies {
			holders = append(holders, config.HolderPolicy+p)
		}
		for _, h := range holders {
			use := all[h]
			use.Holder = h
			use.Tokens += r.TokensIn + r.TokensOut
			use.Cost += config.Money(r.Cost)
			if r.Attempts > 0 {
				use.Requests++
			}
			all[h] = use
		}
	}
	return all
}

// judgeHolders holds what the gateway counted of holders against the sums of its records.
func judgeHolders(t *testing.T, records []ledger.Record, counted map[string]config.HolderUse) {
	t.Helper()
	want := sums(records)
	for _, name := range []string{
		"all", "user/alice", "user/anna", "user/bob", "key/default/alice", "key/default/anna", "key/default/bob",
		"policy/default/everybody", "policy/default/team-a", "route/default/hedged",
	} {
		if counted[name].Tokens == 0 {
			t.Errorf("nothing is counted of %s: %v", name, slices.Sorted(maps.Keys(counted)))
		}
	}
	for name, got := range counted {
		if got.Day.Cost != got.Cost || got.Month.Cost != got.Cost || got.Last == 0 {
			t.Logf("%s was counted over midnight: %+v", name, got)
		}
		got.Day, got.Week, got.Month, got.Last = config.WindowUse{}, config.WindowUse{}, config.WindowUse{}, 0
		if diff := cmp.Diff(want[name], got); diff != "" {
			t.Errorf("%s (-sum of the records +counted):\n%s", name, diff)
		}
	}
}
