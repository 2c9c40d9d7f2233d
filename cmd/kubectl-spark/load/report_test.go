// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// sample is a result with something of everything.
func sample() *Result {
	return &Result{
		Seconds: 12.5, Sent: 1200, OK: 1188, Errors: 12, Streams: 600, Rate: 100, Throughput: 99,
		Kinds: []Failures{{"status_429 request_limit", 8}, {"broken_stream", 4}}, Late: 6, LateMost: 14.5, Waited: 2,
		Latency:    Latency{Count: 1188, Mean: 110, P50: 100, P90: 150, P95: 180, P99: 1900, P999: 2500.25, Max: 2600},
		Service:    Latency{Count: 1188, Mean: 109, P50: 99, P90: 149, P95: 179, P99: 1800, P999: 2400, Max: 2500},
		FirstToken: Latency{Count: 600, Mean: 20, P50: 18, P90: 30, P95: 40.5, P99: 90, P999: 99, Max: 120},
		Curve:      []Point{{0, 90}, {90, 150}}, ServiceCurve: []Point{{0, 89}, {90, 149}},
		InputTokens: 240_000, OutputTokens: 60_000, OutputRate: 4800, SentBytes: 1_000_000, ReceivedBytes: 9_000_000_000,
		Rows: []Row{
			{At: 0, Seconds: 1, Offered: 100, Sent: 100, Done: 90, Errors: 3, InFlight: 10, Output: 500, P50: 100, P99: 150, FirstToken: 20, Warmup: true},
			{At: 1, Seconds: 0.5, Offered: 50, Sent: 50, Done: 60, Errors: 1, Kinds: map[Kind]int64{"broken_stream": 1}},
		},
	}
}

func report(t *testing.T, thresholds string, r *Result) *Report {
	t.Helper()
	all, err := ParseThresholds(thresholds)
	if err != nil {
		t.Fatal(err)
	}
	settings := []Setting{{"gateway", "https://llm.example.com"}, {"model", "</script><script>alert(1)</script>"}}
	return NewReport(time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC), settings, r, Judge(all, r))
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is otherwise (-update writes it): %s", path, diff)
	}
}

func TestTheFormOfTheJSONStays(t *testing.T) {
	var out bytes.Buffer
	if err := report(t, "p99<2s,errors<1%", sample()).WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", out.Bytes())
	out.Reset()
	if err := report(t, "", (&tally{all: newTally(time.Time{}, nil, 0).all}).result(0, 0, false)).WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	// What reads lists finds lists, where there is nothing, too.
	for _, list := range []string{"errorKinds", "latencyCurve", "thresholds", "warnings", "rows"} {
		if !strings.Contains(out.String(), `"`+list+`": []`) {
			t.Errorf("%s is no empty list in %s", list, &out)
		}
	}
}

func TestTheSummaryIsText(t *testing.T) {
	var out bytes.Buffer
	r := report(t, "p99<2s,ttft_p95<30ms,itl_p50<1s,errors<=12,rate>95", sample())
	WriteHead(&out)
	for i := range r.Rows {
		WriteRow(&out, &r.Rows[i])
	}
	if err := r.WriteSummary(&out); err != nil {
		t.Fatal(err)
	}
	golden(t, "summary.txt", out.Bytes())
}

func TestThePageIsOneFileThatCanBeReadWithoutScripts(t *testing.T) {
	var out bytes.Buffer
	r := sample()
	r.Cut = true
	if err := report(t, "p99<2s,errors<0.1%", r).WriteHTML(&out); err != nil {
		t.Fatal(err)
	}
	page := out.String()
	text, _, _ := strings.Cut(page, `<script type="application/json"`)
	for _, want := range []string{
		"1 of 2 thresholds were broken.", "p99&lt;2s", "✓ kept", "✗ broken", "1.90s", "status_429 request_limit", "broken_stream",
		"https://llm.example.com", "ended early", "warm-up", "40.5ms", "8.4 GiB", "<th scope=\"row\">first token</th>",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q stands in no table", want)
		}
	}
	if strings.Contains(text, "between tokens") {
		t.Error("there is a line for what did not happen")
	}
	for _, never := range []string{`src=`, `<link`, `@import`, "<script>alert(1)"} {
		if strings.Contains(strings.ReplaceAll(page, "xlink", ""), never) {
			t.Errorf("%q is in the page", never)
		}
	}
	if n := strings.Count(page, "</script>"); n != 3 {
		t.Errorf("%d scripts end, want 3: something broke out", n)
	}
}

func TestTheHeadlineSaysHowItWent(t *testing.T) {
	for name, c := range map[string]struct {
		thresholds string
		ok         int64
		want, mark string
	}{
		"no thresholds":        {"", 10, "No thresholds were set.", "plain"},
		"all kept":             {"rate>1,p50<1m", 10, "All 2 thresholds were kept.", "good"},
		"one broken":           {"rate>1,p50<1ms", 10, "1 of 2 thresholds were broken.", "bad"},
		"nothing was answered": {"", 0, "No request was answered well.", "bad"},
	} {
		t.Run(name, func(t *testing.T) {
			result := sample()
			result.OK = c.ok
			r := report(t, c.thresholds, result)
			if r.Headline() != c.want || r.Mark() != c.mark {
				t.Errorf("%q, %s", r.Headline(), r.Mark())
			}
		})
	}
}

func TestWarningsSayWhatMakesNumbersDoubtful(t *testing.T) {
	for name, c := range map[string]struct {
		is   func(*Result)
		want []string
	}{
		"nothing does":                  {func(*Result) {}, nil},
		"ended early":                   {func(r *Result) { r.Cut, r.Unfinished = true, 3 }, []string{"ended early, after 12.5 s; 3 requests"}},
		"late for want of connections":  {func(r *Result) { r.Late, r.Waited = 120, 100 }, []string{"They waited for a free connection"}},
		"late for want of speed":        {func(r *Result) { r.Late, r.Waited = 120, 10 }, []string{"This machine is too slow"}},
		"too few for a high percentile": {func(r *Result) { r.Latency.Count = 100 }, []string{"Of 100 requests"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := sample()
			c.is(r)
			got := r.warnings()
			if len(got) != len(c.want) {
				t.Fatalf("%q", got)
			}
			for i := range got {
				if !strings.Contains(got[i], c.want[i]) {
					t.Errorf("%q does not say %q", got[i], c.want[i])
				}
			}
		})
	}
}

func TestNumbersAreWrittenForPeople(t *testing.T) {
	for want, got := range map[string]string{
		"0": Millis(0), "250µs": Millis(0.25), "1.50ms": Millis(1.5), "12.3ms": Millis(12.34), "123ms": Millis(123.4),
		"1.23s": Millis(1234), "12.3s": Millis(12_345), "-": dash(0), "0.00%": Percent(0), "<0.01%": Percent(0.00001), "12.50%": Percent(0.125),
		"512 B": bytesText(512), "2.0 KiB": bytesText(2048), "3.0 GiB": bytesText(3 << 30), "99.5": rate(99.5), "1235": rate(1234.56),
		"7s": seconds(7.01), "7.5s": seconds(7.5),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
