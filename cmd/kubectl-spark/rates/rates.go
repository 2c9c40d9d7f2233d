// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rates makes rates of what pods say of their traffic.
package rates

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// By says what rates are of.
type By string

// What rates may be of.
const (
	Pod      By = "pod"
	Provider By = "provider"
	Model    By = "model"
	Key      By = "key"
)

// All are those, as they are shown.
var All = []By{Pod, Provider, Model, Key}

// Row is the rates of one of them. What does not apply is 0, and Percent -1.
type Row struct {
	Name string `json:"name"`
	// State is a Health's status, of pods only.
	State string `json:"state,omitempty"`
	// InFlight requests are under way, of pods only.
	InFlight int `json:"inFlight,omitempty"`
	// PerSecond is of requests; of a provider, of attempts.
	PerSecond float64 `json:"perSecond"`
	// ErrorPercent of them failed by the gateway's or a provider's fault; -1 where there was none, or nobody says.
	ErrorPercent float64 `json:"errorPercent"`
	// TokensPerSecond and DollarsPerHour are of all attempts.
	TokensPerSecond float64 `json:"tokensPerSecond"`
	DollarsPerHour  float64 `json:"dollarsPerHour"`
	// P50 and P95 are of how long answers took in milliseconds; of a provider, until they began. FirstToken is the P95 of that.
	P50        float64 `json:"p50Ms,omitempty"`
	P95        float64 `json:"p95Ms,omitempty"`
	FirstToken float64 `json:"firstTokenMs,omitempty"`
	// HitPercent of the lookups were answered from the cache; -1 where there was none.
	HitPercent float64 `json:"hitPercent"`
}

// Reading is what one pod said at one time.
type Reading struct {
	Pod    string
	Health config.Health
	// Models are counters by model, where they were asked for.
	Models map[string]Count
}

// Count is what was counted since a process began.
type Count struct{ Requests, Failed, Tokens, Cost float64 }

// Pods gives the rates of each pod over its last whole minute and the one that is not over.
func Pods(now []Reading) []Row {
	rows := make([]Row, 0, len(now))
	for i := range now {
		h := &now[i].Health
		row := Row{Name: now[i].Pod, State: h.Status, InFlight: h.InFlight, ErrorPercent: -1, HitPercent: -1}
		minutes := h.Traffic[max(len(h.Traffic)-2, 0):]
		if len(minutes) > 0 {
			row.add(minutes, h.At)
		}
		rows = append(rows, row)
	}
	return rows
}

func (r *Row) add(minutes []config.TrafficMinute, now time.Time) {
	var sum config.TrafficMinute
	for i := range minutes {
		m := &minutes[i]
		sum.Requests, sum.Failed, sum.Tokens, sum.Cost = sum.Requests+m.Requests, sum.Failed+m.Failed, sum.Tokens+m.Tokens, sum.Cost+m.Cost
		sum.Lookups, sum.Hits = sum.Lookups+m.Lookups, sum.Hits+m.Hits
		sum.Duration, sum.FirstToken = plus(sum.Duration, m.Duration), plus(sum.FirstToken, m.FirstToken)
	}
	seconds := max(now.Sub(minutes[0].At).Seconds(), 1)
	r.PerSecond, r.TokensPerSecond = float64(sum.Requests)/seconds, float64(sum.Tokens)/seconds
	r.DollarsPerHour = sum.Cost / seconds * time.Hour.Seconds()
	r.ErrorPercent, r.HitPercent = percent(sum.Failed, sum.Requests), percent(sum.Hits, sum.Lookups)
	r.P50, r.P95, r.FirstToken = millisWithin(sum.Duration, 0.50), millisWithin(sum.Duration, 0.95), millisWithin(sum.FirstToken, 0.95)
}

// Providers gives the rates of each provider over the last minute, all pods together.
func Providers(now []Reading) []Row {
	type seen struct {
		attempts, failures int64
		latency            []int64
	}
	all := map[string]*seen{}
	for i := range now {
		for j := range now[i].Health.Providers {
			p := &now[i].Health.Providers[j]
			s := all[p.ID]
			if s == nil {
				s = &seen{}
				all[p.ID] = s
			}
			s.attempts, s.failures, s.latency = s.attempts+p.Attempts, s.failures+p.Failures, plus(s.latency, p.Latency)
		}
	}
	rows := make([]Row, 0, len(all))
	for id, s := range all {
		rows = append(rows, Row{
			Name: id, PerSecond: float64(s.attempts) / time.Minute.Seconds(), ErrorPercent: percent(s.failures, s.attempts), HitPercent: -1,
			P50: millisWithin(s.latency, 0.50), P95: millisWithin(s.latency, 0.95),
		})
	}
	return rows
}

// Keys gives the rates of keys between two times, all pods together. Of a pod that is new, or began anew, nothing counts.
func Keys(before, now []Reading) []Row {
	count := func(h *config.Health) map[string]Count {
		counts := map[string]Count{}
		for _, s := range h.Spend {
			counts[s.Key] = Count{Requests: float64(s.Requests), Tokens: float64(s.Tokens), Cost: s.Cost}
		}
		return counts
	}
	rows := between(before, now, func(r *Reading) map[string]Count { return count(&r.Health) })
	for i := range rows {
		rows[i].ErrorPercent = -1
	}
	return rows
}

// Models gives the rates of models between two times, likewise.
func Models(before, now []Reading) []Row {
	return between(before, now, func(r *Reading) map[string]Count { return r.Models })
}

func between(before, now []Reading, counts func(*Reading) map[string]Count) []Row {
	sums := map[string]Count{}
	seconds := 0.0
	for i := range now {
		at := slices.IndexFunc(before, func(b Reading) bool { return b.Health.Instance == now[i].Health.Instance })
		if at < 0 {
			continue
		}
		seconds = max(seconds, now[i].Health.At.Sub(before[at].Health.At).Seconds())
		then := counts(&before[at])
		for name, c := range counts(&now[i]) {
			old, sum := then[name], sums[name]
			// What falls has been forgotten meanwhile and begun anew.
			sum.Requests += max(c.Requests-old.Requests, 0)
			sum.Failed += max(c.Failed-old.Failed, 0)
			sum.Tokens += max(c.Tokens-old.Tokens, 0)
			sum.Cost += max(c.Cost-old.Cost, 0)
			sums[name] = sum
		}
	}
	rows := make([]Row, 0, len(sums))
	for name, c := range sums {
		if seconds <= 0 {
			break
		}
		row := Row{Name: name, PerSecond: c.Requests / seconds, TokensPerSecond: c.Tokens / seconds, DollarsPerHour: c.Cost / seconds * time.Hour.Seconds(),
			ErrorPercent: -1, HitPercent: -1}
		if c.Requests > 0 {
			row.ErrorPercent = 100 * c.Failed / c.Requests
		}
		rows = append(rows, row)
	}
	return rows
}

// Orders are what rows may be sorted by.
var Orders = []string{"name", "requests", "errors", "tokens", "cost", "p95"}

// Sort puts the highest first, and by name the first.
func Sort(rows []Row, order string) error {
	value := map[string]func(*Row) float64{
		"name": func(*Row) float64 { return 0 }, "requests": func(r *Row) float64 { return r.PerSecond },
		"errors": func(r *Row) float64 { return r.ErrorPercent }, "tokens": func(r *Row) float64 { return r.TokensPerSecond },
		"cost": func(r *Row) float64 { return r.DollarsPerHour }, "p95": func(r *Row) float64 { return r.P95 },
	}[order]
	if value == nil {
		return errors.New("--sort " + order + ": there are " + strings.Join(Orders, ", "))
	}
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Or(cmp.Compare(value(&b), value(&a)), strings.Compare(a.Name, b.Name)) })
	return nil
}

func percent(part, of int64) float64 {
	if of <= 0 {
		return -1
	}
	return 100 * float64(part) / float64(of)
}

// plus adds numbers by their places.
func plus(sum, more []int64) []int64 {
	out := make([]int64, max(len(sum), len(more)))
	copy(out, sum)
	for i, n := range more {
		out[i] += n
	}
	return out
}

// millisWithin gives what config.LatencyQuantile says in milliseconds; 0 of nothing.
func millisWithin(counts []int64, q float64) float64 {
	return float64(config.LatencyQuantile(counts, q)) / float64(time.Millisecond)
}

// Millis writes milliseconds for people.
func Millis(ms float64) string {
	switch {
	case ms <= 0:
		return ""
	case ms < 1000:
		return fmt.Sprintf("%.0fms", ms)
	}
	return fmt.Sprintf("%.1fs", ms/1000)
}
