// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package issue

import "time"

// defaultOverlap is how long a replaced key is accepted where nobody says otherwise.
const defaultOverlap = 24 * time.Hour

// Life is what bears on the rotation of a generated key at one moment.
type Life struct {
	Now time.Time
	// Generated is when the present key was.
	Generated time.Time
	// Previous says that the key before is kept, and PreviousUntil to when it is accepted; zero where that cannot be read.
	Previous      bool
	PreviousUntil time.Time
	// Asked is what asks for a rotation, in whatever words, and Done what asked for the last one; empty for nothing.
	Asked, Done string
	// Every is how long a key is used, 0 for as long as nobody asks. Overlap is how long it is accepted after, nil for the
	// default: 24 hours, or Every where that is shorter.
	Every   time.Duration
	Overlap *time.Duration
	// Refused says that the key is disabled or expired, so that its time to be replaced does not matter.
	Refused bool
}

// Step is what is to be done about a key.
type Step struct {
	// Rotate replaces the key; the present one is then accepted until PreviousUntil, to the second, and the one before it no
	// longer.
	Rotate        bool
	PreviousUntil time.Time
	// EndPrevious forgets the key before the present one, which is not accepted any more.
	EndPrevious bool
	// Rotation is when the key is replaced next, as far as is known before the step, and Again when there is something to do
	// again; zero for never.
	Rotation, Again time.Time
}

// Next gives the step to take now. Taking it twice is prevented by whoever keeps the key, which has changed by then.
func (l Life) Next() Step {
	var s Step
	if l.Every > 0 && !l.Refused {
		s.Rotation = l.Generated.Add(l.Every)
	}
	due := !s.Rotation.IsZero() && !l.Now.Before(s.Rotation)
	if s.Rotate = due || l.Asked != "" && l.Asked != l.Done; s.Rotate {
		s.PreviousUntil = l.Now.Add(l.overlap()).Truncate(time.Second)
		s.Again = l.Now
		return s
	}
	if s.EndPrevious = l.Previous && !l.Now.Before(l.PreviousUntil); s.EndPrevious {
		s.Again = l.Now
		return s
	}
	s.Again = s.Rotation
	if l.Previous && (s.Again.IsZero() || l.PreviousUntil.Before(s.Again)) {
		s.Again = l.PreviousUntil
	}
	return s
}

func (l Life) overlap() time.Duration {
	switch {
	case l.Overlap != nil:
		return *l.Overlap
	case l.Every > 0:
		return min(l.Every, defaultOverlap)
	}
	return defaultOverlap
}
