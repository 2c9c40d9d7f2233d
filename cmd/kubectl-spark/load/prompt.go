// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"math/rand/v2"
	"strings"
	"sync"
)

// words are one token each of the usual vocabularies, with the space behind, and four bytes each.
const words = "the and for are but not you all any can had her was one our out day get has him his how man new now old see two " +
	"way who boy did its let put say she too use air art ask bad bag bar bed big bit box bus buy car cat cow cry cup cut die " +
	"dog dry due ear eat egg end eye far few fit fly fun gas god gun guy hit hot ice job key kid law lay leg lie lot low map " +
	"may mix net nor off oil own pay per pop red row run sad sea set sit six sky son sun tax tea ten tie top try war win yes yet "

const (
	wordBytes = 4
	// bankWords is how much text prompts are cut from.
	bankWords = 1 << 16
	// nonceWords begin a prompt, so that no two of a run are the same: 1 in 10^8 are.
	nonceWords = 4
)

// bank is the text that prompts are cut from: random words, always the same.
var bank = sync.OnceValue(func() string {
	random := rand.New(rand.NewPCG(0, 0x74657874))
	var text strings.Builder
	text.Grow(bankWords * wordBytes)
	for range bankWords {
		text.WriteString(word(random))
	}
	return text.String()
})

func word(random *rand.Rand) string {
	at := random.IntN(len(words)/wordBytes) * wordBytes
	return words[at : at+wordBytes]
}

// appendPrompt writes a prompt of so many tokens: words of its own, and then a piece of the bank.
func appendPrompt(dst []byte, tokens int, random *rand.Rand) []byte {
	for range min(tokens, nonceWords) {
		dst = append(dst, word(random)...)
	}
	text, at := bank(), random.IntN(bankWords)*wordBytes
	for left := (tokens - nonceWords) * wordBytes; left > 0; {
		n := min(left, len(text)-at)
		dst = append(dst, text[at:at+n]...)
		left -= n
		at = 0
	}
	return dst
}
