// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// drawn gives the sketch and the vector of what is known to have a direction.
func drawn(t testing.TB, p *planes, v []float32) (sketch, vector) {
	t.Helper()
	quantised, ok := quantise(v, nil)
	if !ok {
		t.Fatal("no direction")
	}
	var s sketch
	p.draw(quantised.values, new([MaxDimensions]float32), &s)
	return s, quantised
}

func differ(a, b sketch) int {
	n := 0
	for i := range a {
		n += bits.OnesCount64(a[i] ^ b[i])
	}
	return n
}

// Two vectors are as far apart in bits as the angle says, within what chance allows, whatever they are made of.
func TestSketchesDifferAsTheAngleSays(t *testing.T) {
	hot := func(dims int, at ...int) []float32 {
		v := make([]float32, dims)
		for _, i := range at {
			v[i] = 1
		}
		return v
	}
	random := newCorpus(4, 1536, 1, 0, 0)
	base := random.question()
	for name, test := range map[string]struct{ a, b []float32 }{
		"unrelated, 1536 dimensions":          {random.question(), random.question()},
		"a paraphrase":                        {base, random.near(base, 0.95)},
		"opposites":                           {ones(1536), negative(ones(1536))},
		"single numbers":                      {hot(1536, 3), hot(1536, 900)},
		"few numbers in common":               {hot(1536, 1, 2, 3), hot(1536, 2, 3, 4)},
		"all the same but one":                {ones(1024), withAt(ones(1024), 7, -4)},
		"two dimensions":                      {[]float32{1, 0}, []float32{1, 1}},
		"three dimensions":                    {[]float32{1, 0, 0}, []float32{0, 1, 0}},
		"4096 dimensions, and single numbers": {hot(4096, 0), hot(4096, 4095)},
		"half a vector":                       {hot(256, 0, 1, 2, 3), hot(256, 0, 1, 2, 3, 4, 5, 6, 7)},
	} {
		t.Run(name, func(t *testing.T) {
			// Over many draws, the mean must be right and the widest within the reach.
			const draws = 60
			sum := 0
			var cosine float32
			for seed := range uint64(draws) {
				p := newPlanes(rand.New(rand.NewPCG(seed, 9)))
				a, va := drawn(t, p, test.a)
				b, vb := drawn(t, p, test.b)
				cosine = va.cosine(vb)
				d := differ(a, b)
				if far := reach(cosine, sketchBits); d > far {
					t.Errorf("the sketches differ in %d bits, beyond %d", d, far)
				}
				sum += d
			}
			want := sketchBits * math.Acos(float64(cosine)) / math.Pi
			// Five standard deviations of the mean, were the bits independent, and some.
			within := 5*math.Sqrt(sketchBits*0.25/draws) + 10
			if got := float64(sum) / draws; math.Abs(got-want) > within {
				t.Errorf("the sketches differ in %.0f bits, want %.0f ± %.0f", got, want, within)
			}
		})
	}
}

func negative(v []float32) []float32 {
	for i := range v {
		v[i] = -v[i]
	}
	return v
}

func withAt(v []float32, i int, f float32) []float32 {
	v[i] = f
	return v
}

// What is pruned by reach must never be what is looked for.
func TestReachHoldsForThousandsOfPairs(t *testing.T) {
	c := newCorpus(5, 384, 1, 0, 0)
	p := newPlanes(rand.New(rand.NewPCG(5, 5)))
	for _, cosine := range []float64{0.5, 0.8, 0.9, 0.95, 0.99, 0.9999} {
		widest := 0
		for range 150 {
			a := c.question()
			sa, va := drawn(t, p, a)
			sb, vb := drawn(t, p, c.near(a, cosine))
			d, far := differ(sa, sb), reach(va.cosine(vb), sketchBits)
			if d > far {
				t.Errorf("at %v sketches differ in %d bits, beyond %d", cosine, d, far)
			}
			widest = max(widest, d)
		}
		if far := reach(float32(cosine), sketchBits); widest < far/2 && cosine < 0.99 {
			t.Errorf("at %v no pair differs in more than %d bits: a reach of %d prunes too little", cosine, widest, far)
		}
	}
}

func TestReachGrowsWithTheAngle(t *testing.T) {
	before := -1
	for _, cosine := range []float32{2, 1, 0.9999, 0.99, 0.95, 0.9, 0.5, 0, -0.5} {
		got := reach(cosine, sketchBits)
		if got < before {
			t.Errorf("at %v it is %d, and was %d", cosine, got, before)
		}
		before = got
	}
	if got := reach(1, sketchBits); got != 8 {
		t.Errorf("for the same direction it is %d bits", got)
	}
}

func TestDifferenceStopsHalfWay(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 200 {
		var a, b sketch
		for i := range a {
			a[i], b[i] = r.Uint64(), r.Uint64()
		}
		first := 0
		for i := range sketchWords / 2 {
			first += bits.OnesCount64(a[i] ^ b[i])
		}
		if got, want := difference(&a, b[:], first), differ(a, b); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
		if got := difference(&a, b[:], first-1); got != sketchBits {
			t.Errorf("beyond half it gave %d", got)
		}
	}
}

func TestMixingTwiceGivesBackWhatWas(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 7))
	for _, n := range []int{4, 8, 2048, 4096} {
		c := make([]float32, n)
		want := make([]float32, n)
		for i := range c {
			c[i] = float32(r.IntN(100))
			want[i] = c[i] * float32(n)
		}
		mix(c)
		mix(c)
		for i := range c {
			if c[i] != want[i] {
				t.Fatalf("%d numbers: number %d is %v, want %v", n, i, c[i], want[i])
			}
		}
	}
}
