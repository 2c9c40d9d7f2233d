// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package turns says who may write next, so that writes are bounded and everybody comes to write.
package turns

import (
	"container/heap"
	"sync"
	"time"
)

// Turns are given one at a time to whoever asked and has waited longest since its last one. It is safe for concurrent use.
type Turns[K comparable] struct {
	every, pace time.Duration

	mu sync.Mutex
	// last is when each wrote last, of all that ever did.
	last map[K]time.Time
	// waiting are those that asked, by place those of them by name; given have a turn that they did not take yet.
	waiting line[K]
	places  map[K]*place[K]
	given   map[K]bool
	// free is when the next turn may be given.
	free  time.Time
	asked int64
	wake  chan struct{}
}

// New gives turns: to each at most once in every, and to all together at most perSecond.
func New[K comparable](every time.Duration, perSecond float64) *Turns[K] {
	return &Turns[K]{
		every: every, pace: time.Duration(float64(time.Second) / perSecond), last: map[K]time.Time{},
		places: map[K]*place[K]{}, given: map[K]bool{}, wake: make(chan struct{}, 1),
	}
}

// Ask asks for a turn. Whoever asked already keeps its place.
func (t *Turns[K]) Ask(k K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.places[k] != nil || t.given[k] {
		return
	}
	t.asked++
	p := &place[K]{who: k, last: t.last[k], order: t.asked}
	t.places[k] = p
	heap.Push(&t.waiting, p)
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Asked tells, now and then, that somebody asked since it was looked at last.
func (t *Turns[K]) Asked() <-chan struct{} { return t.wake }

// Next gives a turn, if there is one at this time; if not, wait is the time until there may be, or 0 when nobody has asked.
func (t *Turns[K]) Next(now time.Time) (who K, wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		return who, 0, false
	}
	first := t.waiting[0]
	due := t.free
	if !first.last.IsZero() && first.last.Add(t.every).After(due) {
		due = first.last.Add(t.every)
	}
	if due.After(now) {
		return who, due.Sub(now), false
	}
	heap.Pop(&t.waiting)
	delete(t.places, first.who)
	t.given[first.who] = true
	t.last[first.who] = now
	t.free = now.Add(t.pace)
	return first.who, 0, true
}

// Take says whether one has a turn, which then is over.
func (t *Turns[K]) Take(k K) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	has := t.given[k]
	delete(t.given, k)
	return has
}

// Wrote says that one wrote without a turn, for other reasons. It asks anew when there is more to write.
func (t *Turns[K]) Wrote(k K, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leave(k)
	t.last[k] = now
}

// Forget drops what is kept of one that is gone.
func (t *Turns[K]) Forget(k K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leave(k)
	delete(t.last, k)
}

func (t *Turns[K]) leave(k K) {
	if p := t.places[k]; p != nil {
		heap.Remove(&t.waiting, p.index)
		delete(t.places, k)
	}
	delete(t.given, k)
}

// place is where one stands in the line.
type place[K comparable] struct {
	who   K
	last  time.Time
	order int64
	index int
}

// line is a heap, the one that wrote longest ago first, and of those the one that asked first.
type line[K comparable] []*place[K]

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (l line[K]) Len() int { return len(l) }

func (l line[K]) Less(i, j int) bool {
	if c := l[i].last.Compare(l[j].last); c != 0 {
		return c < 0
	}
	return l[i].order < l[j].order
}

func (l line[K]) Swap(i, j int) {
	l[i], l[j] = l[j], l[i]
	l[i].index, l[j].index = i, j
}

func (l *line[K]) Push(x any) {
	if p, ok := x.(*place[K]); ok {
		p.index = len(*l)
		*l = append(*l, p)
	}
}

func (l *line[K]) Pop() any {
	old := *l
	p := old[len(old)-1]
	old[len(old)-1] = nil
	*l = old[:len(old)-1]
	return p
}
