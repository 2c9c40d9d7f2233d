// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// check says what is wrong with an index: its parts must agree.
func check(t *testing.T, x *Index) {
	t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	entries, bytes := 0, int64(0)
	for key, s := range x.scopes {
		if len(s.entries) == 0 || len(s.sketches) != len(s.entries)*sketchWords || key != s.key {
			t.Errorf("a scope has %d entries and %d words", len(s.entries), len(s.sketches))
		}
		bytes += scopeBytes
		for i, e := range s.entries {
			entries++
			bytes += e.bytes
			var want sketch
			x.planes.draw(e.vector.values, new([MaxDimensions]float32), &want)
			if e.at != i || e.scope != s || x.byRef[e.ref] != e || x.expiries[e.due] != e || len(e.vector.values) != key.dimensions ||
				!slices.Equal(want[:], s.sketches[i*sketchWords:(i+1)*sketchWords]) {
				t.Errorf("entry %d is not where it is said to be", i)
			}
		}
	}
	ring := 0
	for e := x.recency.ends.after; e != &x.recency.ends; e = e.after {
		ring++
	}
	if entries != len(x.byRef) || entries != len(x.expiries) || entries != ring || bytes != x.bytes {
		t.Errorf("%d entries: %d refs, %d expiries, %d by use; %d bytes of %d", entries, len(x.byRef), len(x.expiries), ring,
			x.bytes, bytes)
	}
}

// modelled is one question of the model below.
type modelled struct {
	scope   byte
	vector  []float32
	ref     int
	expires time.Time
}

// A walk of thousands of steps against the index as one would first write it: a list, searched from end to end.
func TestAWalkAgreesWithAList(t *testing.T) {
	const bound = 150
	r := rand.New(rand.NewPCG(8, 8))
	c := newCorpus(8, 96, 6, 0.5, 0.9)
	x, now := clocked(Options{MaxEntries: bound})
	var list []modelled // by use, the last first to go
	found := 0
	for step := range 3000 {
		*now = now.Add(time.Second)
		scope := byte(r.IntN(3))
		v := c.question()
		if len(list) > 0 && r.IntN(2) == 0 {
			near := list[r.IntN(len(list))]
			v, scope = c.near(near.vector, []float64{0.9, 0.96, 0.99, 0.99999}[r.IntN(4)]), near.scope
		}
		switch r.IntN(10) {
		case 0:
			ref := r.IntN(300)
			had := slices.ContainsFunc(list, func(m modelled) bool { return m.ref == ref })
			list = slices.DeleteFunc(list, func(m modelled) bool { return m.ref == ref })
			if got := x.Remove(refOf(ref)); got != had {
				t.Fatalf("step %d: removed %v, want %v", step, got, had)
			}
		case 1, 2, 3:
			m := modelled{scope, v, r.IntN(300), now.Add(time.Duration(1+r.IntN(600)) * time.Second)}
			list = addTo(list, m, *now, bound)
			if !x.Add([32]byte{m.scope}, m.vector, refOf(m.ref), nil, m.expires) {
				t.Fatalf("step %d: refused", step)
			}
		default:
			want, cosine := nearestOf(list, scope, v, *now)
			ref, similarity, ok := x.Nearest([32]byte{scope}, v, 0.95)
			if ok != (want >= 0) {
				// Only rounding may decide otherwise.
				if math.Abs(cosine-0.95) > 1e-4 {
					t.Fatalf("step %d: found %v at %v, want %d at %v", step, ok, similarity, want, cosine)
				}
				continue
			}
			if ok {
				found++
				if math.Abs(float64(similarity)-cosine) > 1e-4 || ref != refOf(list[want].ref) {
					t.Fatalf("step %d: %d at %v, want %d at %v", step, indexOf(ref), similarity, list[want].ref, cosine)
				}
				used := list[want]
				list = slices.Insert(slices.Delete(list, want, want+1), 0, used)
			}
		}
		if step%500 == 0 {
			check(t, x)
		}
		if got := x.Stats().Entries; got != len(list) {
			t.Fatalf("step %d: %d entries, want %d", step, got, len(list))
		}
	}
	check(t, x)
	if found < 200 {
		t.Errorf("only %d were found: the walk shows little", found)
	}
}

// addTo does to the list what Add does to an index.
func addTo(list []modelled, m modelled, now time.Time, bound int) []modelled {
	list = slices.DeleteFunc(list, func(o modelled) bool { return o.ref == m.ref || !o.expires.After(now) })
	twin, cosine := -1, float64(same)
	for i, o := range list {
		if c := exact(o.vector, m.vector); o.scope == m.scope && c >= cosine {
			twin, cosine = i, c
		}
	}
	if twin >= 0 {
		list = slices.Delete(list, twin, twin+1)
	}
	list = slices.Insert(list, 0, m)
	return list[:min(len(list), bound)]
}

func nearestOf(list []modelled, scope byte, v []float32, now time.Time) (best int, cosine float64) {
	best = -1
	for i, m := range list {
		if c := exact(m.vector, v); m.scope == scope && m.expires.After(now) && c > cosine {
			best, cosine = i, c
		}
	}
	if cosine < 0.95 {
		best = -1
	}
	return best, cosine
}

// The true nearest above the threshold is found, however the questions lie.
func TestRecall(t *testing.T) {
	for name, test := range map[string]struct {
		dims, n, topics int
		lean, within    float64
		cosine          float64
		threshold       float32
		want            float64
	}{
		"topics":                            {192, 500, 50, 0.6, 0.75, 0.96, 0.95, 1},
		"unrelated questions":               {128, 500, 1, 0, 0, 0.96, 0.95, 1},
		"a model that sees all alike":       {128, 500, 100, 0.85, 0.9, 0.96, 0.95, 1},
		"one crowd, of cosine 0.93":         {192, 1000, 1, 0.6, 0.965, 0.96, 0.95, 0.99},
		"one crowd that the threshold lets": {192, 1000, 1, 0.6, 0.985, 0.99, 0.95, 0.99},
		"a low threshold":                   {128, 500, 20, 0.6, 0.8, 0.85, 0.7, 0.99},
		"few dimensions":                    {8, 500, 10, 0.2, 0.5, 0.999, 0.95, 0.99},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCorpus(uint64(test.n), test.dims, test.topics, test.lean, test.within)
			x := New(Options{})
			x.planes = newPlanes(rand.New(rand.NewPCG(1, 1)))
			var all [][]float32
			for i := range test.n {
				v := c.question()
				all = append(all, v)
				x.Add(scopeA, v, refOf(i), nil, never)
			}
			hits, asked := 0, 50
			for range asked {
				q := c.near(all[c.r.IntN(len(all))], test.cosine)
				_, want := brute(all, q)
				if _, got, ok := x.Nearest(scopeA, q, test.threshold); ok && math.Abs(float64(got)-want) < 1e-4 {
					hits++
				}
			}
			if got := float64(hits) / float64(asked); got < test.want {
				t.Errorf("recall %.3f, want %.3f", got, test.want)
			}
		})
	}
}

// Where hundreds are as near as the nearest, another may be given, but one that is as good.
func TestInACrowdOneThatIsAsGoodIsGiven(t *testing.T) {
	c := newCorpus(2, 192, 1, 0.6, 0.98)
	x := New(Options{})
	x.planes = newPlanes(rand.New(rand.NewPCG(1, 1)))
	var all [][]float32
	for i := range 900 {
		v := c.question()
		all = append(all, v)
		x.Add(scopeA, v, refOf(i), nil, never)
	}
	for range 50 {
		q := c.question()
		_, want := brute(all, q)
		if _, got, ok := x.Nearest(scopeA, q, 0.95); !ok || want-float64(got) > 0.002 {
			t.Errorf("found %v at %v, want %v", ok, got, want)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	x := New(Options{MaxEntries: 200})
	c := newCorpus(3, 64, 8, 0.5, 0.8)
	var vectors [][]float32
	for range 300 {
		vectors = append(vectors, c.question())
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(worker), 0))
			for range 200 {
				i, scope := r.IntN(len(vectors)), [32]byte{byte(r.IntN(4))}
				switch r.IntN(8) {
				case 0:
					x.Remove(refOf(i))
				case 1, 2, 3:
					x.Add(scope, vectors[i], refOf(i), []string{"x"}, never)
				case 4:
					x.Resize(100 + r.IntN(100))
				case 5:
					if s := x.Stats(); s.Entries > 200 || s.Scopes > 4 {
						t.Errorf("%+v", s)
					}
				default:
					if _, similarity, ok := x.Nearest(scope, vectors[i], 0.9); ok && similarity < 0.9 {
						t.Errorf("found at %v", similarity)
					}
				}
			}
			x.Purge(func([]string) bool { return r.IntN(10) == 0 })
		})
	}
	wg.Wait()
	check(t, x)
}
