// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	_ "embed" // the lexicon and the rules are files
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// lexiconText declares classes of words: a line "@name" begins one, its words follow. A word ending in * stands for all
// that begin with it, and has stemLength letters; words joined by _ are a phrase; @other takes in another class.
//
//go:embed lexicon.txt
var lexiconText string

// classWords is how many 64 bits of classes there are.
const classWords = 40

// elementWords is how many 64 elements of rules there are.
const elementWords = 10

// classes is a set of classes.
type classes [classWords]uint64

func (c *classes) add(class int)      { c[class/64] |= 1 << (class % 64) }
func (c *classes) has(class int) bool { return c[class/64]>>(class%64)&1 == 1 }

// each calls back with the classes of the set, in their order, until told to stop.
func (c *classes) each(yield func(class int) bool) { bitsOf(c[:], yield) }

// bitsOf calls back with the places of the bits that are set.
func bitsOf(words []uint64, yield func(int) bool) {
	for w, word := range words {
		for ; word != 0; word &= word - 1 {
			if !yield(w*64 + bits.TrailingZeros64(word)) {
				return
			}
		}
	}
}

func (c *classes) join(o *classes) {
	for i := range c {
		c[i] |= o[i]
	}
}

// phrase is more than one word that together belong to classes. rest are the words after the first.
type phrase struct {
	rest []piece
	set  classes
	// becomes is the index of the set that the first word has when the phrase stands.
	becomes uint16
}

// piece is one word of a phrase, by its hash or by its stem.
type piece struct {
	hash uint32
	stem bool
}

// wordSet is what a word can be.
type wordSet struct {
	classes classes
	phrases []phrase
	// serves has a bit for every element of the rules that the word satisfies.
	serves [elementWords]uint64
	// anchored are the rules that begin to be looked for at such a word.
	anchored []uint16
	// names are the feature hashes of its named classes, and kin the one that stands for it in pairs.
	names []uint32
	// shift is the cipher in which the word is a key word, 0 for none.
	shift uint8
	kin   uint32
}

// served calls back with the elements that the word satisfies.
func (s *wordSet) served(yield func(id int) bool) { bitsOf(s.serves[:], yield) }

// lexicon knows the words of all rules. It is immutable.
type lexicon struct {
	table hashTable
	stems hashTable
	// disguised are the words that are looked for in leetspeak.
	disguised hashTable
	sets      []wordSet
	named     map[string]int
	titles    []string
	// words and stemWords are kept while it is being built, and the stem of every word.
	words, stemWords map[uint32]*wordSet
	stemOf           map[uint32]uint32
}

func (l *lexicon) class(name string) int {
	if id, ok := l.named[name]; ok {
		return id
	}
	id := len(l.titles)
	if id >= classWords*64 {
		panic("injection: too many classes")
	}
	l.named[name] = id
	l.titles = append(l.titles, name)
	return id
}

// readLexicon builds the classes of a text. A mistake in it is a mistake of the program.
func readLexicon(text string) *lexicon {
	l := &lexicon{named: map[string]int{}, words: map[uint32]*wordSet{}, stemWords: map[uint32]*wordSet{}, stemOf: map[uint32]uint32{}}
	members := map[string][]string{}
	var order []string
	name := ""
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "//")
		for i, item := range strings.Fields(line) {
			if i == 0 && item[0] == '@' && !strings.HasPrefix(line, " ") {
				name = item[1:]
				if members[name] != nil {
					panic("injection: class twice: " + name)
				}
				members[name] = []string{}
				order = append(order, name)
				continue
			}
			if item[0] == '@' {
				other, ok := members[item[1:]]
				if !ok {
					panic("injection: no class " + item)
				}
				members[name] = append(members[name], other...)
				continue
			}
			members[name] = append(members[name], item)
		}
	}
	for _, name := range order {
		class := l.class(name)
		for _, item := range members[name] {
			l.include(class, item)
		}
	}
	return l
}

// include makes a word or a phrase a member of a class.
func (l *lexicon) include(class int, item string) {
	pieces := l.pieces(item)
	table := l.words
	if pieces[0].stem {
		table = l.stemWords
	}
	set := table[pieces[0].hash]
	if set == nil {
		set = &wordSet{}
		table[pieces[0].hash] = set
	}
	if len(pieces) == 1 {
		set.classes.add(class)
		return
	}
	i := slices.IndexFunc(set.phrases, func(p phrase) bool { return slices.Equal(p.rest, pieces[1:]) })
	if i < 0 {
		i = len(set.phrases)
		set.phrases = append(set.phrases, phrase{rest: pieces[1:]})
	}
	set.phrases[i].set.add(class)
}

// pieces hashes an item of the lexicon as the tokenizer hashes a text.
func (l *lexicon) pieces(item string) []piece {
	var all []piece
	for part := range strings.SplitSeq(item, "_") {
		stem := strings.HasSuffix(part, "*")
		var t tokenizer
		t.tokenize([]byte(strings.TrimSuffix(part, "*")))
		if len(t.tokens) == 0 || stem && (len(t.tokens) != 1 || len([]rune(part)) != stemLength+1) {
			panic(fmt.Sprintf("injection: %q is no word of a lexicon", item))
		}
		for _, token := range t.tokens {
			all = append(all, piece{token.hash, stem})
			l.stemOf[token.hash] = token.stem
		}
	}
	return all
}

// seal makes the tables, when all classes are known.
func (l *lexicon) seal() {
	l.sets = make([]wordSet, 1)
	l.addCiphers()
	// What is known by its whole word is found first, so it must know what its stem says as well.
	for hash, set := range l.words {
		if stem := l.stemWords[l.stemOf[hash]]; stem != nil {
			set.classes.join(&stem.classes)
			set.phrases = append(set.phrases, stem.phrases...)
		}
	}
	put := func(table *hashTable, from map[uint32]*wordSet) {
		keys := make([]uint32, 0, len(from))
		for k := range from {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		*table = newHashTable(len(keys))
		for _, k := range keys {
			table.put(k, l.addSet(*from[k]))
		}
	}
	put(&l.table, l.words)
	put(&l.stems, l.stemWords)
	l.words, l.stemWords = nil, nil
}

func (l *lexicon) addSet(set wordSet) uint16 {
	index := uint16(len(l.sets))
	l.sets = append(l.sets, set)
	set.phrases = slices.Clone(set.phrases)
	slices.SortStableFunc(set.phrases, func(a, b phrase) int { return len(b.rest) - len(a.rest) })
	for i := range set.phrases {
		p := &set.phrases[i]
		whole := p.set
		whole.join(&set.classes)
		p.becomes = uint16(len(l.sets))
		l.sets = append(l.sets, wordSet{classes: whole})
	}
	l.sets[index].phrases = set.phrases
	return index
}

// find tells every token what it can be, and joins phrases to their first word.
func (l *lexicon) find(tokens []token) {
	for i := range tokens {
		t := &tokens[i]
		set := l.table.get(t.hash)
		if set == 0 {
			set = l.stems.get(t.stem)
		}
		t.set = set
	}
	for i := range tokens {
		t := &tokens[i]
		if t.set == 0 || len(l.sets[t.set].phrases) == 0 {
			continue
		}
		for j := range l.sets[t.set].phrases {
			p := &l.sets[t.set].phrases[j]
			if stands(p.rest, tokens[i+1:]) {
				t.set, t.span = p.becomes, uint8(len(p.rest)+1)
				break
			}
		}
	}
}

func stands(rest []piece, tokens []token) bool {
	if len(rest) > len(tokens) {
		return false
	}
	for i, p := range rest {
		if got := &tokens[i]; p.stem && got.stem != p.hash || !p.stem && got.hash != p.hash {
			return false
		}
	}
	return true
}

// hashTable maps hashes to indices. Most words of a text are in none: a filter that fits the nearest cache says so.
type hashTable struct {
	filter [1 << 9]uint64
	slots  []slot
	shift  uint
}

type slot struct {
	key   uint32
	value uint16
}

func newHashTable(n int) hashTable {
	bits := uint(4)
	for 1<<bits < 2*n {
		bits++
	}
	return hashTable{slots: make([]slot, 1<<bits), shift: 32 - bits}
}

const golden = 0x9E3779B1

func (h *hashTable) put(key uint32, value uint16) {
	mixed := key * golden
	h.filter[mixed>>17>>6] |= 1 << (mixed >> 17 & 63)
	for i := mixed >> h.shift; ; i++ {
		s := &h.slots[int(i)%len(h.slots)]
		if s.value == 0 {
			*s = slot{key, value}
			return
		}
	}
}

func (h *hashTable) get(key uint32) uint16 {
	mixed := key * golden
	if h.filter[mixed>>17>>6]>>(mixed>>17&63)&1 == 0 {
		return 0
	}
	for i := mixed >> h.shift; ; i++ {
		s := &h.slots[int(i)&(len(h.slots)-1)]
		if s.value == 0 || s.key == key {
			return s.value
		}
	}
}
