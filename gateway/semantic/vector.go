// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import (
	"math"
	"slices"
)

// MaxDimensions bounds a vector's length; the field's largest embeddings have 4096.
const MaxDimensions = 4096

// vector is a direction in whole numbers: its largest is 32767. It takes half the memory of float32, and its cosines
// are right to about 1e-5 and the same on every machine.
type vector struct {
	values []int16
	norm   float64
}

// quantise gives the direction of v, in values when it has room. It gives false when v has none.
func quantise(v []float32, values []int16) (vector, bool) {
	if len(v) == 0 || len(v) > MaxDimensions {
		return vector{}, false
	}
	largest := 0.0
	for _, f := range v {
		size := math.Abs(float64(f))
		if math.IsNaN(size) || size > math.MaxFloat32 {
			return vector{}, false
		}
		largest = max(largest, size)
	}
	if largest == 0 {
		return vector{}, false
	}
	values = slices.Grow(values[:0], len(v))[:len(v)]
	// In float64, for the scale of the smallest numbers is beyond float32.
	scale := math.MaxInt16 / largest
	for i, f := range v {
		values[i] = int16(math.RoundToEven(float64(f) * scale))
	}
	return vector{values, math.Sqrt(float64(dot(values, values)))}, true
}

// cosine gives that of the angle between two vectors of one length, from -1 to 1.
func (a vector) cosine(b vector) float32 {
	c := float64(dot(a.values, b.values)) / (a.norm * b.norm)
	return float32(max(-1, min(1, c)))
}

// dot cannot overflow: 4096 products of at most 2^30. Four sums, for the processor adds them side by side.
func dot(a, b []int16) int64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 int64
	for len(a) >= 4 && len(b) >= 4 {
		s0 += int64(a[0]) * int64(b[0])
		s1 += int64(a[1]) * int64(b[1])
		s2 += int64(a[2]) * int64(b[2])
		s3 += int64(a[3]) * int64(b[3])
		a, b = a[4:], b[4:]
	}
	for i := range a {
		s0 += int64(a[i]) * int64(b[i])
	}
	return s0 + s1 + s2 + s3
}
