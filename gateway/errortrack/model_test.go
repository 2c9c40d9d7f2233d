// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package errortrack

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

// modelled is a group as a model without shards, places and locks has it.
type modelled struct {
	cause string
	fault bool
	count int64
	last  time.Time
}

// model forgets as a Tracker should, by looking at all it has.
type model struct {
	most   int
	groups []*modelled
}

func (m *model) record(cause string, fault bool, at time.Time) {
	for _, g := range m.groups {
		if g.cause == cause && g.fault == fault {
			g.count, g.last = g.count+1, at
			return
		}
	}
	m.shrink(m.most-1, fault)
	m.groups = append(m.groups, &modelled{cause, fault, 1, at})
}

// shrink forgets until so many are left.
func (m *model) shrink(most int, newcomer bool) {
	for len(m.groups) > most {
		faults := 0
		for _, g := range m.groups {
			if g.fault {
				faults++
			}
		}
		level := newcomer
		if mistakes := len(m.groups) - faults; faults != mistakes {
			level = faults > mistakes
		}
		oldest := -1
		for i, g := range m.groups {
			if g.fault == level && (oldest < 0 || g.last.Before(m.groups[oldest].last)) {
				oldest = i
			}
		}
		m.groups = slices.Delete(m.groups, oldest, oldest+1)
	}
}

func (m *model) told() []string {
	slices.SortFunc(m.groups, func(a, b *modelled) int { return b.last.Compare(a.last) })
	var all []string
	for _, g := range m.groups {
		all = append(all, fmt.Sprint(g.cause, g.fault, g.count))
	}
	return all
}

func TestATrackerForgetsAsItsModel(t *testing.T) {
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 7))
		tr, now := tracker(t, 20)
		m := model{most: 20}
		for step := range 600 {
			*now = now.Add(time.Second)
			n, fails := 1+random.IntN(60), random.IntN(3) > 0
			e := mistake(n)
			if fails {
				e = fault(n)
			}
			tr.Record(e)
			m.record(word(n), fails, *now)
			if random.IntN(100) == 0 {
				m.most = 1 + random.IntN(30)
				m.shrink(m.most, false)
				if err := tr.Use(Settings{MaxGroups: m.most}); err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			for _, g := range tr.Groups() {
				_, cause, _ := strings.Cut(g.Sample, ".: ")
				got = append(got, fmt.Sprint(cause, g.Level == config.LevelError, g.Count))
			}
			if diff := cmp.Diff(m.told(), got); diff != "" {
				t.Fatalf("seed %d, step %d: %s", seed, step, diff)
			}
		}
		checkRoster(t, &tr.roster)
	}
}

// What differs from one failure to the next makes no other group, and what does not makes one.
func TestWhatVariesMakesNoOtherGroup(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 8))
	address := func() string {
		return fmt.Sprintf("10.%d.%d.%d:%d", random.IntN(256), random.IntN(256), random.IntN(256), 1+random.IntN(65535))
	}
	hexadecimal := func() string { return fmt.Sprintf("%016x", random.Uint64()) }
	for name, make := range map[string]func() string{
		"a refused connection": func() string { return "dial tcp " + address() + ": connect: connection refused" },
		"a reset one":          func() string { return "read tcp " + address() + "->" + address() + ": read: connection reset by peer" },
		"a name":               func() string { return "lookup pod-" + hexadecimal() + ".svc on " + address() + ": no such host" },
		"a request's id":       func() string { return "the provider lost request req_" + hexadecimal() },
		"a duration":           func() string { return fmt.Sprintf("no token for %v", time.Duration(random.Int64N(1e12))) },
		"a size": func() string {
			return fmt.Sprintf("the answer has %d bytes of at most %d", random.IntN(1e9), random.IntN(1e9))
		},
		"what was said": func() string { return fmt.Sprintf("unknown field %q in the body", word(random.IntN(1e6))) },
		"a panic": func() string {
			return fmt.Sprintf("panic: index out of range [%d] with length %d\n\ngoroutine %d [running]:", random.IntN(99), random.IntN(99), random.IntN(1e6))
		},
	} {
		t.Run(name, func(t *testing.T) {
			first := failure(make())
			for range 300 {
				next := failure(make())
				if fingerprint(&next) != fingerprint(&first) {
					t.Fatalf("%q is another than %q", next.Cause, first.Cause)
				}
			}
			other := first
			other.Cause = errors.New(first.Cause.Error() + " again")
			if fingerprint(&other) == fingerprint(&first) {
				t.Errorf("%q is no other than %q", other.Cause, first.Cause)
			}
		})
	}
}
