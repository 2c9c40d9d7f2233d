// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	scopeA = [32]byte{1}
	scopeB = [32]byte{2}
	start  = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

// clocked gives an index with a clock that the test sets.
func clocked(o Options) (*Index, *time.Time) {
	now := start
	o.Now = func() time.Time { return now }
	return New(o), &now
}

// axis is a direction that is at right angles to all others.
func axis(i int) []float32 {
	v := make([]float32, 64)
	v[i] = 1
	return v
}

// leaning is an axis with some of another: its cosine to the first is 1/√(1+by²).
func leaning(i, to int, by float32) []float32 {
	v := axis(i)
	v[to] += by
	return v
}

func mustAdd(t *testing.T, x *Index, scope [32]byte, v []float32, ref int, labels ...string) {
	t.Helper()
	if !x.Add(scope, v, refOf(ref), labels, never) {
		t.Fatalf("question %d was refused", ref)
	}
}

func TestNearest(t *testing.T) {
	x, _ := clocked(Options{})
	mustAdd(t, x, scopeA, axis(0), 1)
	mustAdd(t, x, scopeA, leaning(0, 1, 0.2), 2)
	mustAdd(t, x, scopeA, axis(5), 3)
	mustAdd(t, x, scopeB, axis(9), 4)
	short := axis(9)[:32]
	mustAdd(t, x, scopeA, short, 5)
	for name, test := range map[string]struct {
		scope     [32]byte
		vector    []float32
		threshold float32
		wantRef   int
		want      float64
		wantNone  bool
	}{
		"the same":                             {scope: scopeA, vector: axis(0), threshold: 1, wantRef: 1, want: 1},
		"the nearer of two":                    {scope: scopeA, vector: leaning(0, 1, 0.19), threshold: 0.9, wantRef: 2, want: 0.99995},
		"at any length":                        {scope: scopeA, vector: scaled(axis(5), 1e30), threshold: 0.99, wantRef: 3, want: 1},
		"below the threshold":                  {scope: scopeA, vector: leaning(5, 7, 0.5), threshold: 0.9, wantNone: true},
		"above a lower threshold":              {scope: scopeA, vector: leaning(5, 7, 0.5), threshold: 0.85, wantRef: 3, want: 0.8944},
		"another scope's question":             {scope: scopeA, vector: axis(9), threshold: 0.5, wantNone: true},
		"a question of that scope":             {scope: scopeB, vector: axis(9), threshold: 0.5, wantRef: 4, want: 1},
		"a scope that nobody asked in":         {scope: [32]byte{3}, vector: axis(0), threshold: 0.5, wantNone: true},
		"another length, with its own vectors": {scope: scopeA, vector: short, threshold: 0.9, wantRef: 5, want: 1},
		"another length, without any":          {scope: scopeB, vector: short, threshold: 0.1, wantNone: true},
		"no direction":                         {scope: scopeA, vector: make([]float32, 64), threshold: 0.1, wantNone: true},
		"a NaN":                                {scope: scopeA, vector: leaning(0, 1, float32(math.NaN())), threshold: 0.1, wantNone: true},
		"nothing":                              {scope: scopeA, threshold: 0.1, wantNone: true},
		"a threshold that is none":             {scope: scopeA, vector: axis(0), threshold: float32(math.NaN()), wantNone: true},
		"a threshold that nothing reaches":     {scope: scopeA, vector: axis(0), threshold: 1.1, wantNone: true},
		"a threshold that all reach":           {scope: scopeA, vector: axis(5), threshold: -1, wantRef: 3, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			ref, similarity, ok := x.Nearest(test.scope, test.vector, test.threshold)
			if ok == test.wantNone {
				t.Fatalf("found: %v, at %v", ok, similarity)
			}
			if ok && ref != refOf(test.wantRef) {
				t.Errorf("found %d, want %d", indexOf(ref), test.wantRef)
			}
			if math.Abs(float64(similarity)-test.want) > 1e-4 {
				t.Errorf("the similarity is %v, want %v", similarity, test.want)
			}
		})
	}
}

func scaled(v []float32, by float32) []float32 {
	for i := range v {
		v[i] *= by
	}
	return v
}

func TestWhatIsRefusedLeavesNothing(t *testing.T) {
	for name, test := range map[string]struct {
		vector  []float32
		labels  []string
		expires time.Time
		options Options
		want    bool
	}{
		"a good one":                        {vector: axis(0), expires: never, want: true},
		"no direction":                      {vector: make([]float32, 8), expires: never},
		"too long":                          {vector: ones(MaxDimensions + 1), expires: never},
		"a NaN":                             {vector: []float32{float32(math.NaN())}, expires: never},
		"expired already":                   {vector: axis(0), expires: start},
		"no expiry":                         {vector: axis(0)},
		"an expiry beyond what clocks know": {vector: axis(0), expires: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), want: true},
		"as many labels as there may be":    {vector: axis(0), labels: make([]string, MaxLabels), expires: never, want: true},
		"too many labels":                   {vector: axis(0), labels: make([]string, MaxLabels+1), expires: never},
		"a label that is too long":          {vector: axis(0), labels: []string{strings.Repeat("x", MaxLabel+1)}, expires: never},
		"larger than all there may be":      {vector: axis(0), expires: never, options: Options{MaxBytes: 512}},
	} {
		t.Run(name, func(t *testing.T) {
			x, _ := clocked(test.options)
			if got := x.Add(scopeA, test.vector, refOf(1), test.labels, test.expires); got != test.want {
				t.Fatalf("added: %v, want %v", got, test.want)
			}
			want := Stats{}
			if test.want {
				want = Stats{Entries: 1, Scopes: 1, Bytes: x.Stats().Bytes}
			}
			if diff := cmp.Diff(want, x.Stats()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLaterAnswersReplaceEarlierOnes(t *testing.T) {
	for name, test := range map[string]struct {
		scope  [32]byte
		vector []float32
		ref    int
		want   []int // what is still known of 1 and 2, and the new one's ref
	}{
		"the same ref elsewhere in the scope":   {scopeA, axis(7), 1, []int{1, 2}},
		"the same ref in another scope":         {scopeB, axis(7), 1, []int{1, 2}},
		"the same vector":                       {scopeA, axis(1), 3, []int{2, 3}},
		"nearly the same vector":                {scopeA, leaning(1, 3, 0.001), 3, []int{2, 3}},
		"a vector that is only alike":           {scopeA, leaning(1, 3, 0.05), 3, []int{1, 2, 3}},
		"the same vector in another scope":      {scopeB, axis(1), 3, []int{1, 2, 3}},
		"the ref of one and the vector of both": {scopeA, axis(1), 2, []int{2}},
	} {
		t.Run(name, func(t *testing.T) {
			x, _ := clocked(Options{})
			mustAdd(t, x, scopeA, axis(1), 1)
			mustAdd(t, x, scopeA, axis(2), 2)
			mustAdd(t, x, test.scope, test.vector, test.ref)
			if ref, _, ok := x.Nearest(test.scope, test.vector, 0.999); !ok || ref != refOf(test.ref) {
				t.Errorf("the new one is not found: %v %v", indexOf(ref), ok)
			}
			var got []int
			for ref := range x.byRef {
				got = append(got, indexOf(ref))
			}
			slices.Sort(got)
			base := indexOf(refOf(0))
			for i := range got {
				got[i] -= base
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			check(t, x)
		})
	}
}

func TestExpiredAnswersAreNeverGiven(t *testing.T) {
	x, now := clocked(Options{})
	for i := range 15 {
		if !x.Add(scopeA, axis(i), refOf(i), nil, start.Add(time.Duration(i+1)*time.Minute)) {
			t.Fatal("refused")
		}
	}
	for minute := range 15 {
		*now = start.Add(time.Duration(minute) * time.Minute)
		for i := range 15 {
			_, _, got := x.Nearest(scopeA, axis(i), 0.9)
			if want := i+1 > minute; got != want {
				t.Fatalf("after %d minutes, question %d is found: %v, want %v", minute, i, got, want)
			}
		}
	}
	// They go with the next that is added.
	*now = start.Add(time.Hour)
	mustAdd(t, x, scopeB, axis(0), 100)
	if diff := cmp.Diff(Stats{Entries: 1, Scopes: 1, Bytes: x.Stats().Bytes}, x.Stats()); diff != "" {
		t.Error(diff)
	}
	check(t, x)
}

// An expired twin must not hide a live question that is a little further away.
func TestAnExpiredQuestionDoesNotHideALiveOne(t *testing.T) {
	x, now := clocked(Options{})
	x.Add(scopeA, axis(0), refOf(1), nil, start.Add(time.Minute))
	mustAdd(t, x, scopeA, leaning(0, 1, 0.1), 2)
	*now = start.Add(time.Hour)
	if ref, _, ok := x.Nearest(scopeA, axis(0), 0.9); !ok || ref != refOf(2) {
		t.Errorf("got %d %v", indexOf(ref), ok)
	}
}

func TestRemoveAndPurge(t *testing.T) {
	x, _ := clocked(Options{})
	mustAdd(t, x, scopeA, axis(0), 1, "model:a", "key:x")
	mustAdd(t, x, scopeA, axis(1), 2, "model:b", "key:x")
	mustAdd(t, x, scopeB, axis(2), 3, "model:b", "key:y")
	mustAdd(t, x, scopeB, axis(3), 4)
	if !x.Remove(refOf(4)) || x.Remove(refOf(4)) || x.Remove(refOf(9)) {
		t.Error("what was there is removed once, and what was not never")
	}
	has := func(label string) func([]string) bool {
		return func(labels []string) bool { return slices.Contains(labels, label) }
	}
	if n := x.Purge(has("model:c")); n != 0 {
		t.Errorf("%d purged of none", n)
	}
	if n := x.Purge(has("model:b")); n != 2 {
		t.Errorf("%d purged, want 2", n)
	}
	check(t, x)
	if _, _, ok := x.Nearest(scopeA, axis(1), 0.9); ok {
		t.Error("what was purged is found")
	}
	if _, _, ok := x.Nearest(scopeA, axis(0), 0.9); !ok {
		t.Error("what was not purged is gone")
	}
	if n := x.Purge(func([]string) bool { return true }); n != 1 {
		t.Errorf("%d purged of the last", n)
	}
	if diff := cmp.Diff(Stats{}, x.Stats()); diff != "" {
		t.Error(diff)
	}
}

func TestLabelsDoNotChangeUnderTheIndex(t *testing.T) {
	x, _ := clocked(Options{})
	labels := []string{"model:a"}
	mustAdd(t, x, scopeA, axis(0), 1, labels...)
	vector := axis(0)
	mustAdd(t, x, scopeB, vector, 2, labels...)
	labels[0], vector[0], vector[1] = "model:b", 0, 1
	if n := x.Purge(func(l []string) bool { return slices.Equal(l, []string{"model:a"}) }); n != 2 {
		t.Errorf("%d have the label they were given", n)
	}
}

func TestTheLeastRecentlyUsedGoes(t *testing.T) {
	x, _ := clocked(Options{MaxEntries: 3})
	mustAdd(t, x, scopeA, axis(0), 0)
	mustAdd(t, x, scopeA, axis(1), 1)
	mustAdd(t, x, scopeB, axis(2), 2)
	// Given: used. Looked for and not found: not.
	x.Nearest(scopeA, axis(0), 0.9)
	x.Nearest(scopeA, axis(9), 0.9)
	mustAdd(t, x, scopeB, axis(3), 3)
	if x.byRef[refOf(1)] != nil || x.byRef[refOf(0)] == nil {
		t.Error("the one that was used went, or the other did not")
	}
	x.Resize(1)
	if diff := cmp.Diff(Stats{Entries: 1, Scopes: 1, Bytes: x.Stats().Bytes, Evicted: 3}, x.Stats()); diff != "" {
		t.Error(diff)
	}
	if x.byRef[refOf(3)] == nil {
		t.Error("the newest went")
	}
	x.Resize(0)
	if x.maxEntries != DefaultEntries {
		t.Errorf("the default is %d", x.maxEntries)
	}
	check(t, x)
}

// Replacing needs no room.
func TestReplacingInAFullIndexEvictsNothing(t *testing.T) {
	x, _ := clocked(Options{MaxEntries: 2})
	mustAdd(t, x, scopeA, axis(0), 0)
	mustAdd(t, x, scopeA, axis(1), 1)
	mustAdd(t, x, scopeA, axis(0), 2)
	if got := x.Stats(); got.Entries != 2 || got.Evicted != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestAFloodOfScopesIsBounded(t *testing.T) {
	x, _ := clocked(Options{MaxEntries: 1000, MaxBytes: 60 << 10})
	for i := range 400 {
		mustAdd(t, x, [32]byte{byte(i), byte(i >> 8)}, axis(i%64), i, "key:x")
		if s := x.Stats(); s.Bytes > 60<<10 || s.Scopes > s.Entries {
			t.Fatalf("after %d: %+v", i, s)
		}
	}
	check(t, x)
	if s := x.Stats(); s.Entries < 50 || s.Evicted != uint64(400-s.Entries) {
		t.Errorf("%+v", s)
	}
}
