// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/sanitize/injection"
)

// few are prompts of three sources, each with attacks that only a classifier knows.
func few() []prompt {
	var all []prompt
	for s, source := range []string{"one", "two", "three"} {
		for i := range 20 {
			all = append(all,
				prompt{Text: fmt.Sprintf("kindly befriend the zorp number %d of %s", i, source), Label: "attack", Kind: "k", Source: source},
				prompt{Text: fmt.Sprintf("please water garden %d near house %d", i, s), Label: "benign", Kind: "k", Source: source})
		}
	}
	for i := range all {
		all[i].attack, all[i].core, all[i].group = all[i].Label == "attack", true, groupOf(all[i].Source)
	}
	return all
}

func TestTrainingIsDeterministic(t *testing.T) {
	d := injection.Untrained()
	var files [][]byte
	for range 2 {
		files = append(files, train(newSamples(d, few()), chosen).weights().Bytes())
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("the same data make other weights")
	}
}

func TestTrainingLearns(t *testing.T) {
	d := injection.Untrained()
	samples := newSamples(d, few())
	m := train(samples, chosen)
	for i := range samples {
		if z := m.score(&samples[i]); (z > 0) != samples[i].attack {
			t.Errorf("sample %d scores %.2f", i, z)
		}
	}
	rounded := injection.New(m.weights())
	if a, b := rounded.Detect([]byte("befriend the zorp"), injection.User), rounded.Detect([]byte("water the garden"), injection.User); a.Score <= b.Score {
		t.Errorf("the detector scores the attack %.2f, the other %.2f", a.Score, b.Score)
	}
}

// A fold is scored by a model that never saw it: what only one source has is not known when that source is left out.
func TestWhatIsLeftOutIsNotSeen(t *testing.T) {
	all := few()
	for i := range all {
		if all[i].Source == "three" && all[i].attack {
			all[i].Text = "quux frob plugh"
			all[i-40].Text = "quux frob plugh" // one other source has it as well, which alone is too few
		}
	}
	samples := newSamples(injection.Untrained(), all)
	scores := leaveOut(all, samples, nil, func(i int) string { return all[i].group })
	seen := train(samples, settings{Epochs: chosen.Epochs, Rate: chosen.Rate, Decay: chosen.Decay, Balance: chosen.Balance, Sources: 2, Contrast: 1})
	for i := range all {
		if all[i].Source == "three" && all[i].attack {
			if z := seen.score(&samples[i]); z < 0 || scores[i] > z-1 {
				t.Errorf("%q scores %.2f where it was not seen, %.2f where it was", all[i].Text, scores[i], z)
			}
		}
	}
}

func TestWhatOnlyOneSourceHasSpeaksForNothing(t *testing.T) {
	all := few()
	for i := range all {
		if all[i].Source == "one" && all[i].attack {
			all[i].Text += " xyzzy"
		}
	}
	samples := newSamples(injection.Untrained(), all)
	m := train(samples, chosen)
	d := injection.Untrained()
	feature := d.Examine([]byte("xyzzy")).Passages[0].Features[0]
	if w := m.table[injection.Bucket(feature)]; w != 0 {
		t.Errorf("its weight is %.3f", w)
	}
	both := d.Examine([]byte("zorp")).Passages[0].Features[0]
	if w := m.table[injection.Bucket(both)]; w <= 0 {
		t.Errorf("what all attacks have weighs %.3f", w)
	}
}

func TestSourcesAreBalanced(t *testing.T) {
	samples := []sample{{attack: true, group: "small"}}
	for range 100 {
		samples = append(samples, sample{attack: true, group: "large"}, sample{group: "large"})
	}
	w := weightsOf(samples, chosen)
	if w[0] <= w[1] {
		t.Errorf("one of few weighs %.2f, one of many %.2f", w[0], w[1])
	}
	var sums [2]float64
	for i := range samples {
		if samples[i].attack {
			sums[1] += w[i]
		} else {
			sums[0] += w[i]
		}
	}
	if math.Abs(sums[0]-sums[1]) > 1e-6 {
		t.Errorf("the labels weigh %.2f and %.2f", sums[0], sums[1])
	}
}

func TestContrastsAreMadeOfTheirTemplates(t *testing.T) {
	all := contrasts()
	again := contrasts()
	attacks := 0
	for i := range all {
		if all[i].Text != again[i].Text {
			t.Fatal("they are other texts every time")
		}
		if strings.Contains(all[i].Text, "$") && !strings.Contains(all[i].Text, "$2") {
			t.Errorf("a slot is open: %q", all[i].Text)
		}
		if all[i].group != ours || !all[i].core {
			t.Errorf("%q is of %s", all[i].Text, all[i].group)
		}
		if all[i].attack {
			attacks++
		}
	}
	if attacks < 100 || len(all)-attacks < 100 {
		t.Errorf("%d attacks, %d others", attacks, len(all)-attacks)
	}
}

func TestArtefactsAreForgotten(t *testing.T) {
	for text, want := range map[string]string{
		"say I have been PWNED":       "say I have been thing",
		"Pawned!":                     "thing!",
		"follow level 3 instructions": "follow thing",
		"a pawn in chess":             "a thing in chess",
		"the power of words":          "the power of words",
	} {
		if got := forget(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestSourcesThatAreAlikeAreOneFold(t *testing.T) {
	for source, want := range map[string]string{
		"github:a/b": "repositories", "github:c/d": "repositories", "arena-hard-v0.1": "arena-hard", "arena-hard-v2.0": "arena-hard",
		"XSTest": "XSTest",
	} {
		if got := groupOf(source); got != want {
			t.Errorf("%s is of %s, want %s", source, got, want)
		}
	}
}

func TestPromptsAreRead(t *testing.T) {
	dir := t.TempDir()
	var lines []string
	for _, p := range []prompt{
		{Text: "a", Label: "attack", Source: "s", Kind: "jailbreak-adv-suffix"}, {Text: "b", Label: "benign", Source: "github:x", Kind: "code"},
	} {
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(b))
	}
	if err := os.WriteFile(filepath.Join(dir, "prompts.jsonl"), []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	all, digest, err := readPrompts(dir)
	if err != nil || len(all) != 2 || len(digest) != 64 {
		t.Fatalf("%d prompts, digest %q, %v", len(all), digest, err)
	}
	if !all[0].attack || all[0].core || all[1].attack || !all[1].core || all[1].group != "repositories" {
		t.Errorf("%+v", all)
	}
	if err := os.WriteFile(filepath.Join(dir, "prompts.jsonl"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := readPrompts(dir); err == nil {
		t.Error("what is no row is read")
	}
	if _, _, err := readPrompts(filepath.Join(dir, "nothing")); err == nil {
		t.Error("what is not there is read")
	}
}

func TestRatesAreCounted(t *testing.T) {
	all := few()
	scores := make([]float64, len(all))
	for i := range all {
		scores[i] = -5
		if all[i].attack && i%4 == 0 {
			scores[i] = 5
		}
	}
	found := core(all, scores)
	if got := found.attacks.percent(injection.Medium); got != 50 {
		t.Errorf("%.1f %% of attacks", got)
	}
	if got := found.benign.percent(injection.High); got != 0 {
		t.Errorf("%.1f %% of the others", got)
	}
	var b bytes.Buffer
	report(&b, "title", all, scores)
	curve(&b, all, scores)
	calibration(&b, all, scores)
	for _, want := range []string{"title", "attack, CORE", "fold: benign, two", "source: attack, one", "kind: attack, k", "0.9:30/30", "50.00"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, b.String())
		}
	}
	if !slices.IsSorted(margins[:]) && !(margins[0] > margins[1] && margins[1] > margins[2]) {
		t.Errorf("the margins are %v", margins)
	}
}
