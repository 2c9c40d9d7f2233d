// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

// Weights are those of the classifier, one byte each, by the hash of the feature.
type Weights struct {
	// Scale is what one step of Table is worth, in log-odds.
	Scale float32
	Bias  float32
	// Traits are the weights of what a passage is as a whole.
	Traits [Traits]float32
	Table  []int8
}

// Buckets is how many weights there are.
const Buckets = 1 << bucketBits

const bucketBits = 17

// Bucket is where the weight of a feature stands.
func Bucket(feature uint32) uint32 { return feature * golden >> (32 - bucketBits) }
