// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package errortrack

import "strings"

// quotations finds them in a text, from its beginning on.
type quotations struct {
	// lone says that a single mark was found that nothing closes, so that no later one is closed either.
	lone bool
}

// first gives the length of the quoted text that a rest of the text begins with, marks included; 0 for none. One that is not
// closed goes to the end, as it may have been cut; but a single mark alone may be an apostrophe.
func (q *quotations) first(text string) int {
	mark := text[0]
	if mark != '"' && mark != '`' && (mark != '\'' || q.lone) {
		return 0
	}
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && mark != '`':
			i++
		case text[i] == mark && (mark != '\'' || i+1 == len(text) || !isLetter(text[i+1])):
			return i + 1
		}
	}
	if mark == '\'' {
		q.lone = true
		return 0
	}
	return len(text)
}

// wordLen gives the length of the word that a text begins with; 0 where a delimiter stands there. An apostrophe within is part
// of a word, as in "can't".
func wordLen(text string) int {
	for i := range len(text) {
		if text[i] == '\'' && i > 0 && i+1 < len(text) && isLetter(text[i-1]) && isLetter(text[i+1]) {
			continue
		}
		if delimits(text[i]) {
			return i
		}
	}
	return len(text)
}

func delimits(c byte) bool {
	return c <= ' ' || c == 0x7f || strings.IndexByte(",;()[]{}<>|=:\"'`", c) >= 0
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80 }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
