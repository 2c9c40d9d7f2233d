// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestProfilesAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		want  Profile
		wrong bool
	}{
		"one stage":                      {text: "30s:10", want: Profile{{30 * time.Second, 10, 10}}},
		"several, one of which rises":    {text: "30s:10, 1m:10-100", want: Profile{{30 * time.Second, 10, 10}, {time.Minute, 10, 100}}},
		"a pause among others":           {text: "1s:5,1s:0", want: Profile{{time.Second, 5, 5}, {time.Second, 0, 0}}},
		"a fraction of a request":        {text: "10s:0.5", want: Profile{{10 * time.Second, 0.5, 0.5}}},
		"nothing":                        {wrong: true},
		"no rate":                        {text: "30s", wrong: true},
		"a rate that is none":            {text: "30s:many", wrong: true},
		"a rate of not a number":         {text: "30s:NaN", wrong: true},
		"a rate below nothing":           {text: "30s:-5", wrong: true},
		"a rate beyond what can be":      {text: "30s:1000000", wrong: true},
		"a duration that is none":        {text: "30:10", wrong: true},
		"a duration of nothing":          {text: "0s:10", wrong: true},
		"a duration beyond what can be":  {text: "1000h:10", wrong: true},
		"no request is due at this rate": {text: "1h:0", wrong: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseProfile(c.text)
			if (err != nil) != c.wrong {
				t.Fatalf("error %v", err)
			}
			if c.wrong {
				return
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if again, err := ParseProfile(got.String()); err != nil || !cmp.Equal(got, again) {
				t.Errorf("%q is not read as it was written: %v, %v", got, again, err)
			}
		})
	}
}

func TestARampIsPartOfTheDuration(t *testing.T) {
	got, err := Steady(100, 10*time.Second, 4*time.Second)
	want := Profile{{4 * time.Second, 0, 100}, {6 * time.Second, 100, 100}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if due := got.Due(10 * time.Second); due != 800 {
		t.Errorf("%g are due, want 800", due)
	}
	if _, err := Steady(100, time.Second, 2*time.Second); err == nil {
		t.Error("a ramp longer than the run was taken")
	}
}

func TestWhenIsTheInverseOfDue(t *testing.T) {
	p := Profile{{2 * time.Second, 0, 10}, {time.Second, 10, 10}, {time.Second, 0, 0}, {3 * time.Second, 20, 5}}
	total := p.Due(p.Duration())
	if total != 10+10+37.5 {
		t.Fatalf("%g are due", total)
	}
	for n := 0.25; n < total; n += 0.25 {
		at, ok := p.When(n)
		if !ok || math.Abs(p.Due(at)-n) > 1e-6 {
			t.Errorf("by %s, when %g are due, %g are", at, n, p.Due(at))
		}
	}
	if at, ok := p.When(total + 0.1); ok {
		t.Errorf("one more is due at %s", at)
	}
}

// all are the times of a schedule.
func all(s *schedule) (times []time.Duration) {
	for {
		at, ok := s.next()
		if !ok {
			return times
		}
		times = append(times, at)
	}
}

func TestConstantArrivalsHaveEvenDistances(t *testing.T) {
	p, _ := Steady(50, 10*time.Second, 0)
	times := all(newSchedule(p, Constant, 1))
	if len(times) != 500 {
		t.Fatalf("%d requests are due, want 500", len(times))
	}
	for i, at := range times {
		if want := time.Duration(i)*20*time.Millisecond + 10*time.Millisecond; (at - want).Abs() > time.Microsecond {
			t.Fatalf("request %d is due at %s, want %s", i, at, want)
		}
	}
}

func TestARampBringsRequestsCloserTogether(t *testing.T) {
	p, _ := Steady(100, 10*time.Second, 10*time.Second)
	times := all(newSchedule(p, Constant, 1))
	if len(times) != 500 {
		t.Fatalf("%d requests are due, want 500", len(times))
	}
	seconds := make([]int, 10)
	for _, at := range times {
		seconds[int(at.Seconds())]++
	}
	if diff := cmp.Diff([]int{5, 15, 25, 35, 45, 55, 65, 75, 85, 95}, seconds); diff != "" {
		t.Error(diff)
	}
}

func TestPoissonArrivalsAreAsFarApartAsChanceHasIt(t *testing.T) {
	p, _ := Steady(1000, 20*time.Second, 0)
	times := all(newSchedule(p, Poisson, 7))
	if n := len(times); n < 19_400 || n > 20_600 {
		t.Fatalf("%d requests are due, want about 20,000", n)
	}
	// Distances of an exponential distribution vary by as much as their mean, and 63 % of them are below it.
	sum, squares, below := 0.0, 0.0, 0
	for i := 1; i < len(times); i++ {
		d := (times[i] - times[i-1]).Seconds() * 1000
		sum, squares = sum+d, squares+d*d
		if d < 1 {
			below++
		}
	}
	n := float64(len(times) - 1)
	mean := sum / n
	if deviation := math.Sqrt(squares/n - mean*mean); math.Abs(deviation/mean-1) > 0.05 {
		t.Errorf("distances of %.3f ms vary by %.3f ms", mean, deviation)
	}
	if part := float64(below) / n; math.Abs(part-0.632) > 0.02 {
		t.Errorf("%.3f of the distances are below their mean, want 0.632", part)
	}
	if diff := cmp.Diff(times, all(newSchedule(p, Poisson, 7))); diff != "" {
		t.Error("the same seed gives other times")
	}
	if cmp.Equal(times, all(newSchedule(p, Poisson, 8))) {
		t.Error("another seed gives the same times")
	}
}

func TestArrivalsAreRead(t *testing.T) {
	for _, want := range []Arrivals{Constant, Poisson} {
		if got, err := ParseArrivals(string(want)); got != want || err != nil {
			t.Errorf("%q is read as %q, %v", want, got, err)
		}
	}
	if _, err := ParseArrivals("random"); err == nil {
		t.Error("random arrivals were taken")
	}
}

func TestSizesAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		ok   bool
	}{
		"one size":                 {"fixed:200", true},
		"between two":              {"uniform:50-500", true},
		"between one and itself":   {"uniform:5-5", true},
		"around a median":          {"lognormal:200,0.8", true},
		"nothing":                  {"", false},
		"a kind that there is not": {"normal:5", false},
		"no size":                  {"fixed:", false},
		"a size of nothing":        {"fixed:0", false},
		"a size beyond all":        {"fixed:2000000", false},
		"one end":                  {"uniform:50", false},
		"ends that are exchanged":  {"uniform:500-50", false},
		"no sigma":                 {"lognormal:200", false},
		"a sigma below nothing":    {"lognormal:200,-1", false},
		"not a number":             {"lognormal:200,NaN", false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseSizes(c.text)
			if (err == nil) != c.ok {
				t.Fatalf("error %v", err)
			}
			if c.ok && got.String() != c.text {
				t.Errorf("%q is written as %q", c.text, got)
			}
		})
	}
}

func TestSizesAreDistributed(t *testing.T) {
	for name, c := range map[string]struct {
		text        string
		least, most int
		mean        float64
	}{
		"one size":        {"fixed:200", 200, 200, 200},
		"evenly":          {"uniform:50-150", 50, 150, 100},
		"around a median": {"lognormal:200,0.5", 10, 4000, 200 * math.Exp(0.125)},
	} {
		t.Run(name, func(t *testing.T) {
			sizes, err := ParseSizes(c.text)
			if err != nil {
				t.Fatal(err)
			}
			random, sum := rand.New(rand.NewPCG(1, 2)), 0
			const n = 20_000
			for range n {
				got := sizes.Sample(random)
				if got < c.least || got > c.most {
					t.Fatalf("%d tokens", got)
				}
				sum += got
			}
			if mean := float64(sum) / n; math.Abs(mean/c.mean-1) > 0.03 {
				t.Errorf("%g tokens in the mean, want %g", mean, c.mean)
			}
		})
	}
}
