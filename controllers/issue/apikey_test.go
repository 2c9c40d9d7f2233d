// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package issue_test

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/controllers/issue"
)

func TestGeneratedKeys(t *testing.T) {
	form := regexp.MustCompile(`^spark-[0-9A-Za-z]{49}$`)
	seen := map[string]bool{}
	characters := map[rune]int{}
	for range 5000 {
		key := issue.NewAPIKey()
		if !form.MatchString(key) || !issue.IsAPIKey(key) {
			t.Fatalf("key %q has another form", key)
		}
		if seen[key] {
			t.Fatalf("key %q was generated twice", key)
		}
		seen[key] = true
		for _, c := range key[len(issue.KeyPrefix)+1 : len(issue.KeyPrefix)+43] {
			characters[c]++
		}
	}
	// 42 evenly spread digits of 5000 keys: each of 62 about 3387 times. The first one holds the rest of the division.
	for c, n := range characters {
		if n < 3000 || n > 3800 {
			t.Errorf("digit %c stands %d times", c, n)
		}
	}
	if len(characters) != 62 {
		t.Errorf("%d different digits", len(characters))
	}
}

func TestTheChecksumTellsKeysFromLookAlikes(t *testing.T) {
	key := issue.NewAPIKey()
	for name, text := range map[string]string{
		"nothing":           "",
		"a prefix":          "spark-",
		"another prefix":    "spork-" + key[6:],
		"no prefix":         key[6:],
		"one digit less":    key[:len(key)-1],
		"one digit more":    key + "0",
		"another checksum":  key[:len(key)-6] + "000000",
		"a word of a human": "spark-" + strings.Repeat("a", 49),
	} {
		if issue.IsAPIKey(text) {
			t.Errorf("%s passes for a key: %s", name, text)
		}
	}
	for range 500 {
		typo := []byte(key)
		at := len(issue.KeyPrefix) + rand.IntN(49)
		typo[at] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[rand.IntN(62)]
		if string(typo) != key && issue.IsAPIKey(string(typo)) {
			t.Errorf("a key with one wrong digit passes: %s", typo)
		}
	}
}
