// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package injection tells texts that try to take a model over: by rules over normalised words, and a small classifier.
package injection

import (
	"sync"
	"unicode/utf8"
)

// Detector finds prompt injections. It is immutable, and safe for concurrent use.
type Detector struct {
	lexicon *lexicon
	rules   []rule
	weights *Weights
	scratch sync.Pool
}

// New makes a detector of the rules and the given weights; nil are those that come with the package.
func New(weights *Weights) *Detector {
	if weights == nil {
		weights = embedded()
	}
	return newDetector(weights)
}

// Untrained makes a detector whose rules decide alone, as the training needs it.
func Untrained() *Detector { return newDetector(nil) }

func newDetector(weights *Weights) *Detector {
	d := &Detector{weights: weights}
	d.lexicon = readLexicon(lexiconText)
	d.rules = readRules(rulesText, d.lexicon)
	d.scratch.New = func() any { return &scratch{tokenizer: tokenizer{lexicon: d.lexicon}} }
	return d
}

// scratch is what one detection needs, kept between them.
type scratch struct {
	tokenizer
	layers   layers
	blocks   []block
	features []uint32
	passage  passage
}

const (
	// segment is how much of a text is read at once: memory does not grow with the text.
	segment = 64 << 10
	// overlap is what a segment sees again of the one before, so that nothing hides at their border.
	overlap = 2 << 10
)

// Detect looks at one text. It costs linear time and, once warm, allocates nothing for plain text.
func (d *Detector) Detect(text []byte, from Source) Finding {
	s := d.scratch.Get().(*scratch)
	defer d.scratch.Put(s)
	f := Finding{}
	best := float32(-100)
	for {
		part := text
		if len(part) > segment {
			part = part[:border(part, segment)]
		}
		d.passages(s, part, func(p *passage) {
			if m := p.margin(d.weights); m > best {
				best = m
				f.Reasons = p.reasons(d.weights)
			}
		})
		if len(part) == len(text) {
			break
		}
		text = text[border(text, len(part)-overlap):]
	}
	f.Score = logistic(best + leaning[from])
	return f
}

// leaning is what is added to the log-odds by who wrote the text: an operator's own prompt may well speak of roles, rules
// and secrets.
var leaning = [...]float32{User: 0, System: -1.5, Tool: 0}

// border is a place at or before at, where a word ends if one does nearby.
func border(text []byte, at int) int {
	for i := at; i > at-overlap/2; i-- {
		if c := text[i]; c == ' ' || c == '\n' {
			return i
		}
	}
	for i := at; i > at-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			return i
		}
	}
	return at
}
