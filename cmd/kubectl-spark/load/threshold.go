// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Threshold is a bound that a run has to keep.
type Threshold struct {
	// Name is that of a measure, Text the whole as it was written.
	Name, Text string
	op         string
	bound      float64
	percent    bool
}

// Verdict is whether a threshold was kept.
type Verdict struct {
	Threshold string `json:"threshold"`
	// Found is what was measured, as text with its unit.
	Found string `json:"found"`
	Kept  bool   `json:"kept"`
}

// measure is what a threshold can be of. Durations are in milliseconds.
type measure struct {
	of func(*Result) (value float64, measured bool)
	// unit is "ms", "%" where the value is a share, or empty.
	unit string
	// count gives the number behind a share.
	count func(*Result) int64
}

var measures = func() map[string]measure {
	all := map[string]measure{
		"errors":     {of: always((*Result).ErrorShare), unit: "%", count: func(r *Result) int64 { return r.Errors }},
		"late":       {of: always((*Result).LateShare), unit: "%", count: func(r *Result) int64 { return r.Late }},
		"rate":       {of: always(func(r *Result) float64 { return r.Rate })},
		"throughput": {of: always(func(r *Result) float64 { return r.Throughput })},
		"tokens":     {of: always(func(r *Result) float64 { return r.OutputRate })},
	}
	for prefix, of := range map[string]func(*Result) *Latency{
		"": func(r *Result) *Latency { return &r.Latency }, "service_": func(r *Result) *Latency { return &r.Service },
		"ttft_": func(r *Result) *Latency { return &r.FirstToken }, "itl_": func(r *Result) *Latency { return &r.BetweenTokens },
	} {
		for name, at := range map[string]func(*Latency) float64{
			"mean": func(l *Latency) float64 { return l.Mean }, "p50": func(l *Latency) float64 { return l.P50 },
			"p90": func(l *Latency) float64 { return l.P90 }, "p95": func(l *Latency) float64 { return l.P95 },
			"p99": func(l *Latency) float64 { return l.P99 }, "p99.9": func(l *Latency) float64 { return l.P999 },
			"max": func(l *Latency) float64 { return l.Max },
		} {
			all[prefix+name] = measure{unit: "ms", of: func(r *Result) (float64, bool) { return at(of(r)), of(r).Count > 0 }}
		}
	}
	return all
}()

func always(of func(*Result) float64) func(*Result) (float64, bool) {
	return func(r *Result) (float64, bool) { return of(r), r.OK+r.Errors > 0 }
}

// Measures are the names that thresholds may have, sorted.
func Measures() []string { return slices.Sorted(maps.Keys(measures)) }

// ParseThresholds reads several, separated by commas: "p99<2s,ttft_p95<1s,errors<1%,rate>95". An empty text has none.
func ParseThresholds(text string) ([]Threshold, error) {
	var all []Threshold
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		t, err := parseThreshold(part)
		if err != nil {
			return nil, fmt.Errorf("threshold %q: %w", part, err)
		}
		all = append(all, t)
	}
	return all, nil
}

func parseThreshold(text string) (Threshold, error) {
	at := strings.IndexAny(text, "<>")
	if at < 0 {
		return Threshold{}, fmt.Errorf("there is no <, <=, > or >= in it")
	}
	t := Threshold{Name: strings.TrimSpace(text[:at]), Text: text, op: text[at : at+1]}
	value, equal := strings.CutPrefix(text[at+1:], "=")
	if equal {
		t.op += "="
	}
	value = strings.TrimSpace(value)
	m, known := measures[t.Name]
	if !known {
		return t, fmt.Errorf("%q is none of %s", t.Name, strings.Join(Measures(), ", "))
	}
	var err error
	switch {
	case m.unit == "ms":
		var d time.Duration
		if d, err = time.ParseDuration(value); err != nil {
			return t, fmt.Errorf("%q is no duration, as 1.5s or 200ms", value)
		}
		t.bound = float64(d) / float64(time.Millisecond)
		return t, nil
	case m.unit == "%" && strings.HasSuffix(value, "%"):
		t.percent = true
		value = strings.TrimSuffix(value, "%")
	}
	if t.bound, err = strconv.ParseFloat(value, 64); err != nil || !(t.bound >= 0) {
		return t, fmt.Errorf("%q is no number that fits %s", value, t.Name)
	}
	return t, nil
}

// Judge says of each threshold whether it was kept. What was not measured keeps none.
func Judge(all []Threshold, r *Result) []Verdict {
	verdicts := make([]Verdict, 0, len(all))
	for _, t := range all {
		verdicts = append(verdicts, t.judge(r))
	}
	return verdicts
}

func (t *Threshold) judge(r *Result) Verdict {
	m := measures[t.Name]
	value, measured := m.of(r)
	v := Verdict{Threshold: t.Text, Found: "not measured"}
	if !measured {
		return v
	}
	switch {
	case m.unit == "ms":
		v.Found = Millis(value)
	case t.percent:
		value *= 100
		v.Found = Percent(value / 100)
	case m.count != nil:
		value = float64(m.count(r))
		v.Found = number(value)
	default:
		v.Found = number(value)
	}
	switch t.op {
	case "<":
		v.Kept = value < t.bound
	case "<=":
		v.Kept = value <= t.bound
	case ">":
		v.Kept = value > t.bound
	default:
		v.Kept = value >= t.bound
	}
	return v
}

// Kept says whether all were.
func Kept(all []Verdict) bool {
	return !slices.ContainsFunc(all, func(v Verdict) bool { return !v.Kept })
}
