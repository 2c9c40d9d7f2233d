// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

// checkShares says where counts are not what weights make of their sum, by more than five standard deviations: once in
// two million.
func checkShares(t *testing.T, counts []int, weights []int64) {
	t.Helper()
	n, total := 0, int64(0)
	for i := range counts {
		n, total = n+counts[i], total+weights[i]
	}
	for i := range counts {
		p := float64(weights[i]) / float64(total)
		want, sigma := p*float64(n), math.Sqrt(float64(n)*p*(1-p))
		if math.Abs(float64(counts[i])-want) > 5*sigma {
			t.Errorf("%d got %d of %d, want %.0f ± %.0f", i, counts[i], n, want, 5*sigma)
		}
	}
}

func weighing(weights []int64) []Candidate {
	from := make([]at, len(weights))
	for i, w := range weights {
		from[i].weight = w
	}
	return candidates(from)
}

func TestSharesFollowWeights(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	sticky := func(n int) Question {
		return Question{Strategy: config.Weighted, Sticky: true, Hash: HashOf("user", strconv.Itoa(n))}
	}
	plain := func(s config.Strategy) func(int) Question { return func(int) Question { return Question{Strategy: s} } }
	even := []int64{1, 1, 1}
	tests := map[string]struct {
		ask     func(n int) Question
		weights []int64 // of the candidates
		shares  []int64
	}{
		"drawn by weight":                   {plain(config.Weighted), []int64{90, 10}, []int64{90, 10}},
		"drawn by many weights":             {plain(config.Weighted), []int64{1, 2, 3, 4, 5, 1000}, []int64{1, 2, 3, 4, 5, 1000}},
		"users spread by weight":            {sticky, []int64{90, 10}, []int64{90, 10}},
		"users spread by many weights":      {sticky, []int64{1, 2, 3, 4, 5, 1000}, []int64{1, 2, 3, 4, 5, 1000}},
		"users spread evenly":               {sticky, even, even},
		"idle targets are alike":            {plain(config.LeastInFlight), even, even},
		"unknown latencies are alike":       {plain(config.LowestLatency), even, even},
		"costs that are alike go by weight": {plain(config.LowestCost), []int64{3, 1, 2}, []int64{3, 1, 2}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			of, counts := weighing(tc.weights), make([]int, len(tc.weights))
			for n := range 100_000 {
				counts[Pick(tc.ask(n), of, all, random.Uint64)]++
			}
			checkShares(t, counts, tc.shares)
		})
	}
}

func TestTakingOneOutMovesItsOwnUsersOnly(t *testing.T) {
	weights := []int64{5, 1, 3, 2}
	of := weighing(weights)
	for out := range of {
		moved := make([]int, len(of))
		for n := range 20_000 {
			q := Question{Strategy: config.Weighted, Sticky: true, Hash: HashOf("user", strconv.Itoa(n))}
			before, after := Pick(q, of, all, nil), Pick(q, of, all&^(1<<out), nil)
			if before != out && after != before {
				t.Fatalf("user %d went from %d to %d when %d went", n, before, after, out)
			}
			if before == out {
				moved[after]++
			}
		}
		if moved[out] > 0 {
			t.Errorf("%d kept users", out)
		}
		left := append([]int64{}, weights...)
		left[out] = 0
		checkShares(t, moved, left)
	}
}

func TestOneMoreTargetTakesItsShareOnly(t *testing.T) {
	before, after := weighing([]int64{1, 1, 1}), weighing([]int64{1, 1, 1, 1})
	counts := make([]int, 2)
	for n := range 20_000 {
		q := Question{Strategy: config.Weighted, Sticky: true, Hash: HashOf("user", strconv.Itoa(n))}
		from, to := Pick(q, before, all, nil), Pick(q, after, all, nil)
		switch to {
		case from:
			counts[0]++
		case 3:
			counts[1]++
		default:
			t.Fatalf("user %d went from %d to %d", n, from, to)
		}
	}
	checkShares(t, counts, []int64{3, 1})
}

func TestTheOrderOfTargetsDoesNotMatterToUsers(t *testing.T) {
	of := weighing([]int64{5, 1, 3})
	turned := []Candidate{of[2], of[0], of[1]}
	for n := range 1000 {
		q := Question{Strategy: config.Weighted, Sticky: true, Hash: uint64(n)}
		if a, b := of[Pick(q, of, all, nil)].ID, turned[Pick(q, turned, all, nil)].ID; a != b {
			t.Fatalf("user %d: %x and %x", n, a, b)
		}
	}
}

// The numbers are those of other processes, older and newer; they were computed apart from this code.
func TestHashOf(t *testing.T) {
	tests := map[string]struct {
		of   []string
		want uint64
	}{
		"nothing":     {nil, 0xefd01f60ba992926},
		"an empty":    {[]string{""}, 0xb9034ad37056f5fb},
		"a name":      {[]string{"alice"}, 0x15007d48c40ac88b},
		"two":         {[]string{"ab", "c"}, 0x642744f0b2774529},
		"split apart": {[]string{"a", "bc"}, 0x75ed9255d7227c6a},
		"not ASCII":   {[]string{"ns/prövider", "模型"}, 0x7d1d96564ca14e9a},
	}
	got := map[uint64]string{}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			h := HashOf(tc.of...)
			if h != tc.want {
				t.Errorf("got %#x, want %#x", h, tc.want)
			}
			if other, ok := got[h]; ok {
				t.Errorf("the same as %q", other)
			}
			got[h] = name
			var raw [][]byte
			for _, part := range tc.of {
				raw = append(raw, []byte(part))
			}
			if diff := cmp.Diff(h, HashOf(raw...)); diff != "" {
				t.Errorf("bytes are not as strings: %s", diff)
			}
		})
	}
}

// Names that differ little must not fall together, in any bits.
func TestHashesOfSimilarNamesSpread(t *testing.T) {
	const n = 16_000
	for shift := 0; shift < 64; shift += 4 {
		counts, weights := make([]int, 16), make([]int64, 16)
		for i := range n {
			counts[HashOf("ns/gateway", fmt.Sprintf("user-%06d", i))>>shift&15]++
		}
		for i := range weights {
			weights[i] = 1
		}
		checkShares(t, counts, weights)
	}
}
