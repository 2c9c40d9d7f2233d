// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import (
	"math"
	"math/rand/v2"
	"time"
)

// corpus makes vectors as embedding models do: all lean one way, questions on one topic lean together, and paraphrases
// are closer still.
type corpus struct {
	r      *rand.Rand
	topics [][]float32
	dims   int
	// within is the cosine of a question and its topic.
	within float64
}

// newCorpus makes topics whose cosine to each other is about that of lean, squared.
func newCorpus(seed uint64, dims, topics int, lean, within float64) *corpus {
	c := &corpus{r: rand.New(rand.NewPCG(seed, 1)), dims: dims, within: within}
	centre := c.direction()
	for range topics {
		c.topics = append(c.topics, c.near(centre, lean))
	}
	return c
}

func (c *corpus) direction() []float32 {
	v := make([]float32, c.dims)
	for i := range v {
		v[i] = float32(c.r.NormFloat64())
	}
	return unit(v)
}

// near gives a direction at that cosine to v, to rounding.
func (c *corpus) near(v []float32, cosine float64) []float32 {
	n := c.direction()
	along := exact(n, v)
	for i := range n {
		n[i] -= float32(along) * v[i]
	}
	unit(n)
	across := math.Sqrt(1 - cosine*cosine)
	for i := range n {
		n[i] = float32(cosine)*v[i] + float32(across)*n[i]
	}
	return unit(n)
}

func (c *corpus) question() []float32 { return c.near(c.topics[c.r.IntN(len(c.topics))], c.within) }

func unit(v []float32) []float32 {
	sum := 0.0
	for _, f := range v {
		sum += float64(f) * float64(f)
	}
	for i := range v {
		v[i] = float32(float64(v[i]) / math.Sqrt(sum))
	}
	return v
}

// exact is the cosine of two directions of length 1, in float64.
func exact(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// brute is the index as one would first write it.
func brute(all [][]float32, q []float32) (best int, cosine float64) {
	best, cosine = -1, -2
	for i, v := range all {
		if c := exact(v, q); c > cosine {
			best, cosine = i, c
		}
	}
	return best, cosine
}

func refOf(i int) Ref { return Ref{byte(i), byte(i >> 8), byte(i >> 16), 1} }

func indexOf(r Ref) int { return int(r[0]) | int(r[1])<<8 | int(r[2])<<16 }

// never is an expiry that tests do not reach.
var never = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
