// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	_ "embed" // the rules are a file
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// rulesText declares rules, one a line: the family, the weight in log-odds, a colon, and words in their order. A word is
// written as itself, as @class, or as alternatives a|@b; +mark asks for a mark of it; <n before it lets n places lie
// between it and the one before.
//
//go:embed rules.txt
var rulesText string

// element is one word that a rule asks for.
type element struct {
	classes classes
	// id is the bit of the element in what a word serves.
	id    int
	marks mark
	// any says that every word with the marks will do.
	any bool
	// gap is how many places may lie between it and the element before.
	gap uint32
}

// rule is a combination of words near each other that tells something of the text.
type rule struct {
	family   family
	weight   float32
	elements []element
	// anchor is the rarest element: where it stands, the others are looked for.
	anchor int
	text   string
}

// maxRules bounds what a block remembers.
const maxRules = 64 * firedWords

const firedWords = 8

// fired is a set of rules.
type fired [firedWords]uint64

func (f *fired) add(i uint16)      { f[i/64] |= 1 << (i % 64) }
func (f *fired) has(i uint16) bool { return f[i/64]>>(i%64)&1 == 1 }

// each calls back with every rule of the set, in their order.
func (f *fired) each(visit func(i int)) {
	for w, word := range f {
		for ; word != 0; word &= word - 1 {
			visit(w*64 + bits.TrailingZeros64(word))
		}
	}
}

var markNames = map[string]mark{"line": atLine, "start": atStart, "quote": inQuote, "colon": hasColon, "caps": inCaps,
	"fence": inFence, "digit": hasDigit, "end": atEnd}

// readRules compiles the rules of a text over a lexicon, which it completes and seals. Rules are sorted by falling weight.
func readRules(text string, l *lexicon) []rule {
	var rules []rule
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "//")
		if strings.TrimSpace(line) == "" {
			continue
		}
		head, body, ok := strings.Cut(line, ":")
		fields := strings.Fields(head)
		if !ok || len(fields) != 2 {
			panic("injection: no rule: " + line)
		}
		weight, err := strconv.ParseFloat(fields[1], 32)
		f, known := familyNames[fields[0]]
		if err != nil || !known {
			panic("injection: no rule: " + line)
		}
		r := rule{family: f, weight: float32(weight), text: strings.TrimSpace(line)}
		r.elements = readElements(body, l)
		rules = append(rules, r)
	}
	if len(rules) > maxRules {
		panic(fmt.Sprintf("injection: %d rules are too many", len(rules)))
	}
	slices.SortStableFunc(rules, func(a, b rule) int {
		switch {
		case a.weight > b.weight:
			return -1
		case a.weight < b.weight:
			return 1
		}
		return 0
	})
	l.seal()
	l.serve(rules)
	common := l.commonness()
	anchored := map[int][]uint16{}
	for i := range rules {
		rules[i].anchor = rarest(rules[i].elements, common)
		id := rules[i].elements[rules[i].anchor].id
		anchored[id] = append(anchored[id], uint16(i))
	}
	for s := range l.sets {
		set := &l.sets[s]
		for id := range set.served {
			set.anchored = append(set.anchored, anchored[id]...)
		}
		slices.Sort(set.anchored)
	}
	l.nameFeatures()
	return rules
}

func readElements(body string, l *lexicon) []element {
	var (
		elements []element
		gap      uint32
	)
	for word := range strings.FieldsSeq(body) {
		if word[0] == '<' {
			n, err := strconv.ParseUint(word[1:], 10, 8)
			if err != nil {
				panic("injection: no gap: " + body)
			}
			gap = uint32(n)
			continue
		}
		alternatives, marks, _ := strings.Cut(word, "+")
		e := element{gap: gap}
		for m := range strings.SplitSeq(marks, "+") {
			if m != "" && markNames[m] == 0 {
				panic("injection: no mark: " + body)
			}
			e.marks |= markNames[m]
		}
		e.any = alternatives == ""
		for name := range strings.SplitSeq(alternatives, "|") {
			if name == "" {
				continue
			}
			if name[0] == '@' {
				class, ok := l.named[name[1:]]
				if !ok {
					panic("injection: no class: " + body)
				}
				e.classes.add(class)
				continue
			}
			_, known := l.named["="+name]
			class := l.class("=" + name)
			e.classes.add(class)
			if !known {
				l.include(class, name)
			}
		}
		elements = append(elements, e)
		gap = 0
	}
	if len(elements) == 0 {
		panic("injection: an empty rule: " + body)
	}
	return elements
}

// commonWords are those of which any prose is full: no rule is looked for at them if it has others.
const commonWords = `the a an of to and in is are was be been it this that these those for on with as at by from or not no all any
 you your i my me we our will can do does have has if what which who so just only now then up out about into than more other
 there when how one new make let please must should would could may also use like write say tell give get go know
 user answer question text word words line first last anything everything every each same following`

// commonness weighs the classes of the lexicon by how many common words they hold.
func (l *lexicon) commonness() []int {
	common := make([]int, len(l.titles))
	for word := range strings.FieldsSeq(commonWords) {
		if set := l.table.get(l.pieces(word)[0].hash); set != 0 {
			for class := range common {
				if l.sets[set].classes.has(class) {
					common[class]++
				}
			}
		}
	}
	return common
}

// serve numbers the elements of the rules, equal ones alike, and tells every word which it satisfies.
func (l *lexicon) serve(rules []rule) {
	ids := map[classes]int{}
	for i := range rules {
		for j := range rules[i].elements {
			e := &rules[i].elements[j]
			id, known := ids[e.classes]
			if !known {
				id = len(ids)
				ids[e.classes] = id
			}
			e.id = id
		}
	}
	if len(ids) > elementWords*64 {
		panic(fmt.Sprintf("injection: %d elements of rules are too many", len(ids)))
	}
	byClass := make([][]int, len(l.titles))
	for asked, id := range ids {
		for class := range asked.each {
			byClass[class] = append(byClass[class], id)
		}
	}
	for s := range l.sets {
		set := &l.sets[s]
		for class := range set.classes.each {
			for _, id := range byClass[class] {
				set.serves[id/64] |= 1 << (id % 64)
			}
		}
	}
}

func rarest(elements []element, common []int) int {
	best, least := 0, 1<<30
	for i := range elements {
		if elements[i].any {
			continue
		}
		n := 0
		for class, c := range common {
			if elements[i].classes.has(class) {
				n += c
			}
		}
		if elements[i].marks != 0 && n > 0 {
			n--
		}
		if n < least {
			best, least = i, n
		}
	}
	return best
}

// nameFeatures gives every set the features of its named classes.
func (l *lexicon) nameFeatures() {
	for s := range l.sets {
		set := &l.sets[s]
		for class := range set.classes.each {
			if title := l.titles[class]; title[0] != '=' {
				set.names = append(set.names, featureOf("class "+title))
			}
		}
		if len(set.names) > 0 {
			set.kin = set.names[0]
		}
	}
}

// matcher looks for rules in tokens.
type matcher struct {
	tokens []token
	sets   []wordSet
	steps  int
}

// maxSteps bounds how many tokens are tried for one rule at one anchor.
const maxSteps = 96

// matches says whether the rule stands around the token.
func (m *matcher) matches(r *rule, at int) bool {
	if !m.is(&r.elements[r.anchor], at) {
		return false
	}
	m.steps = maxSteps
	return m.before(r, r.anchor, at) && m.after(r, r.anchor, at)
}

func (m *matcher) is(e *element, at int) bool {
	t := &m.tokens[at]
	return t.marks&e.marks == e.marks && (e.any || t.set != 0 && m.sets[t.set].serves[e.id/64]>>(e.id%64)&1 == 1)
}

// before looks for the elements before the i-th, which stands at a token. Elements may overlap: the last word of a phrase
// may be meant alone as well.
func (m *matcher) before(r *rule, i, at int) bool {
	if i == 0 {
		return true
	}
	limit := r.elements[i].gap
	here := m.tokens[at].at
	for j := at - 1; j >= 0 && m.steps > 0; j-- {
		m.steps--
		t := &m.tokens[j]
		if end := t.at + uint32(t.span); here > end && here-end > limit {
			if here-t.at > limit+longestPhrase {
				return false
			}
			continue // a longer phrase may reach from further off
		}
		if m.is(&r.elements[i-1], j) && m.before(r, i-1, j) {
			return true
		}
	}
	return false
}

// longestPhrase is how many places a phrase takes at most.
const longestPhrase = 8

// after looks for the elements after the i-th.
func (m *matcher) after(r *rule, i, at int) bool {
	if i == len(r.elements)-1 {
		return true
	}
	limit := r.elements[i+1].gap
	end := m.tokens[at].at + uint32(m.tokens[at].span)
	for j := at + 1; j < len(m.tokens) && m.steps > 0; j++ {
		m.steps--
		if t := &m.tokens[j]; t.at > end && t.at-end > limit {
			return false
		}
		if m.is(&r.elements[i+1], j) && m.after(r, i+1, j) {
			return true
		}
	}
	return false
}
