// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func TestGeneratedKeys(t *testing.T) {
	form := regexp.MustCompile("^" + strings.ReplaceAll(config.APIKeyPattern, `\b`, "") + "$")
	seen := map[string]bool{}
	characters := map[rune]int{}
	for range 5000 {
		key := config.NewAPIKey(rand.Reader)
		if generated, ok := config.CheckAPIKey(key); !form.MatchString(key) || !generated || !ok || len(key) != 55 {
			t.Fatalf("key %q has another form", key)
		}
		if seen[key] {
			t.Fatalf("key %q was generated twice", key)
		}
		seen[key] = true
		for _, c := range key[len(config.APIKeyPrefix)+1 : len(config.APIKeyPrefix)+43] {
			characters[c]++
		}
	}
	// 42 evenly spread digits of 5000 keys: each of 62 about 3387 times. The first one holds the rest of the division.
	for c, n := range characters {
		if n < 3000 || n > 3800 {
			t.Errorf("digit %c stands %d times", c, n)
		}
	}
	if len(characters) != len(base62) {
		t.Errorf("%d different digits", len(characters))
	}
}

// Keys that were given out once have to stay good, so that their form never changes.
func TestTheFormOfKeysIsForEver(t *testing.T) {
	for name, tc := range map[string]struct {
		random []byte
		want   string
	}{
		"no bits":   {bytes.Repeat([]byte{0}, 32), "spark-00000000000000000000000000000000000000000002CZclj"},
		"all bits":  {bytes.Repeat([]byte{0xff}, 32), "spark-yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp13sRzl1"},
		"some bits": {append(bytes.Repeat([]byte{0}, 30), 1, 2), "spark-000000000000000000000000000000000000000004A15AHb7"},
	} {
		got := config.NewAPIKey(bytes.NewReader(tc.random))
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestWithoutRandomnessThereIsNoKey(t *testing.T) {
	for name, source := range map[string]*bytes.Reader{"none": bytes.NewReader(nil), "too little": bytes.NewReader(make([]byte, 31))} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: a key was made", name)
				}
			}()
			config.NewAPIKey(source)
		}()
	}
	defer func() {
		if recover() == nil {
			t.Error("a key was made of an error")
		}
	}()
	config.NewAPIKey(iotest.ErrReader(errors.New("broken")))
}

func TestTheChecksumTellsKeysFromLookAlikes(t *testing.T) {
	key := config.NewAPIKey(rand.Reader)
	for name, tc := range map[string]struct {
		text          string
		wantGenerated bool
	}{
		"nothing":               {"", false},
		"a prefix":              {"spark-", false},
		"another prefix":        {"spork-" + key[6:], false},
		"no prefix":             {key[6:], false},
		"one digit less":        {key[:len(key)-1], false},
		"one digit more":        {key + "0", false},
		"what is no digit":      {key[:20] + "-" + key[21:], false},
		"a letter beyond ASCII": {key[:20] + "é" + key[22:], false},
		"another checksum":      {key[:len(key)-6] + "zzzzzz", true},
		"a word of a human":     {"spark-" + strings.Repeat("a", 49), true},
	} {
		generated, ok := config.CheckAPIKey(tc.text)
		if ok || generated != tc.wantGenerated {
			t.Errorf("%s: %s: got generated %t and ok %t", name, tc.text, generated, ok)
		}
		if ofBytes, okBytes := config.CheckAPIKey([]byte(tc.text)); ofBytes != generated || okBytes != ok {
			t.Errorf("%s: bytes are judged otherwise", name)
		}
	}
}

// A CRC-32 finds every error within 32 bits, and so every wrong digit and every two neighbours in the wrong order.
func TestEveryMistypedKeyIsFound(t *testing.T) {
	key := config.NewAPIKey(rand.Reader)
	wrong := 0
	for at := len(config.APIKeyPrefix); at < len(key); at++ {
		for _, digit := range []byte(base62) {
			typo := []byte(key)
			typo[at] = digit
			if generated, ok := config.CheckAPIKey(typo); !generated || ok != (string(typo) == key) {
				t.Errorf("%s passes for %s", typo, key)
			}
			wrong++
		}
		if at+1 < len(key) && key[at] != key[at+1] {
			swapped := []byte(key)
			swapped[at], swapped[at+1] = key[at+1], key[at]
			if _, ok := config.CheckAPIKey(swapped); ok {
				t.Errorf("%s passes for %s", swapped, key)
			}
		}
	}
	if wrong != 49*62 {
		t.Errorf("%d were tried", wrong)
	}
}

func TestCheckingAKeyDoesNotAllocate(t *testing.T) {
	key := []byte(config.NewAPIKey(rand.Reader))
	if n := testing.AllocsPerRun(100, func() { config.CheckAPIKey(key) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzAPIKey: what scanners look for is what has the form, any randomness makes a key, and any change unmakes it.
func FuzzAPIKey(f *testing.F) {
	f.Add([]byte("spark-"), "spark-"+strings.Repeat("0", 49))
	f.Add(bytes.Repeat([]byte{0xff}, 32), "sk-proj-1234")
	f.Add([]byte{}, "spark-\x00"+strings.Repeat("0", 48))
	f.Add([]byte{}, "spark-é"+strings.Repeat("0", 47))
	pattern := regexp.MustCompile(config.APIKeyPattern)
	f.Fuzz(func(t *testing.T, random []byte, text string) {
		generated, ok := config.CheckAPIKey(text)
		if generated != (pattern.FindString(text) == text && text != "") {
			t.Errorf("%q: %t, and the pattern finds %q", text, generated, pattern.FindString(text))
		}
		if ok && !generated {
			t.Errorf("%q is good without having been generated", text)
		}
		raw := make([]byte, 32)
		copy(raw, random)
		key := config.NewAPIKey(bytes.NewReader(raw))
		if generated, ok := config.CheckAPIKey(key); !generated || !ok {
			t.Errorf("%q of %x is no key", key, raw)
		}
		if len(text) == len(key) && text != key && ok && text[:49] == key[:49] {
			t.Errorf("%q and %q differ in their checksum only", text, key)
		}
	})
}
