// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import "math"

// A text is looked at in passages, so that an instruction in a long document is not lost among its words: short ones and
// long ones, each beginning some blocks after the one before.
const (
	blockWords = 32
	shortSpan  = 2
	longSpan   = 8
	longStride = 2
)

// block is what is known of so many words.
type block struct {
	fired fired
	// any says that fired is not empty.
	any   bool
	sum   int32
	words int32
}

// Traits of a passage: the families of its rules, then these.
const (
	traitWhole = int(families) + iota
	traitShort
	traitLong
	// Traits is how many there are.
	Traits
)

// startFeature stands for the word before the first of a sentence.
var startFeature = featureOf("start")

func featureOf(name string) uint32 {
	h := uint32(hashStart)
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * hashPrime
	}
	return h
}

func pairOf(a, b uint32) uint32 { return (a*31 ^ b) * golden }

// words makes the features of one token after the other.
type words struct {
	// seen is a small filter of what the block had already: what is said over and over counts little more than once.
	seen [16]uint64
	// kin is the last word of a class, whose pair with the next is a feature, and kinAt its place.
	kin, kinAt uint32
}

// kinReach is how far apart two words are that make a pair.
const kinReach = 8

// begin starts a block.
func (w *words) begin() { w.seen = [16]uint64{} }

// once says whether a feature is new to the block.
func (w *words) once(feature uint32) bool {
	bit := feature * golden >> 22
	old := w.seen[bit>>6]
	w.seen[bit>>6] = old | 1<<(bit&63)
	return old>>(bit&63)&1 == 0
}

// features appends those of the i-th token: the word, the pair with the one before, its classes.
func (w *words) features(dst []uint32, l *lexicon, tokens []token, i int) []uint32 {
	t := &tokens[i]
	before := startFeature
	if t.marks&atStart == 0 && i > 0 {
		before = tokens[i-1].hash
	}
	if w.once(t.hash) {
		dst = append(dst, t.hash)
	}
	if pair := pairOf(before, t.hash); w.once(pair) {
		dst = append(dst, pair)
	}
	if t.set == 0 {
		return dst
	}
	set := &l.sets[t.set]
	for _, name := range set.names {
		if w.once(name) {
			dst = append(dst, name)
		}
	}
	if set.kin != 0 {
		if w.kin != 0 && t.at-w.kinAt < kinReach {
			if pair := pairOf(w.kin, set.kin) + 1; w.once(pair) {
				dst = append(dst, pair)
			}
		}
		w.kin, w.kinAt = set.kin, t.at
	}
	return dst
}

// ruleScore weighs the rules of a passage: of one family, the second counts two fifths, the others one fifth.
func (d *Detector) ruleScore(f *fired) (score float32, seen [families]bool) {
	var count [families]int
	f.each(func(i int) {
		r := &d.rules[i]
		share := float32(1)
		switch count[r.family] {
		case 0:
		case 1:
			share = 0.4
		default:
			share = 0.2
		}
		count[r.family]++
		seen[r.family] = true
		score += share * r.weight
	})
	return score, seen
}

// spread is what the sum of a passage's words is divided by.
func spread(words int32) float32 { return float32(math.Sqrt(float64(words + 12))) }

func logistic(margin float32) float32 { return float32(1 / (1 + math.Exp(-float64(margin)))) }

// Strong rules decide alone: from floorRules on, at floorSlope times what they exceed it by.
const (
	floorRules  = 4.1
	floorMargin = 1.5
	floorSlope  = 2
)

// Floor is the least margin that a passage has by its rules, whatever the classifier says.
func Floor(rules float32) float32 { return floorMargin + floorSlope*(rules-floorRules) }
