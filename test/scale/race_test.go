// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build race

package scale

// The race detector makes the decoding of a document ten times as slow and as large, so that fewer keys are looked at, and
// no memory.
const (
	defaultKeys = 5_000
	slowdown    = 10
	raced       = true
)
