// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSpread(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		want   spread
	}{
		"nothing":           {nil, spread{}},
		"one":               {[]float64{3}, spread{3, 3, 3}},
		"the middle of odd": {[]float64{9, 1, 4}, spread{4, 1, 9}},
		"between, for even": {[]float64{1, 2, 4, 9}, spread{3, 1, 9}},
	} {
		if diff := cmp.Diff(c.want, spreadOf(c.values)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func measured(cpu ...float64) []sample {
	samples := make([]sample, 0, len(cpu))
	for i, micros := range cpu {
		samples = append(samples, sample{Round: i + 1, CPUMicros: micros,
			load: load{Requests: 100, PerSecond: 20_000, P50: 1000, P99: 3000, FirstByteP50: 900}})
	}
	return samples
}

func sampleReport() report {
	s := settings{Subjects: []string{"nginx", "spark", "relay", "direct"}, Rounds: 3, Requests: 100, Connections: 32, Bytes: bodyBytes}
	return newReport(s, results{
		samples: map[string][]sample{
			"nginx": measured(10, 20, 30), "spark": measured(15, 32, 60), "direct": measured(0, 0, 0),
		},
		missing: map[string]string{"relay": "it fell over\nand said why"},
	}, machine{CPUs: 2, CPU: "Test"})
}

func TestRatiosAreTakenRoundByRound(t *testing.T) {
	got, known := sampleReport().ratio("spark", "nginx")
	if diff := cmp.Diff(spread{Median: 1.6, Min: 1.5, Max: 2}, got); diff != "" || !known {
		t.Errorf("of 15/10, 32/20 and 60/30: %s", diff)
	}
	for _, pair := range [][2]string{{"nginx", "nginx"}, {"direct", "nginx"}, {"spark", "relay"}} {
		if got, known := sampleReport().ratio(pair[0], pair[1]); known {
			t.Errorf("%v cannot be compared, but gave %v", pair, got)
		}
	}
}

func TestTheTable(t *testing.T) {
	var out strings.Builder
	sampleReport().print(&out)
	want := `
chat requests and responses of 1200 bytes; 32 connections; 3 rounds of 100 requests; 2 CPUs (Test); median (min–max)

SUBJECT   CPU µs/REQUEST     × NGINX            × RELAY   REQUESTS/s   FIRST BYTE p50   p50       p99
nginx     20.0 (10.0–30.0)   -                  -         20000        900 µs           1000 µs   3000 µs
spark     32.0 (15.0–60.0)   1.60 (1.50–2.00)   -         20000        900 µs           1000 µs   3000 µs
direct    -                  -                  -         20000        900 µs           1000 µs   3000 µs
relay is missing: it fell over
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestJudgement(t *testing.T) {
	r := sampleReport()
	for limit, reason := range map[float64]string{0: "", 1.7: "", 1.59: "spark costs 1.60 times nginx, more than 1.59"} {
		if err := r.judge(limit); (err == nil) != (reason == "") || err != nil && err.Error() != reason {
			t.Errorf("limit %v: %v, want %q", limit, err, reason)
		}
	}
	if err := (report{}).judge(1.7); err == nil {
		t.Error("nothing was measured, and it passed")
	}
	if err := r.missing(); err == nil || !strings.Contains(err.Error(), "relay could not be measured: it fell over") {
		t.Errorf("missing = %v", err)
	}
}
