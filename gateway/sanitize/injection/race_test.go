// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build race

package injection

// forgetful says that pools forget at random, as under the race detector.
const forgetful = true
