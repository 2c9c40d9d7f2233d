// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gcra

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"
)

// event is something that was taken, or given back where units are below zero.
type event struct{ at, units int64 }

// reference is a bucket in exact arithmetic: what is there, in units.
type reference struct {
	count, per   int64
	holds, there *big.Rat
	at           int64
}

func newReference(count, per, holds int64) *reference {
	return &reference{count, per, big.NewRat(holds, 1), big.NewRat(holds, 1), start}
}

func (f *reference) fill(now int64) {
	back := new(big.Rat).Mul(big.NewRat(now-f.at, 1), big.NewRat(f.count, f.per))
	f.at = now
	if f.there.Add(f.there, back); f.there.Cmp(f.holds) > 0 {
		f.there.Set(f.holds)
	}
}

// lacks says that even with so many nanoseconds more, n units would not be there.
func (f *reference) lacks(n, spare int64) bool {
	there := new(big.Rat).Add(f.there, new(big.Rat).Mul(big.NewRat(spare, 1), big.NewRat(f.count, f.per)))
	want := big.NewRat(n, 1)
	if want.Cmp(f.holds) > 0 {
		want = f.holds
	}
	return there.Cmp(want) < 0
}

func (f *reference) add(n int64) {
	if f.there.Add(f.there, big.NewRat(n, 1)); f.there.Cmp(f.holds) > 0 {
		f.there.Set(f.holds)
	}
}

// checkWindows wants that in every window of the events no more was taken than may come at once and refills.
func checkWindows(t *testing.T, events []event, count, per, holds int64) {
	t.Helper()
	for i := range events {
		sum := new(big.Int)
		for _, e := range events[i:] {
			sum.Add(sum, big.NewInt(e.units))
			most := new(big.Int).Mul(big.NewInt(e.at-events[i].at), big.NewInt(count))
			most.Div(most, big.NewInt(per)).Add(most, big.NewInt(holds))
			if sum.Cmp(most) > 0 {
				t.Fatalf("%s of %s units in %s", sum, most, time.Duration(e.at-events[i].at))
			}
		}
	}
}

func TestSinglesAgreeWithExactArithmetic(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			count, burst, per := 1+random.Int64N(500), 1+random.Int64N(50), 1+random.Int64N(int64(2*time.Minute))
			r, f := Single(count, time.Duration(per), burst), newReference(count, per, burst)
			var b Bucket
			var events []event
			now := start
			for range 300 {
				now += random.Int64N(2*per/count + 2)
				f.fill(now)
				passes := b.Wait(&r, now, 1) == 0
				// Of each that was taken, less than a nanosecond of rounding is lost.
				if spare := int64(len(events)) + burst; passes && f.lacks(1, 0) || !passes && !f.lacks(1, -spare) {
					t.Fatalf("passes %v with %s there", passes, f.there.FloatString(9))
				}
				if passes {
					b.Take(&r, now, 1)
					f.add(-1)
					events = append(events, event{now, 1})
				}
			}
			checkWindows(t, events, count, per, burst)
		})
	}
}

// pending is a reservation that was not settled yet.
type pending struct{ estimate, truth int64 }

func TestReservationsAgreeWithExactArithmetic(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 2))
			count, per := 1+random.Int64N(1_000_000), 1+random.Int64N(int64(2*time.Minute))
			r, f := Bulk(count, time.Duration(per)), newReference(count, per, count)
			var b Bucket
			var events []event
			var open []pending
			now, rounded := start, int64(0)
			for range 300 {
				now += random.Int64N(per/8 + 2)
				f.fill(now)
				if len(open) > 0 && random.IntN(2) == 0 {
					p := open[0]
					open = open[1:]
					b.Correct(&r, now, p.estimate, p.truth)
					f.add(p.estimate - p.truth)
					events = append(events, event{now, p.truth - p.estimate})
					rounded += 2
					continue
				}
				n := 1 + random.Int64N(max(count/2, 1))
				passes := b.Wait(&r, now, n) == 0
				if passes && f.lacks(n, 0) || !passes && !f.lacks(n, -rounded-2) {
					t.Fatalf("%d units pass: %v, with %s there", n, passes, f.there.FloatString(9))
				}
				if passes {
					b.Take(&r, now, n)
					f.add(-n)
					events = append(events, event{now, n})
					open = append(open, pending{n, random.Int64N(n + 1)})
					rounded++
				}
			}
			checkWindows(t, events, count, per, count)
		})
	}
}

func FuzzBucket(f *testing.F) {
	f.Add(int64(60), int64(10), int64(time.Minute), int64(time.Second), int64(3), int64(3))
	f.Add(int64(1), int64(1), int64(1), int64(0), int64(1)<<62, int64(1)<<62)
	f.Add(int64(7), int64(1), int64(1), int64(0), int64(1)<<62, int64(1)<<62)
	f.Fuzz(func(t *testing.T, count, burst, per, gap, n, share int64) {
		if count <= 0 || burst <= 0 || per <= 0 || gap < 0 || gap > int64(24*time.Hour) {
			return // no limit that could be configured
		}
		single, bulk := Single(count, time.Duration(per), burst), Bulk(count, time.Duration(per))
		for _, r := range []Rate{single.Share(share), bulk.Share(share), single.Split(share), bulk.Split(share)} {
			var b Bucket
			now := start
			if b.Wait(&r, now, n) != 0 {
				t.Fatal("a full bucket does not let pass")
			}
			for range 20 {
				if now > long {
					break // after 36 years
				}
				wait := b.Wait(&r, now, n)
				if wait < 0 || b.Wait(&r, now+int64(wait), n) != 0 {
					t.Fatalf("after waiting %s it does not pass", wait)
				}
				now += int64(wait)
				b.Take(&r, now, n)
				if left := b.LeftSingly(&r, now); left < 0 && r.most == r.tolerance || b.Left(&r, now) > r.Holds() {
					t.Fatalf("%d left", left)
				}
				b.Correct(&r, now, n, n/2)
				b.Absorb(&r, now, n, share)
				if b.Reset(now) < 0 || b.full < 0 {
					t.Fatalf("%+v", b)
				}
				now += gap
			}
		}
	})
}

func BenchmarkTakeAndCorrect(b *testing.B) {
	r := Bulk(1<<50, time.Minute)
	var bucket Bucket
	now := start
	b.ReportAllocs()
	for b.Loop() {
		now++
		if bucket.Wait(&r, now, 100) == 0 {
			bucket.Take(&r, now, 100)
			bucket.Correct(&r, now, 100, 90)
		}
	}
}
