// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/store/redistest"
)

// model is what the store should do, in exact numbers and without regard to speed.
type model struct {
	now     time.Time
	buckets map[string]*modelBucket
	holders map[string]*modelHolder
	open    map[string]*Reservation
}

type modelBucket struct {
	level *big.Rat
	at    time.Time
}

type modelHolder struct {
	config.HolderUse
	slots, reserved int64
}

func newModel() *model {
	return &model{buckets: map[string]*modelBucket{}, holders: map[string]*modelHolder{}, open: map[string]*Reservation{}}
}

func (m *model) holder(name string) *modelHolder {
	if m.holders[name] == nil {
		m.holders[name] = &modelHolder{HolderUse: config.HolderUse{Holder: name}}
	}
	return m.holders[name]
}

func (m *model) bucket(c *exchange.Constraint) *modelBucket {
	key := fmt.Sprint(c.Holder, c.Scope, c.Dimension, c.Per)
	b := m.buckets[key]
	if b == nil {
		b = &modelBucket{level: new(big.Rat), at: m.now}
		m.buckets[key] = b
	}
	leaked := new(big.Rat).Mul(big.NewRat(m.now.Sub(b.at).Microseconds(), 1), big.NewRat(c.Limit, c.Per.Microseconds()))
	if b.level.Sub(b.level, leaked); b.level.Sign() < 0 {
		b.level.SetInt64(0)
	}
	b.at = m.now
	return b
}

func (m *model) want(c *exchange.Constraint, use exchange.Use) int64 {
	switch c.Dimension {
	case exchange.Tokens:
		return min(use.Tokens, c.Limit)
	case exchange.Cost:
		return min(int64(use.Cost), c.Limit)
	case exchange.Spending:
		return int64(use.Cost)
	default:
		return 1
	}
}

func (m *model) fits(c *exchange.Constraint, use exchange.Use) bool {
	h := m.holder(c.Holder)
	switch c.Dimension {
	case exchange.Concurrency:
		return h.slots+1 <= c.Limit
	case exchange.Spending:
		return int64(h.In(c.Calendar, m.now))+h.reserved+m.want(c, use) <= c.Limit
	default:
		after := new(big.Rat).Add(m.bucket(c).level, big.NewRat(m.want(c, use), 1))
		return after.Cmp(big.NewRat(c.Burst, 1)) <= 0
	}
}

// reserve says whether all fit, and takes them when they do.
func (m *model) reserve(r *Reservation) bool {
	for i := range r.Constraints {
		if !m.fits(&r.Constraints[i], r.Use) {
			return false
		}
	}
	for i := range r.Constraints {
		if c := &r.Constraints[i]; c.Dimension <= exchange.Cost {
			b := m.bucket(c)
			b.level.Add(b.level, big.NewRat(m.want(c, r.Use), 1))
		}
	}
	for _, name := range r.Holders {
		h := m.holder(name)
		h.slots++
		h.reserved += int64(r.Use.Cost)
	}
	m.open[r.ID] = r
	return true
}

func (m *model) settle(r *Reservation, used exchange.Use, sent bool) {
	delete(m.open, r.ID)
	if !sent {
		used = exchange.Use{}
	}
	for i := range r.Constraints {
		c := &r.Constraints[i]
		truth := used.Tokens
		if c.Dimension == exchange.Cost {
			truth = int64(used.Cost)
		} else if c.Dimension != exchange.Tokens {
			continue
		}
		b := m.bucket(c)
		change := big.NewRat(truth-m.want(c, r.Use), 1)
		before := new(big.Rat).Set(b.level)
		b.level.Add(b.level, change)
		if most := big.NewRat(2*c.Limit, 1); b.level.Cmp(most) > 0 {
			b.level.Set(most)
			if before.Cmp(most) > 0 {
				b.level.Set(before)
			}
		}
		if b.level.Sign() < 0 {
			b.level.SetInt64(0)
		}
	}
	for _, name := range r.Holders {
		h := m.holder(name)
		h.slots--
		h.reserved -= int64(r.Use.Cost)
		if sent {
			h.Add(&config.HolderUse{
				Requests: 1, Tokens: used.Tokens, Cost: used.Cost, Last: m.now.UnixMilli(),
				Day:   config.WindowUse{Window: config.Day.Window(m.now), Cost: used.Cost},
				Week:  config.WindowUse{Window: config.Week.Window(m.now), Cost: used.Cost},
				Month: config.WindowUse{Window: config.Month.Window(m.now), Cost: used.Cost},
			})
		}
	}
}

func pick[T any](random *rand.Rand, of ...T) T { return of[random.IntN(len(of))] }

// constraintsOf gives some limits at random, whose rates are whole numbers of microseconds a unit or units a microsecond, so
// that the store is exact, too.
func constraintsOf(random *rand.Rand, holders []string) []exchange.Constraint {
	var all []exchange.Constraint
	for _, h := range holders {
		for _, per := range []time.Duration{time.Second, time.Minute, time.Hour} {
			if random.IntN(3) == 0 {
				all = append(all, requests(h, pick(random, int64(1), 10, 100), 1+random.Int64N(9), per))
			}
			if random.IntN(3) == 0 {
				all = append(all, tokens(h, pick(random, int64(100), 1000, 100_000, 3_600_000_000), per))
			}
			if random.IntN(4) == 0 {
				all = append(all, cost(h, pick(random, int64(1000), 1_000_000, 3_600_000_000_000), per))
			}
		}
		if random.IntN(2) == 0 {
			all = append(all, slots(h, 1+random.Int64N(6)))
		}
		for _, per := range config.Calendars {
			if random.IntN(4) == 0 {
				all = append(all, budget(h, 1+random.Int64N(5_000_000), per))
			}
		}
	}
	return all
}

func TestTheStoreDoesWhatTheModelDoes(t *testing.T) {
	const steps = 700
	server := redistest.Start(t, redistest.Options{})
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			if answer, err := server.Do("FLUSHALL"); answer != "+OK" {
				t.Fatal(answer, err)
			}
			m := newModel()
			m.now = time.UnixMicro(noon).UTC()
			setClock(t, server, m.now.UnixMicro())
			s := clocked(t, single(server))
			holders := []string{config.HolderAll, "key/team/a", "policy/team/b"}
			constraints := constraintsOf(random, holders)
			names, accepted := ids{}, 0
			for range steps {
				step := time.Duration(random.Int64N(int64(pick(random, 1, time.Millisecond, time.Second, time.Minute, 20*time.Hour)))).
					Truncate(time.Microsecond)
				m.now = m.now.Add(step)
				setClock(t, server, m.now.UnixMicro())
				s.clock.ahead.Store(m.now.UnixMicro() - s.clock.own())
				if len(m.open) > 0 && random.IntN(2) == 0 {
					var r *Reservation
					for _, r = range m.open {
						break
					}
					used := exchange.Use{Tokens: random.Int64N(2*r.Use.Tokens + 1), Cost: config.Money(random.Int64N(int64(r.Use.Cost) + 1))}
					x := settlement(r, used)
					x.At, x.Sent = m.now, random.IntN(5) > 0
					m.settle(r, used, x.Sent)
					s.Settle(x)
					flushed(t, s)
					continue
				}
				r := &Reservation{ID: names.next(), Constraints: constraints, Holders: holders, Use: exchange.Use{
					Tokens: random.Int64N(pick(random, int64(10), 1000, 1_000_000)), Cost: config.Money(random.Int64N(pick(random, int64(10), 10_000))),
				}}
				want := m.reserve(r)
				if got := reserved(t, s, r); (got.Refused == nil) != want {
					t.Fatalf("%s at %v: the store says %+v, the model %v", r.ID, m.now, got, want)
				}
				if want {
					accepted++
				}
			}
			if accepted < 10 {
				t.Fatalf("only %d were accepted", accepted)
			}
			m.check(t, s)
		})
	}
}

func (m *model) check(t *testing.T, s *Store) {
	t.Helper()
	for name, h := range m.holders {
		want := map[string]int64{
			"r": h.Requests, "t": h.Tokens, "c": int64(h.Cost), "d": int64(h.Day.Cost), "w": int64(h.Week.Cost),
			"m": int64(h.Month.Cost), "s": h.slots, "v": h.reserved,
		}
		got := counted(t, s, name)
		for window, use := range map[string]config.WindowUse{"d": h.Day, "w": h.Week, "m": h.Month} {
			// The store's window may have moved on with a reservation.
			if fieldNumber(t, s, name, window+"n") > use.Window {
				want[window] = 0
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
