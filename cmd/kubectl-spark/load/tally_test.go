// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"testing"
	"time"
)

func TestDistributionsHoldThreeDigits(t *testing.T) {
	d := newDistribution()
	if d.At(50) != 0 || d.Count() != 0 || d.Max() != 0 {
		t.Error("an empty distribution says something")
	}
	for i := 1; i <= 10_000; i++ {
		d.record(time.Duration(i) * time.Millisecond)
	}
	for percent, want := range map[float64]time.Duration{50: 5 * time.Second, 99: 9900 * time.Millisecond, 99.9: 9990 * time.Millisecond, 100: 10 * time.Second} {
		if got := d.At(percent); (got - want).Abs() > want/500 {
			t.Errorf("p%g is %s, want %s", percent, got, want)
		}
	}
	d.record(-time.Second)
	d.record(100 * MaxTimeout)
	if got := d.Max(); got < 2*MaxTimeout || d.Count() != 10_002 {
		t.Errorf("what is beyond the bounds is not counted as they: %s of %d", got, d.Count())
	}
}

// The memory of a run does not grow with its length.
func TestRowsAreFoldedWhenThereAreManyAndNothingIsLost(t *testing.T) {
	begun := time.Now()
	tally := newTally(begun, Profile{{10 * time.Hour, 1, 1}}, 0)
	const n = 3*maxRows + 17
	for i := 1; i <= n; i++ {
		at := begun.Add(time.Duration(i)*time.Second - time.Millisecond)
		latency := time.Millisecond
		if i == 5000 {
			latency = 700 * time.Millisecond
		}
		f := &flight{due: at.Add(-latency), sent: at}
		tally.send(f, false)
		tally.end(f, &Answer{Failure: Kind(fmt.Sprintf("status_%d", i%2+500)), Output: 3}, at)
		f = &flight{due: at.Add(-latency), sent: at}
		tally.send(f, false)
		tally.end(f, &Answer{}, at)
		tally.roll(begun.Add(time.Duration(i) * time.Second))
	}
	r := tally.result(n*time.Second, n*time.Second, false)
	if len(r.Rows) > maxRows || len(r.Rows) < maxRows/2 {
		t.Fatalf("%d rows", len(r.Rows))
	}
	sum, worst, until := Row{}, 0.0, 0.0
	for _, row := range r.Rows {
		if row.At != until {
			t.Fatalf("a row begins at %g, the one before ended at %g", row.At, until)
		}
		until = row.Until()
		fold(&sum, &row)
		worst = max(worst, row.P99)
	}
	if sum.Sent != 2*n || sum.Done != 2*n || sum.Errors != n || sum.Output != 3*n || sum.Seconds != n || sum.Offered != n {
		t.Errorf("the rows sum up to %+v", sum)
	}
	if sum.Kinds["status_500"]+sum.Kinds["status_501"] != n {
		t.Errorf("kinds %v", sum.Kinds)
	}
	if worst < 699 {
		t.Errorf("the worst second has p99 %g ms: it was lost", worst)
	}
}

func TestKindsAreBounded(t *testing.T) {
	begun := time.Now()
	tally := newTally(begun, nil, 0)
	for i := range 1000 {
		f := &flight{due: begun, sent: begun}
		tally.send(f, false)
		tally.end(f, &Answer{Failure: Kind(fmt.Sprintf("status_429 made_up_%d", i))}, begun)
	}
	row := tally.roll(begun.Add(time.Second))
	r := tally.result(time.Second, time.Second, false)
	if len(r.Kinds) != maxKinds+1 || r.Kinds[0] != (Failures{KindOther, 1000 - maxKinds}) || len(row.Kinds) != maxKinds+1 {
		t.Errorf("%d kinds, the first %v, %d of the row", len(r.Kinds), r.Kinds[0], len(row.Kinds))
	}
}

func TestTheCurveEndsWhereNothingIsLeft(t *testing.T) {
	d := newDistribution()
	for i := 1; i <= 1000; i++ {
		d.record(time.Duration(i) * time.Millisecond)
	}
	points := curve(d)
	if n := len(points); n != 61 || points[0].Percent != 0 || points[20].Percent != 90 || points[60].Percent != 99.9 {
		t.Fatalf("%d points: %v", n, points)
	}
	for i := 1; i < len(points); i++ {
		if points[i].Millis < points[i-1].Millis {
			t.Errorf("the curve falls at %v", points[i])
		}
	}
	if points[40].Millis < 985 || points[40].Millis > 995 {
		t.Errorf("p99 is %g ms", points[40].Millis)
	}
}
