// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build race

package dataplane

// slowdown is what the race detector costs, on few cores and with many tests at once, where a test measures time.
import "time"

const slowdown = 4

// cancelBound is how long after a client left its provider may go on, where the race detector and other tests have the machine:
// less than any timeout.
const cancelBound = 3 * time.Second
