// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// result is one line of the report, and what was not as promised.
type result struct {
	scenario scenario

	requests       int
	refused        int // told before anything of an answer came
	refusedHealthy int // of these, while a provider was healthy
	cut            int // told after
	dishonest      int

	opened, openBound  time.Duration // after the fault began; the slowest of those that must open
	closed, closeBound time.Duration // after it was over
	opens              int           // how often breakers opened

	p50Before, p99Before, p99During, added time.Duration
	byProvider                             [len(providerNames)]int
	byStatus                               string // of what was refused

	stall time.Duration // the longest that the machine kept the load or the watch waiting

	wrong []string
	aside []string // what was not kept in plays that were set aside because of the machine
}

// judge compares what was seen with what was promised.
func judge(f *facts) result {
	r := result{scenario: f.scenario, requests: len(f.answers), stall: f.stall(),
		openBound: f.scenario.openBound(f.pace) + 2*f.stall(), closeBound: f.scenario.closeBound(f.pace) + 2*f.stall()}
	for i := range providerNames {
		r.byProvider[i] = len(f.records[i])
	}
	r.measure(f)
	r.wrong = append(r.wrong, r.judgeAnswers(f)...)
	r.wrong = append(r.wrong, r.judgeBreakers(f)...)
	if f.scenario.also != nil {
		r.wrong = append(r.wrong, f.scenario.also(f)...)
	}
	return r
}

// measure takes percentiles of the latency. What was refused counts: it is what the application waited for.
func (r *result) measure(f *facts) {
	var before, during []time.Duration
	for _, a := range f.answers {
		switch {
		case a.due < f.broke:
			before = append(before, a.latency)
		case a.due < f.mended:
			during = append(during, a.latency)
		}
	}
	r.p50Before, r.p99Before, r.p99During = quantile(before, 0.50), quantile(before, 0.99), quantile(during, 0.99)
	r.added = r.p99During - r.p99Before
}

func quantile(values []time.Duration, q float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// healthy says whether a provider could answer a request: in the dark none is left, neither for what was under way when
// it fell, and none is again before a breaker must have closed.
func (f *facts) healthy(a answer) bool {
	s := f.scenario
	return !s.dark || a.due+a.latency < f.broke || a.due > f.mended+s.closeBound(f.pace)+2*f.stall()
}

func (r *result) judgeAnswers(f *facts) []string {
	var wrong, cuts, dark []answer
	var lies []answer
	for _, a := range f.answers {
		switch a.verdict {
		case refused:
			r.refused++
			if f.healthy(a) {
				r.refusedHealthy++
				wrong = append(wrong, a)
			} else {
				dark = append(dark, a)
			}
		case cut:
			r.cut++
			cuts = append(cuts, a)
		case dishonest:
			r.dishonest++
			lies = append(lies, a)
		case answered:
		}
	}
	r.byStatus = statuses(slices.Concat(wrong, dark))
	var found []string
	if len(wrong) > 0 {
		found = append(found, f.named("%d requests failed before an answer began while a provider was healthy", wrong))
	}
	if len(lies) > 0 {
		found = append(found, f.named("%d requests ended in neither an answer nor an error of the dialect's", lies))
	}
	if most := f.scenario.cuts * (1 + int(f.stall()/underWay)); len(cuts) > most {
		found = append(found, f.named(fmt.Sprintf("%%d streams broke, more than %d", most), cuts))
	}
	if most := f.scenario.added + f.scenario.detect + f.grace(); r.added > most {
		found = append(found, f.named(fmt.Sprintf("the 99th percentile rose by %s, more than %s: %%d requests took longer",
			r.added.Round(time.Millisecond), most), f.slower(r.p99Before+most)))
	}
	return found
}

// slower gives the requests of the fault that took longer than this.
func (f *facts) slower(than time.Duration) []answer {
	var found []answer
	for _, a := range f.answers {
		if a.due >= f.broke && a.due < f.mended && a.latency > than {
			found = append(found, a)
		}
	}
	return found
}

// statuses counts refusals by status.
func statuses(refusals []answer) string {
	counts := map[int]int{}
	for _, a := range refusals {
		counts[a.status]++
	}
	var list []string
	for status, n := range counts {
		list = append(list, fmt.Sprintf("%d × %d", n, status))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// named names some of the failures, with the gateway's own words on them.
func (f *facts) named(format string, failures []answer) string {
	const most = 5
	text := fmt.Sprintf(format, len(failures)) + ", such as"
	var ids []string
	for _, a := range failures[:min(most, len(failures))] {
		text += "\n  " + a.String()
		ids = append(ids, a.id)
	}
	for _, line := range f.log(ids) {
		text += "\n  log: " + line
	}
	return text
}

func (r *result) judgeBreakers(f *facts) []string {
	if !f.told {
		return []string{"the gateway's metrics have no spark_breaker_state"}
	}
	var wrong []string
	for i, name := range providerNames {
		h := f.breakers[i]
		for _, c := range h {
			if c.to == stateOpen {
				r.opens++
			}
		}
		if !slices.Contains(f.scenario.broken, i) {
			if at, ok := h.opened(0); ok {
				wrong = append(wrong, fmt.Sprintf("the breaker of %s, which is healthy, opened at %s", name, at.Round(time.Millisecond)))
			}
			continue
		}
		wrong = append(wrong, r.judgeBroken(f, i)...)
	}
	return wrong
}

// judgeBroken looks at the breaker of a provider that was broken.
func (r *result) judgeBroken(f *facts, i int) []string {
	var wrong []string
	name, h := providerNames[i], f.breakers[i]
	if at, ok := h.opened(0); !ok {
		wrong = append(wrong, fmt.Sprintf("the breaker of %s never opened", name))
	} else {
		r.opened = max(r.opened, at-f.broke)
		if at < f.broke {
			wrong = append(wrong, fmt.Sprintf("the breaker of %s opened before anything was broken", name))
		}
		if at-f.broke > r.openBound {
			wrong = append(wrong, fmt.Sprintf("the breaker of %s opened after %s, bound %s", name, at-f.broke, r.openBound))
		}
	}
	if at, ok := h.closed(); !ok {
		wrong = append(wrong, fmt.Sprintf("the breaker of %s did not close: %v", name, h))
	} else {
		r.closed = max(r.closed, at-f.mended)
		if at-f.mended > r.closeBound {
			wrong = append(wrong, fmt.Sprintf("the breaker of %s closed after %s, bound %s", name, at-f.mended, r.closeBound))
		}
	}
	if asked := askedWhileOpen(f, i); asked > 0 {
		wrong = append(wrong, fmt.Sprintf("%s was asked %d times while its breaker was open: %v", name, asked, h))
	}
	return wrong
}

// askedWhileOpen counts requests that reached a provider while its breaker was open, but for those that may have been on
// their way when it opened.
func askedWhileOpen(f *facts, i int) int {
	asked := 0
	for _, record := range f.records[i] {
		if f.breakers[i].surelyOpen(record.StartedAt.Sub(f.begun), onTheirWay+f.stall()) {
			asked++
		}
	}
	return asked
}

// servedBy gives the providers' shares of the requests that reached one between two times.
func (f *facts) servedBy(from, to time.Duration) (share float64, total int) {
	var n [len(providerNames)]int
	for i := range providerNames {
		for _, record := range f.records[i] {
			if at := record.StartedAt.Sub(f.begun); at >= from && at < to {
				n[i]++
			}
		}
	}
	total = n[primary] + n[secondary]
	return float64(n[primary]) / float64(cmp.Or(total, 1)), total
}
