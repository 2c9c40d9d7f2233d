// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/store/redistest"
)

// known gives what was learned.
func (l *told) known(each func(config.HolderUse) bool) {
	l.mu.Lock()
	all := slices.Collect(maps.Values(l.uses))
	l.mu.Unlock()
	for _, u := range all {
		if !each(u) {
			return
		}
	}
}

// remembering opens a Store that remembers what it learned.
func remembering(t *testing.T, opts Options, pace pace) (*Store, *told) {
	t.Helper()
	learned := &told{}
	opts.Learned, opts.Known = learned.learned, learned.known
	return tuned(t, opts, tuning{pace: pace}), learned
}

// watchful sees soon that the store lost something.
func watchful() pace {
	p := usual
	p.renew, p.grace = 50*time.Millisecond, 500*time.Millisecond
	return p
}

// spend spends so much of a budget, which has to be there.
func spend(t *testing.T, s *Store, names *ids, limit, cost int64) {
	t.Helper()
	r := spending(names, limit, cost)
	if d := reserved(t, s, r); d.Refused != nil {
		t.Fatalf("%d of %d may not be spent", cost, limit)
	}
	s.Settle(settlement(r, exchange.Use{Tokens: 1, Cost: config.Money(cost)}))
	flushed(t, s)
}

// spender is whose budgets are spent.
const spender = "key/team/a"

func spending(names *ids, limit, cost int64) *Reservation {
	return &Reservation{
		ID: names.next(), Holders: []string{spender, config.HolderAll}, Use: exchange.Use{Tokens: 1, Cost: config.Money(cost)},
		Constraints: []exchange.Constraint{budget(spender, limit, config.Month), budget(spender, limit, config.Total)},
	}
}

// A store may lose all, or its last writes, while it is connected or not: what was spent stays spent, and is counted once.
func TestWhatWasSpentOutlivesTheStore(t *testing.T) {
	flush := func(t *testing.T, server *redistest.Server) {
		if answer, err := server.Do("FLUSHALL"); err != nil || answer != "+OK" {
			t.Fatal(answer, err)
		}
	}
	restart := func(_ *testing.T, server *redistest.Server) { server.Kill(); server.Restart() }
	for name, test := range map[string]struct {
		args []string
		lose func(*testing.T, *redistest.Server)
	}{
		"it is flushed":                     {nil, flush},
		"it is flushed twice":               {nil, func(t *testing.T, s *redistest.Server) { flush(t, s); flush(t, s) }},
		"it is killed and keeps no file":    {[]string{"--appendonly", "no"}, restart},
		"it is killed with a former file":   {[]string{"--appendonly", "no", "--dbfilename", "former"}, restart},
		"it is killed, and its file synced": {[]string{"--appendfsync", "always"}, restart},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{Real: true, Args: test.args})
			var names ids
			a, _ := remembering(t, single(server), watchful())
			b, _ := remembering(t, single(server), watchful())
			spend(t, a, &names, 1000, 100)
			if slices.Contains(test.args, "former") {
				if answer, err := server.Do("SAVE"); err != nil || answer != "+OK" {
					t.Fatal(answer, err)
				}
				at, bt := a.seen.Load(), b.seen.Load()
				waitFor(t, "both are heard of again", func() bool { return a.seen.Load() != at && b.seen.Load() != bt })
			}
			spend(t, a, &names, 1000, 400)
			spend(t, b, &names, 1000, 300)
			test.lose(t, server)
			// Without the store: this is counted when it is back, on top of all.
			waitFor(t, "the loss is seen, or the store is back", func() bool { return !a.Up() || fieldNumber(t, a, spender, "m") > 0 })
			a.Settle(&Settlement{ID: names.next(), Holders: []string{spender, config.HolderAll}, Sent: true, Used: exchange.Use{Tokens: 1, Cost: 50}})
			flushed(t, a)
			waitFor(t, "all has been told", func() bool { return a.Up() && b.Up() && fieldNumber(t, a, spender, "c") >= 850 })
			for _, s := range []*Store{a, b} {
				if d := reserved(t, s, spending(&names, 1000, 151)); d.Refused == nil {
					t.Error("more than the budget can be spent")
				}
			}
			if diff := cmp.Diff(used(4, 4, 850), counted(t, b, spender)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(used(4, 4, 850), counted(t, b, config.HolderAll)); diff != "" {
				t.Error(diff)
			}
			spend(t, b, &names, 1000, 150)
		})
	}
}

// Who knows nothing of a holder is kept from spending its budget until those that know it had time to tell.
func TestAnEmptiedStoreIsNotUsedBeforeAllHaveTold(t *testing.T) {
	for name, found := range map[string]bool{"who knows nothing finds it": false, "who knows nothing begins later": true} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{})
			var names ids
			slow := watchful()
			slow.renew, slow.grace = time.Second, 5*time.Second
			knows, _ := remembering(t, single(server), slow)
			spend(t, knows, &names, 1000, 900)
			quick := watchful()
			quick.grace = slow.grace
			opens := func() *Store {
				s, err := open(single(server), tuning{pace: quick})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(s.stop)
				return s
			}
			other := opens()
			waitFor(t, "the store is up", other.Up)
			if _, err := server.Do("FLUSHALL"); err != nil {
				t.Fatal(err)
			}
			flushed := time.Now()
			if found {
				other.stop()
				waitFor(t, "the loss is seen", func() bool { return !knows.Up() })
				other = opens()
			} else {
				waitFor(t, "the loss is seen", func() bool { return !other.Up() })
			}
			if state := other.State(); !found && state.Reason != dataLost {
				t.Errorf("the state is %+v", state)
			}
			waitFor(t, "the store is up", other.Up)
			if took := time.Since(flushed); took < slow.renew {
				t.Errorf("it is used after %v", took)
			}
			if d := reserved(t, other, spending(&names, 1000, 101)); d.Refused == nil {
				t.Error("more than the budget can be spent")
			}
			spend(t, other, &names, 1000, 100)
		})
	}
}

// A store that nobody knew before is used at once, and so is one whose clock somebody set back.
func TestANewStoreIsUsedAtOnce(t *testing.T) {
	for name, generation := range map[string]string{"empty": "", "from the future": "theirs 9000000000000000"} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{})
			if generation != "" {
				if _, err := server.Do("SET", "spark:{"+gateway+"}:g", generation); err != nil {
					t.Fatal(err)
				}
			}
			patient := usual
			patient.grace = time.Hour
			s := tuned(t, single(server), tuning{pace: patient})
			if known := s.seen.Load().generation; known == "" || generation != "" && known != generation {
				t.Errorf("it is %q", known)
			}
		})
	}
}

func TestWhatIsToldOfAStoreIsTheLeastThatItKnows(t *testing.T) {
	now := time.Now()
	windows := func(u config.HolderUse, day, week, month config.Money) config.HolderUse {
		u.Holder = spender
		u.Day, u.Week, u.Month = config.WindowUse{Window: config.Day.Window(now), Cost: day},
			config.WindowUse{Window: config.Week.Window(now), Cost: week}, config.WindowUse{Window: config.Month.Window(now), Cost: month}
		return u
	}
	has := windows(config.HolderUse{Requests: 10, Tokens: 100, Cost: 1000, Last: 5000}, 10, 100, 1000)
	ended := windows(config.HolderUse{Requests: 11, Tokens: 99, Cost: 2000}, 500, 500, 500)
	ended.Day.Window--
	ended.Week.Window--
	ended.Month.Window--
	kept := windows(config.HolderUse{Requests: 11, Tokens: 100, Cost: 2000, Last: 5000}, 10, 100, 1000)
	ahead := windows(config.HolderUse{}, 7, 8, 9)
	ahead.Day.Window++
	moved := has
	moved.Day = ahead.Day
	const huge = config.Money(1)<<62 + 1
	for name, test := range map[string]struct{ has, told, want config.HolderUse }{
		"nothing was there":                {config.HolderUse{Holder: spender}, has, has},
		"less is told":                     {has, windows(config.HolderUse{Requests: 9, Tokens: 99, Cost: 999, Last: 4999}, 9, 99, 999), has},
		"more is told":                     {windows(config.HolderUse{Requests: 9}, 9, 99, 999), has, has},
		"the same is told":                 {has, has, has},
		"each number by itself":            {has, windows(config.HolderUse{Requests: 9, Tokens: 101}, 11, 99, 1001), windows(config.HolderUse{Requests: 10, Tokens: 101, Cost: 1000, Last: 5000}, 11, 100, 1001)},
		"windows that ended count no more": {has, ended, kept},
		"a server whose day begins later":  {has, ahead, moved},
		"costs of any size":                {windows(config.HolderUse{Cost: huge - 1}, 0, 0, 0), windows(config.HolderUse{Cost: huge}, 0, 0, 0), windows(config.HolderUse{Cost: huge}, 0, 0, 0)},
		"costs are numbers":                {windows(config.HolderUse{Cost: 1000}, 0, 0, 0), windows(config.HolderUse{Cost: 999}, 0, 0, 0), windows(config.HolderUse{Cost: 1000}, 0, 0, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{})
			s, learned := remembering(t, single(server), usual)
			for _, u := range []config.HolderUse{test.has, test.told, test.told} {
				if _, err := s.floors(s.seen.Load().generation, append(appendFloor([]byte{'['}, &u), ']'), true); err != nil {
					t.Fatal(err)
				}
			}
			reserved(t, s, &Reservation{ID: "one", Holders: []string{spender}})
			if diff := cmp.Diff(test.want, learned.of(spender)); diff != "" {
				t.Error(diff)
			}
			if _, err := s.floors("another 0", []byte("[]"), true); !errors.Is(err, errLost) {
				t.Errorf("another generation: %v", err)
			}
		})
	}
}

// All that is known is told, a part at a time, and what clients choose is forgotten in time.
func TestManyHoldersAreToldOf(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	const many = 2*batchFloors + 50
	opts := single(server)
	opts.Known = func(each func(config.HolderUse) bool) {
		for i := range many {
			if !each(config.HolderUse{Holder: config.HolderUser + strconv.Itoa(i) + "\"\n\xff", Requests: int64(i) + 1}) {
				return
			}
		}
	}
	s := tuned(t, opts, tuning{pace: watchful()})
	for i := range many {
		if got := fieldNumber(t, s, config.HolderUser+strconv.Itoa(i)+"\"\n\xff", "r"); got != int64(i)+1 {
			t.Fatalf("%d requests of user %d", got, i)
		}
	}
	c := *s.client.Load()
	if seconds, err := c.Do(t.Context(), c.B().Ttl().Key(s.prefix[0]+"h:"+config.HolderUser+"0\"\n\xff").Build()).AsInt64(); err != nil || seconds <= 0 {
		t.Errorf("a user is kept for %d s, %v", seconds, err)
	}
}
