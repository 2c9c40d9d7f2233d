// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"
	"text/tabwriter"

	"github.com/sparkgateway/spark/gateway/sanitize/injection"
)

// leaveOut trains a model for every fold on the core of all the others, and scores the fold with it. Our own texts are in
// every training and in no fold.
func leaveOut(all []prompt, samples, own []sample, fold func(i int) string) []float64 {
	scores := make([]float64, len(all))
	folds := map[string]bool{}
	for i := range all {
		folds[fold(i)] = true
	}
	var running sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for f := range folds {
		running.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			rest := slices.Clone(own)
			for i := range all {
				if fold(i) != f && all[i].core {
					rest = append(rest, samples[i])
				}
			}
			m := train(rest, chosen)
			for i := range all {
				if fold(i) == f {
					scores[i] = m.score(&samples[i])
				}
			}
		})
	}
	running.Wait()
	return scores
}

// detected are the scores of the detector that is shipped.
func detected(all []prompt) []float64 {
	d := injection.New(nil)
	scores := make([]float64, len(all))
	for i := range all {
		scores[i] = logOdds(d.Detect([]byte(all[i].Text), injection.User).Score)
	}
	return scores
}

// margins are the thresholds of the sensitivities, in log-odds.
var margins = func() (all [3]float64) {
	for s := injection.Low; s <= injection.High; s++ {
		p := float64(injection.Threshold(s))
		all[s] = math.Log(p / (1 - p))
	}
	return all
}()

// rates counts how many of some prompts are found at each sensitivity.
type rates struct {
	n     int
	found [3]int
}

func (r *rates) add(score float64) {
	r.n++
	for s := range margins {
		if score >= margins[s] {
			r.found[s]++
		}
	}
}

func (r *rates) percent(s injection.Sensitivity) float64 {
	return 100 * float64(r.found[s]) / float64(max(r.n, 1))
}

func (r *rates) row(w io.Writer, name string) {
	_, _ = fmt.Fprintf(w, "%s\t%d\t%.2f\t%.2f\t%.2f\t\n", name, r.n, r.percent(injection.Low), r.percent(injection.Medium), r.percent(injection.High))
}

// total is what one way of evaluating found in all.
type total struct{ attacks, benign rates }

// core counts the prompts of CORE.
func core(all []prompt, scores []float64) (t total) {
	for i := range all {
		switch {
		case !all[i].core:
		case all[i].attack:
			t.attacks.add(scores[i])
		default:
			t.benign.add(scores[i])
		}
	}
	return t
}

// report prints the rates of one way of evaluating: CORE, all, by source and by kind.
func report(w io.Writer, title string, all []prompt, scores []float64) {
	t := core(all, scores)
	_, _ = fmt.Fprintf(w, "\n== %s: percent found at Low, Medium, High\n", title)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	t.attacks.row(table, "attack, CORE")
	t.benign.row(table, "benign, CORE")
	parts := map[string]*rates{}
	for i := range all {
		label := all[i].Label
		names := []string{" " + label + ", all"}
		if all[i].core {
			names = append(names, "fold: "+label+", "+all[i].group)
		}
		names = append(names, "kind: "+label+", "+all[i].Kind, "source: "+label+", "+all[i].Source)
		for _, name := range names {
			if parts[name] == nil {
				parts[name] = &rates{}
			}
			parts[name].add(scores[i])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		parts[name].row(table, name)
	}
	_ = table.Flush()
}

// curve prints how many attacks of CORE are found at which share of false findings, and at which threshold.
func curve(w io.Writer, all []prompt, scores []float64) {
	var attacks, benign []float64
	for i := range all {
		switch {
		case !all[i].core:
		case all[i].attack:
			attacks = append(attacks, scores[i])
		default:
			benign = append(benign, scores[i])
		}
	}
	slices.Sort(benign)
	_, _ = fmt.Fprint(w, "curve, false:found@score ")
	for _, share := range []float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05} {
		at := benign[len(benign)-1-int(share*float64(len(benign)))]
		found := 0
		for _, score := range attacks {
			if score > at {
				found++
			}
		}
		_, _ = fmt.Fprintf(w, " %.1f%%:%.1f%%@%.2f", 100*share, 100*float64(found)/float64(len(attacks)), 1/(1+math.Exp(-at)))
	}
	_, _ = fmt.Fprintln(w)
}

// calibration prints, for each tenth of the score, how many prompts of CORE have it and how many of those are attacks.
func calibration(w io.Writer, all []prompt, scores []float64) {
	var n, attacks [10]int
	for i := range all {
		if !all[i].core {
			continue
		}
		tenth := min(9, int(10/(1+math.Exp(-scores[i]))))
		n[tenth]++
		if all[i].attack {
			attacks[tenth]++
		}
	}
	_, _ = fmt.Fprint(w, "attacks among those of a score ")
	for i := range n {
		_, _ = fmt.Fprintf(w, " %.1f:%d/%d", float64(i)/10, attacks[i], n[i])
	}
	_, _ = fmt.Fprintln(w)
}

// misses prints, where MISSES is in the environment, every prompt of CORE that Medium gets wrong.
func misses(w io.Writer, all []prompt, scores []float64) {
	if os.Getenv("MISSES") == "" {
		return
	}
	d := injection.Untrained()
	for i := range all {
		if p := &all[i]; p.core && p.attack != (scores[i] >= margins[injection.Medium]) {
			_, _ = fmt.Fprintf(w, "%.2f %s, %s: %.300q %q\n", scores[i], p.Label, p.Kind, p.Text, d.Examine([]byte(p.Text)).Rules)
		}
	}
}
