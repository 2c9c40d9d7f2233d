// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bounds of what can be asked for.
const (
	// MaxRate bounds requests a second.
	MaxRate = 100_000
	// MaxDuration bounds a run.
	MaxDuration = 7 * 24 * time.Hour
	maxStages   = 100
)

// Stage is a part of a profile, in which the rate goes evenly from one number of requests a second to another.
type Stage struct {
	Duration time.Duration
	From, To float64
}

// Profile is the rate of a run over its time. It is not changed once made.
type Profile []Stage

// Steady is a profile at one rate, in requests a second, that rises to it evenly from nothing during the ramp.
func Steady(rate float64, duration, ramp time.Duration) (Profile, error) {
	if ramp < 0 || ramp > duration {
		return nil, fmt.Errorf("a ramp of %s does not fit into %s", ramp, duration)
	}
	var p Profile
	if ramp > 0 {
		p = append(p, Stage{Duration: ramp, To: rate})
	}
	if duration > ramp {
		p = append(p, Stage{Duration: duration - ramp, From: rate, To: rate})
	}
	return p, p.check()
}

// ParseProfile reads stages: "30s:10,1m:10-100,5m:100" is 10 a second for 30 s, then evenly up to 100, then 100.
func ParseProfile(text string) (Profile, error) {
	var p Profile
	for part := range strings.SplitSeq(text, ",") {
		length, rates, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok {
			return nil, fmt.Errorf("stage %q is not DURATION:RATE or DURATION:FROM-TO", part)
		}
		duration, err := time.ParseDuration(length)
		if err != nil {
			return nil, fmt.Errorf("stage %q: %w", part, err)
		}
		from, to, rising := strings.Cut(rates, "-")
		if !rising {
			to = from
		}
		s := Stage{Duration: duration}
		if s.From, err = strconv.ParseFloat(from, 64); err == nil {
			s.To, err = strconv.ParseFloat(to, 64)
		}
		if err != nil {
			return nil, fmt.Errorf("stage %q: %q is no rate", part, rates)
		}
		p = append(p, s)
	}
	return p, p.check()
}

func (p Profile) check() error {
	if len(p) > maxStages {
		return fmt.Errorf("%d stages, of at most %d", len(p), maxStages)
	}
	for _, s := range p {
		switch {
		case s.Duration <= 0:
			return fmt.Errorf("a duration of %s is none", s.Duration)
		case !(s.From >= 0 && s.From <= MaxRate && s.To >= 0 && s.To <= MaxRate):
			return fmt.Errorf("a rate lies between 0 and %d requests a second", MaxRate)
		}
	}
	switch total := p.Duration(); {
	case total <= 0:
		return errors.New("there is no duration")
	case total > MaxDuration:
		return fmt.Errorf("%s is longer than %s", total, MaxDuration)
	case p.Due(total) == 0:
		return errors.New("at this rate no request is due")
	}
	return nil
}

// Duration is how long the stages take together.
func (p Profile) Duration() time.Duration {
	var total time.Duration
	for _, s := range p {
		total += s.Duration
	}
	return total
}

// Due is how many requests are due by a time since the beginning, as the mean of the arrivals.
func (p Profile) Due(by time.Duration) float64 {
	n := 0.0
	for _, s := range p {
		t := min(by, s.Duration)
		if t <= 0 {
			break
		}
		n += s.From*t.Seconds() + s.slope()*t.Seconds()*t.Seconds()/2
		by -= s.Duration
	}
	return n
}

// When is the time by which so many requests are due, and false where the profile ends before.
func (p Profile) When(n float64) (time.Duration, bool) {
	var before time.Duration
	for _, s := range p {
		most := (s.From + s.To) / 2 * s.Duration.Seconds()
		if n > most {
			n -= most
			before += s.Duration
			continue
		}
		if n <= 0 {
			return before, true
		}
		// The root of From·t + slope·t²/2 = n, in the form that does not lose digits where the slope is small.
		t := 2 * n / (s.From + math.Sqrt(max(0, s.From*s.From+2*s.slope()*n)))
		return before + min(time.Duration(t*float64(time.Second)), s.Duration), true
	}
	return before, false
}

func (s Stage) slope() float64 { return (s.To - s.From) / s.Duration.Seconds() }

// String is the profile as ParseProfile reads it.
func (p Profile) String() string {
	parts := make([]string, 0, len(p))
	for _, s := range p {
		text := s.Duration.String() + ":" + number(s.From)
		if s.To != s.From {
			text += "-" + number(s.To)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ",")
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
