// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package issue

import (
	"hash/fnv"
	"time"
)

const (
	// defaultOverlap is how long a replaced key is accepted where nobody says otherwise.
	defaultOverlap = 24 * time.Hour
	// A key is replaced before its time, by up to one in earlyPart of it and up to maxEarly: keys that were made together are
	// not replaced together, and every rotation moves them further apart.
	earlyPart = 10
	maxEarly  = 24 * time.Hour
)

// Life is what bears on the rotation of a generated key at one moment.
type Life struct {
	Now time.Time
	// UID tells keys apart, so that each has its own time to be replaced; empty for exactly Every.
	UID string
	// Generated is when the present key was.
	Generated time.Time
	// Previous says that the key before is kept, and PreviousUntil to when it is accepted; zero where that cannot be read.
	Previous      bool
	PreviousUntil time.Time
	// Asked is what asks for a rotation, in whatever words, and Done what asked for the last one; empty for nothing.
	Asked, Done string
	// Every is how long a key is used at most, 0 for as long as nobody asks. Overlap is how long it is accepted after, nil for
	// the default: 24 hours, or as long as a key is used where that is shorter.
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
		s.Rotation = l.Generated.Add(l.used())
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
		return min(l.used(), defaultOverlap)
	}
	return defaultOverlap
}

// used gives how long the key is used: whole seconds less than Every, always the same of one key. An overlap that somebody
// asked for is over before the next one begins.
func (l Life) used() time.Duration {
	early := min(l.Every/earlyPart, maxEarly)
	if l.Overlap != nil {
		early = min(early, l.Every-*l.Overlap)
	}
	steps := int64(early / time.Second)
	if l.UID == "" || steps <= 0 {
		return l.Every
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(l.UID)) // which never fails
	return l.Every - time.Duration(h.Sum64()%uint64(steps+1))*time.Second
}
