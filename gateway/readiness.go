// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import "errors"

// Ready says why the server should get no traffic, as one error whose text has a line for each reason; nil when it should.
//
// What goes wrong at a provider or at the store is no reason: other pods would find the same, and a gateway without ready pods
// answers nobody.
func (s *Server) Ready() error { return errors.Join(s.unready()...) }

// unready gives the reasons, of ErrDraining, ErrNoConfiguration and ErrAwaiting those that hold.
func (s *Server) unready() (reasons []error) {
	if s.draining.Load() {
		reasons = append(reasons, ErrDraining)
	}
	snapshot := s.snapshot.Load()
	switch {
	case snapshot == nil:
		reasons = append(reasons, ErrNoConfiguration)
	case s.awaits(snapshot):
		reasons = append(reasons, ErrAwaiting)
	}
	return reasons
}
