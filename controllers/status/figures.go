// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// errors gives the share of attempts that failed, such as "0.2%"; empty without any.
func (v *voices) errors() string {
	if v.attempts == 0 {
		return ""
	}
	percent := twoDigits(100 * float64(v.failures) / float64(v.attempts))
	if percent == 100 && v.failures < v.attempts {
		percent = 99
	}
	return strconv.FormatFloat(percent, 'f', -1, 64) + "%"
}

// p95 gives the time within which 95 of 100 answers began, such as "810ms"; empty without any.
func (v *voices) p95() string {
	within := config.LatencyQuantile(v.latency[:], 0.95)
	if within == 0 {
		return ""
	}
	return latencyWord(within)
}

// latencyWord writes a duration with two digits that mean something, in the largest unit that leaves one before the
// point, save that tens of seconds stay seconds.
func latencyWord(d time.Duration) string {
	unit, name := time.Millisecond, "ms"
	switch {
	case twoDigits(d.Seconds()) >= 100:
		unit, name = time.Minute, "m"
	case twoDigits(d.Seconds()) >= 1:
		unit, name = time.Second, "s"
	}
	return strconv.FormatFloat(twoDigits(float64(d)/float64(unit)), 'f', -1, 64) + name
}

// twoDigits rounds to two digits that mean something.
func twoDigits(x float64) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 2, 64), 64)
	if err != nil {
		return x
	}
	return rounded
}

// moved says that a figure, such as "0.2%" or "810ms", is a fifth or more away from what it was, or came or went.
func moved(before, after string) bool {
	if before == after {
		return false
	}
	a, aOK := figure(before)
	b, bOK := figure(after)
	return !aOK || !bOK || math.Abs(a-b) >= 0.2*min(a, b)
}

// figure reads what errors and p95 write.
func figure(s string) (float64, bool) {
	if percent, ok := strings.CutSuffix(s, "%"); ok {
		x, err := strconv.ParseFloat(percent, 64)
		return x, err == nil
	}
	d, err := time.ParseDuration(s)
	return float64(d), err == nil
}
