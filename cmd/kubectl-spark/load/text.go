// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// rowFormat has the columns of the table while a run lasts.
const rowFormat = "%6s %8s %8s %8s %8s %9s %9s %9s %s\n"

// WriteHead writes the head of the table of rows.
func WriteHead(to io.Writer) {
	head := fmt.Sprintf(rowFormat, "TIME", "SENT", "DONE", "INFLIGHT", "ERRORS", "P50", "P99", "TTFT-P95", "")
	_, _ = io.WriteString(to, strings.TrimRight(head, " \n")+"\n")
}

// WriteRow writes one row of it.
func WriteRow(to io.Writer, r *Row) {
	note := ""
	if r.Warmup {
		note = "warm-up"
	}
	count := func(n int64) string { return fmt.Sprint(n) }
	line := fmt.Sprintf(rowFormat, seconds(r.Until()), count(r.Sent), count(r.Done), count(r.InFlight),
		count(r.Errors), dash(r.P50), dash(r.P99), dash(r.FirstToken), note)
	_, _ = io.WriteString(to, strings.TrimRight(line, " \n")+"\n")
}

// seconds is a time since the beginning, whole where a row ends with the second.
func seconds(s float64) string {
	if rounded := math.Round(s); math.Abs(s-rounded) < 0.05 {
		return fmt.Sprintf("%.0fs", rounded)
	}
	return fmt.Sprintf("%.1fs", s)
}

func dash(ms float64) string {
	if ms == 0 {
		return "-"
	}
	return Millis(ms)
}

// Named is a distribution and what it is of.
type Named struct {
	Name string
	Latency
}

// latencies gives the distributions in the order in which they are shown.
func (r *Result) latencies() []Named {
	return []Named{
		{"latency", r.Latency}, {"from when sent", r.Service}, {"first token", r.FirstToken}, {"between tokens", r.BetweenTokens},
	}
}

// WriteSummary writes what became of the run as text.
func (r *Report) WriteSummary(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tCOUNT\tMEAN\tP50\tP90\tP95\tP99\tP99.9\tMAX\t")
	for _, l := range r.latencies() {
		if l.Count == 0 {
			fmt.Fprintf(w, "%s\t0\t-\t-\t-\t-\t-\t-\t-\t\n", l.Name)
			continue
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", l.Name, l.Count, Millis(l.Mean),
			Millis(l.P50), Millis(l.P90), Millis(l.P95), Millis(l.P99), Millis(l.P999), Millis(l.Max))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "\nsent %d (%s/s), answered well %d (%s/s), errors %d (%s)\n",
		r.Sent, rate(r.Rate), r.OK, rate(r.Throughput), r.Errors, Percent(r.ErrorShare()))
	fmt.Fprintf(&text, "tokens in %d, out %d (%s/s); bytes sent %s, received %s\n",
		r.InputTokens, r.OutputTokens, rate(r.OutputRate), bytesText(r.SentBytes), bytesText(r.ReceivedBytes))
	for _, k := range r.Kinds {
		fmt.Fprintf(&text, "%8d  %s\n", k.Count, k.Kind)
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(&text, "NOTE: %s\n", warning)
	}
	for _, v := range r.Thresholds {
		word := "kept  "
		if !v.Kept {
			word = "BROKEN"
		}
		fmt.Fprintf(&text, "%s  %s: %s\n", word, v.Threshold, v.Found)
	}
	_, err := io.WriteString(to, text.String())
	return err
}

// rate is how many a second, as people read it.
func rate(perSecond float64) string {
	if perSecond >= 100 {
		return fmt.Sprintf("%.0f", perSecond)
	}
	return fmt.Sprintf("%.1f", perSecond)
}

// bytesText is a number of bytes as people read it.
func bytesText(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	f, i := float64(n), 0
	for f >= 1024 && i < len(units)-1 {
		f /= 1024
		i++
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}
