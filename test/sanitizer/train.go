// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"math/bits"
	"math/rand/v2"

	"github.com/sparkgateway/spark/gateway/sanitize/injection"
)

// excerpt is a passage of a sample, its features as buckets with values.
type excerpt struct {
	rules   float64
	traits  []int
	buckets []uint32
	values  []float64
}

// sample is one prompt as the training sees it: all its passages, of which the strongest decides.
type sample struct {
	attack   bool
	group    string
	excerpts []excerpt
}

func newSample(d *injection.Detector, p *prompt) sample {
	s := sample{attack: p.attack, group: p.group}
	for _, e := range d.Examine([]byte(forget(p.Text))).Passages {
		x := excerpt{rules: float64(e.Rules), traits: e.Traits}
		at := map[uint32]int{}
		for _, f := range e.Features {
			b := injection.Bucket(f)
			i, ok := at[b]
			if !ok {
				i = len(x.buckets)
				at[b] = i
				x.buckets, x.values = append(x.buckets, b), append(x.values, 0)
			}
			x.values[i] += 1 / float64(e.Spread)
		}
		s.excerpts = append(s.excerpts, x)
	}
	return s
}

func newSamples(d *injection.Detector, all []prompt) []sample {
	samples := make([]sample, len(all))
	for i := range all {
		samples[i] = newSample(d, &all[i])
	}
	return samples
}

// settings were chosen by what is found in sources and random folds that are left out; see docs/design.
type settings struct {
	// Epochs is how often every sample is seen, Rate the first step, Decay the pull of weights towards zero.
	Epochs      int
	Rate, Decay float64
	// Balance is the power of a source's size by which its samples weigh less.
	Balance float64
	// Sources is in how many sources a feature must be seen with a label to speak for it.
	Sources int
	// Contrast is the weight of our own texts.
	Contrast float64
}

var chosen = settings{Epochs: 16, Rate: 0.15, Decay: 0.02, Balance: 0.5, Sources: 2, Contrast: 1}

// model is a classifier in training. Its weights are added to what the rules say.
type model struct {
	bias   float64
	traits [injection.Traits]float64
	table  []float64
}

func (m *model) margin(x *excerpt) float64 {
	z := m.bias + x.rules
	for _, t := range x.traits {
		z += m.traits[t]
	}
	for i, b := range x.buckets {
		z += float64(m.table[b] * x.values[i])
	}
	return z
}

// strongest is the passage that decides, and its margin.
func (m *model) strongest(s *sample) (best *excerpt, margin float64) {
	margin = math.Inf(-1)
	for i := range s.excerpts {
		if z := m.margin(&s.excerpts[i]); z > margin {
			best, margin = &s.excerpts[i], z
		}
	}
	return best, margin
}

// score is the margin that the detector would tell.
func (m *model) score(s *sample) float64 {
	_, z := m.strongest(s)
	for i := range s.excerpts {
		z = max(z, float64(injection.Floor(float32(s.excerpts[i].rules))))
	}
	return z
}

// weights rounds the model to what the detector holds.
func (m *model) weights() *injection.Weights {
	most := 0.0
	for _, w := range m.table {
		most = max(most, math.Abs(w))
	}
	w := &injection.Weights{Scale: float32(max(most, 1e-6) / 127), Bias: float32(m.bias), Table: make([]int8, injection.Buckets)}
	for i, t := range m.traits {
		w.Traits[i] = float32(t)
	}
	for i, v := range m.table {
		w.Table[i] = int8(math.Round(v / float64(w.Scale)))
	}
	return w
}

// train fits a model by AdaGrad on the strongest passage of every sample. The same samples in the same order make the same
// model.
func train(samples []sample, s settings) *model {
	m := &model{table: make([]float64, injection.Buckets), bias: -3}
	t := &trainer{model: m, settings: s, directions: directionsOf(samples, s), weights: weightsOf(samples, s),
		squares: make([]float64, injection.Buckets), biasSquare: 1, samples: float64(len(samples))}
	for i := range t.squares {
		t.squares[i] = 0.1
	}
	for i := range t.traitSquares {
		t.traitSquares[i] = 1
	}
	random := rand.New(rand.NewPCG(1, 2))
	order := random.Perm(len(samples))
	for range s.Epochs {
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			t.step(&samples[i], t.weights[i])
		}
	}
	return m
}

// trainer is what a training keeps beside the model: the sums of squared gradients.
type trainer struct {
	*model
	settings
	directions
	weights      []float64
	squares      []float64
	traitSquares [injection.Traits]float64
	biasSquare   float64
	samples      float64
}

func (t *trainer) step(s *sample, weight float64) {
	x, z := t.strongest(s)
	if x == nil {
		return
	}
	target := 0.0
	if s.attack {
		target = 1
	}
	g := weight * (1/(1+math.Exp(-z)) - target)
	t.biasSquare += float64(g * g)
	t.bias -= t.Rate * g / math.Sqrt(t.biasSquare)
	for _, trait := range x.traits {
		gt := g + float64(t.Decay*t.traits[trait]*0.01)
		t.traitSquares[trait] += float64(gt * gt)
		t.traits[trait] -= t.Rate * gt / math.Sqrt(t.traitSquares[trait])
	}
	for i, b := range x.buckets {
		if !t.up[b] && !t.down[b] {
			continue
		}
		w := t.table[b]
		gw := float64(g*x.values[i]) + float64(t.Decay*w/t.seen[b]*t.samples/1000)
		t.squares[b] += float64(gw * gw)
		w -= t.Rate * gw / math.Sqrt(t.squares[b])
		if w > 0 && !t.up[b] || w < 0 && !t.down[b] {
			w = 0
		}
		t.table[b] = w
	}
}

// directions say which way the weight of a bucket may point: towards an attack only if attacks of several sources have it,
// and likewise away from one. seen is in how many samples it stands.
type directions struct {
	up, down []bool
	seen     []float64
}

func directionsOf(samples []sample, s settings) directions {
	d := directions{up: make([]bool, injection.Buckets), down: make([]bool, injection.Buckets), seen: make([]float64, injection.Buckets)}
	number := map[string]int{}
	var sources [2][]uint64
	sources[0], sources[1] = make([]uint64, injection.Buckets), make([]uint64, injection.Buckets)
	last := make([]int, injection.Buckets)
	for i := range samples {
		if _, ok := number[samples[i].group]; !ok {
			number[samples[i].group] = len(number) % 64
		}
		label := 0
		if samples[i].attack {
			label = 1
		}
		for _, x := range samples[i].excerpts {
			for _, b := range x.buckets {
				sources[label][b] |= 1 << number[samples[i].group]
				if last[b] != i+1 {
					last[b] = i + 1
					d.seen[b]++
				}
			}
		}
	}
	for b := range d.seen {
		d.up[b] = bits.OnesCount64(sources[1][b]) >= s.Sources
		d.down[b] = bits.OnesCount64(sources[0][b]) >= s.Sources
	}
	return d
}

// weightsOf balances the sources by their size, and the labels.
func weightsOf(samples []sample, s settings) []float64 {
	type part struct {
		group  string
		attack bool
	}
	count := map[part]float64{}
	for i := range samples {
		count[part{samples[i].group, samples[i].attack}]++
	}
	weights := make([]float64, len(samples))
	sums := map[bool]float64{}
	for i := range samples {
		weights[i] = math.Pow(count[part{samples[i].group, samples[i].attack}], -s.Balance)
		if samples[i].group == ours {
			weights[i] *= s.Contrast
		}
		sums[samples[i].attack] += weights[i]
	}
	for i := range samples {
		weights[i] *= float64(len(samples)) / 2 / sums[samples[i].attack]
	}
	return weights
}
