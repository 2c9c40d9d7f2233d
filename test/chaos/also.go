// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// leftAlone judges that a provider which asked for a pause was asked again when it was over, and not before.
func leftAlone(f *facts) []string {
	var wrong []string
	var last time.Duration // when it was asked last
	pauses := 0
	for _, record := range f.records[primary] {
		if record.Status != http.StatusTooManyRequests {
			continue
		}
		at := record.StartedAt.Sub(f.begun)
		until := last + f.pace.retryAfter
		// What was on its way when the first refusal came back renews the pause.
		if last > 0 && at > last+onTheirWay+f.stall() {
			pauses++
			if at < until {
				wrong = append(wrong, fmt.Sprintf("the primary was asked at %s, and had asked to be left alone until %s", at, until))
			}
			if at > until+f.grace() {
				wrong = append(wrong, fmt.Sprintf("the primary was asked at %s only; its pause was over at %s", at, until))
			}
		}
		last = at
	}
	if want := int((f.mended-f.broke)/f.pace.retryAfter) - 1; pauses < want {
		wrong = append(wrong, fmt.Sprintf("the primary was tried again %d times, want %d at least", pauses, want))
	}
	return wrong
}

// toldInTheDark judges what clients are told once all breakers are open: 503, when to come back, and at once. The few
// requests that try the providers again may be told what became of that.
func toldInTheDark(f *facts) []string {
	soon := 50*time.Millisecond + f.stall()
	dark := time.Duration(0)
	for _, i := range f.scenario.broken {
		at, ok := f.breakers[i].opened(0)
		if !ok {
			return nil // which is told elsewhere
		}
		dark = max(dark, at)
	}
	var plain, slow, others []answer
	for _, a := range f.answers {
		if a.due < dark+lookEvery || a.due > f.mended || a.verdict != refused {
			continue
		}
		seconds, err := strconv.Atoi(a.retryAfter)
		switch {
		case a.status != http.StatusServiceUnavailable || err != nil || seconds < 1:
			others = append(others, a)
		case a.latency > soon:
			slow = append(slow, a)
		default:
			plain = append(plain, a)
		}
	}
	var wrong []string
	if len(plain) == 0 {
		wrong = append(wrong, "no request was told 503 with a retry-after")
	}
	// Each time a breaker is half open, so many requests may try; what they find, they tell.
	cycles := int((f.mended-dark)/(f.pace.openFor*4/5)) + 1
	if most := cycles * halfOpenProbes * len(f.scenario.broken); len(others) > most {
		wrong = append(wrong, f.named(fmt.Sprintf("%%d requests, more than %d, were told something else than 503 with a retry-after", most), others))
	}
	if most := len(plain) / 100; len(slow) > most+2 {
		wrong = append(wrong, f.named(fmt.Sprintf("%%d requests, more than one in a hundred, were told to come back only after %s", soon), slow))
	}
	return wrong
}

// sharedByWeight judges the shares of the steady phase: within four standard deviations of what was asked for.
func sharedByWeight(f *facts) []string {
	const want = 0.8
	got, n := f.servedBy(0, f.broke)
	if n == 0 || math.Abs(got-want) > 4*math.Sqrt(want*(1-want)/float64(n)) {
		return []string{fmt.Sprintf("the primary had %.2f of %d requests, want %.2f", got, n, want)}
	}
	return nil
}

// avoided judges that a provider which is later than the other is hardly used once that has shown.
func avoided(f *facts) []string {
	const most = 0.2
	if got, n := f.servedBy(f.broke+f.grace(), f.mended); n == 0 || got > most {
		return []string{fmt.Sprintf("the late primary had %.2f of %d requests, want %.2f at most", got, n, most)}
	}
	return nil
}

// hedged judges that no more than one in a hundred requests had to wait for the late primary alone: the budget is one hedge
// for each request, and each was late enough for one.
func hedged(f *facts) []string {
	sent, helped := 0, 0
	for _, a := range f.answers {
		if a.due >= f.broke && a.due+hedgedLate < f.mended {
			sent++
		}
	}
	for _, record := range f.records[secondary] {
		if at := record.StartedAt.Sub(f.begun); at >= f.broke && at < f.mended {
			helped++
		}
	}
	if least := sent - sent/100 - 1; helped < least {
		return []string{fmt.Sprintf("the secondary helped with %d of %d requests, want %d at least", helped, sent, least)}
	}
	return nil
}
