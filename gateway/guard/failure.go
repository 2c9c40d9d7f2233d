// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import "strconv"

// Failure is why there is no verdict, as one word of metrics and logs.
type Failure string

// The failures.
const (
	FailureTimeout     Failure = "timeout"
	FailureUnreachable Failure = "unreachable"
	FailureStatus      Failure = "status"
	FailureTooLarge    Failure = "too_large"
	FailureMalformed   Failure = "malformed"
	// FailureBusy: too many questions were before this one.
	FailureBusy Failure = "busy"
	// FailureOpen: the service was not asked, as it failed again and again.
	FailureOpen Failure = "circuit_open"
)

// Error is a failure to get a verdict. It holds nothing of what was asked or answered.
type Error struct {
	Failure Failure
	// Status is the service's, of FailureStatus.
	Status int
}

// Error gives the failure's word, and the status where there is one.
func (e *Error) Error() string {
	text := "the guard gave no verdict: " + string(e.Failure)
	if e.Status != 0 {
		text += " " + strconv.Itoa(e.Status)
	}
	return text
}
