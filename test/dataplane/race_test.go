// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build race

package dataplane

// slowdown is what the race detector costs, on few cores and with many tests at once, where a test measures time.
const slowdown = 4
