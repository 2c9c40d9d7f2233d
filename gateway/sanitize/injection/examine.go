// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

// Passage is what the training sees of some blocks of a text.
type Passage struct {
	Rules  float32
	Words  int32
	Spread float32
	Traits []int
	Fired  []int
	Tokens []uint32 // features of words, with repetition
}

// Examine tells all passages of a text, and the rules that fired anywhere in it.
func (d *Detector) Examine(text []byte) (all []Passage, rules []string) {
	s := &scratch{tokenizer: tokenizer{lexicon: d.lexicon}}
	was := d.weights
	d.weights = nil
	defer func() { d.weights = was }()
	type spanned struct{ p passage }
	var spans []spanned
	d.passages(s, text, func(p *passage) { spans = append(spans, spanned{*p}) })
	perBlock := make([][]uint32, len(s.blocks))
	var kin kinship
	for b := range perBlock {
		for i := b * blockWords; i < min((b+1)*blockWords, len(s.tokens)); i++ {
			d.lexicon.wordFeatures(s.tokens, i, &kin, func(f uint32) { perBlock[b] = append(perBlock[b], f) })
		}
	}
	for _, sp := range spans {
		q := Passage{Rules: sp.p.rules, Words: sp.p.words, Spread: spread(sp.p.words), Traits: []int{sp.p.trait}}
		for f, seen := range sp.p.seen {
			if seen {
				q.Traits = append(q.Traits, f)
			}
		}
		sp.p.fired.each(func(i int) { q.Fired = append(q.Fired, i) })
		for b := sp.p.from; b < sp.p.to; b++ {
			q.Tokens = append(q.Tokens, perBlock[b]...)
		}
		all = append(all, q)
	}
	var f fired
	for _, b := range s.blocks {
		for w := range f {
			f[w] |= b.fired[w]
		}
	}
	f.each(func(i int) { rules = append(rules, d.rules[i].text) })
	return all, rules
}
