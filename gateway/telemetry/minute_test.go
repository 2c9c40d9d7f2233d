// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

// added is one call of Add.
type added struct {
	at      time.Duration
	failed  bool
	latency time.Duration
}

type minuteLook struct {
	Attempts, Failures int64
	Latency            []int64
}

func lookAt(m *Minute, at time.Duration) minuteLook {
	attempts, failures, latency := m.Look(int64(at))
	return minuteLook{attempts, failures, latency}
}

func TestMinute(t *testing.T) {
	ms := time.Millisecond
	tests := map[string]struct {
		add  []added
		at   time.Duration
		want minuteLook
	}{
		"nothing":                  {at: time.Hour},
		"answers by how fast":      {add: []added{{0, false, ms}, {0, false, 2 * ms}, {0, false, ms / 2}}, want: minuteLook{3, 0, []int64{2, 0, 0, 0, 1}}},
		"failures have no latency": {add: []added{{0, true, ms}, {0, false, ms}}, want: minuteLook{2, 1, []int64{1}}},
		"some never began":         {add: []added{{0, false, -1}}, want: minuteLook{Attempts: 1}},
		"slots are added":          {add: []added{{0, true, 0}, {15 * time.Second, true, 0}, {59 * time.Second, false, ms}}, at: 59 * time.Second, want: minuteLook{3, 2, []int64{1}}},
		"49 seconds are within":    {add: []added{{10*time.Second - 1, true, 0}}, at: 59 * time.Second, want: minuteLook{1, 1, nil}},
		"60 seconds are over":      {add: []added{{0, true, 0}}, at: 60 * time.Second},
		"a slot is used again":     {add: []added{{0, true, 0}, {61 * time.Second, false, ms}}, at: 61 * time.Second, want: minuteLook{1, 0, []int64{1}}},
		"silence ends it":          {add: []added{{0, true, 0}, {time.Second, false, ms}}, at: time.Hour},
		"a late one does not count back": {
			add: []added{{61 * time.Second, false, ms}, {59 * time.Second, false, ms}}, at: 61 * time.Second, want: minuteLook{2, 0, []int64{2}},
		},
		"the slowest are together": {
			add: []added{{0, false, 1000 * time.Hour}}, want: minuteLook{1, 0, append(make([]int64, config.LatencyBuckets-1), 1)},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var m Minute
			for _, a := range tc.add {
				m.Add(int64(a.at), a.failed, a.latency)
			}
			if diff := cmp.Diff(tc.want, lookAt(&m, tc.at)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The minute is what a list of all attempts says of the ticks of ten seconds that it covers.
func TestMinuteCountsAsAListDoes(t *testing.T) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 1))
		var m Minute
		var list []added
		var now time.Duration
		for range 200 {
			now += time.Duration(random.Int64N(int64(3 * time.Second)))
			if random.IntN(50) == 0 {
				now += 2 * time.Minute
			}
			a := added{now, random.IntN(3) == 0, time.Duration(random.Int64N(int64(time.Minute))) - time.Second}
			list = append(list, a)
			m.Add(int64(a.at), a.failed, a.latency)

			want := minuteLook{}
			buckets, n := make([]int64, config.LatencyBuckets), 0
			for _, a := range list {
				if a.at < (now/(10*time.Second)-5)*10*time.Second {
					continue
				}
				want.Attempts++
				if a.failed {
					want.Failures++
				} else if a.latency >= 0 {
					buckets[config.LatencyBucket(a.latency)]++
					n = max(n, config.LatencyBucket(a.latency)+1)
				}
			}
			if n > 0 {
				want.Latency = buckets[:n]
			}
			if diff := cmp.Diff(want, lookAt(&m, now)); diff != "" {
				t.Fatalf("seed %d, after %d (-want +got):\n%s", seed, len(list), diff)
			}
		}
	}
}

func TestAMinuteLosesNothingWhenManyCount(t *testing.T) {
	var m Minute
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for n := range 1000 {
				m.Add(int64(time.Duration(n/200)*10*time.Second), i%2 == 0, time.Millisecond)
				m.Look(0)
			}
		})
	}
	wait.Wait()
	if diff := cmp.Diff(minuteLook{8000, 4000, []int64{4000}}, lookAt(&m, 41*time.Second)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func BenchmarkMinute(b *testing.B) {
	var m Minute
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for now := int64(0); pb.Next(); now += int64(time.Millisecond) {
			m.Add(now, false, 800*time.Millisecond)
		}
	})
}
