// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"maps"
	"slices"
	"time"
)

// maxMarks bounds how many purges are remembered one by one. Of more, the older half becomes one of everything.
const maxMarks = 4096

const (
	kindModel = iota
	kindKey
	kindRoute
	kindTag
	kindCount
)

var kinds = [kindCount]string{kindModel: PurgeModel, kindKey: PurgeKey, kindRoute: PurgeRoute, kindTag: PurgeTag}

// mark is what was purged up to a time, in milliseconds since 1970; told is the time as it came, which may lie ahead.
type mark struct{ at, told int64 }

// marks are the purges that entries may still be older than. They are immutable once a Cache has them.
type marks struct {
	all   mark
	names [kindCount]map[string]mark
	count int
}

// hold says whether something with these labels that was asked for at a time is purged.
func (m *marks) hold(l *Labels, asked time.Time) bool {
	at := asked.UnixMilli()
	if at <= m.all.at {
		return true
	}
	if m.count == 0 {
		return false
	}
	if m.names[kindModel][l.Model].at >= at || m.names[kindKey][l.Holder].at >= at || m.names[kindRoute][l.Route].at >= at {
		return true
	}
	return slices.ContainsFunc(l.Tags, func(tag string) bool { return m.names[kindTag][tag].at >= at })
}

// knows says that a purge is nothing new.
func (m *marks) knows(label string, told int64) bool {
	if told <= m.all.at || label == PurgeAll && told <= m.all.told {
		return true
	}
	if label == PurgeAll {
		return false
	}
	kind, name := split(label)
	return told <= m.names[kind][name].told
}

func (m *marks) clone() *marks {
	c := *m
	for kind := range c.names {
		c.names[kind] = maps.Clone(m.names[kind])
	}
	return &c
}

// add remembers a purge that was told of with a time, and holds up to another.
func (m *marks) add(label string, told, at int64) {
	fresh := mark{at: at, told: told}
	if label == PurgeAll {
		m.all = mark{at: max(m.all.at, fresh.at), told: told}
		return
	}
	kind, name := split(label)
	if m.names[kind] == nil {
		m.names[kind] = make(map[string]mark)
	}
	m.names[kind][name] = fresh
}

// tidy forgets marks that are older than any entry, or than what all were purged by, and too many.
func (m *marks) tidy(oldest int64) {
	var times []int64
	for _, names := range m.names {
		for _, one := range names {
			times = append(times, one.at)
		}
	}
	if len(times) > maxMarks {
		slices.Sort(times)
		m.all.at = max(m.all.at, times[len(times)-maxMarks/2-1])
	}
	if m.all.at < oldest {
		m.all = mark{}
	}
	m.count = 0
	for kind := range m.names {
		maps.DeleteFunc(m.names[kind], func(_ string, one mark) bool { return one.at < oldest || one.at <= m.all.at })
		m.count += len(m.names[kind])
	}
}
