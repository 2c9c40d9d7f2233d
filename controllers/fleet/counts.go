// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/gateway/config"
)

// PushResult is what became of a configuration that was pushed.
type PushResult string

// The results of pushes.
const (
	PushApplied  PushResult = "applied"
	PushRejected PushResult = "rejected"
	// PushFailed: the pod did not answer, or not as it should.
	PushFailed PushResult = "failed"
)

// AckResult is what a pod said of what it runs.
type AckResult string

// The results of questions.
const (
	AckCurrent AckResult = "current"
	// AckBehind: it runs another revision.
	AckBehind   AckResult = "behind"
	AckRejected AckResult = "rejected"
	// AckSilent: it did not answer, or not as it should.
	AckSilent AckResult = "silent"
)

// Counts counts what is said between the operator and pods. It must be safe for concurrent use.
type Counts interface {
	Pushed(PushResult)
	Acked(AckResult)
}

// Measure makes the fleet count. Call it before the first Want.
func (f *Fleet) Measure(by Counts) { f.counts = by }

// Lagging counts the pods of each gateway that have not said that they run what they should, by what they say instead: each of
// AckBehind, AckRejected and AckSilent is there, with 0 too. Silent is who was not heard for longer than the grace period, or not
// yet. Who was asked to leave lags no more.
func (f *Fleet) Lagging() map[types.NamespacedName]map[AckResult]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make(map[types.NamespacedName]map[AckResult]int, len(f.gateways))
	for gateway, c := range f.gateways {
		wanted := &c.target.Bundle.Manifest
		if wanted.Sequence == 0 {
			continue
		}
		lag := map[AckResult]int{AckBehind: 0, AckRejected: 0, AckSilent: 0}
		for _, l := range c.pods {
			says := AckSilent
			if l.ack != nil && l.ack.Draining {
				continue
			}
			if l.ack != nil && time.Since(l.since) <= f.grace {
				says = resultOf(l.ack, wanted)
			}
			if says != AckCurrent {
				lag[says]++
			}
		}
		all[gateway] = lag
	}
	return all
}

func resultOf(ack *config.Ack, wanted *config.Manifest) AckResult {
	switch {
	case ack.Revision == wanted.Revision:
		return AckCurrent
	case ack.Rejected != nil && ack.Rejected.Revision == wanted.Revision:
		return AckRejected
	default:
		return AckBehind
	}
}

// tally counts a call, and what it pushed.
func (f *Fleet) tally(t *Target, pushed bool, ack *config.Ack, err error) {
	if f.counts == nil || t.Bundle.Manifest.Sequence == 0 {
		return
	}
	said := AckSilent
	if err == nil {
		said = resultOf(ack, &t.Bundle.Manifest)
	}
	f.counts.Acked(said)
	if !pushed {
		return
	}
	switch said {
	case AckCurrent:
		f.counts.Pushed(PushApplied)
	case AckRejected:
		f.counts.Pushed(PushRejected)
	default:
		f.counts.Pushed(PushFailed)
	}
}
