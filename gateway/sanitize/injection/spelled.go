// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"strings"
	"unicode/utf8"
)

// leastSpelled is how many single letters in a row are taken for a word that is spelled.
const leastSpelled = 6

// spell joins the letters of spelled words, and says how many known words they make. Where words have no space between
// them, the lexicon cuts them.
func (l *layers) spell(text []byte, known func(hash uint32) bool) (words int) {
	from := len(l.decoded)
	var word []byte // grows only where letters are spelled, which is rare
	flush := func() {
		if len(word) >= leastSpelled {
			n := 0
			l.decoded, n = cut(l.decoded, word, known)
			words += n
		}
		word = word[:0]
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if classify(r) != runeLetter && classify(r) != runeAlone {
			i += size
			continue
		}
		from := i
		for i < len(text) {
			r, size = utf8.DecodeRune(text[i:])
			if classify(r) != runeLetter {
				break
			}
			i += size
		}
		if i == from { // a character that stands alone
			i += size
		}
		one, n := utf8.DecodeRune(text[from:i])
		if from+n != i {
			flush()
			continue
		}
		if f := fold(one); f != 0 && one >= utf8.RuneSelf {
			one = rune(f)
		}
		word = utf8.AppendRune(word, one)
	}
	flush()
	l.keep(from)
	return words
}

// longestKnown is how long a word is that cut looks for.
const longestKnown = 14

// cut appends a chain of letters with spaces between the words that are known, the longest first, and counts those of
// more than three letters.
func cut(dst, chain []byte, known func(hash uint32) bool) (out []byte, words int) {
	for i := 0; i < len(chain); {
		best := 0
		h := uint32(hashStart)
		for n := 1; n <= longestKnown && i+n <= len(chain); n++ {
			c := chain[i+n-1]
			if c >= utf8.RuneSelf {
				break
			}
			h = (h ^ uint32(lower[c])) * hashPrime
			if n >= 3 && known(h) {
				best = n
			}
		}
		if best == 0 {
			dst = append(dst, chain[i])
			i++
			continue
		}
		if len(dst) > 0 && dst[len(dst)-1] != ' ' {
			dst = append(dst, ' ')
		}
		dst = append(append(dst, chain[i:i+best]...), ' ')
		i += best
		if best > 3 {
			words++
		}
	}
	return append(dst, ' '), words
}

// leetLetters are the letters that digits and signs stand for.
var leetLetters = [256]byte{'0': 'o', '1': 'i', '3': 'e', '4': 'a', '5': 's', '6': 'g', '7': 't', '8': 'b', '9': 'g', '@': 'a',
	'$': 's', '!': 'i', '|': 'l', '+': 't'}

// longestLeet bounds a word that is read as leetspeak.
const longestLeet = 20

// leet reads the word at i as leetspeak, and returns its hashes and where it ends; end is i if it is no word of the
// lexicon's.
func (l *lexicon) leet(text []byte, i int) (hash, stem uint32, end int) {
	hash, stem = hashStart, 0
	disguised, plain := 0, 0
	n := 0
	for end = i; end < len(text) && n <= longestLeet; end++ {
		c := text[end]
		switch {
		case kinds[c] == kindLetter:
			plain++
			c = lower[c]
		case leetLetters[c] != 0:
			disguised++
			c = leetLetters[c]
		default:
			goto done
		}
		hash = (hash ^ uint32(c)) * hashPrime
		if n++; n == stemLength {
			stem = hash
		}
	}
done:
	if n < stemLength {
		stem = hash
	}
	if n < 4 || n > longestLeet || disguised == 0 || plain == 0 || l.disguised.get(hash) == 0 {
		return 0, 0, i
	}
	return hash, stem, end
}

// Shifts that are none: mirrored is that of a text that is written backwards, atbash that of an alphabet that is.
const (
	mirrored = 26
	atbash   = 27
)

// keyWords are those by which encoded text is known: few others mean anything when moved on in the alphabet.
const keyWords = `ignore disregard forget override bypass previous instructions instruction system prompt prompts reveal show print
 repeat display password secret rules guidelines above your everything output tell developer mode jailbreak unrestricted message`

// addCiphers makes the key words known as they are written in ciphers, and in leetspeak.
func (l *lexicon) addCiphers() {
	words := strings.Fields(keyWords)
	l.disguised = newHashTable(len(words))
	for _, word := range words {
		l.disguised.put(featureOf(word), 1)
		for by := uint8(1); by <= atbash; by++ {
			moved := make([]byte, len(word))
			for i := range moved {
				moved[i] = 'a' + (word[i]-'a'+by)%26
				switch by {
				case mirrored:
					moved[i] = word[len(word)-1-i]
				case atbash:
					moved[i] = 'a' + 'z' - word[i]
				}
			}
			if hash := featureOf(string(moved)); l.words[hash] == nil {
				l.words[hash] = &wordSet{shift: by}
			}
		}
	}
}
