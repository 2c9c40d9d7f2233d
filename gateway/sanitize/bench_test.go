// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

// everything is a sanitizer that looks for all there is.
func everything() config.Sanitizer {
	cfg := denying(config.SanitizeRedact, `(?i)\bproject\s+(atlas|orion)\b`, `\b[A-Z]{3}-\d{4,}\b`, `\.corp\.example\b`)
	cfg.PII = personal(config.SanitizeRedact)
	cfg.PromptInjection = &config.PromptInjection{Mode: config.SanitizeBlock, Sensitivity: config.SensitivityMedium, Scopes: config.TextScopes}
	cfg.ControlCharacters = &config.ControlCharacters{Mode: config.SanitizeRedact, Scopes: config.TextScopes}
	cfg.SystemPromptLeak = &config.SystemPromptLeak{Mode: config.SanitizeRedact}
	cfg.ImageLinks = &config.ImageLinks{Mode: config.SanitizeRedact, AllowedHosts: []string{"ok.example"}}
	return cfg
}

// each gives sanitizers that look for one thing, and one that looks for all.
func each() map[string]config.Sanitizer {
	all := everything()
	return map[string]config.Sanitizer{
		"all": all, "injection": {PromptInjection: all.PromptInjection}, "pii": {PII: all.PII}, "patterns": {DenyPatterns: all.DenyPatterns},
		"controls": {ControlCharacters: all.ControlCharacters}, "leak": {SystemPromptLeak: all.SystemPromptLeak}, "images": {ImageLinks: all.ImageLinks},
	}
}

// twoKB is prose of 2 KB.
var twoKB = strings.Repeat(prose, 3)[:2048]

func TestARequestWithoutFindingsAllocatesNothing(t *testing.T) {
	p := mustPolicy(t, everything())
	texts := []Text{{config.ScopeSystem, []byte(instructions)}, {config.ScopeUser, []byte(twoKB)}}
	var scratch Scratch
	if n := testing.AllocsPerRun(50, func() {
		if result := p.Request(texts, &scratch); !result.Findings.Empty() {
			t.Fatalf("found %s", result.Findings.AppendHeader(nil))
		}
	}); n > 0 && !forgetful {
		t.Errorf("%v allocations", n)
	}
}

func TestAnEventWithoutFindingsAllocatesNothing(t *testing.T) {
	a := mustPolicy(t, everything()).Answer([][]byte{[]byte(instructions)})
	arguments := []byte(`{"city": "Lerwick", "days": 3, "note": "in the \"old\" town"} `)
	for name, test := range map[string]struct {
		f    *Filter
		text []byte
	}{"text": {a.Filter(), []byte(prose)}, "arguments": {a.FilterArguments(), arguments}} {
		var dst []byte
		pass := func() {
			for i := 0; i < len(test.text); i += 4 {
				dst = test.f.Write(dst[:0], test.text[i:min(i+4, len(test.text))])
			}
		}
		pass()
		if n := testing.AllocsPerRun(50, pass); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkRequest2KB(b *testing.B) {
	for name, cfg := range each() {
		p := mustPolicy(b, cfg)
		if !p.ReadsRequests() {
			continue
		}
		for _, again := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/again=%t", name, again), func(b *testing.B) {
				var scratch Scratch
				text, n := []byte(twoKB), 0
				b.ReportAllocs()
				for b.Loop() {
					if !again {
						n++
						copy(text, []byte{'A' + byte(n%20), 'a' + byte(n/20%20), 'a' + byte(n/400%20), 'a' + byte(n/8000%20)})
					}
					p.Request([]Text{{config.ScopeUser, text}}, &scratch)
				}
			})
		}
	}
}

// BenchmarkEvent is of a stream's event of a word.
func BenchmarkEvent(b *testing.B) {
	var words [][]byte
	for _, word := range strings.SplitAfter(twoKB, " ") {
		words = append(words, []byte(word))
	}
	for name, cfg := range each() {
		a := mustPolicy(b, cfg).Answer([][]byte{[]byte(instructions)})
		if a == nil {
			continue
		}
		b.Run(name, func(b *testing.B) {
			f, i := a.Filter(), 0
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst = f.Write(dst[:0], words[i%len(words)])
				i++
			}
		})
	}
}

// BenchmarkAnswer is of what a channel costs before its first word.
func BenchmarkAnswer(b *testing.B) {
	for _, n := range []int{1, 64} {
		var regexes []string
		for i := range n {
			regexes = append(regexes, fmt.Sprintf(`\bword%d\b`, i))
		}
		cfg := everything()
		cfg.DenyPatterns = denying(config.SanitizeRedact, regexes...).DenyPatterns
		p := mustPolicy(b, cfg)
		b.Run(fmt.Sprintf("%d patterns", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Answer([][]byte{[]byte(instructions)}).Filter()
			}
		})
	}
}
