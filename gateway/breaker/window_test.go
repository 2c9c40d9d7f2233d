// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestWindow(t *testing.T) {
	const second = int64(time.Second)
	tests := map[string]struct {
		do   func(w *window)
		want tally
	}{
		"all of the last ten buckets counts": {
			do: func(w *window) {
				for i := range int64(10) {
					w.add(i*second, i%2 == 0)
				}
			},
			want: tally{10, 5},
		},
		"a result goes with its bucket": {
			do: func(w *window) {
				w.add(0, true)
				w.add(second-1, true)
				w.add(second, false)
				w.add(10*second, false)
			},
			want: tally{2, 0},
		},
		"a long silence empties it": {
			do:   func(w *window) { w.add(0, true); w.add(1000*second, true) },
			want: tally{1, 1},
		},
		"exactly a window's silence does too": {
			do:   func(w *window) { w.add(5*second, true); w.add(15*second, true) },
			want: tally{1, 1},
		},
		"a clock that is behind counts in the newest bucket": {
			do: func(w *window) {
				w.add(20*second, true)
				w.add(3*second, true)
				w.add(29*second, false)
			},
			want: tally{3, 2},
		},
		"time before the epoch is time": {
			do: func(w *window) {
				for i := range int64(15) {
					w.add((i-12)*second, true)
				}
			},
			want: tally{10, 10},
		},
		"a narrower one keeps what is recent": {
			do: func(w *window) {
				for i := range int64(10) {
					w.add(i*second, true)
				}
				w.resize(second / 2)
			},
			want: tally{5, 5},
		},
		"a wider one keeps all there is, for longer": {
			do: func(w *window) {
				for i := range int64(10) {
					w.add(i*second, true)
				}
				w.resize(10 * second)
				w.add(99*second, false)
			},
			want: tally{11, 10},
		},
		"an empty one may be resized": {
			do:   func(w *window) { w.resize(3 * second); w.add(7*second, false) },
			want: tally{1, 0},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := window{width: second}
			tt.do(&w)
			if diff := cmp.Diff(tt.want, w.sum, cmp.AllowUnexported(tally{})); diff != "" {
				t.Errorf("sum (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAWindowIsNeverWithoutWidth(t *testing.T) {
	for d, want := range map[config.Duration]int64{1: 1, 9: 1, 30: 3, config.Duration(time.Second): int64(time.Second / 10)} {
		if got := bucketWidth(d); got != want {
			t.Errorf("bucketWidth(%d) = %d, want %d", d, got, want)
		}
	}
}

// Whatever is added and resized, the sum is that of the ring, and nothing is negative.
func TestWindowSumsWhatItHolds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	w, now := window{width: 10}, int64(0)
	for range 20_000 {
		now += int64(random.ExpFloat64() * 20)
		if random.IntN(50) == 0 {
			w.resize(1 + random.Int64N(40))
		}
		w.add(now-random.Int64N(5), random.IntN(3) == 0)
		var sum tally
		for _, one := range w.ring {
			if one.failed < 0 || one.failed > one.all {
				t.Fatalf("a bucket holds %+v", one)
			}
			sum.all += one.all
			sum.failed += one.failed
		}
		if sum != w.sum {
			t.Fatalf("the ring holds %+v, its sum says %+v", sum, w.sum)
		}
	}
}
