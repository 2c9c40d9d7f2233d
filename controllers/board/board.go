// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package board holds what each gateway's reconciliation found out about the resources attached to it, for the
// reconcilers of those resources to tell.
package board

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/controllers/status"
)

// Board is safe for concurrent use. It is empty when the operator starts, and filled by the first reconciliation of
// each gateway; until then nothing is known, and statuses stay as they are.
type Board struct {
	tellProvider, tellKey func(types.NamespacedName)

	mu      sync.Mutex
	reports map[types.NamespacedName]status.Report
}

// New gives a board that tells of each provider and each key about which something new is known. The functions are
// called without locks held, and may block.
func New(tellProvider, tellKey func(types.NamespacedName)) *Board {
	return &Board{tellProvider: tellProvider, tellKey: tellKey, reports: map[types.NamespacedName]status.Report{}}
}

// Publish replaces a gateway's report.
func (b *Board) Publish(gateway types.NamespacedName, report status.Report) {
	b.mu.Lock()
	before := b.reports[gateway]
	b.reports[gateway] = report
	b.mu.Unlock()
	tellChanged(before.Providers, report.Providers, b.tellProvider)
	tellChanged(before.Keys, report.Keys, b.tellKey)
}

// Drop forgets a gateway that is gone.
func (b *Board) Drop(gateway types.NamespacedName) {
	b.mu.Lock()
	before := b.reports[gateway]
	delete(b.reports, gateway)
	b.mu.Unlock()
	tellChanged(before.Providers, nil, b.tellProvider)
	tellChanged(before.Keys, nil, b.tellKey)
}

// Report gives a gateway's last report, empty before the first.
func (b *Board) Report(gateway types.NamespacedName) status.Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reports[gateway]
}

func tellChanged(before, after map[types.NamespacedName]status.Attachment, tell func(types.NamespacedName)) {
	for name, a := range after {
		if old, ok := before[name]; !ok || old != a {
			tell(name)
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			tell(name)
		}
	}
}
