// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import "unicode/utf8"

// mark says what stands around a word. Rules may ask for it.
type mark uint8

const (
	atLine   mark = 1 << iota // the first word of a line
	atStart                   // the first word of a sentence
	inQuote                   // a quotation mark stands before it
	hasColon                  // a colon stands after it
	inCaps                    // it is written in capitals, and is longer than one letter
	inFence                   // one of < [ { # | * = stands before it
	hasDigit                  // it holds a digit
	atEnd                     // a closing > ] } or | stands after it
)

// token is one word, or one character of a script that is written without spaces.
type token struct {
	// hash is of the folded word, stem of its first stemLength letters; of a shorter word they are the same.
	hash, stem uint32
	// at is its place: every word takes one, the end of a sentence and a line one more.
	at uint32
	// set says which classes of the lexicon it belongs to; 0 is none.
	set   uint16
	marks mark
	// span is how many tokens the phrase takes that begins here, 1 for a word.
	span uint8
}

const (
	stemLength = 6
	hashStart  = 2166136261
	hashPrime  = 16777619
	// longestWord bounds what of one word is hashed: longer ones are no words.
	longestWord = 64
)

type kind uint8

const (
	kindSpace kind = iota
	kindLetter
	kindDigit
	kindLine
	kindStop   // ends a sentence
	kindComma  // , ; ( ) and the like
	kindQuote  // a quotation mark; an apostrophe between letters is dropped
	kindColon  //
	kindFence  // opens a tag, a bracket or a heading
	kindClose  // closes one
	kindOther  // any other character between words
	kindBeyond // a byte of a longer character
)

// kinds and lower are the tables of the fast path.
var (
	kinds [256]kind
	lower [256]byte
)

func init() {
	for i := range kinds {
		c := byte(i)
		lower[i] = c
		switch {
		case c >= 'a' && c <= 'z':
			kinds[i] = kindLetter
		case c >= 'A' && c <= 'Z':
			kinds[i], lower[i] = kindLetter, c|0x20
		case c >= '0' && c <= '9':
			kinds[i] = kindDigit
		case c >= utf8.RuneSelf:
			kinds[i] = kindBeyond
		case c > ' ':
			kinds[i] = kindOther
		}
	}
	for chars, k := range map[string]kind{"\n\r": kindLine, ".!?": kindStop, ",;()": kindComma, "\"'`": kindQuote,
		":": kindColon, "<[{#|*=~": kindFence, ">]}": kindClose} {
		for i := range len(chars) {
			kinds[chars[i]] = k
		}
	}
}

// tally counts what a tokenizer saw that no word tells.
type tally struct {
	tags, zero, bidi, mixed, leet int
	// keys counts key words that hide in letters of other alphabets.
	keys int
	// singles is the longest run of single letters, numbers the longest of short numbers.
	singles, numbers int
	// long counts words too long for one, others the signs that escapes are made of, slashes the backslashes.
	long, others, slashes int
}

// tokenizer cuts a text into tokens. It holds what the next word will be marked with.
type tokenizer struct {
	lexicon *lexicon // nil while it is being built
	tokens  []token
	tally   tally
	at      uint32
	marks   mark
	run     int
	count   int
}

const atBeginning = atLine | atStart

// tokenize appends the words of the text to t.tokens.
func (t *tokenizer) tokenize(text []byte) {
	t.marks, t.run, t.count = atBeginning, 0, 0
	if breaksOut(text) {
		t.remark(breakout)
	}
	for i := 0; i < len(text); {
		switch k := kinds[text[i]]; k {
		case kindLetter, kindDigit:
			i = t.word(text, i)
		case kindBeyond:
			i = t.beyond(text, i)
		case kindSpace:
			i++
		case kindOther, kindStop:
			i = t.sign(text, i, k)
		default:
			t.punctuation(k)
			i++
		}
	}
}

// sign reads a sign that may stand for a letter or begin an escape.
func (t *tokenizer) sign(text []byte, i int, k kind) int {
	switch c := text[i]; {
	case c == '\\':
		t.tally.slashes++
		t.tally.others++
	case c == '%', c == '&':
		t.tally.others++
	case leetLetters[c] != 0 && t.lexicon != nil && i+1 < len(text) && (kinds[text[i+1]] == kindLetter || kinds[text[i+1]] == kindDigit):
		if end := t.leet(text, i); end > i {
			return end
		}
	}
	if k == kindStop {
		t.punctuation(k)
	}
	return i + 1
}

// leet reads the word at i as leetspeak if that makes a word of the lexicon, and returns where it ends.
func (t *tokenizer) leet(text []byte, i int) int {
	hash, stem, end := t.lexicon.leet(text, i)
	if end > i {
		t.tally.leet++
		t.add(hash, stem, wordShape{length: end - i})
	}
	return end
}

// punctuation notes a character between words.
func (t *tokenizer) punctuation(k kind) {
	switch k {
	case kindLine:
		if t.marks&atLine == 0 {
			t.at++
		}
		t.marks |= atBeginning
	case kindStop:
		if t.marks&atStart == 0 {
			t.at++
		}
		t.marks |= atStart
	case kindComma:
		t.marks &^= inFence
	case kindQuote:
		t.marks |= inQuote
	case kindColon:
		t.after(hasColon)
	case kindFence:
		t.marks |= inFence
		t.after(atEnd)
	case kindClose:
		t.after(atEnd)
	}
}

// after marks the word that was last.
func (t *tokenizer) after(m mark) {
	if n := len(t.tokens); n > 0 && t.marks&atLine == 0 {
		t.tokens[n-1].marks |= m
	}
	if m == hasColon {
		t.marks |= atStart
	}
}

// word reads the ASCII word at i and returns where it ends. A word that turns out not to be ASCII is left to beyond.
func (t *tokenizer) word(text []byte, i int) int {
	var (
		h           uint32 = hashStart
		stem        uint32
		n, capitals int
		digits      int
		begin       = i
	)
	for ; i < len(text); i++ {
		c := text[i]
		switch kinds[c] {
		case kindLetter:
			if c < 'a' {
				capitals++
			}
		case kindDigit:
			digits++
		case kindBeyond:
			return t.beyond(text, begin)
		default:
			if c == '\'' && i+1 < len(text) && kinds[text[i+1]] == kindLetter && kinds[text[i-1]] == kindLetter {
				continue // don't is dont
			}
			if leetLetters[c] != 0 && t.lexicon != nil {
				if end := t.leet(text, begin); end > i {
					return end
				}
			}
			goto end
		}
		if n < longestWord {
			h = (h ^ uint32(lower[c])) * hashPrime
		}
		if n++; n == stemLength {
			stem = h
		}
	}
end:
	if n < stemLength {
		stem = h
	}
	if digits > 0 && digits < n && n >= 4 && t.lexicon != nil {
		if end := t.leet(text, begin); end > begin {
			return end
		}
	}
	t.add(h, stem, wordShape{length: n, capitals: capitals, digits: digits})
	return i
}

type wordShape struct {
	length, capitals, digits int
	// alone says that it is a character of a script without spaces.
	alone bool
}

func (t *tokenizer) add(hash, stem uint32, w wordShape) {
	m := t.marks
	if w.capitals > 1 && w.capitals == w.length {
		m |= inCaps
	}
	if w.digits > 0 {
		m |= hasDigit
	}
	if w.length >= leastRun && (w.digits > 0 || w.capitals > 1) || w.length >= 2*leastRun {
		t.tally.long++
	}
	if w.length == 1 && w.digits == 0 && !w.alone {
		if t.run++; t.run > t.tally.singles {
			t.tally.singles = t.run
		}
	} else {
		t.run = 0
	}
	if (w.digits > 0 || w.length == 2) && w.length <= 4 || w.digits == 8 && w.length == 8 {
		if t.count++; t.count > t.tally.numbers {
			t.tally.numbers = t.count
		}
	} else {
		t.count = 0
	}
	t.at++
	t.tokens = append(t.tokens, token{hash: hash, stem: stem, at: t.at, marks: m, span: 1})
	t.marks = 0
}

// beyond reads what begins with, or holds, a character beyond ASCII: a word whose letters are folded, a character of a
// script without spaces, or punctuation. It returns where it ends.
func (t *tokenizer) beyond(text []byte, i int) int {
	var w foldedWord
	w.start()
	for i < len(text) {
		r, size := utf8.DecodeRune(text[i:])
		switch c := classify(r); c {
		case runeLetter:
			w.add(r)
		case runeMark:
		case runeInvisible:
			t.invisible(r, w.latin > 0)
		case runeAlone:
			if w.length > 0 {
				t.addFolded(&w)
				return i
			}
			h := hashRune(hashStart, r)
			t.add(h, h, wordShape{length: 1, alone: true})
			return i + size
		default:
			if (r == '\'' || r == '’') && w.length > 0 && i+size < len(text) && kinds[text[i+size]] == kindLetter {
				i += size
				continue
			}
			if w.length > 0 {
				t.addFolded(&w)
				return i
			}
			t.punctuation(beyondKind(r))
			return i + size
		}
		i += size
	}
	if w.length > 0 {
		t.addFolded(&w)
	}
	return i
}

func (t *tokenizer) addFolded(w *foldedWord) {
	hash, stem := w.hashes()
	if w.mixed() {
		t.tally.mixed++
		if t.lexicon != nil && t.lexicon.disguised.get(hash) != 0 {
			t.tally.keys++
		}
	}
	t.add(hash, stem, wordShape{length: w.length, capitals: w.capitals, digits: w.digits})
}

func (t *tokenizer) invisible(r rune, inWord bool) {
	switch {
	case r >= 0xE0000 && r < 0xE0080:
		t.tally.tags++
	case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
		t.tally.bidi++
	case inWord:
		t.tally.zero++
	}
}

// remark appends a word that stands for something that no word tells.
func (t *tokenizer) remark(hash uint32) {
	t.at++
	t.tokens = append(t.tokens, token{hash: hash, stem: hash, at: t.at, marks: atStart, span: 1})
}

// breakout is the word that stands for a text that begins by closing what the prompt around it may have opened.
var breakout = featureOf("xbreakoutx")

// breaksOut says whether the first thing of a text is a closing bracket, tag or quotation.
func breaksOut(text []byte) bool {
	i := 0
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t') {
		i++
	}
	text = text[i:]
	if len(text) < 4 {
		return false
	}
	switch c := text[0]; c {
	case ']', '}', ')':
		return true
	case '"', '\'':
		return text[1] == c && text[2] == c || text[1] == '\n' || text[1] == ']' || text[1] == '\r'
	case '<':
		return text[1] == '/'
	case '\\':
		return text[1] == '<' || text[1] == '"' || text[1] == '\''
	case '=', '-', '#':
		return text[1] == c && text[2] == c && text[3] == c
	}
	return false
}
