// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"hash/fnv"
	"math/rand/v2"
	"strings"
)

// maxEcho bounds how much of the prompt an answer repeats, in bytes.
const maxEcho = 200

// Words of several lengths and scripts, so that tokens, bytes and characters never agree by accident.
var vocabulary = strings.Fields(`the stream carries each token in turn while a gateway counts what it relays and
settles what was reserved café naïve Überraschung 日本語 данные 🙂 route target attempt snapshot budget breaker`)

// composition is one choice of an answer, already cut to length.
type composition struct {
	tokens []string
	cut    bool // the length limit ended it
}

func (c composition) text() string { return strings.Join(c.tokens, "") }

// wish is how long an answer should be.
type wish struct {
	tokens int // exactly so many; 0: the answer's own length
	limit  int // at most so many; 0: no limit
}

// compose writes the answer to a prompt. The same prompt, model, choice and wish give the same words.
func compose(prompt, model string, choice int, w wish) composition {
	seed := fnv.New64a()
	seed.Write([]byte(model + "\x00" + prompt))
	words := rand.New(rand.NewPCG(seed.Sum64(), uint64(choice)))

	var text strings.Builder
	text.WriteString("You asked «" + clip(prompt, maxEcho) + "»:")
	for range 8 + words.IntN(16) {
		text.WriteString(" " + vocabulary[words.IntN(len(vocabulary))])
	}
	for text.Len() < w.tokens*tokenBytes {
		text.WriteString(" " + vocabulary[words.IntN(len(vocabulary))])
	}
	return cutTo(Tokenize(text.String()), w)
}

func cutTo(tokens []string, w wish) composition {
	if w.tokens > 0 {
		tokens = tokens[:w.tokens]
	}
	if w.limit > 0 && len(tokens) > w.limit {
		return composition{tokens: tokens[:w.limit], cut: true}
	}
	return composition{tokens: tokens}
}

// clip shortens text to at most limit bytes without cutting a character.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "")
}
