// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package rates

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sparkgateway/spark/gateway/config"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

var nearly = cmpopts.EquateApprox(0, 0.01)

// at puts so many answers into the bucket of a time.
func at(d time.Duration, n int64) []int64 {
	counts := make([]int64, config.LatencyBucket(d)+1)
	counts[len(counts)-1] = n
	return counts
}

func TestAPodsRatesAreOfItsLastTwoMinutes(t *testing.T) {
	minute := func(ago time.Duration, requests, failed int64) config.TrafficMinute {
		return config.TrafficMinute{
			At: noon.Add(-ago), Requests: requests, Failed: failed, Tokens: requests * 10, Cost: float64(requests) / 100, Lookups: requests / 2, Hits: requests / 4,
			Duration: at(time.Second, requests), FirstToken: at(200*time.Millisecond, requests),
		}
	}
	for name, tt := range map[string]struct {
		health config.Health
		want   Row
	}{
		"busy": {
			config.Health{At: noon.Add(30 * time.Second), Status: config.HealthDegraded, InFlight: 3, Traffic: []config.TrafficMinute{
				minute(2*time.Minute, 9999, 0), minute(time.Minute, 120, 6), minute(0, 60, 3)}},
			Row{Name: "a", State: "degraded", InFlight: 3, PerSecond: 2, ErrorPercent: 5, TokensPerSecond: 20, DollarsPerHour: 72,
				P50: 1024, P95: 1024, FirstToken: 215.27, HitPercent: 50},
		},
		"just begun": {
			config.Health{At: noon, Traffic: []config.TrafficMinute{minute(0, 4, 0)}},
			Row{Name: "a", PerSecond: 4, TokensPerSecond: 40, DollarsPerHour: 144, P50: 1024, P95: 1024, FirstToken: 215.27, HitPercent: 50},
		},
		"idle":     {config.Health{At: noon, Traffic: []config.TrafficMinute{{At: noon.Add(-time.Minute)}}}, Row{Name: "a", ErrorPercent: -1, HitPercent: -1}},
		"not told": {config.Health{}, Row{Name: "a", ErrorPercent: -1, HitPercent: -1}},
	} {
		if diff := cmp.Diff([]Row{tt.want}, Pods([]Reading{{Pod: "a", Health: tt.health}}), nearly); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAProvidersRatesAreThoseOfAllPods(t *testing.T) {
	pod := func(attempts, failures int64, latency time.Duration) Reading {
		return Reading{Health: config.Health{Providers: []config.ProviderState{{ID: "team/p", Attempts: attempts, Failures: failures, Latency: at(latency, attempts)}}}}
	}
	quiet := Reading{Health: config.Health{Providers: []config.ProviderState{{ID: "team/q"}}}}
	got := Providers([]Reading{pod(90, 9, 100*time.Millisecond), pod(30, 3, time.Second), quiet})
	if err := Sort(got, "requests"); err != nil {
		t.Fatal(err)
	}
	want := []Row{
		{Name: "team/p", PerSecond: 2, ErrorPercent: 10, P50: 107.63, P95: 1024, HitPercent: -1},
		{Name: "team/q", ErrorPercent: -1, HitPercent: -1},
	}
	if diff := cmp.Diff(want, got, nearly); diff != "" {
		t.Error(diff)
	}
}

func TestKeysAreComparedBetweenTwoTimes(t *testing.T) {
	pod := func(instance string, after time.Duration, spend ...config.KeySpend) Reading {
		return Reading{Health: config.Health{Instance: instance, At: noon.Add(after), Spend: spend}}
	}
	spend := func(key string, n int64) config.KeySpend {
		return config.KeySpend{Key: key, Requests: n, Tokens: 10 * n, Cost: float64(n) / 10}
	}
	before := []Reading{pod("1", 0, spend("a", 100), spend("b", 50)), pod("2", 0, spend("a", 10))}
	now := []Reading{pod("1", 10*time.Second, spend("a", 120), spend("b", 20), spend("new", 5)), pod("2", 10*time.Second, spend("a", 20)), pod("3", 10*time.Second, spend("a", 9999))}
	got := Keys(before, now)
	if err := Sort(got, "cost"); err != nil {
		t.Fatal(err)
	}
	want := []Row{
		{Name: "a", PerSecond: 3, TokensPerSecond: 30, DollarsPerHour: 1080, ErrorPercent: -1, HitPercent: -1},
		{Name: "new", PerSecond: 0.5, TokensPerSecond: 5, DollarsPerHour: 180, ErrorPercent: -1, HitPercent: -1},
		{Name: "b", ErrorPercent: -1, HitPercent: -1},
	}
	if diff := cmp.Diff(want, got, nearly); diff != "" {
		t.Error(diff)
	}
	if got := Keys(nil, now); len(got) != 0 {
		t.Errorf("of no time before: %+v", got)
	}
	if got := Keys(now, now); len(got) != 0 {
		t.Errorf("of no time between: %+v", got)
	}
}

const scraped = `# TYPE spark_requests_total counter
spark_requests_total{provider="team/p",model="smart",outcome="ok"} 90
spark_requests_total{provider="team/q",model="smart",outcome="provider_failed"} 10
spark_requests_total{provider="",model="",outcome="refused"} 7
# TYPE spark_tokens_total counter
spark_tokens_total{provider="team/p",model="smart",type="prompt",source="reported"} 1000
spark_tokens_total{provider="team/p",model="smart",type="cached",source="reported"} 900
spark_tokens_total{provider="team/p",model="smart",type="completion",source="reported"} 500
# TYPE spark_spend_cost_dollars_total counter
spark_spend_cost_dollars_total{provider="team/p",model="smart"} 0.25
# TYPE other gauge
other 1
`

func TestModelsAreReadFromMetrics(t *testing.T) {
	counts, err := Counts([]byte(scraped), func(outcome string) bool { return outcome == "provider_failed" })
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Count{"smart": {Requests: 100, Failed: 10, Tokens: 1500, Cost: 0.25}}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Error(diff)
	}
	before := []Reading{{Health: config.Health{At: noon}}}
	now := []Reading{{Health: config.Health{At: noon.Add(10 * time.Second)}, Models: counts}}
	rows := Models(before, now)
	if diff := cmp.Diff([]Row{{Name: "smart", PerSecond: 10, ErrorPercent: 10, TokensPerSecond: 150, DollarsPerHour: 90, HitPercent: -1}}, rows, nearly); diff != "" {
		t.Error(diff)
	}
	if _, err := Counts([]byte("<html>"), nil); err == nil || !strings.HasPrefix(err.Error(), "the metrics cannot be read: ") {
		t.Error(err)
	}
}

func TestRowsAreSorted(t *testing.T) {
	rows := []Row{{Name: "b", PerSecond: 1, P95: 5, ErrorPercent: -1}, {Name: "c", PerSecond: 2, TokensPerSecond: 9}, {Name: "a", PerSecond: 1, ErrorPercent: 3, DollarsPerHour: 1}}
	for order, want := range map[string]string{"name": "abc", "requests": "cab", "errors": "acb", "tokens": "cab", "cost": "abc", "p95": "bac"} {
		sorted := append([]Row{}, rows...)
		if err := Sort(sorted, order); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, r := range sorted {
			got += r.Name
		}
		if got != want {
			t.Errorf("%s: %s, want %s", order, got, want)
		}
	}
	if err := Sort(rows, "colour"); err == nil || !strings.HasPrefix(err.Error(), "--sort colour: there are name, ") {
		t.Error(err)
	}
}
