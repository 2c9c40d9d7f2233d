// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package tally

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// restarted gives a Tally that goes on from all that another would have kept.
func restarted(t *testing.T, from *Tally) *Tally {
	t.Helper()
	var all []int
	for number := range from.sheets.count {
		all = append(all, number)
	}
	sheets, err := from.Write(all)
	if err != nil {
		t.Fatal(err)
	}
	next := New(noon)
	if err := next.Restore(sheets); err != nil {
		t.Fatal(err)
	}
	return next
}

// world is a gateway's processes, the operator's Tally and what is kept of it, and beside these a reference that knows what
// the Tally must know: of each process and holder the last count that it heard since it began, or found on a sheet then.
type world struct {
	*testing.T
	random  *rand.Rand
	now     time.Time
	tally   *Tally
	kept    map[int]Sheet
	pods    []*fakePod
	spawned int
	// known is of the running operator, written what the sheets hold; by holder and instance.
	known, written map[[2]string]int64
}

// fakePod is a pod with its present process; cursors are changes.
type fakePod struct {
	uid, instance string
	counts        map[string]int64
	changed       map[string]int64
	change        int64
	told          map[string]int64
}

func (p *fakePod) count(holder string, n int64) {
	p.change++
	p.counts[holder] += n
	p.changed[holder] = p.change
}

// answer gives what grew, a few holders at a time.
func (p *fakePod) answer(call config.UsageCall, most int) config.UsageAnswer {
	a := config.UsageAnswer{Instance: p.instance, Cursor: call.After}
	if call.Instance != p.instance {
		call.After = 0
	}
	var names []string
	for name, at := range p.changed {
		if at > call.After {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return int(p.changed[a] - p.changed[b]) })
	a.More = len(names) > most
	for _, name := range names[:min(most, len(names))] {
		a.Holders = append(a.Holders, used(name, p.counts[name]))
		a.Cursor = p.changed[name]
	}
	if call.Instance == p.instance {
		for _, e := range call.Elsewhere {
			p.told[e.Holder] = e.Requests
		}
	}
	return a
}

func (w *world) spawn(pod *fakePod) {
	w.spawned++
	pod.instance = fmt.Sprint("instance-", w.spawned)
	pod.counts, pod.changed, pod.told, pod.change = map[string]int64{}, map[string]int64{}, map[string]int64{}, 0
}

// exchange is one round with a pod, whose answer may be lost on the way, and whose process may be another by then.
func (w *world) exchange(pod *fakePod) {
	for range 1 + w.random.IntN(3) {
		call, hear := w.tally.Ask(pod.uid, pod.instance, w.now)
		if w.random.IntN(10) == 0 {
			w.spawn(pod)
		}
		answer := pod.answer(call, 1+w.random.IntN(4))
		if w.random.IntN(5) == 0 {
			return
		}
		if _, ok := hear(&answer); !ok {
			return
		}
		for _, u := range answer.Holders {
			w.known[[2]string{u.Holder, pod.instance}] = u.Requests
		}
	}
}

// keep writes some of the sheets that changed; writing some of them fails.
func (w *world) keep() {
	dirty := w.tally.Dirty()
	w.random.Shuffle(len(dirty), func(i, j int) { dirty[i], dirty[j] = dirty[j], dirty[i] })
	dirty = dirty[:w.random.IntN(len(dirty)+1)]
	sheets, err := w.tally.Write(dirty)
	if err != nil {
		w.Fatal(err)
	}
	for _, s := range sheets {
		if w.random.IntN(4) == 0 {
			w.tally.Rewrite(s.Number)
			continue
		}
		w.kept[s.Number] = s
		for at, n := range w.known {
			if w.tally.sheets.of(w.tally.holders[at[0]]) == s.Number {
				w.written[at] = n
			}
		}
	}
}

// crash ends the operator; the next goes on from the sheets.
func (w *world) crash() {
	w.tally = New(w.now)
	var sheets []Sheet
	for _, s := range w.kept {
		sheets = append(sheets, s)
	}
	if err := w.tally.Restore(sheets); err != nil {
		w.Fatal(err)
	}
	clear(w.known)
	for at, n := range w.written {
		w.known[at] = n
	}
	w.look()
}

// look tells the Tally which pods there are.
func (w *world) look() {
	var uids []string
	for _, p := range w.pods {
		uids = append(uids, p.uid)
	}
	w.tally.Pods(uids, len(uids), w.now)
}

// check compares the Tally with the reference.
func (w *world) check(step int, seed uint64) {
	w.Helper()
	want := map[string]int64{}
	for at, n := range w.known {
		want[at[0]] += n
	}
	for name, n := range want {
		if got := w.tally.Use(name); got != used(name, n) {
			w.Fatalf("seed %d, step %d: %s used %+v, want %d requests", seed, step, name, got, n)
		}
	}
}

// Whatever ends and at which moment, nothing that was heard and kept is forgotten, nothing is counted twice, and in the end
// every process knows what all others counted.
func TestNothingIsForgottenOrCountedTwice(t *testing.T) {
	for seed := range uint64(60) {
		w := &world{T: t, random: rand.New(rand.NewPCG(seed, 1)), now: noon, tally: New(noon), kept: map[int]Sheet{},
			known: map[[2]string]int64{}, written: map[[2]string]int64{}}
		for step := range 400 {
			w.now = w.now.Add(time.Duration(w.random.IntN(3000)) * time.Millisecond)
			w.step()
			w.check(step, seed)
		}
		w.settle(seed)
	}
}

func (w *world) step() {
	pod := func() *fakePod { return w.pods[w.random.IntN(len(w.pods))] }
	switch n := w.random.IntN(100); {
	case len(w.pods) == 0 || n < 3 && len(w.pods) < 5:
		p := &fakePod{uid: fmt.Sprint("pod-", w.spawned)}
		w.spawn(p)
		w.pods = append(w.pods, p)
		w.look()
	case n < 5:
		i := w.random.IntN(len(w.pods))
		w.pods = slices.Delete(w.pods, i, i+1)
		w.look()
	case n < 7:
		w.spawn(pod())
	case n < 9:
		w.crash()
	case n < 10:
		w.now = w.now.Add(foldAfter)
		w.look()
	case n < 30:
		w.keep()
	case n < 60:
		pod().count(fmt.Sprint("key/t/", w.random.IntN(30)), 1+w.random.Int64N(5))
	default:
		w.exchange(pod())
	}
}

// settle lets everybody speak until there is no news.
func (w *world) settle(seed uint64) {
	w.Helper()
	w.now = w.now.Add(settleAfter)
	for range 3 {
		for _, p := range w.pods {
			call, hear := w.tally.Ask(p.uid, p.instance, w.now)
			answer := p.answer(call, 1000)
			hear(&answer)
			for _, u := range answer.Holders {
				w.known[[2]string{u.Holder, p.instance}] = u.Requests
			}
		}
	}
	w.check(-1, seed)
	for _, p := range w.pods {
		for i := range 30 {
			name := fmt.Sprint("key/t/", i)
			// Of what only processes counted that are gone and forgotten, nobody is told anything new.
			if got, want := p.told[name], w.tally.Use(name).Requests-p.counts[name]; got != want && want > 0 {
				w.Errorf("seed %d: %s was told that others made %d requests of %s, want %d", seed, p.instance, got, name, want)
			}
		}
	}
}
