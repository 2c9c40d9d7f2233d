// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// tried is an attempt that began so long after the request and ended half a second later without an answer.
func tried(kind exchange.AttemptKind, began time.Duration) exchange.Attempt {
	start := full().Start
	return exchange.Attempt{
		Kind: kind, Provider: "ns/other", Target: "claude", UpstreamModel: "claude-4",
		Began: start.Add(began), Ended: start.Add(began + 500*time.Millisecond),
		Status: 502, Outcome: exchange.ProviderUnreachable, Reason: exchange.ReasonConnect,
	}
}

func TestAttemptsOfALine(t *testing.T) {
	answering := `{"kind":"failover","provider":"ns/openai","model":"gpt","status":200,"outcome":"provider_broken",` +
		`"reason":"upstream_truncated","upstreamStatus":200,"upstreamId":"req_1","usage":{"source":"reported","prompt":1,"completion":2,` +
		`"total":3,"cached":1,"reasoning":2},"startMs":100.000,"durationMs":1399.000,"ttftMs":400.000,"error":"unexpected EOF"}`
	other := func(kind, start string) string {
		return `{"kind":"` + kind + `","provider":"ns/other","model":"claude","status":502,"outcome":"provider_unreachable",` +
			`"reason":"upstream_connect_failed","startMs":` + start + `,"durationMs":500.000}`
	}
	tests := map[string]struct {
		tried  []exchange.Attempt
		change func(*exchange.Exchange)
		want   string // the member, "" for none
	}{
		"one attempt is the line itself": {want: ""},
		"one that failed before": {
			tried: []exchange.Attempt{tried(exchange.FirstAttempt, 0)},
			want:  "[" + other("first", "0.000") + "," + answering + "]",
		},
		"a hedge that lost began later than the one that answered": {
			tried: []exchange.Attempt{
				tried(exchange.FirstAttempt, 0), tried(exchange.HedgeAttempt, time.Second), tried(exchange.HedgeAttempt, 1100*time.Millisecond),
			},
			want: "[" + other("first", "0.000") + "," + answering + "," + other("hedge", "1000.000") + "," + other("hedge", "1100.000") + "]",
		},
		"a request that ended before another was sent has only those that were": {
			tried:  []exchange.Attempt{tried(exchange.FirstAttempt, 0), tried(exchange.RetryAttempt, time.Second)},
			change: func(ex *exchange.Exchange) { ex.Attempt = exchange.Attempt{Status: 503, Outcome: exchange.Unavailable} },
			want:   "[" + other("first", "0.000") + "," + other("retry", "1000.000") + "]",
		},
		"an attempt without an end ended with the request": {
			tried: []exchange.Attempt{tried(exchange.FirstAttempt, 0)},
			change: func(ex *exchange.Exchange) {
				ex.Attempt = exchange.Attempt{Kind: exchange.RetryAttempt, Began: ex.Start.Add(time.Second), Status: 200}
			},
			want: "[" + other("first", "0.000") + `,{"kind":"retry","status":200,"outcome":"ok","startMs":1000.000,"durationMs":500.000}]`,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			ex := full()
			ex.Kind, ex.Tried = exchange.FailoverAttempt, tc.tried
			if tc.change != nil {
				tc.change(ex)
			}
			line := AppendLine(nil, ex, at)
			var got struct{ Attempts json.RawMessage }
			if err := json.Unmarshal(line, &got); err != nil {
				t.Fatalf("%v in %s", err, line)
			}
			if diff := cmp.Diff(tc.want, string(got.Attempts)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAttemptsAreBoundedAndEscaped(t *testing.T) {
	ex := full()
	for range 8 {
		a := tried(exchange.RetryAttempt, 0)
		a.Cause, a.UpstreamID = errors.New(strings.Repeat("\n\"", 5000)), []byte(strings.Repeat("\xff", 5000))
		ex.Tried = append(ex.Tried, a)
	}
	line := AppendLine(nil, ex, at)
	if !json.Valid(line) || bytes.Count(line, []byte("\n")) != 1 {
		t.Errorf("not one line of JSON: %q", line)
	}
	if len(line) > 8*6000 {
		t.Errorf("%d bytes", len(line))
	}
}

func TestAttemptsDoNotAllocate(t *testing.T) {
	ex, buf := full(), make([]byte, 0, 8192)
	ex.Cause, ex.Tried = nil, []exchange.Attempt{tried(exchange.FirstAttempt, 0), tried(exchange.HedgeAttempt, time.Second)}
	if n := testing.AllocsPerRun(100, func() { buf = AppendLine(buf[:0], ex, at) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
