// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import "time"

// NewPatientHTTPCaller gives one that waits for pods as long as a busy machine needs.
func NewPatientHTTPCaller() *HTTPCaller {
	h := NewHTTPCaller()
	h.ask = time.Minute
	return h
}
