// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Arrivals says how requests are spread over the time.
type Arrivals string

// The ways to arrive.
const (
	// Constant has requests follow each other at even distances.
	Constant Arrivals = "constant"
	// Poisson has requests come independently of each other, as those of many users do.
	Poisson Arrivals = "poisson"
)

// ParseArrivals reads one.
func ParseArrivals(text string) (Arrivals, error) {
	switch a := Arrivals(text); a {
	case Constant, Poisson:
		return a, nil
	}
	return "", fmt.Errorf("arrivals %q are neither %s nor %s", text, Constant, Poisson)
}

// schedule gives when each request of an open loop is due. What becomes of requests has no part in it. It is not safe for
// concurrent use.
type schedule struct {
	profile Profile
	random  *rand.Rand // nil: constant
	reached float64
	any     bool
}

func newSchedule(p Profile, a Arrivals, seed uint64) *schedule {
	s := &schedule{profile: p}
	if a == Poisson {
		s.random = rand.New(rand.NewPCG(seed, 0x61727269))
	}
	return s
}

// next is when the next request is due, since the beginning; false says that no more is.
func (s *schedule) next() (time.Duration, bool) {
	switch {
	case s.random != nil:
		s.reached += s.random.ExpFloat64()
	case s.any:
		s.reached++
	default:
		// The first of constant arrivals is half a distance from the beginning, and the last half a one from the end, so that
		// exactly as many are due as rate and duration say.
		s.reached, s.any = 0.5, true
	}
	return s.profile.When(s.reached)
}
