// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

// Passage is what the training sees of one part of a text.
type Passage struct {
	// Rules is the score of the rules, in log-odds, and Spread what the sum of the words' weights is divided by.
	Rules, Spread float32
	// Traits are the indices of what the passage is as a whole.
	Traits []int
	// Features are those of its words, with repetition.
	Features []uint32
}

// Examined is what the training sees of a text.
type Examined struct {
	Passages []Passage
	// Rules are the rules that stand anywhere in it, as they are written.
	Rules []string
}

// Examine reads a text as Detect does, and tells all that Detect weighs. It is meant for training, and allocates.
func (d *Detector) Examine(text []byte) Examined {
	s := &scratch{tokenizer: tokenizer{lexicon: d.lexicon}}
	var (
		spans []passage
		out   Examined
		all   fired
	)
	d.passages(s, text, func(p *passage) { spans = append(spans, *p) })
	perBlock := make([][]uint32, len(s.blocks))
	var w words
	for b := range perBlock {
		w.begin()
		for i := b * blockWords; i < min((b+1)*blockWords, len(s.tokens)); i++ {
			perBlock[b] = w.features(perBlock[b], d.lexicon, s.tokens, i)
		}
	}
	for i := range spans {
		p := &spans[i]
		q := Passage{Rules: p.rules, Spread: spread(p.words), Traits: []int{p.trait}}
		for f, seen := range p.seen {
			if seen {
				q.Traits = append(q.Traits, f)
			}
		}
		for b := p.from; b < p.to; b++ {
			q.Features = append(q.Features, perBlock[b]...)
		}
		for w := range all {
			all[w] |= p.fired[w]
		}
		out.Passages = append(out.Passages, q)
	}
	all.each(func(i int) { out.Rules = append(out.Rules, d.rules[i].text) })
	return out
}
