// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package dataplane

import "time"

const slowdown = 1

// cancelBound is how long after a client left its provider may go on.
const cancelBound = 100 * time.Millisecond
