// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

const all = math.MaxUint32

// at is a target of a table.
type at struct {
	weight   int64
	inFlight int
	latency  time.Duration // of an answer at the time of the question; 0 for none
	cost     float64
}

func candidates(from []at) []Candidate {
	of := make([]Candidate, len(from))
	for i, a := range from {
		l := &Load{}
		for range a.inFlight {
			l.Begin()
		}
		if a.latency > 0 {
			l.Observe(0, a.latency, true)
			l.Observe(0, time.Hour/a.latency, false) // the reverse, which must not count
		}
		of[i] = Candidate{Load: l, ID: HashOf("target", strconv.Itoa(i)), Weight: a.weight, Cost: a.cost}
	}
	return of
}

// chosen gives the indices that come of many picks, sorted.
func chosen(q Question, of []Candidate, among uint32) []int {
	random := rand.New(rand.NewPCG(1, 2))
	seen := map[int]bool{}
	for range 300 {
		seen[Pick(q, of, among, random.Uint64)] = true
	}
	var got []int
	for i := range seen {
		got = append(got, i)
	}
	slices.Sort(got)
	return got
}

func TestPick(t *testing.T) {
	const ms = time.Millisecond
	nan, inf := math.NaN(), math.Inf(1)
	tests := map[string]struct {
		strategy config.Strategy
		of       []at
		among    uint32
		want     []int // all that may come
	}{
		"there is none":                         {config.Weighted, nil, all, []int{-1}},
		"none may be chosen":                    {config.LeastInFlight, []at{{}, {}}, 0, []int{-1}},
		"only what is not there may be chosen":  {config.LowestCost, []at{{}, {}}, 0b100, []int{-1}},
		"the only one, whatever it is like":     {config.LowestLatency, []at{{}, {inFlight: 99, latency: time.Hour}}, 0b10, []int{1}},
		"an unknown strategy is Weighted":       {"", []at{{weight: 1}, {weight: 1}}, all, []int{0, 1}},
		"by weight each gets some":              {config.Weighted, []at{{weight: 1}, {weight: 2}, {weight: 3}}, all, []int{0, 1, 2}},
		"by weight, but not who may not":        {config.Weighted, []at{{weight: 1}, {weight: 2}, {weight: 3}}, 0b101, []int{0, 2}},
		"who has no weight has the least":       {config.Weighted, []at{{weight: 0}, {weight: -5}}, all, []int{0, 1}},
		"fewest under way":                      {config.LeastInFlight, []at{{1, 3, 0, 0}, {1, 2, 0, 0}, {1, 4, 0, 0}}, all, []int{1}},
		"fewest under way of those who may":     {config.LeastInFlight, []at{{1, 3, 0, 0}, {1, 2, 0, 0}, {1, 4, 0, 0}}, 0b101, []int{0}},
		"as many under way by chance":           {config.LeastInFlight, []at{{1, 2, 0, 0}, {1, 3, 0, 0}, {1, 2, 0, 0}, {1, 2, 0, 0}}, all, []int{0, 2, 3}},
		"under way in proportion to weight":     {config.LeastInFlight, []at{{1, 3, 0, 0}, {10, 20, 0, 0}}, all, []int{1}},
		"the next one counts as under way":      {config.LeastInFlight, []at{{1, 0, 0, 0}, {10, 8, 0, 0}}, all, []int{1}},
		"and where it makes both alike, chance": {config.LeastInFlight, []at{{1, 0, 0, 0}, {10, 9, 0, 0}}, all, []int{0, 1}},
		"and not beyond":                        {config.LeastInFlight, []at{{1, 0, 0, 0}, {10, 10, 0, 0}}, all, []int{0}},
		"large weights do not overflow":         {config.LeastInFlight, []at{{1e6, 1000, 0, 0}, {1e6, 999, 0, 0}}, all, []int{1}},
		"the faster of two":                     {config.LowestLatency, []at{{latency: 300 * ms}, {latency: 299 * ms}}, all, []int{1}},
		"the slowest of three never":            {config.LowestLatency, []at{{latency: 100 * ms}, {latency: 900 * ms}, {latency: 200 * ms}}, all, []int{0, 2}},
		"alike by chance":                       {config.LowestLatency, []at{{latency: 1 * ms}, {latency: 1 * ms}, {latency: 1 * ms}}, all, []int{0, 1, 2}},
		"fast and busy against slow and idle":   {config.LowestLatency, []at{{latency: 100 * ms, inFlight: 3}, {latency: 300 * ms}}, all, []int{1}},
		"the next one counts at both":           {config.LowestLatency, []at{{latency: 100 * ms, inFlight: 2}, {latency: 301 * ms}}, all, []int{0}},
		"nothing known of any, the fewest":      {config.LowestLatency, []at{{inFlight: 2}, {inFlight: 1}}, all, []int{1}},
		"one of which nothing is known is tried": {
			config.LowestLatency, []at{{latency: 100 * ms}, {}}, all, []int{1},
		},
		"but not with more than so many times the other's": {
			config.LowestLatency, []at{{latency: 100 * ms, inFlight: 1}, {inFlight: 2 * trust}}, all, []int{0},
		},
		"up to there it is": {
			config.LowestLatency, []at{{latency: 100 * ms, inFlight: 1}, {inFlight: 2*trust - 2}}, all, []int{1},
		},
		"one that is much faster is not given everything": {
			config.LowestLatency, []at{{latency: time.Minute}, {latency: ms, inFlight: trust}}, all, []int{0},
		},
		"the cheapest":                      {config.LowestCost, []at{{cost: 3}, {cost: 2.5}, {cost: 4}}, all, []int{1}},
		"the cheapest of those who may":     {config.LowestCost, []at{{cost: 3}, {cost: 2.5}, {cost: 4}}, 0b101, []int{0}},
		"free is cheapest":                  {config.LowestCost, []at{{cost: nan}, {cost: 1}, {cost: 0}}, all, []int{2}},
		"as cheap by chance":                {config.LowestCost, []at{{1, 0, 0, 2}, {1, 0, 0, 1}, {5, 0, 0, 1}}, all, []int{1, 2}},
		"without a price last":              {config.LowestCost, []at{{cost: nan}, {cost: 1e18}}, all, []int{1}},
		"without a price last, from behind": {config.LowestCost, []at{{cost: 1e18}, {cost: nan}}, all, []int{0}},
		"nobody has a price":                {config.LowestCost, []at{{cost: nan}, {cost: nan}, {cost: inf}}, all, []int{0, 1, 2}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := chosen(Question{Strategy: tc.strategy, Streamed: true}, candidates(tc.of), tc.among)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatWasSlowIsTriedAgain(t *testing.T) {
	for after, want := range map[time.Duration]int{0: 0, 22 * time.Second: 0, 24 * time.Second: 1} {
		of := candidates([]at{{latency: 100 * time.Millisecond}, {latency: time.Second}})
		of[0].Load.Observe(int64(after), 100*time.Millisecond, true)
		q := Question{Strategy: config.LowestLatency, Now: int64(after), Streamed: true}
		if diff := cmp.Diff([]int{want}, chosen(q, of, all)); diff != "" {
			t.Errorf("after %s: %s", after, diff)
		}
	}
}

func TestCandidatesBeyondTheBitsAreNotSeen(t *testing.T) {
	of := candidates(make([]at, 40))
	if got := chosen(Question{Strategy: config.Weighted}, of, 1<<31); !cmp.Equal(got, []int{31}) {
		t.Errorf("got %v", got)
	}
	for _, i := range chosen(Question{Strategy: config.Weighted}, of, all) {
		if i < 0 || i > 31 {
			t.Errorf("got %d", i)
		}
	}
}

// best gives all that a strategy may answer with, by comparing everyone with everyone.
func best(q Question, of []Candidate, among uint32) (may []int) {
	in := func(i int) bool { return among>>i&1 == 1 }
	latency := func(c Candidate) float64 { return float64(c.Load.Latency(q.Now, q.Streamed)) }
	busy := func(c Candidate) float64 { return float64(c.Load.InFlight() + 1) }
	notWorse := func(a, b Candidate) bool {
		switch q.Strategy {
		case config.LeastInFlight:
			return busy(a)/float64(a.Weight) <= busy(b)/float64(b.Weight)*(1+1e-12)
		case config.LowestLatency:
			la, lb := latency(a), latency(b)
			return max(la, lb/8, 1)*busy(a) <= max(lb, la/8, 1)*busy(b)
		case config.LowestCost:
			return math.IsNaN(b.Cost) || a.Cost <= b.Cost
		}
		return true
	}
	for i := range of {
		beats, others := 0, 0
		for j := range of {
			if i == j || !in(i) || !in(j) {
				continue
			}
			others++
			if notWorse(of[i], of[j]) {
				beats++
			}
		}
		if in(i) && (beats == others || q.Strategy == config.LowestLatency && beats > 0) {
			may = append(may, i)
		}
	}
	return may
}

func TestPicksAreThoseOfTheDefinition(t *testing.T) {
	for seed := range uint64(400) {
		random := rand.New(rand.NewPCG(seed, 7))
		from := make([]at, 1+random.IntN(config.MaxTargets))
		for i := range from {
			from[i] = at{weight: 1 + random.Int64N(4), inFlight: random.IntN(6), cost: float64(random.IntN(4))}
			if random.IntN(3) > 0 {
				from[i].latency = time.Duration(1 + random.IntN(1000))
			}
			if random.IntN(4) == 0 {
				from[i].cost = math.NaN()
			}
		}
		of, among := candidates(from), uint32(1+random.IntN(1<<len(from)-1))
		for _, strategy := range config.Strategies {
			q := Question{Strategy: strategy, Streamed: true, Sticky: strategy == config.Weighted && seed%2 == 0, Hash: seed}
			may := best(q, of, among)
			for range 50 {
				if got := Pick(q, of, among, random.Uint64); !slices.Contains(may, got) {
					t.Fatalf("seed %d, %s: got %d of %v", seed, strategy, got, may)
				}
			}
		}
	}
}

func TestAPickDoesNotAllocate(t *testing.T) {
	of := candidates([]at{{1, 1, 1, 1}, {2, 2, 2, 2}, {3, 3, 3, math.NaN()}})
	random := rand.New(rand.NewPCG(1, 1))
	user := []byte("alice")
	for _, strategy := range config.Strategies {
		for _, sticky := range []bool{false, true} {
			n := testing.AllocsPerRun(100, func() {
				q := Question{Strategy: strategy, Now: 1, Sticky: sticky, Hash: HashOf(user)}
				to := of[Pick(q, of, all, random.Uint64)].Load
				to.Begin()
				to.Observe(1, time.Second, true)
				to.End()
			})
			if n != 0 {
				t.Errorf("%s, sticky %t: %v allocations", strategy, sticky, n)
			}
		}
	}
}

func BenchmarkPick(b *testing.B) {
	from := make([]at, config.MaxTargets)
	for i := range from {
		from[i] = at{weight: int64(i + 1), inFlight: i, latency: time.Duration(i+1) * time.Millisecond, cost: float64(i)}
	}
	of := candidates(from)
	questions := map[string]Question{"Sticky": {Strategy: config.Weighted, Sticky: true, Hash: 7}}
	for _, strategy := range config.Strategies {
		questions[string(strategy)] = Question{Strategy: strategy, Now: int64(time.Second), Streamed: true}
	}
	for name, q := range questions {
		b.Run(name, func(b *testing.B) {
			random := rand.New(rand.NewPCG(1, 1))
			b.ReportAllocs()
			for b.Loop() {
				Pick(q, of, all, random.Uint64)
			}
		})
	}
}

func BenchmarkObserve(b *testing.B) {
	var l Load
	now := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		now += int64(time.Millisecond)
		l.Begin()
		l.Observe(now, time.Second, true)
		l.End()
	}
}
