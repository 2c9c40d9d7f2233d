// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import "container/heap"

// recency is a ring of entries by use. The zero value is no ring: call init first.
type recency struct {
	// ends stands between the most recently used, after it, and the least, before it.
	ends entry
}

func (r *recency) init() { r.ends.before, r.ends.after = &r.ends, &r.ends }

// oldest gives the least recently used entry, nil when there is none.
func (r *recency) oldest() *entry {
	if r.ends.before == &r.ends {
		return nil
	}
	return r.ends.before
}

func (r *recency) add(e *entry) {
	e.before, e.after = &r.ends, r.ends.after
	e.before.after, e.after.before = e, e
}

func (r *recency) remove(e *entry) {
	e.before.after, e.after.before = e.after, e.before
	e.before, e.after = nil, nil
}

func (r *recency) use(e *entry) {
	r.remove(e)
	r.add(e)
}

// expiries is a heap of entries, the first to expire on top.
type expiries []*entry

var _ heap.Interface = (*expiries)(nil)

// Len, Less, Swap, Push and Pop are for container/heap.
func (h expiries) Len() int { return len(h) }

// Less is true for the entry that expires first.
func (h expiries) Less(i, j int) bool { return h[i].expires < h[j].expires }

// Swap keeps the entries' places in step.
func (h expiries) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].due, h[j].due = i, j
}

// Push takes an *entry.
func (h *expiries) Push(x any) {
	e := x.(*entry)
	e.due = len(*h)
	*h = append(*h, e)
}

// Pop gives the last entry.
func (h *expiries) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
