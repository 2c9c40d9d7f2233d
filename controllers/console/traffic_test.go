// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/gateway/config"
)

// noon is now, by the clock of these tests, some seconds into a minute.
var noon = time.Date(2026, 11, 23, 12, 0, 17, 0, time.UTC)

// minutes before the one that noon is in.
func ago(minutes int) time.Time {
	return noon.Truncate(time.Minute).Add(-time.Duration(minutes) * time.Minute)
}

// took gives counts with so many answers of each latency in milliseconds.
func took(answers map[int]int64) []int64 {
	out := make([]int64, config.LatencyBuckets)
	for ms, n := range answers {
		out[config.LatencyBucket(time.Duration(ms)*time.Millisecond)] += n
	}
	return out
}

// bound gives what is told of a latency in milliseconds: the upper bound of its bucket.
func bound(ms int) float64 {
	d := config.LatencyBound(config.LatencyBucket(time.Duration(ms) * time.Millisecond))
	return math.Round(float64(d)/float64(time.Millisecond)*10) / 10
}

func pod(minutes ...config.TrafficMinute) *config.Health { return &config.Health{Traffic: minutes} }

func TestTrafficOfSeveralPodsIsOne(t *testing.T) {
	for name, test := range map[string]struct {
		told []*config.Health
		want []Minute
	}{
		"nobody tells anything":    {nil, []Minute{}},
		"a pod that has none told": {[]*config.Health{pod()}, []Minute{}},
		"numbers are summed": {
			[]*config.Health{
				pod(config.TrafficMinute{At: ago(0), Requests: 5, Failed: 1, Refused: 2, Tokens: 100, Cost: 0.5}),
				pod(config.TrafficMinute{At: ago(0), Requests: 7, Failed: 2, Refused: 1, Tokens: 50, Cost: 0.25}),
			},
			[]Minute{{At: ago(0), Requests: 12, Failed: 3, Refused: 3, Tokens: 150, Cost: 0.75}},
		},
		// The mean of the pods' own medians would be some 500 ms, and of their 95th percentiles as well.
		"percentiles are of all requests together, not means of the pods'": {
			[]*config.Health{
				pod(config.TrafficMinute{At: ago(0), Requests: 99, Duration: took(map[int]int64{10: 99}), FirstToken: took(map[int]int64{5: 99})}),
				pod(config.TrafficMinute{At: ago(0), Requests: 1, Duration: took(map[int]int64{1000: 1}), FirstToken: took(map[int]int64{900: 1})}),
			},
			[]Minute{{At: ago(0), Requests: 100, P50: bound(10), P95: bound(10), P99: bound(10), FirstP50: bound(5), FirstP95: bound(5)}},
		},
		"the slow pod is seen where its share is large enough": {
			[]*config.Health{
				pod(config.TrafficMinute{At: ago(0), Requests: 90, Duration: took(map[int]int64{10: 90})}),
				pod(config.TrafficMinute{At: ago(0), Requests: 10, Duration: took(map[int]int64{1000: 8, 4000: 2})}),
			},
			[]Minute{{At: ago(0), Requests: 100, P50: bound(10), P95: bound(1000), P99: bound(4000)}},
		},
		"trailing zeros are left out by one and not by the other": {
			[]*config.Health{
				pod(config.TrafficMinute{At: ago(0), Duration: []int64{1}}),
				pod(config.TrafficMinute{At: ago(0), Duration: took(map[int]int64{1: 1})}),
			},
			[]Minute{{At: ago(0), P50: 1, P95: 1, P99: 1}},
		},
		"buckets that only a newer release has count as the last": {
			[]*config.Health{pod(config.TrafficMinute{At: ago(0), Duration: append(make([]int64, config.LatencyBuckets+3), 1)})},
			[]Minute{{At: ago(0), P50: last(), P95: last(), P99: last()}},
		},
		"a hit rate is of all lookups": {
			[]*config.Health{
				pod(config.TrafficMinute{At: ago(0), Lookups: 30, Hits: 30}),
				pod(config.TrafficMinute{At: ago(0), Lookups: 10}),
			},
			[]Minute{{At: ago(0), HitRate: ptr.To(0.75)}},
		},
		"without lookups it is not known, and with none that hit it is 0": {
			[]*config.Health{pod(config.TrafficMinute{At: ago(1), Requests: 1}, config.TrafficMinute{At: ago(0), Lookups: 4})},
			[]Minute{{At: ago(1), Requests: 1}, {At: ago(0), HitRate: ptr.To(0.0)}},
		},
		"minutes that a younger pod cannot know are the older one's": {
			[]*config.Health{
				pod(config.TrafficMinute{At: ago(2), Requests: 1}, config.TrafficMinute{At: ago(1), Requests: 2}, config.TrafficMinute{At: ago(0), Requests: 3}),
				pod(config.TrafficMinute{At: ago(0), Requests: 10}),
			},
			[]Minute{{At: ago(2), Requests: 1}, {At: ago(1), Requests: 2}, {At: ago(0), Requests: 13}},
		},
		"a gap in between had no requests": {
			[]*config.Health{pod(config.TrafficMinute{At: ago(3), Requests: 1}), pod(config.TrafficMinute{At: ago(0), Requests: 2})},
			[]Minute{{At: ago(3), Requests: 1}, {At: ago(2)}, {At: ago(1)}, {At: ago(0), Requests: 2}},
		},
		"seconds within the minute do not part what belongs together": {
			[]*config.Health{pod(config.TrafficMinute{At: ago(1), Requests: 1}), pod(config.TrafficMinute{At: ago(1).Add(30 * time.Second), Requests: 1})},
			[]Minute{{At: ago(1), Requests: 2}},
		},
		"other time zones do not either": {
			[]*config.Health{pod(config.TrafficMinute{At: ago(1), Requests: 1}),
				pod(config.TrafficMinute{At: ago(1).In(time.FixedZone("", 3600)), Requests: 1})},
			[]Minute{{At: ago(1), Requests: 2}},
		},
		"what is older than an hour, or to come, is left out": {
			[]*config.Health{pod(config.TrafficMinute{At: ago(60), Requests: 1}, config.TrafficMinute{At: ago(0), Requests: 2}, config.TrafficMinute{At: ago(-1), Requests: 4})},
			[]Minute{{At: ago(0), Requests: 2}},
		},
		"numbers that cannot be are none": {
			[]*config.Health{pod(config.TrafficMinute{At: ago(0), Duration: []int64{-5, 1}, Lookups: 2, Hits: 9})},
			[]Minute{{At: ago(0), P50: 1.2, P95: 1.2, P99: 1.2, HitRate: ptr.To(1.0)}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, traffic(test.told, noon)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for i, j := 0, len(test.told)-1; i < j; i, j = i+1, j-1 {
				test.told[i], test.told[j] = test.told[j], test.told[i]
			}
			if diff := cmp.Diff(test.want, traffic(test.told, noon)); diff != "" {
				t.Errorf("with the pods in another order, -want +got:\n%s", diff)
			}
		})
	}
}

func last() float64 {
	return math.Round(float64(config.LatencyBound(config.LatencyBuckets-1))/float64(time.Millisecond)*10) / 10
}

func TestAnHourIsSixtyMinutes(t *testing.T) {
	var all []config.TrafficMinute
	for i := 59; i >= 0; i-- {
		all = append(all, config.TrafficMinute{At: ago(i), Requests: int64(i)})
	}
	got := traffic([]*config.Health{pod(all...)}, noon)
	if len(got) != maxMinutes || !got[0].At.Equal(ago(59)) || got[59].Requests != 0 || got[0].Requests != 59 {
		t.Errorf("%d minutes, from %v", len(got), got[0])
	}
}

func TestQuantiles(t *testing.T) {
	for name, test := range map[string]struct {
		answers map[int]int64
		q, want float64
	}{
		"none":                         {nil, 0.5, 0},
		"one is all of them":           {map[int]int64{100: 1}, 0.5, bound(100)},
		"the lower of two is half":     {map[int]int64{10: 1, 100: 1}, 0.5, bound(10)},
		"and the upper one the rest":   {map[int]int64{10: 1, 100: 1}, 0.51, bound(100)},
		"nineteen of twenty":           {map[int]int64{10: 19, 100: 1}, 0.95, bound(10)},
		"less than nineteen of twenty": {map[int]int64{10: 18, 100: 2}, 0.95, bound(100)},
		"all":                          {map[int]int64{10: 1000, 7000: 1}, 1, bound(7000)},
		"the smallest share is of one": {map[int]int64{10: 1000, 7000: 1}, 0, bound(10)},
	} {
		t.Run(name, func(t *testing.T) {
			var c counts
			c.add(took(test.answers))
			if got := c.quantile(test.q); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
