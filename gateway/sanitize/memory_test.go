// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// counting is a policy that counts how many texts it looks at for injections, and finds one where a text says so.
func counting(t *testing.T, looked *int) *Policy {
	t.Helper()
	p := mustPolicy(t, config.Sanitizer{
		PromptInjection: &config.PromptInjection{Mode: config.SanitizeFlag, Sensitivity: config.SensitivityMedium, Scopes: config.TextScopes[1:]},
	})
	p.injected = func(text []byte, _ config.TextScope) bool {
		*looked++
		return strings.Contains(string(text), "attack")
	}
	return p
}

func TestTextsWithoutFindingsAreLookedAtOnce(t *testing.T) {
	long := strings.Repeat("a quiet day. ", 30)
	for name, test := range map[string]struct {
		texts []Text
		want  int // of how many is looked at in three requests
	}{
		"a long text":              {[]Text{{config.ScopeUser, []byte(long)}}, 1},
		"a short text":             {[]Text{{config.ScopeUser, []byte("hello")}}, 3},
		"a long text twice":        {[]Text{{config.ScopeUser, []byte(long)}, {config.ScopeUser, []byte(long)}}, 1},
		"of two who wrote it":      {[]Text{{config.ScopeUser, []byte(long)}, {config.ScopeTool, []byte(long)}}, 2},
		"two texts":                {[]Text{{config.ScopeUser, []byte(long)}, {config.ScopeUser, []byte(long + "!")}}, 2},
		"a text with a finding":    {[]Text{{config.ScopeUser, []byte(long + "attack")}}, 3},
		"a scope that is left out": {[]Text{{config.ScopeAssistant, []byte(long)}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			looked := 0
			p := counting(t, &looked)
			var scratch Scratch
			for range 3 {
				result := p.Request(test.texts, &scratch)
				if got, want := result.Findings.Has(exchange.FoundPromptInjection), strings.Contains(string(test.texts[0].Value), "attack"); got != want {
					t.Errorf("found: %t", got)
				}
			}
			if looked != test.want {
				t.Errorf("%d texts were looked at, want %d", looked, test.want)
			}
		})
	}
}

func TestOnlyWhatIsCostlyIsRemembered(t *testing.T) {
	all := everything()
	for name, test := range map[string]struct {
		cfg  config.Sanitizer
		want bool
	}{
		"all":                           {all, true},
		"injections":                    {config.Sanitizer{PromptInjection: all.PromptInjection}, true},
		"data":                          {config.Sanitizer{PII: all.PII}, false},
		"controls":                      {config.Sanitizer{ControlCharacters: all.ControlCharacters}, false},
		"patterns that begin rarely":    {denying(config.SanitizeFlag, `[A-Z]{3}\d`, `\d+`, `(?i)project`), false},
		"patterns that begin anywhere":  {denying(config.SanitizeFlag, `\d+`, `\w+@corp`), true},
		"patterns that begin in spaces": {denying(config.SanitizeFlag, `\s+x`), true},
	} {
		if got := mustPolicy(t, test.cfg).remembers; got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestFindingsOfAllTextsAreToldTogether(t *testing.T) {
	cfg := denying(config.SanitizeFlag, `secret`)
	cfg.PII = personal(config.SanitizeRedact)
	long := strings.Repeat("a quiet day. ", 30)
	for _, texts := range [][]string{
		{long + "secret", long + "anna@example.com"}, {"secret", long + "anna@example.com"}, {long + "secret", "anna@example.com", long},
	} {
		var all []Text
		for _, text := range texts {
			all = append(all, Text{config.ScopeUser, []byte(text)})
		}
		result := mustPolicy(t, cfg).Request(all, &Scratch{})
		if got, want := string(result.Findings.AppendHeader(nil)), "pii, deny_pattern"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestDigestsTellTextsApart(t *testing.T) {
	seen := map[digest]string{}
	var d digester
	for _, of := range []byte{0, 1, 2} {
		for _, text := range []string{"", "a", "b", "ab", long64, long64 + "a"} {
			d.begin(of)
			d.text([]byte(text))
			got, is := d.end(), fmt.Sprint(of, text)
			if other, ok := seen[got]; ok {
				t.Errorf("%q and %q have one digest", is, other)
			}
			seen[got] = is
			d.begin(of)
			for i := range text {
				d.text([]byte(text[i : i+1]))
			}
			if d.end() != got {
				t.Errorf("%q has another digest in pieces", is)
			}
		}
	}
}

var long64 = strings.Repeat("x", 64)

func TestHalvesOfTwoDigestsAreNoText(t *testing.T) {
	var c cleanTexts
	a, b := digest{1, 7}, digest{2, 7 + cleanSlots}
	for _, step := range []struct {
		add  *digest
		a, b bool
	}{{nil, false, false}, {&a, true, false}, {&b, false, true}, {&a, true, false}} {
		if step.add != nil {
			c.add(*step.add)
		}
		if c.has(a) != step.a || c.has(b) != step.b {
			t.Errorf("after %v: %t, %t", step.add, c.has(a), c.has(b))
		}
	}
	if c.has(digest{1, 7 + cleanSlots}) || c.has(digest{2, 7}) {
		t.Error("halves of two digests are one")
	}
}

func TestIndexesAreKept(t *testing.T) {
	long := "a b c d e f g h i j k l m n"
	for name, test := range map[string]struct {
		first, second []string
		same          bool
	}{
		"the same texts":              {[]string{long}, []string{long}, true},
		"another text":                {[]string{long}, []string{long + " o"}, false},
		"two texts that join to one":  {[]string{long + " ", "x"}, []string{long + " x"}, false},
		"two texts that are cut else": {[]string{long + " ", "x"}, []string{long, " x"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var l leakIndexes
			bytes := func(texts []string) (all [][]byte) {
				for _, text := range texts {
					all = append(all, []byte(text))
				}
				return all
			}
			first, second := l.of(bytes(test.first)), l.of(bytes(test.second))
			if first == nil || second == nil || (first == second) != test.same {
				t.Errorf("%p and %p", first, second)
			}
		})
	}
	var l leakIndexes
	for range 2 {
		if l.of([][]byte{[]byte("short")}) != nil {
			t.Error("a short text has an index")
		}
	}
}

func TestHugeIndexesAreNotKept(t *testing.T) {
	var huge strings.Builder
	for i := range maxKeptIndex / 4 {
		fmt.Fprintf(&huge, "w%d ", i)
	}
	var l leakIndexes
	texts := [][]byte{[]byte(huge.String())}
	if first, second := l.of(texts), l.of(texts); first == nil || first == second {
		t.Errorf("%p and %p", first, second)
	}
}

// A policy serves many requests at once.
func TestAPolicyIsSafeForConcurrentUse(t *testing.T) {
	cfg := everything()
	cfg.PromptInjection = nil
	p := mustPolicy(t, cfg)
	p.remembers = true
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			var scratch Scratch
			for i := range 30 {
				texts := []Text{{config.ScopeUser, []byte(fmt.Sprint(prose, i%5, " project atlas, anna@example.com"))}}
				result := p.Request(texts, &scratch)
				if len(result.Replaced) != 1 || !strings.HasSuffix(string(result.Replaced[0].With), " [REDACTED], [EMAIL]") {
					t.Error("a request was not replaced")
				}
				system := fmt.Sprint(instructions, n%3)
				got := whole(p.Answer([][]byte{[]byte(system)}).Filter(), "x "+system+" y")
				if !strings.HasPrefix(got.text, "x [REDACTED]") || !strings.HasSuffix(got.text, " y") {
					t.Errorf("%q", got.text)
				}
			}
		})
	}
	group.Wait()
}
