// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import "unicode/utf8"

// tokenBytes is the size a token may have: a rule of thumb for English text, and simple enough to repeat in a test.
const tokenBytes = 4

// messageOverhead and replyOverhead imitate what chat templates add around messages and before the reply.
const (
	messageOverhead = 4
	replyOverhead   = 3
)

// Tokenize cuts text into tokens of at most four bytes, never through a UTF-8 character. Joining the tokens, or any
// run of them that starts at the first, and cutting again gives the same tokens.
func Tokenize(text string) []string {
	tokens := make([]string, 0, len(text)/tokenBytes+1)
	for len(text) > 0 {
		end := tokenEnd(text)
		tokens = append(tokens, text[:end])
		text = text[end:]
	}
	return tokens
}

// CountTokens says how many tokens text has: len(Tokenize(text)), without the allocation.
func CountTokens(text string) int {
	count := 0
	for len(text) > 0 {
		text = text[tokenEnd(text):]
		count++
	}
	return count
}

// PromptTokens is the prompt's size that an answer reports for chat messages with these texts and no tools or images:
// each text's tokens and 4, and 3 for the whole.
func PromptTokens(texts ...string) int {
	total := replyOverhead
	for _, text := range texts {
		total += messageOverhead + CountTokens(text)
	}
	return total
}

func tokenEnd(text string) int {
	end := 0
	for end < len(text) {
		_, size := utf8.DecodeRuneInString(text[end:])
		if end > 0 && end+size > tokenBytes {
			break
		}
		end += size
	}
	return end
}
