// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Latency is a distribution in milliseconds. It is all zero where Count is.
type Latency struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
}

func (d Distribution) latency() Latency {
	return Latency{
		Count: d.Count(), Mean: millis(d.Mean()), P50: millis(d.At(50)), P90: millis(d.At(90)), P95: millis(d.At(95)),
		P99: millis(d.At(99)), P999: millis(d.At(99.9)), Max: millis(d.Max()),
	}
}

// Failures are errors of one kind.
type Failures struct {
	Kind  Kind  `json:"kind"`
	Count int64 `json:"count"`
}

// Point is one of a curve: so many percent took at most so long.
type Point struct {
	Percent float64 `json:"percent"`
	Millis  float64 `json:"ms"`
}

// Result is what became of a run. Its totals leave the warm-up aside. Rates are a second.
type Result struct {
	// Seconds is how long it took, the last answers included. Cut says that it was ended early.
	Seconds float64 `json:"seconds"`
	Cut     bool    `json:"cut"`

	// Sent requests went out; OK were answered well; Unfinished were cut off by the end of the run. Errors are the others, with
	// those that could not be sent.
	Sent       int64 `json:"sent"`
	OK         int64 `json:"ok"`
	Errors     int64 `json:"errors"`
	Unfinished int64 `json:"unfinished"`
	Streams    int64 `json:"streams"`
	// Rate is how many were sent, and Throughput how many were answered well until the last answer.
	Rate       float64 `json:"rate"`
	Throughput float64 `json:"throughput"`
	// Kinds are the errors, the most frequent first.
	Kinds []Failures `json:"errorKinds"`

	// Late requests were sent more than 10 ms after they were due, the latest of them LateMost milliseconds; of them so many
	// Waited for a connection, as MaxInFlight were in use. Latencies count from when they were due all the same.
	Late     int64   `json:"late"`
	LateMost float64 `json:"lateMostMs"`
	Waited   int64   `json:"waited"`

	// Latency is from when a request was due to the end of its answer. Timeouts are in it, as they took at least so long; other
	// errors are not. Service is the same from when it was sent.
	Latency Latency `json:"latencyMs"`
	Service Latency `json:"serviceMs"`
	// FirstToken is of streams, from when they were due to the first event that carries something of the answer; BetweenTokens
	// from one such event to the next.
	FirstToken    Latency `json:"ttftMs"`
	BetweenTokens Latency `json:"interTokenMs"`
	// Curve is Latency by percentile, ServiceCurve Service.
	Curve        []Point `json:"latencyCurve"`
	ServiceCurve []Point `json:"serviceCurve"`

	InputTokens   int64   `json:"inputTokens"`
	OutputTokens  int64   `json:"outputTokens"`
	OutputRate    float64 `json:"outputTokensPerSecond"`
	SentBytes     int64   `json:"sentBytes"`
	ReceivedBytes int64   `json:"receivedBytes"`

	Rows []Row `json:"rows"`
}

// idle says that nothing happened since the last row.
func (t *tally) idle() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now.Sent == 0 && t.now.Done == 0 && len(t.rows) > 0
}

// result sums up a run that took so long, and was to send for length.
func (t *tally) result(took, length time.Duration, cut bool) *Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &t.all
	r := &Result{
		Seconds: took.Round(time.Millisecond).Seconds(), Cut: cut,
		Sent: c.sent, OK: c.ok, Errors: c.done - c.ok, Unfinished: c.cut, Streams: c.streams,
		Late: c.late, LateMost: millis(c.lateMost), Waited: c.waited,
		Latency: c.latency.latency(), Service: c.service.latency(), FirstToken: c.firstToken.latency(), BetweenTokens: c.token.latency(),
		Curve: curve(c.latency), ServiceCurve: curve(c.service),
		InputTokens: c.input, OutputTokens: c.output, SentBytes: c.sentBytes, ReceivedBytes: c.receivedBytes,
		Kinds: []Failures{}, Rows: append([]Row{}, t.rows...),
	}
	// Where sending took longer than it should, the rate is of what it took.
	sending := max(min(length, took), c.lastSent) - t.warmup
	r.Rate = perSecond(c.sent, sending)
	answering := max(min(length, took), c.lastDone) - t.warmup
	r.Throughput, r.OutputRate = perSecond(c.ok, answering), perSecond(c.output, answering)
	for k, n := range c.kinds {
		r.Kinds = append(r.Kinds, Failures{k, n})
	}
	slices.SortFunc(r.Kinds, func(a, b Failures) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Kind, b.Kind))
	})
	return r
}

func perSecond(n int64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return math.Round(float64(n)/d.Seconds()*100) / 100
}

// curve gives a distribution at even distances on a logarithmic axis of what is above, as far as there is anything: each step
// makes what is above smaller by the same factor.
func curve(d Distribution) []Point {
	points := []Point{}
	n := d.Count()
	if n == 0 {
		return points
	}
	const steps = 20 // to each power of ten
	for i := 0; ; i++ {
		above := math.Pow(10, -float64(i)/steps)
		if above*float64(n) < 1 {
			break
		}
		percent := math.Round((1-above)*1e9) / 1e7
		points = append(points, Point{percent, millis(d.At(percent))})
	}
	return points
}

// ErrorShare is the part of all that ended which were errors: 0 to 1.
func (r *Result) ErrorShare() float64 { return share(r.Errors, r.OK+r.Errors) }

// LateShare is the part of all that were due which were sent late: 0 to 1.
func (r *Result) LateShare() float64 {
	return share(r.Late, r.OK+r.Errors+r.Unfinished)
}

func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
