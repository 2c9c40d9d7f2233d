// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gcra

import (
	"math"
	"testing"
	"time"
)

const start = int64(time.Hour)

func TestCost(t *testing.T) {
	tests := map[string]struct {
		rate Rate
		n    int64
		want int64
	}{
		"nothing costs nothing":                  {Bulk(10, time.Second), 0, 0},
		"less than nothing too":                  {Bulk(10, time.Second), -5, 0},
		"a tenth":                                {Bulk(10, time.Second), 1, 1e8},
		"a third rounds up":                      {Bulk(3, time.Second), 1, 333333334},
		"three thirds are a whole":               {Bulk(3, time.Second), 3, 1e9},
		"finer than a nanosecond is one":         {Bulk(1<<40, time.Second), 1, 1},
		"more than can be computed with is long": {Bulk(1, 24*time.Hour), math.MaxInt64, long},
		"the finest of the longest":              {Bulk(math.MaxInt64, math.MaxInt64), math.MaxInt64, long},
		"a share costs as many times more":       {Bulk(10, time.Second).Share(3), 1, 3e8},
		"a share by one is the whole":            {Bulk(10, time.Second).Share(1), 1, 1e8},
		"a share by more than can be counted":    {Bulk(1, 24*time.Hour).Share(math.MaxInt64), 1, long},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tc.rate.Cost(tc.n); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

func TestHolds(t *testing.T) {
	tests := map[string]struct {
		rate         Rate
		bulk, single int64
	}{
		"all of many":                             {Bulk(1000, time.Second), 1000, 1000},
		"a burst of single ones":                  {Single(60, time.Minute, 7), 7, 7},
		"a burst of what rounds":                  {Single(7, time.Minute, 7), 7, 7},
		"a burst beyond the count":                {Single(1, time.Minute, 7), 7, 7},
		"half of many":                            {Bulk(1000, time.Second).Share(2), 500, 500},
		"a third rounds down":                     {Bulk(1000, time.Second).Share(3), 333, 333},
		"of a burst that is shared, whole ones":   {Single(60, time.Minute, 7).Share(2), 3, 3},
		"at least one of a burst":                 {Single(60, time.Minute, 1).Share(5), 1, 1},
		"at least one of many":                    {Bulk(2, time.Minute).Share(5), 1, 1},
		"a share of a share is that of the whole": {Bulk(1000, time.Second).Share(2).Share(4), 250, 250},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if bulk, single := tc.rate.Holds(), tc.rate.HoldsSingly(); bulk != tc.bulk || single != tc.single {
				t.Errorf("got %d and %d, want %d and %d", bulk, single, tc.bulk, tc.single)
			}
		})
	}
}

func TestOfAShareAsManyPassAsInTheWhole(t *testing.T) {
	for _, tc := range []struct {
		rate   Rate
		shares int64
		want   int
	}{
		{Single(60, time.Minute, 60), 3, 60 + 600}, {Single(60, time.Minute, 6), 3, 6 + 600}, {Single(60, time.Minute, 1), 3, 3 + 600 - 3},
	} {
		passed := 0
		for range tc.shares {
			r := tc.rate.Share(tc.shares)
			var b Bucket
			for now := start; now < start+int64(10*time.Minute); now += int64(100 * time.Millisecond) {
				if b.Wait(&r, now, 1) == 0 {
					b.Take(&r, now, 1)
					passed++
				}
			}
		}
		if passed > tc.want || passed < tc.want-3 {
			t.Errorf("%d passed in ten minutes, want %d", passed, tc.want)
		}
	}
}

// one is a call on a bucket after a while, and what is then left of it.
type one struct {
	after                 time.Duration
	take, estimate, truth int64
	absorb, others        int64
	narrow                *Rate
	wait                  time.Duration // of what is taken
	left, leftSingly      int64
	reset                 time.Duration
	corrects              bool
}

func TestBucket(t *testing.T) {
	thousand, third, narrow := Bulk(1000, time.Second), Single(3, time.Second, 3), Bulk(100, time.Second)
	ms := time.Millisecond
	tests := map[string]struct {
		rate  Rate
		steps []one
	}{
		"it refills evenly": {thousand, []one{
			{take: 600, left: 400, leftSingly: 400, reset: 600 * ms}, {after: 100 * ms, left: 500, leftSingly: 500, reset: 500 * ms},
			{take: 700, wait: 200 * ms, left: 500, leftSingly: 500, reset: 500 * ms}, {after: time.Hour, left: 1000, leftSingly: 1000},
		}},
		"more than it holds passes when it is full": {thousand, []one{
			{take: 1, left: 999, leftSingly: 999, reset: ms}, {take: 5000, wait: ms, left: 999, leftSingly: 999, reset: ms},
			{after: ms, take: 5000, reset: time.Second},
		}},
		"what rounds leaves whole ones": {third, []one{
			{take: 1, left: 2, leftSingly: 2, reset: 333333334}, {take: 1, left: 1, leftSingly: 1, reset: 666666668},
			{take: 1, reset: 1000000002}, {take: 1, wait: 333333334, reset: 1000000002},
		}},
		"what was not used comes back": {thousand, []one{
			{take: 1000, reset: time.Second}, {corrects: true, estimate: 1000, truth: 300, left: 700, leftSingly: 700, reset: 300 * ms},
		}},
		"what comes back does not overfill": {thousand, []one{
			{take: 1000, reset: time.Second}, {after: time.Hour, corrects: true, estimate: 1000, left: 1000, leftSingly: 1000},
		}},
		"more than estimated is a debt, of a period at most": {thousand, []one{
			{take: 100, left: 900, leftSingly: 900, reset: 100 * ms}, {corrects: true, estimate: 100, truth: 1500, left: -500, leftSingly: -500, reset: 1500 * ms},
			{take: 1, wait: 501 * ms, left: -500, leftSingly: -500, reset: 1500 * ms},
			{corrects: true, truth: math.MaxInt64, left: -1000, leftSingly: -1000, reset: 2 * time.Second},
		}},
		"what others took is a debt, of a bucket and a period each": {thousand, []one{
			{absorb: 800, others: 1, left: 200, leftSingly: 200, reset: 800 * ms}, {absorb: 3000, others: 1, left: -1000, leftSingly: -1000, reset: 2 * time.Second},
			{absorb: 9000, others: 3, left: -5000, leftSingly: -5000, reset: 6 * time.Second}, {absorb: 1, others: 1, left: -5000, leftSingly: -5000, reset: 6 * time.Second},
		}},
		"a narrower rate makes it empty at most": {thousand, []one{
			{absorb: 3000, others: 2, left: -2000, leftSingly: -2000, reset: 3 * time.Second}, {narrow: &narrow, leftSingly: 0, reset: time.Second},
		}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var b Bucket
			now := start
			for i, s := range tc.steps {
				now += int64(s.after)
				switch {
				case s.narrow != nil:
					b.Narrow(s.narrow, now)
				case s.corrects:
					b.Correct(&tc.rate, now, s.estimate, s.truth)
				case s.absorb > 0:
					b.Absorb(&tc.rate, now, s.absorb, s.others)
				case s.take > 0:
					wait := b.Wait(&tc.rate, now, s.take)
					if wait != s.wait {
						t.Errorf("step %d: wait %s, want %s", i+1, wait, s.wait)
					}
					if wait == 0 {
						b.Take(&tc.rate, now, s.take)
					} else if b.Wait(&tc.rate, now+int64(wait), s.take) != 0 || b.Wait(&tc.rate, now+int64(wait)-1, s.take) == 0 {
						t.Errorf("step %d: the wait is not exactly long enough", i+1)
					}
				}
				left, singly, reset := b.Left(&tc.rate, now), b.LeftSingly(&tc.rate, now), b.Reset(now)
				if left != s.left || singly != s.leftSingly || reset != s.reset || b.Idle(now) != (reset == 0) {
					t.Errorf("step %d: %d, %d left, full in %s, want %d, %d and %s", i+1, left, singly, reset, s.left, s.leftSingly, s.reset)
				}
			}
		})
	}
}

func TestInherit(t *testing.T) {
	tests := map[string]struct {
		was, is  Rate
		taken    int64
		wantLeft int64
	}{
		"a wider rate":                  {Bulk(1000, time.Second), Bulk(2000, time.Second), 900, 1100},
		"a narrower rate":               {Bulk(1000, time.Second), Bulk(100, time.Second), 60, 40},
		"a narrower rate, all of it":    {Bulk(1000, time.Second), Bulk(100, time.Second), 900, 0},
		"a full bucket":                 {Bulk(1000, time.Second), Bulk(100, time.Second), 0, 100},
		"a burst that became smaller":   {Single(60, time.Minute, 10), Single(60, time.Minute, 2), 5, 0},
		"a rate that is much narrower":  {Bulk(1<<60, 24*time.Hour), Bulk(1, 24*time.Hour), 1 << 40, 0},
		"a rate that is so much wider":  {Bulk(1, 24*time.Hour), Bulk(1<<40, 24*time.Hour), 1, 1<<40 - 1},
		"the rate that it was all time": {Bulk(1000, time.Second), Bulk(1000, time.Second), 999, 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var was, is Bucket
			was.Take(&tc.was, start, tc.taken)
			is.Inherit(&tc.is, &was, &tc.was, start)
			if left := is.Left(&tc.is, start); left != tc.wantLeft {
				t.Errorf("%d left, want %d", left, tc.wantLeft)
			}
		})
	}
}
