// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Setting is one line of what a run was asked. None is a key.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Report is all that is told of a run: the form of its JSON. Names and units in it stay; others may come.
type Report struct {
	// Version is that of the form.
	Version int `json:"version"`
	// Begun is when.
	Begun    time.Time `json:"begun"`
	Settings []Setting `json:"settings"`
	*Result
	Thresholds []Verdict `json:"thresholds"`
	// Kept says whether all thresholds were.
	Kept bool `json:"kept"`
	// Warnings say what makes the numbers doubtful.
	Warnings []string `json:"warnings"`
}

// NewReport puts together what is told of a run.
func NewReport(begun time.Time, settings []Setting, r *Result, verdicts []Verdict) *Report {
	return &Report{
		Version: 1, Begun: begun.UTC().Truncate(time.Second), Settings: settings, Result: r,
		Thresholds: verdicts, Kept: Kept(verdicts), Warnings: r.warnings(),
	}
}

// WriteJSON writes it, with an end of line.
func (r *Report) WriteJSON(to io.Writer) error {
	e := json.NewEncoder(to)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// warnings say what makes the numbers doubtful.
func (r *Result) warnings() []string {
	all := []string{}
	if r.Cut {
		all = append(all, fmt.Sprintf("The run was ended early, after %.1f s; %d requests under way were cut off and are in no latency.", r.Seconds, r.Unfinished))
	}
	if r.LateShare() > 0.01 {
		text := fmt.Sprintf("The load could not be kept up: %d requests (%s) were sent more than %s after they were due, the latest by %s.",
			r.Late, Percent(r.LateShare()), lateAfter, Millis(r.LateMost))
		if r.Waited*2 > r.Late {
			text += " They waited for a free connection: the gateway is slower than the load, or --max-connections too few."
		} else {
			text += " This machine is too slow, or too busy, to send so much."
		}
		all = append(all, text+" Latencies count from when requests were due, so this is in them.")
	}
	if r.Latency.Count > 0 && r.Latency.Count < 1000 {
		all = append(all, fmt.Sprintf("Of %d requests, the percentile 99.9 is the slowest alone.", r.Latency.Count))
	}
	return all
}

// Millis is milliseconds as people read them: three digits that tell.
func Millis(ms float64) string {
	switch {
	case ms == 0:
		return "0"
	case ms < 1:
		return fmt.Sprintf("%.0fµs", ms*1000)
	case ms < 10:
		return fmt.Sprintf("%.2fms", ms)
	case ms < 100:
		return fmt.Sprintf("%.1fms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0fms", ms)
	case ms < 10_000:
		return fmt.Sprintf("%.2fs", ms/1000)
	default:
		return fmt.Sprintf("%.1fs", ms/1000)
	}
}

// Percent is a share of 1 as people read it.
func Percent(share float64) string {
	if share > 0 && share < 0.0001 {
		return "<0.01%"
	}
	return fmt.Sprintf("%.2f%%", share*100)
}
