// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"strings"
	"time"
)

// What a purge is of: everything, or what has a label of one of these kinds, with its name behind it.
const (
	PurgeAll   = "all"
	PurgeModel = "model:"
	PurgeKey   = "key:"   // Labels.Holder
	PurgeRoute = "route:" // Labels.Route
	PurgeTag   = "tag:"
)

// MaxLabel bounds the length of a purge's label.
const MaxLabel = 512

// KnownLabel says whether a label is one that can be purged.
func KnownLabel(label string) bool {
	kind, name := split(label)
	return label == PurgeAll || kind >= 0 && name != "" && len(label) <= MaxLabel
}

// Purge removes what has the label and was asked for no later than at, by milliseconds, and gives how many entries it removed from
// memory. None of it is given any more, whether it is in memory, in a Tier or under way, but to those who follow it
// already. Other processes hear of it by a Tier's Purge and their Learn. Unknown labels remove nothing.
func (c *Cache) Purge(label string, at time.Time) (removed int) {
	return c.learn(map[string]int64{label: at.UnixMilli()}, 0)
}

// Skew is how far apart the clocks of processes may be for a purge to hold for what each of them has.
const Skew = 500 * time.Millisecond

// Learn is Purge for what other processes purged, as a Tier's Purged gives it: times in milliseconds since 1970, of which
// those that are to come are now. It removes as well what was asked for within Skew after them. What is known already
// costs little.
func (c *Cache) Learn(told map[string]int64) (removed int) { return c.learn(told, Skew) }

func (c *Cache) learn(told map[string]int64, skew time.Duration) (removed int) {
	now := c.opts.Now()
	c.keeping.Lock()
	known := c.marks.Load()
	m := known
	for label, at := range told {
		if !KnownLabel(label) || known.knows(label, at) {
			continue
		}
		if m == known {
			m = known.clone()
		}
		m.add(label, at, min(at+skew.Milliseconds(), now.UnixMilli()))
	}
	if m != known {
		m.tidy(now.Add(-MaxTTL).UnixMilli())
		c.marks.Store(m)
	}
	entries := c.memory.Load()
	c.keeping.Unlock()
	if m == known {
		return 0
	}
	c.flights.shut(m)
	if entries != nil {
		for key, e := range entries.All() {
			if !m.hold(&e.Labels, e.Asked) {
				continue
			}
			if _, ok := entries.Invalidate(key); ok {
				removed++
			}
		}
	}
	c.purged.Add(int64(removed))
	return removed
}

// split gives the place of a label's kind among the kinds, -1 for none, and the name.
func split(label string) (kind int, name string) {
	for kind, prefix := range kinds {
		if name, ok := strings.CutPrefix(label, prefix); ok {
			return kind, name
		}
	}
	return -1, ""
}
