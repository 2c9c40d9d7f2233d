// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestVectorsWithoutADirectionAreRefused(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, test := range map[string]struct {
		vector []float32
		want   bool
	}{
		"nothing":                                  {nil, false},
		"zeros":                                    {[]float32{0, 0, 0}, false},
		"a negative zero":                          {[]float32{float32(math.Copysign(0, -1))}, false},
		"a NaN at the beginning":                   {[]float32{nan, 1}, false},
		"a NaN at the end":                         {[]float32{1, nan}, false},
		"an infinity":                              {[]float32{1, inf}, false},
		"a negative infinity":                      {[]float32{-inf, 1}, false},
		"more than the bound":                      {ones(MaxDimensions + 1), false},
		"as many as the bound":                     {ones(MaxDimensions), true},
		"one number":                               {[]float32{-3}, true},
		"the smallest number there is":             {[]float32{math.SmallestNonzeroFloat32, 0}, true},
		"the largest number there is":              {[]float32{math.MaxFloat32, -math.MaxFloat32}, true},
		"a number that is tiny beside a large one": {[]float32{math.MaxFloat32, math.SmallestNonzeroFloat32}, true},
	} {
		t.Run(name, func(t *testing.T) {
			v, got := quantise(test.vector, nil)
			if got != test.want {
				t.Fatalf("quantised: %v, want %v", got, test.want)
			}
			if got && v.cosine(v) != 1 {
				t.Errorf("the cosine to itself is %v", v.cosine(v))
			}
		})
	}
}

func ones(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = 1
	}
	return v
}

func TestCosinesAreRightToFivePlaces(t *testing.T) {
	for _, dims := range []int{1, 2, 3, 5, 64, 257, 1536, 3072, 4096} {
		c := newCorpus(uint64(dims), dims, 1, 1, 0)
		for _, want := range []float64{-1, -0.5, 0, 0.3, 0.9, 0.95, 0.99, 0.9999, 1} {
			a := c.direction()
			b := a
			if dims > 1 {
				b = c.near(a, want)
			}
			// Lengths must not matter.
			for i := range b {
				a[i] *= 1e-20
			}
			qa, okA := quantise(a, nil)
			qb, okB := quantise(b, nil)
			if !okA || !okB {
				t.Fatalf("%d dimensions: refused", dims)
			}
			if dims == 1 {
				want = 1
			}
			if got := float64(qa.cosine(qb)); math.Abs(got-want) > 5e-5 {
				t.Errorf("%d dimensions: cosine %v, want %v", dims, got, want)
			}
		}
	}
}

func TestDotIsTheSumOfProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 70 {
		a, b := make([]int16, n), make([]int16, n)
		want := int64(0)
		for i := range a {
			a[i], b[i] = int16(r.Int32()), int16(r.Int32())
			want += int64(a[i]) * int64(b[i])
		}
		if got := dot(a, b); got != want {
			t.Errorf("%d numbers: %d, want %d", n, got, want)
		}
	}
}

func TestTheLongestDotDoesNotOverflow(t *testing.T) {
	v := make([]int16, MaxDimensions)
	for i := range v {
		v[i] = math.MaxInt16
	}
	if got, want := dot(v, v), int64(MaxDimensions)*math.MaxInt16*math.MaxInt16; got != want {
		t.Errorf("got %d, want %d", got, want)
	}
}

func TestQuantisingUsesTheRoomItIsGiven(t *testing.T) {
	room := make([]int16, 0, 8)
	v, ok := quantise([]float32{0.5, -1, 0}, room)
	if !ok || &v.values[0] != &room[:1][0] {
		t.Fatal("the room was not used")
	}
	if v.values[0] != 16384 || v.values[1] != -32767 || v.values[2] != 0 {
		t.Errorf("got %v", v.values)
	}
}
