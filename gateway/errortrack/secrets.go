// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package errortrack

import (
	"net/netip"
	"strings"
)

const (
	// manyDigits make a number of a card, a telephone or an account.
	manyDigits = 7
	// The lengths from which a word is taken for a key: with both digits and letters, with letters of both cases, any, and with
	// a beginning that providers give their keys.
	keyOfDigits = 16
	keyOfCases  = 24
	keyOfAny    = 40
	keyOfPrefix = 8
)

// keyPrefixes are how known keys begin.
var keyPrefixes = []string{
	"sk-", "sk_", "pk_", "rk_", "spark-", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xox", "AKIA", "ASIA", "AIza", "ya29.",
	"eyJ", "hf_", "gsk_", "r8_", "whsec_", "npm_", "pypi-",
}

// keyLike says that a word may be a key, or a part of one.
func keyLike(word string) bool {
	var digits, uppers, lowers int
	for i := range len(word) {
		switch c := word[i]; {
		case isDigit(c):
			digits++
		case c >= 'A' && c <= 'Z':
			uppers++
		case c >= 'a' && c <= 'z':
			lowers++
		}
	}
	n := len(word)
	if n >= keyOfAny || digits >= manyDigits || n >= keyOfDigits && digits > 0 && uppers+lowers > 0 ||
		n >= keyOfCases && uppers > 1 && lowers > 1 {
		return true
	}
	if n >= keyOfPrefix {
		for _, prefix := range keyPrefixes {
			if strings.HasPrefix(word, prefix) {
				return true
			}
		}
	}
	return false
}

// email says that a word has something on both sides of an "@"; a URL's credentials look so, too.
func email(word string) bool {
	at := strings.LastIndexByte(word, '@')
	return at > 0 && at+1 < len(word)
}

// path says that a word names a file, or something else with several parts.
func path(word string) bool {
	n := strings.Count(word, "/") + strings.Count(word, `\`)
	return n > 1 || n == 1 && len(word) > 1 && (word[0] == '/' || word[0] == '\\')
}

// scheme says that a word stands before credentials in a header.
func scheme(word string) bool {
	return strings.EqualFold(word, "bearer") || strings.EqualFold(word, "basic")
}

var secretNames = []string{
	"password", "passwd", "passphrase", "secret", "token", "apikey", "api_key", "api-key", "access_key", "accesskey", "private_key",
	"authorization", "credential", "credentials", "signature", "cookie", "session", "dsn",
}

// secretName says that a word names a secret, as "client_secret" does.
func secretName(word string) bool {
	const longest = 64
	if len(word) > longest {
		return false
	}
	word = strings.ToLower(word)
	for _, name := range secretNames {
		if strings.HasSuffix(word, name) {
			return true
		}
	}
	return word == "key" || word == "pwd" || word == "auth" || word == "x-api-key"
}

// urlLen gives the length of the URL that a text begins with; 0 for none. It ends only where a URL surely does.
func urlLen(text string) int {
	scheme := 0
	for scheme < len(text) && (isLetter(text[scheme]) || isDigit(text[scheme]) || strings.IndexByte("+-.", text[scheme]) >= 0) {
		scheme++
	}
	if scheme == 0 || !strings.HasPrefix(text[scheme:], "://") {
		return 0
	}
	if end := strings.IndexAny(text, " \t\r\n\"`<>"); end >= 0 {
		return end
	}
	return len(text)
}

// withoutTail gives a URL's scheme and host only: a path, too, may be a secret. What might be credentials leaves nothing.
func withoutTail(url string) string {
	scheme, rest, _ := strings.Cut(url, "://")
	host := rest
	if end := strings.IndexAny(rest, "/?#\\,;"); end >= 0 {
		host = rest[:end]
	}
	host = strings.TrimRight(host, ".:)'")
	switch name, _, _ := strings.Cut(host, ":"); {
	case strings.ContainsRune(rest, '@') || keyLike(name):
		host = foldedSecret
	case addressLen(host) > 0 || strings.HasPrefix(host, "["):
		host = foldedAddress
	}
	if len(host) < len(strings.TrimRight(rest, ".:)'")) && host != foldedSecret {
		return scheme + "://" + host + "/…"
	}
	return scheme + "://" + host
}

// addressLen gives the length of the IP address that a text begins with; 0 for none.
func addressLen(text string) int {
	const longest = 64
	n, marks := 0, 0
	for n < min(len(text), longest) && (isHex(text[n]) || text[n] == ':' || text[n] == '.') {
		if !isHex(text[n]) {
			marks++
		}
		n++
	}
	if marks < 2 {
		return 0
	}
	for end := n; end > 0; end-- {
		if _, err := netip.ParseAddr(text[:end]); err == nil {
			return end
		}
		// A port, or the end of a sentence, may follow.
		if end = strings.LastIndexAny(text[:end], ":.") + 1; end == 0 {
			break
		}
	}
	return 0
}

// numberLen gives the length of the number that a text begins with, be it written in groups; 0 where it is no long one.
func numberLen(text string) int {
	if !isDigit(text[0]) && text[0] != '+' && text[0] != '(' {
		return 0
	}
	const maxGap = 2
	digits, end, gap := 0, 0, 0
	for i := 0; i < len(text) && gap <= maxGap; i++ {
		switch {
		case isDigit(text[i]):
			digits, end, gap = digits+1, i+1, 0
		case strings.IndexByte(" +-.()/", text[i]) >= 0:
			gap++
		default:
			gap = maxGap + 1
		}
	}
	if digits < manyDigits {
		return 0
	}
	return end
}
