// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"slices"
	"sync"
)

// shelf keeps the newest things that clients may ask for again, by id. Safe for concurrent use.
type shelf[T any] struct {
	limit int // how many

	mu    sync.Mutex
	ids   []string // oldest first
	items map[string]T
}

// newShelf makes a shelf that the server's Reset clears.
func newShelf[T any](s *Server, limit int) *shelf[T] {
	kept := &shelf[T]{limit: limit, items: map[string]T{}}
	s.shelves = append(s.shelves, kept)
	return kept
}

func (s *shelf[T]) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids, s.items = nil, map[string]T{}
}

// put keeps a thing, instead of the oldest one where there is no room, or of that with the same id.
func (s *shelf[T]) put(id string, item T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.items[id]; !known {
		if len(s.ids) == s.limit {
			delete(s.items, s.ids[0])
			s.ids = slices.Delete(s.ids, 0, 1)
		}
		s.ids = append(s.ids, id)
	}
	s.items[id] = item
}

func (s *shelf[T]) get(id string) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	item, known := s.items[id]
	return item, known
}

// change replaces a thing by what it becomes, and gives that.
func (s *shelf[T]) change(id string, become func(T) T) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	item, known := s.items[id]
	if known {
		item = become(item)
		s.items[id] = item
	}
	return item, known
}

// take removes a thing and says whether it was there.
func (s *shelf[T]) take(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.items[id]
	delete(s.items, id)
	s.ids = slices.DeleteFunc(s.ids, func(other string) bool { return other == id })
	return known
}

// list gives all things, newest first.
func (s *shelf[T]) list() []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := make([]T, 0, len(s.ids))
	for _, id := range slices.Backward(s.ids) {
		items = append(items, s.items[id])
	}
	return items
}
