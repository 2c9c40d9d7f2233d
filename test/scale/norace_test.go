// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package scale

const (
	defaultKeys = 100_000
	slowdown    = 1
	raced       = false
)
