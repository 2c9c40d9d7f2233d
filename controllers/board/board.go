// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package board holds what each gateway's reconciliation found out about the resources attached to it, for the
// reconcilers of those resources to tell.
package board

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/controllers/status"
)

// Tell is told of a resource about which something new is known. It is called without locks held, and may block.
type Tell func(status.Kind, types.NamespacedName)

// Board is safe for concurrent use. It is empty when the operator starts, and filled by the first reconciliation of
// each gateway; until then nothing is known, and statuses stay as they are.
type Board struct {
	tell Tell

	mu      sync.Mutex
	reports map[types.NamespacedName]status.Report
}

// New gives an empty board.
func New(tell Tell) *Board {
	return &Board{tell: tell, reports: map[types.NamespacedName]status.Report{}}
}

// Publish replaces a gateway's report.
func (b *Board) Publish(gateway types.NamespacedName, report status.Report) {
	b.mu.Lock()
	before := b.reports[gateway]
	b.reports[gateway] = report
	b.mu.Unlock()
	b.tellChanged(before, report)
	if !slices.Equal(before.Pods, report.Pods) {
		// Which pods speak for a provider has changed.
		b.Again(gateway, status.Providers)
	}
}

// Drop forgets a gateway that is gone.
func (b *Board) Drop(gateway types.NamespacedName) {
	b.mu.Lock()
	before := b.reports[gateway]
	delete(b.reports, gateway)
	b.mu.Unlock()
	b.tellChanged(before, status.Report{})
}

// Again tells of every resource of a kind on a gateway's report.
func (b *Board) Again(gateway types.NamespacedName, kind status.Kind) {
	for name := range b.Report(gateway).Attachments[kind] {
		b.tell(kind, name)
	}
}

// Tell tells of one resource that there is something new to tell of it.
func (b *Board) Tell(kind status.Kind, name types.NamespacedName) { b.tell(kind, name) }

// Report gives a gateway's last report, empty before the first. It is not to be changed.
func (b *Board) Report(gateway types.NamespacedName) status.Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reports[gateway]
}

func (b *Board) tellChanged(before, after status.Report) {
	for _, kind := range status.Kinds {
		was, is := before.Attachments[kind], after.Attachments[kind]
		found := 0
		for name, a := range is {
			old, ok := was[name]
			if ok {
				found++
			}
			if !ok || !old.Same(a) {
				b.tell(kind, name)
			}
		}
		if found == len(was) {
			continue
		}
		for name := range was {
			if _, ok := is[name]; !ok {
				b.tell(kind, name)
			}
		}
	}
}
