// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// ErrAwaiting says that nobody told yet what other pods spent.
var ErrAwaiting = errors.New("awaiting: the operator's word on what was spent")

// Patience is how long a pod that has just begun waits for the operator, which calls a pod as soon as it sees it run, and every
// two seconds: 3 s, and 0 for a process that is no pod, of which no operator knows.
func (i Identity) Patience() time.Duration {
	if i.Pod == "" {
		return 0
	}
	return 3 * time.Second
}

// awaits says that a pod which has just begun should get no traffic yet: there are budgets, of which it would spend a share
// anew, and without a store only the operator knows what is left. An operator that is away keeps it so for a short time only.
func (s *Server) awaits(snapshot *Snapshot) bool {
	return time.Since(s.begun) < s.opts.Patience && !s.living.sharing.heard.Load() && alone(snapshot.rules.doc)
}

// alone says that there are budgets and no store.
func alone(doc *config.Document) bool {
	if doc.Core.Gateway.Store != nil {
		return false
	}
	for i := range doc.Core.Policies {
		if len(doc.Core.Policies[i].Budgets) > 0 {
			return true
		}
	}
	for i := range doc.Keys {
		if len(doc.Keys[i].Budgets) > 0 {
			return true
		}
	}
	return false
}

// hear notes that the operator told what others used; a call that is full goes on in the next one.
func (s *sharing) hear(call *config.UsageCall) {
	if len(call.Elsewhere) < config.MaxHolders {
		s.heard.Store(true)
	}
}
