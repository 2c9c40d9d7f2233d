// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package tally

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/gateway/config"
)

// Books hold the Tally of each gateway, from when what was kept of it has been read. They are safe for concurrent use.
type Books struct {
	now func() time.Time

	mu sync.Mutex
	by map[types.NamespacedName]*Tally
}

// NewBooks gives books without any Tally.
func NewBooks(now func() time.Time) *Books {
	return &Books{now: now, by: map[types.NamespacedName]*Tally{}}
}

// Open puts a gateway's Tally into the books.
func (b *Books) Open(gateway types.NamespacedName, t *Tally) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.by[gateway] = t
}

// Close takes a gateway's Tally out.
func (b *Books) Close(gateway types.NamespacedName) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.by, gateway)
}

// Of gives a gateway's Tally, nil where it is not in the books.
func (b *Books) Of(gateway types.NamespacedName) *Tally {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.by[gateway]
}

// Ask gives the call for a pod's process and what takes its answer, as Tally.Ask does; ok is false where the gateway's Tally
// is not in the books.
func (b *Books) Ask(gateway types.NamespacedName, pod, instance string) (call config.UsageCall, hear func(*config.UsageAnswer) ([]string, bool), ok bool) {
	t := b.Of(gateway)
	if t == nil {
		return config.UsageCall{}, nil, false
	}
	call, hear = t.Ask(pod, instance, b.now())
	return call, hear, true
}
