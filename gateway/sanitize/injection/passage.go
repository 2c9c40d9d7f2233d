// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

// passage is some blocks of a text.
type passage struct {
	rules float32
	fired fired
	seen  [families]bool
	sum   int32
	words int32
	trait int
	from  int
	to    int
}

// margin is the log-odds of an attack. Strong rules suffice, whatever the words around them say.
func (p *passage) margin(w *Weights) float32 {
	if w == nil {
		return Floor(p.rules)
	}
	m := p.rules + w.Bias + float32(p.sum)*w.Scale/spread(p.words) + w.Traits[p.trait]
	for f, seen := range p.seen {
		if seen {
			m += w.Traits[f]
		}
	}
	return max(m, Floor(p.rules))
}

// reasons are the families of the rules that stand in the passage, and the classifier where it says more than they do.
func (p *passage) reasons(w *Weights) (r Reasons) {
	for f, seen := range p.seen[:familyBenign] {
		if seen {
			r |= 1 << f
		}
	}
	if w != nil && float32(p.sum)*w.Scale/spread(p.words) > max(p.rules, 1) {
		r |= Classifier
	}
	return r
}

// remarks are words that stand for what the characters of a text tell. The rules weigh them.
var (
	remarkTags      = featureOf("xtagsx")      // letters in invisible tag characters
	remarkInvisible = featureOf("xinvisiblex") // invisible characters inside of words
	remarkTurned    = featureOf("xturnedx")    // characters that change the direction of writing
	remarkDisguised = featureOf("xdisguisedx") // letters of other alphabets inside of words
	remarkLeet      = featureOf("xleetx")      // key words in leetspeak
	remarkKeys      = featureOf("xkeysx")      // key words in letters of other alphabets
	remarkSpelled   = featureOf("xspelledx")   // words spelled letter by letter
	remarkSlashed   = featureOf("xslashedx")   // characters with backslashes between them
	remarkCipher    = featureOf("xcipherx")    // key words in a cipher, or backwards
	remarkDecoded   = featureOf("xdecodedx")   // begins what was decoded
)

// read makes the tokens of a text and of its layers.
func (d *Detector) read(s *scratch, text []byte) {
	s.tokens, s.at, s.tally = s.tokens[:0], 0, tally{}
	s.tokenize(text)
	d.lexicon.find(s.tokens)
	s.layers.reset(len(text))
	shift := d.lexicon.shifted(s.tokens)
	spelled := 0
	if s.tally.singles >= leastSpelled {
		spelled = s.layers.spell(text, func(hash uint32) bool { return d.lexicon.table.get(hash) != 0 })
	}
	s.layers.decode(text, &s.tally)
	d.remarks(s, len(text), shift, spelled)
	if shift != 0 {
		s.layers.shift(text, shift)
	}
	begin, from := 0, 0
	for range maxDepth {
		count := len(s.layers.ends)
		for ; from < count; from++ {
			layer := s.layers.decoded[begin:s.layers.ends[from]]
			begin = s.layers.ends[from]
			first := len(s.tokens)
			s.at += 64
			s.remark(remarkDecoded)
			s.tally = tally{}
			s.tokenize(layer)
			d.lexicon.find(s.tokens[first:])
			s.layers.decode(layer, &s.tally)
		}
	}
}

// shifted is the cipher in which the text has at least two key words, 0 for none.
func (l *lexicon) shifted(tokens []token) uint8 {
	var count [atbash + 1]int
	for i := range tokens {
		if by := l.sets[tokens[i].set].shift; by != 0 {
			if count[by]++; count[by] == 2 {
				return by
			}
		}
	}
	return 0
}

func (d *Detector) remarks(s *scratch, size int, shift uint8, spelled int) {
	first := len(s.tokens)
	t := &s.tally
	s.at += 4
	for _, r := range [...]struct {
		word  uint32
		holds bool
	}{
		{remarkTags, t.tags >= 4}, {remarkInvisible, t.zero >= 3}, {remarkTurned, t.bidi >= 2}, {remarkDisguised, t.mixed >= 2},
		{remarkLeet, t.leet >= 2}, {remarkKeys, t.keys >= 1}, {remarkSpelled, spelled >= 2}, {remarkSlashed, slashed(t, size)},
		{remarkCipher, shift != 0},
	} {
		if r.holds {
			s.remark(r.word)
		}
	}
	d.lexicon.find(s.tokens[first:])
}

// passages reads the text and calls back with each of its passages.
func (d *Detector) passages(s *scratch, text []byte, visit func(*passage)) {
	d.read(s, text)
	s.blocks = s.blocks[:0]
	m := matcher{tokens: s.tokens, sets: d.lexicon.sets}
	var w words
	for from := 0; from < len(s.tokens); from += blockWords {
		to := min(from+blockWords, len(s.tokens))
		w.begin()
		b := block{words: int32(to - from)}
		for i := from; i < to; i++ {
			if set := s.tokens[i].set; set != 0 {
				for _, r := range d.lexicon.sets[set].anchored {
					if !b.fired.has(r) && m.matches(&d.rules[r], i) {
						b.fired.add(r)
						b.any = true
					}
				}
			}
			if d.weights != nil {
				s.features = w.features(s.features[:0], d.lexicon, s.tokens, i)
				for _, f := range s.features {
					b.sum += int32(d.weights.Table[Bucket(f)])
				}
			}
		}
		s.blocks = append(s.blocks, b)
	}
	d.spans(s, visit)
}

// spans calls back with the passages of the blocks: long ones, and short ones where there are enough.
func (d *Detector) spans(s *scratch, visit func(*passage)) {
	blocks := len(s.blocks)
	if blocks <= longSpan {
		d.span(s, 0, blocks, traitWhole)
		visit(&s.passage)
	}
	for from := 0; blocks > longSpan; from += longStride {
		to := min(from+longSpan, blocks)
		d.span(s, from, to, traitLong)
		visit(&s.passage)
		if to == blocks {
			break
		}
	}
	for from := 0; blocks > shortSpan && from+shortSpan <= blocks; from++ {
		d.span(s, from, from+shortSpan, traitShort)
		visit(&s.passage)
	}
}

// span makes s.passage of some blocks.
func (d *Detector) span(s *scratch, from, to, trait int) {
	p := &s.passage
	*p = passage{trait: trait, from: from, to: to}
	found := false
	for i := from; i < to; i++ {
		b := &s.blocks[i]
		if b.any {
			found = true
			for w := range p.fired {
				p.fired[w] |= b.fired[w]
			}
		}
		p.sum += b.sum
		p.words += b.words
	}
	if found {
		p.rules, p.seen = d.ruleScore(&p.fired)
	}
}
