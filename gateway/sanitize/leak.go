// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// An answer leaks what it repeats of the system texts, when that is at least leakWeight: 12 words, or 27 characters of scripts
// without spaces (81 bytes mostly), or a mix of them. It is not seen when the answer translates, encodes or spells it.
const (
	leakWeight = 12 * wordWeight
	// maxPassage is how many bytes of an answer leakWeight may lie apart.
	maxPassage = 2048
	// maxSystemWords bounds the index. What comes behind is not looked for.
	maxSystemWords = 1 << 16
	// recentWords is more than any leakWeight has, and a power of two.
	recentWords = 32
)

// leakIndex knows the sequences of one, two, three and leakWeight words of a request's system texts. It is immutable.
type leakIndex struct {
	// slots are an open table of hashes, 0 where free. Their number is a power of two.
	slots []uint64
}

// The lengths of sequences, as parts of their hashes.
const (
	ofOne = iota + 1
	ofTwo
	ofThree
	ofLeak
)

// newLeakIndex gives the index of the texts, nil when they are too short to leak.
func newLeakIndex(texts [][]byte) *leakIndex {
	bytes := 0
	for _, text := range texts {
		bytes += len(text)
	}
	words := make([]word, 0, min(bytes/4, maxSystemWords))
	var reader wordReader
	for _, text := range texts {
		reader.reset()
		reader.text(text, 0, true, func(w word) {
			if len(words) < maxSystemWords {
				words = append(words, w)
			}
		})
	}
	size := 16
	for size < 8*len(words) {
		size *= 2
	}
	x := &leakIndex{slots: make([]uint64, size)}
	var recent trail
	leaks := false
	for _, w := range words {
		recent.push(w)
		x.put(ofOne, recent.hash(1))
		x.put(ofTwo, recent.hash(2))
		x.put(ofThree, recent.hash(3))
		if n := recent.weighing(); n > 0 {
			leaks = true
			x.put(ofLeak, recent.hash(n))
		}
	}
	if !leaks {
		return nil
	}
	return x
}

func (x *leakIndex) put(kind int, hash uint64) {
	hash = slot(kind, hash)
	for i := hash; ; i++ {
		switch at := &x.slots[i&uint64(len(x.slots)-1)]; *at {
		case hash:
			return
		case 0:
			*at = hash
			return
		}
	}
}

func (x *leakIndex) has(kind int, hash uint64) bool {
	hash = slot(kind, hash)
	for i := hash; ; i++ {
		switch x.slots[i&uint64(len(x.slots)-1)] {
		case hash:
			return true
		case 0:
			return false
		}
	}
}

func slot(kind int, hash uint64) uint64 { return max(mix(hash, uint64(kind)), 1) }

// trail is the last words of a text.
type trail struct {
	steps [recentWords]step
	// n is how many words there were, first the first of the fewest last ones that weigh leakWeight.
	n, first int
}

// step is a word of a trail, with what all words weigh and hash to up to it.
type step struct {
	from, weight int
	hash         uint64
}

// powers of the base of the hashes.
var powers = func() (all [recentWords]uint64) {
	all[0] = 1
	for i := 1; i < recentWords; i++ {
		all[i] = all[i-1] * 0xD6E8FEB86659FD93
	}
	return all
}()

func (t *trail) reset() { t.n, t.first = 0, 0 }

func (t *trail) push(w word) {
	before := t.at(t.n - 1)
	t.n++
	t.steps[t.n%recentWords] = step{w.from, before.weight + w.weight, before.hash*powers[1] + w.hash}
	for t.at(t.n-1).weight-t.at(t.first).weight >= leakWeight {
		t.first++
	}
}

// at gives what stands behind word i: nothing behind that before the first.
func (t *trail) at(i int) step {
	if i < 0 {
		return step{}
	}
	return t.steps[(i+1)%recentWords]
}

// back gives the word i words before the last.
func (t *trail) back(i int) step { return t.at(t.n - 1 - i) }

// hash gives that of the last n words; of as many as there are, where there are fewer.
func (t *trail) hash(n int) uint64 {
	n = min(n, t.n)
	return t.back(0).hash - t.back(n).hash*powers[n]
}

// weighing gives how many of the last words weigh leakWeight, 0 when all do not.
func (t *trail) weighing() int {
	if t.n == 0 || t.back(0).weight < leakWeight {
		return 0
	}
	return t.n - t.first
}

// leakStage looks for passages of the system texts in an answer. It holds back the words that are a passage's beginning so far, and
// the word that is not at its end: of prose that is no passage a word or two, never more than maxPassage bytes and a word.
type leakStage struct {
	index *leakIndex
	mode  config.SanitizeMode
	// refused is why the answer is, where it is.
	refused *Blocked
	tape    tape
	reader  wordReader
	recent  trail
	// held is how many of the last words may become a passage.
	held  int
	found *exchange.Findings
}

func (l *leakStage) reset() {
	l.tape.reset()
	l.reader.reset()
	l.recent.reset()
	l.held = 0
}

func (l *leakStage) write(dst, chunk []byte) ([]byte, *Blocked) { return l.read(dst, chunk, false) }

func (l *leakStage) close(dst []byte) ([]byte, *Blocked) { return l.read(dst, nil, true) }

func (l *leakStage) read(dst, chunk []byte, ended bool) ([]byte, *Blocked) {
	l.tape.text = append(l.tape.text, chunk...)
	l.reader.text(l.tape.text, l.tape.base, ended, l.take)
	if l.mode == config.SanitizeFlag || ended {
		return l.tape.tell(dst, l.tape.end(), l.reader.at)
	}
	to := l.reader.at
	if l.reader.reading() {
		to = l.reader.now.from
	}
	for ; l.held > 0; l.held-- {
		if from := l.recent.back(l.held - 1).from; l.reader.at-from <= maxPassage {
			to = from
			break
		}
	}
	return l.tape.tell(dst, to, l.reader.at)
}

// take reads a word of the answer.
func (l *leakStage) take(w word) {
	l.recent.push(w)
	switch {
	case !l.index.has(ofOne, l.recent.hash(1)):
		l.held = 0
		return
	case l.recent.n < 2 || !l.index.has(ofTwo, l.recent.hash(2)):
		l.held = 1
		return
	case l.recent.n < 3 || !l.index.has(ofThree, l.recent.hash(3)):
		l.held = 2
		return
	}
	l.held++
	n := l.recent.weighing()
	if n == 0 || n > l.held {
		return
	}
	l.held = n - 1 // A passage that ends later begins later, too.
	passage := span{l.recent.back(n - 1).from, w.to}
	if passage.to-passage.from > maxPassage || !l.index.has(ofLeak, l.recent.hash(n)) {
		return
	}
	l.found.Add(exchange.FoundSystemPromptLeak, l.mode == config.SanitizeRedact)
	switch l.mode {
	case config.SanitizeRedact:
		l.tape.cut(cut{span: passage})
	case config.SanitizeBlock:
		l.tape.cut(cut{passage, l.refused})
	}
}
