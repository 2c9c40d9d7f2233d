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
	var words []word
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
		if n := recent.weighing(recentWords); n > 0 {
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

func slot(kind int, hash uint64) uint64 { return max(mix(hash, uint64(kind)), 1) } //nolint:gosec // Few kinds.

// trail is the last words of a text.
type trail struct {
	words [recentWords]word
	n     int
}

func (t *trail) push(w word) {
	t.words[t.n%recentWords] = w
	t.n++
}

// back gives the word i words before the last.
func (t *trail) back(i int) *word { return &t.words[(t.n-1-i)%recentWords] }

// hash gives that of the last n words; of as many as there are, where there are fewer.
func (t *trail) hash(n int) uint64 {
	h := seed
	for i := min(n, t.n) - 1; i >= 0; i-- {
		h = mix(h, t.back(i).hash)
	}
	return h
}

// weighing gives how many of the last words weigh leakWeight, 0 when most of them do not.
func (t *trail) weighing(most int) int {
	weight := 0
	for n := 1; n <= min(most, t.n, recentWords); n++ {
		if weight += t.back(n - 1).weight; weight >= leakWeight {
			return n
		}
	}
	return 0
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
	l.recent.n, l.held = 0, 0
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
	n := l.recent.weighing(l.held)
	if n == 0 {
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
