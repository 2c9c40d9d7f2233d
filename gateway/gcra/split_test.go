// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gcra

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestAPartHoldsAsMuchAsAShareAndPaysForMore(t *testing.T) {
	tests := map[string]struct {
		part      Rate
		bulk      int64         // what it holds
		single    int64         // in ones
		take      int64         // of a full bucket
		wantReset time.Duration // until it is full again
	}{
		"the whole":                              {Bulk(1000, time.Second).Split(1), 1000, 1000, 5000, time.Second},
		"a part, within it":                      {Bulk(1000, time.Second).Split(4), 250, 250, 250, time.Second},
		"a part, beyond it":                      {Bulk(1000, time.Second).Split(4), 250, 250, 750, 3 * time.Second},
		"a part, all of the whole":               {Bulk(1000, time.Second).Split(4), 250, 250, 1000, 4 * time.Second},
		"a part, beyond the whole":               {Bulk(1000, time.Second).Split(4), 250, 250, math.MaxInt64, 4 * time.Second},
		"a part that holds less than one":        {Bulk(2, time.Second).Split(4), 1, 1, 1, 2 * time.Second},
		"a part that holds one and a half":       {Single(60, time.Minute, 6).Split(4), 1, 1, 1, 4 * time.Second},
		"a part of one at a time":                {Single(60, time.Minute, 1).Split(4), 1, 1, 1, 4 * time.Second},
		"a part of what cannot be counted":       {Single(1, 24*time.Hour, 1<<62).Split(4), long / int64(96*time.Hour), long / int64(96*time.Hour), 1, 96 * time.Hour},
		"one of more parts than can be counted":  {Bulk(1, 24*time.Hour).Split(math.MaxInt64), 1, 1, 1, time.Duration(long)},
		"fewer than one part are one":            {Bulk(1000, time.Second).Split(-1), 1000, 1000, 1000, time.Second},
		"a part that is split again is no whole": {Bulk(1000, time.Second).Split(2).Split(4), 250, 250, 250, time.Second},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if bulk, single := tc.part.Holds(), tc.part.HoldsSingly(); bulk != tc.bulk || single != tc.single {
				t.Errorf("holds %d and %d, want %d and %d", bulk, single, tc.bulk, tc.single)
			}
			var b Bucket
			if wait := b.Wait(&tc.part, start, tc.take); wait != 0 {
				t.Errorf("a full bucket lets wait %s", wait)
			}
			b.Take(&tc.part, start, tc.take)
			if got := b.Reset(start); got != tc.wantReset {
				t.Errorf("full in %s, want %s", got, tc.wantReset)
			}
		})
	}
}

// What all parts take together in any time is what one taker would of the whole, and at once, of what is larger than a part,
// one each.
func TestPartsTogetherKeepTheWhole(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 3))
			parts := 2 + random.Int64N(5)
			count, per := parts*(10+random.Int64N(1000)), 1+random.Int64N(int64(2*time.Minute))
			r := Bulk(count, time.Duration(per)).Split(parts)
			largest, atOnce := count/parts, count
			if seed%2 > 0 {
				largest, atOnce = count, count*parts
			}
			exact, spare := seed%4 > 1, largest*parts // An estimate that was too low is a debt beside what is held.
			if exact {
				spare = 0
			}
			buckets := make([]Bucket, parts)
			var events []event
			var sum int64
			for now := start; len(events) < 200; now += 1 + random.Int64N(per/20+1) {
				b, n := &buckets[random.Int64N(parts)], 1+random.Int64N(largest)
				estimate := n
				if !exact {
					estimate = 1 + random.Int64N(n)
				}
				if b.Wait(&r, now, estimate) == 0 {
					b.Take(&r, now, estimate)
					b.Correct(&r, now, estimate, n)
					events, sum = append(events, event{now, n}), sum+n
				}
			}
			checkWindows(t, events, count, per, atOnce+spare)
			elapsed := events[len(events)-1].at - start
			if whole := float64(count) * float64(elapsed) / float64(per); float64(sum) < whole/2 {
				t.Errorf("%d were taken, of about %.0f that might", sum, whole)
			}
		})
	}
}

func TestResplit(t *testing.T) {
	ms := time.Millisecond
	bulk, slow := Bulk(1200, 1200*ms), Single(1, time.Minute, 1)
	tests := map[string]struct {
		whole    Rate
		was, is  int64 // of how many parts
		taken    int64
		debt     int64 // beyond
		wantLeft int64
		want     time.Duration // until it is full again
	}{
		"a smaller part":                                 {bulk, 2, 3, 100, 0, 300, 300 * ms},
		"a larger part":                                  {bulk, 3, 2, 100, 0, 500, 200 * ms},
		"as large a part":                                {bulk, 3, 3, 100, 0, 300, 300 * ms},
		"nothing was taken":                              {bulk, 1, 3, 0, 0, 400, 0},
		"more was taken than is held: a debt":            {bulk, 2, 3, 600, 0, -200, 1800 * ms},
		"a debt is a period's at most":                   {bulk, 1, 12, 1200, 0, -100, 2400 * ms},
		"a debt that was larger stays as long":           {bulk, 2, 3, 600, 1200, -800, 3600 * ms},
		"a debt of a smaller part":                       {bulk, 3, 1, 400, 400, 400, 800 * ms},
		"a part below one, of the whole":                 {slow, 1, 3, 1, 0, 0, 3 * time.Minute},
		"the whole, of a part below one":                 {slow, 3, 1, 1, 0, 0, time.Minute},
		"of more parts than can be counted, then of all": {slow, math.MaxInt64, 1, 1, 0, 0, time.Minute},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			was, is := tc.whole.Split(tc.was), tc.whole.Split(tc.is)
			var b Bucket
			b.Take(&was, start, tc.taken)
			b.Correct(&was, start, 0, tc.debt)
			b.Resplit(&is, &was, start)
			if left, reset := b.Left(&is, start), b.Reset(start); left != tc.wantLeft || reset != tc.want {
				t.Errorf("%d left, full in %s, want %d and %s", left, reset, tc.wantLeft, tc.want)
			}
		})
	}
}

func TestThereAndBackNothingIsForgotten(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 4))
	whole := Bulk(1_000_000, time.Minute)
	parts := int64(2)
	r := whole.Split(parts)
	var b Bucket
	b.Take(&r, start, 100_000)
	for range 50 {
		next := 1 + random.Int64N(10)
		as := whole.Split(next)
		b.Resplit(&as, &r, start)
		parts, r = next, as
		if taken := as.Holds() - b.Left(&as, start); taken < 100_000-1 || taken > 100_000+20 {
			t.Fatalf("%d are taken of one of %d parts, want 100000", taken, parts)
		}
	}
}
