// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

// markdown writes the report as a page of docs.
func markdown(p pace, results []result, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# What applications see while providers fail

`+"`make chaos`"+` writes this page: it starts the gateway program in front of two providers, breaks one in the ways below and
looks at every answer. `+"`make test`"+` does the same in a shorter form. The last run was on %s, on %d cores that the gateway,
the providers and the load shared.

Each scenario has %d requests a second for %s, sent at that rate whatever becomes of those before: %s as it should
be, %s of the fault, %s after it. Half of the requests are streams; they come in the dialects of OpenAI, Anthropic and
Gemini in turn. The primary speaks OpenAI's dialect and the secondary Anthropic's, so that failing over is translating
too. A healthy answer takes %s. Both providers have this policy:

`+"```yaml\ncircuitBreaker: %s\ntimeouts: %s\n```\n\n",
		now.UTC().Format(time.DateOnly), runtime.NumCPU(), p.rate, span(p.total()), span(p.steady), span(p.fault), span(p.recovery),
		span(answerTokens*answerPause), breakerSettings(p), timeoutSettings())
	b.WriteString("Unless said otherwise, the route has the primary in tier 0 and the secondary in tier 1.\n\n")
	for _, r := range results {
		fmt.Fprintf(&b, "- **%s**: %s.\n", r.scenario.name, r.scenario.what)
	}
	b.WriteString("\n## What came back\n\n")
	answersTable(&b, results)
	b.WriteString("\n## What the breakers did\n\n")
	breakersTable(&b, p, results)
	b.WriteString("\n## What it cost in time\n\n")
	latencyTable(&b, results)
	listed(&b, "Promises not kept", results, func(r result) []string { return r.wrong })
	listed(&b, "Plays that were set aside", results, func(r result) []string { return r.aside })
	return b.String()
}

func answersTable(b *strings.Builder, results []result) {
	b.WriteString(`Failures before the answer began are those that an application's own code sees as an error; while a provider is healthy
there must be none. A stream that breaks after it began cannot be repaired, as half of the answer is with the application:
it must end in the dialect's own error event, never as a whole one does. "Neither" is what was not told in one of these ways.

| scenario | requests | failed before the answer | of these with a healthy provider | streams broken, and told so | neither | asked of the primary | of the secondary |
|---|--:|--:|--:|--:|--:|--:|--:|
`)
	for _, r := range results {
		failed := fmt.Sprint(r.refused)
		if r.byStatus != "" {
			failed = r.byStatus
		}
		fmt.Fprintf(b, "| %s | %d | %s | **%d** | %d | **%d** | %d | %d |\n", r.scenario.name, r.requests, failed, r.refusedHealthy,
			r.cut, r.dishonest, r.byProvider[primary], r.byProvider[secondary])
	}
}

func breakersTable(b *strings.Builder, p pace, results []result) {
	fmt.Fprintf(b, `A breaker must open once %d requests in a row can have failed, and close within openFor and one probe of the
provider's recovery (after a 429 that says when to come back: within that time). Both bounds include %s for the machine, and twice its own delay (below).

| scenario | opened after | bound | closed after recovery | bound | times opened |
|---|--:|--:|--:|--:|--:|
`, consecutiveFailures, span(p.grace))
	for _, r := range results {
		if len(r.scenario.broken) == 0 {
			fmt.Fprintf(b, "| %s | – | must not | – | – | %d |\n", r.scenario.name, r.opens)
			continue
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %d |\n", r.scenario.name, seconds(r.opened), seconds(r.openBound),
			seconds(r.closed), seconds(r.closeBound), r.opens)
	}
}

func latencyTable(b *strings.Builder, results []result) {
	b.WriteString(`Latency is that of a stream's first event or of a whole answer, from the time at which the request was due, so that waiting
to be sent counts. "Added" is what the fault added to the 99th percentile; below zero, the machine was noisier before. The last column is the longest that the machine,
busy with everything at once, kept the load or a look at the metrics waiting.

| scenario | p50 before | p99 before | p99 during the fault | added | the machine's own delay |
|---|--:|--:|--:|--:|--:|
`)
	for _, r := range results {
		fmt.Fprintf(b, "| %s | %s | %s | %s | **%s** | %s |\n", r.scenario.name,
			millis(r.p50Before), millis(r.p99Before), millis(r.p99During), millis(r.added), millis(r.stall))
	}
}

// listed writes a section with a line for each, or nothing where there is none.
func listed(b *strings.Builder, title string, results []result, of func(result) []string) {
	first := true
	for _, r := range results {
		for _, text := range of(r) {
			if first {
				fmt.Fprintf(b, "\n## %s\n\n", title)
				first = false
			}
			line, _, _ := strings.Cut(text, "\n")
			fmt.Fprintf(b, "- %s: %s\n", r.scenario.name, strings.TrimSuffix(line, ", such as"))
		}
	}
}

// span writes a duration for people.
func span(d time.Duration) string {
	if d < time.Second {
		return millis(d)
	}
	return fmt.Sprintf("%g s", d.Seconds())
}

func seconds(d time.Duration) string {
	return fmt.Sprintf("%.2f s", max(d, 0).Seconds())
}

func millis(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }
