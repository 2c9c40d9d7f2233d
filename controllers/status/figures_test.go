// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"testing"
	"time"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/status"
	"github.com/sparkgateway/spark/gateway/config"
)

func TestErrorsAreAShareInTwoDigits(t *testing.T) {
	tests := map[string]struct {
		attempts, failures int64
		want               string
	}{
		"no attempts":                  {0, 0, ""},
		"no failures":                  {7, 0, "0%"},
		"one of five hundred":          {500, 1, "0.2%"},
		"one of three":                 {3, 1, "33%"},
		"one of a million":             {1000000, 1, "0.0001%"},
		"two digits, rounded":          {100000, 1249, "1.2%"},
		"all":                          {9, 9, "100%"},
		"nearly all are not all":       {1000, 999, "99%"},
		"a figure that fits its field": {999999999999, 1, "0.0000000001%"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := provider(v1alpha1.ProviderPolicyStatus{}, through("main", says("a", answered(test.attempts, test.failures))))
			if got.Errors != test.want || got.Traffic[0].Errors != test.want || len(got.Errors) > 16 {
				t.Errorf("errors %q, of the gateway %q, want %q", got.Errors, got.Traffic[0].Errors, test.want)
			}
		})
	}
}

// counts puts answers into the buckets of their latencies.
func counts(latencies map[time.Duration]int64) []int64 {
	buckets := make([]int64, config.LatencyBuckets)
	for latency, n := range latencies {
		buckets[config.LatencyBucket(latency)] += n
	}
	return buckets
}

func TestP95IsOfAllPodsTogether(t *testing.T) {
	type of = map[time.Duration]int64
	tests := map[string]struct {
		pods []of
		want string
	}{
		"no answers":                                {[]of{{}}, ""},
		"one answer":                                {[]of{{700 * time.Millisecond: 1}}, "720ms"},
		"the fastest":                               {[]of{{time.Microsecond: 1}}, "1ms"},
		"5 of 100 may be slower":                    {[]of{{100 * time.Millisecond: 95, time.Minute: 5}}, "110ms"},
		"6 of 100 may not":                          {[]of{{100 * time.Millisecond: 94, time.Minute: 6}}, "66s"},
		"a slow pod counts by its answers":          {[]of{{100 * time.Millisecond: 1000}, {10 * time.Second: 10}}, "110ms"},
		"seconds":                                   {[]of{{1300 * time.Millisecond: 1}}, "1.4s"},
		"tens of seconds":                           {[]of{{20 * time.Second: 1}}, "23s"},
		"minutes":                                   {[]of{{4 * time.Minute: 1}}, "4.4m"},
		"nearly a second":                           {[]of{{980 * time.Millisecond: 1}}, "1s"},
		"what is slower than anybody would wait":    {[]of{{24 * time.Hour: 1}}, "240m"},
		"two halves, of which the slower is told":   {[]of{{10 * time.Millisecond: 50}, {time.Second: 50}}, "1s"},
		"pods with fewer buckets than there can be": {[]of{{time.Millisecond: 3}, {}}, "1ms"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var pods []status.PodTraffic
			for _, latencies := range test.pods {
				pods = append(pods, says("a", answered(0, 0, counts(latencies)...)))
			}
			got := provider(v1alpha1.ProviderPolicyStatus{}, through("main", pods...))
			if got.P95 != test.want || got.Traffic[0].P95 != test.want || len(got.P95) > 16 {
				t.Errorf("p95 %q, of the gateway %q, want %q", got.P95, got.Traffic[0].P95, test.want)
			}
		})
	}
}
