// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

const (
	sketchBits  = 2048
	sketchWords = sketchBits / 64
	// rounds of signs and mixing; after three even a vector with a single number looks like any other.
	rounds = 3
)

// sketch is on which side of 2048 random planes through the origin a vector lies. Two vectors at the angle θ differ in
// about the share θ/π of the planes, whatever they mean, so that counting bits finds the few worth comparing.
type sketch [sketchWords]uint64

// planes turns vectors into sketches. The signs are random to each index, so that nobody can prepare texts whose
// sketches lie.
type planes struct {
	signs [rounds][MaxDimensions]float32
}

func newPlanes(r *rand.Rand) *planes {
	p := &planes{}
	for i := range p.signs {
		for j := range p.signs[i] {
			p.signs[i][j] = 1 - 2*float32(r.Uint32()&1)
		}
	}
	return p
}

// draw sets s to the sketch of v. The coordinates are scratch.
func (p *planes) draw(v []int16, coordinates *[MaxDimensions]float32, s *sketch) {
	n := sketchBits
	for n < len(v) {
		n *= 2
	}
	c := coordinates[:n]
	for i, x := range v {
		c[i] = float32(x)
	}
	clear(c[len(v):])
	for i := range p.signs {
		signs := p.signs[i][:n]
		for j := range c {
			c[j] *= signs[j]
		}
		mix(c)
	}
	for i := range s {
		word := uint64(0)
		for j, x := range c[i*64 : i*64+64] {
			word |= uint64(math.Float32bits(x)>>31) << j
		}
		s[i] = word
	}
}

// mix is the Walsh–Hadamard transform in place, unscaled, as only signs matter in the end. The length is a power of 4 or twice
// one.
func mix(c []float32) {
	h := 1
	for ; h*4 <= len(c); h *= 4 {
		for i := 0; i < len(c); i += 4 * h {
			v, w, x, y := c[i:i+h], c[i+h:i+2*h], c[i+2*h:i+3*h], c[i+3*h:i+4*h]
			w, x, y = w[:len(v)], x[:len(v)], y[:len(v)]
			for j := range v {
				a, b := v[j]+w[j], v[j]-w[j]
				d, e := x[j]+y[j], x[j]-y[j]
				v[j], w[j], x[j], y[j] = a+d, b+e, a-d, b-e
			}
		}
	}
	if h < len(c) {
		v, w := c[:h], c[h:]
		w = w[:len(v)]
		for j := range v {
			v[j], w[j] = v[j]+w[j], v[j]-w[j]
		}
	}
}

// difference counts the bits in which sketches differ. It stops half-way, with what it has, when that is beyond half.
func difference(s *sketch, other []uint64, half int) int {
	other = other[:sketchWords]
	n := 0
	for i := 0; i < sketchWords/2; i++ {
		n += bits.OnesCount64(s[i] ^ other[i])
	}
	if n > half {
		return sketchBits
	}
	for i := sketchWords / 2; i < sketchWords; i++ {
		n += bits.OnesCount64(s[i] ^ other[i])
	}
	return n
}

// reach is in how many of the first n planes two vectors may differ whose cosine is at least that: the mean and six
// standard deviations, which fewer than one pair in 10^8 exceeds, and some for angles close to none.
func reach(cosine float32, n float64) int {
	p := math.Acos(float64(max(-1, min(1, cosine)))) / math.Pi
	return int(n*p + 6*math.Sqrt(n*p*(1-p)) + 8)
}
