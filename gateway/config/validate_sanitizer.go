// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
)

// maxPatternSteps bounds the machine that a pattern becomes, and with it what a byte of text costs: repetitions make large
// machines of short patterns.
const maxPatternSteps = 4096

// maxPatternName bounds the name of a pattern, which stands in headers and logs.
const maxPatternName = 63

// CheckPattern says what is wrong with a regular expression that texts are searched for, nil when nothing is. The expression
// is not in the error.
func CheckPattern(regex string) error {
	if len(regex) > MaxPatternBytes {
		return fmt.Errorf("has %d bytes, of at most %d", len(regex), MaxPatternBytes)
	}
	tree, err := syntax.Parse(regex, syntax.Perl)
	if err != nil {
		var problem *syntax.Error
		if errors.As(err, &problem) {
			return fmt.Errorf("not a regular expression in RE2's syntax: %s", problem.Code)
		}
		return errors.New("not a regular expression in RE2's syntax")
	}
	if matchesEmpty(tree) {
		return errors.New("matches empty text")
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil || len(program.Inst) > maxPatternSteps {
		return fmt.Errorf("repeats too much: its machine has more than %d steps", maxPatternSteps)
	}
	return nil
}

// matchesEmpty says whether an expression matches no characters somewhere, as of a text or between two words.
func matchesEmpty(e *syntax.Regexp) bool {
	switch e.Op {
	case syntax.OpNoMatch, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return false
	case syntax.OpLiteral:
		return len(e.Rune) == 0
	case syntax.OpCapture, syntax.OpPlus:
		return matchesEmpty(e.Sub[0])
	case syntax.OpRepeat:
		return e.Min == 0 || matchesEmpty(e.Sub[0])
	case syntax.OpConcat:
		return !slices.ContainsFunc(e.Sub, func(s *syntax.Regexp) bool { return !matchesEmpty(s) })
	case syntax.OpAlternate:
		return slices.ContainsFunc(e.Sub, matchesEmpty)
	default: // what looks at the text around, and what may be there any number of times
		return true
	}
}

// CheckHost says what is wrong with a host that may be linked to, nil when nothing is: a name or an IPv4 address in lower
// case, or "*." and a domain, which stands for all below it.
func CheckHost(host string) error {
	name := strings.TrimPrefix(host, "*.")
	if name == "" || len(name) > 253 {
		return fmt.Errorf("%q is empty or too long", host)
	}
	for label := range strings.SplitSeq(name, ".") {
		odd := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' }
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, odd) {
			return fmt.Errorf("%q is not a host in lower case, nor *. and a domain", host)
		}
	}
	return nil
}

// content checks what is kept of answers and looked for in texts, of the gateway and of its routes.
func (v *validation) content(d *Document, providers map[string]bool) {
	c := contentCheck{v, d, providers}
	c.cache("gateway.cache", d.Core.Gateway.Cache)
	c.sanitizer("gateway.sanitizer", d.Core.Gateway.Sanitizer)
	for i := range d.Core.Routes {
		r, at := &d.Core.Routes[i], fmt.Sprintf("routes[%d]", i)
		c.cache(at+".cache", r.Cache)
		c.sanitizer(at+".sanitizer", r.Sanitizer)
	}
}

// contentCheck is a validation that sees the whole document.
type contentCheck struct {
	*validation
	document  *Document
	providers map[string]bool
}

var (
	allModes   = []SanitizeMode{SanitizeFlag, SanitizeRedact, SanitizeBlock}
	judgements = []SanitizeMode{SanitizeFlag, SanitizeBlock} // of what says of a text as a whole
)

func (c *contentCheck) sanitizer(at string, s *Sanitizer) {
	if s == nil {
		return
	}
	if p := s.PromptInjection; p != nil {
		known(c, at+".promptInjection.mode", p.Mode, judgements)
		known(c, at+".promptInjection.sensitivity", p.Sensitivity, Sensitivities)
		someOf(c, at+".promptInjection.scopes", p.Scopes, TextScopes)
	}
	if p := s.PII; p != nil {
		known(c, at+".pii.mode", p.Mode, allModes)
		someOf(c, at+".pii.kinds", p.Kinds, PIIKinds)
		someOf(c, at+".pii.directions", p.Directions, Directions)
		someOf(c, at+".pii.scopes", p.Scopes, TextScopes)
	}
	c.denyPatterns(at+".denyPatterns", s.DenyPatterns)
	if p := s.ControlCharacters; p != nil {
		known(c, at+".controlCharacters.mode", p.Mode, allModes)
		someOf(c, at+".controlCharacters.scopes", p.Scopes, TextScopes)
	}
	if p := s.SystemPromptLeak; p != nil {
		known(c, at+".systemPromptLeak.mode", p.Mode, allModes)
	}
	if p := s.ImageLinks; p != nil {
		known(c, at+".imageLinks.mode", p.Mode, allModes)
		c.hosts(at+".imageLinks.allowedHosts", p.AllowedHosts)
	}
	c.guards(at, s)
}

func (c *contentCheck) denyPatterns(at string, patterns []DenyPattern) {
	if len(patterns) > MaxDenyPatterns {
		c.add("%s: %d, of at most %d", at, len(patterns), MaxDenyPatterns)
	}
	seen := map[string]bool{}
	for i, p := range patterns {
		one := fmt.Sprintf("%s[%d]", at, i)
		odd := func(r rune) bool { return r <= ' ' || r > '~' }
		if p.Name == "" || len(p.Name) > maxPatternName || strings.ContainsFunc(p.Name, odd) {
			c.add("%s.name: must be 1 to %d printable ASCII characters without spaces", one, maxPatternName)
		} else if seen[p.Name] {
			c.add("%s.name: %q stands twice", one, p.Name)
		}
		seen[p.Name] = true
		if err := CheckPattern(p.Regex); err != nil {
			c.add("%s.regex: %w", one, err)
		}
		known(c, one+".mode", p.Mode, allModes)
		someOf(c, one+".directions", p.Directions, Directions)
		someOf(c, one+".scopes", p.Scopes, TextScopes)
	}
}

func (c *contentCheck) hosts(at string, hosts []string) {
	for i, host := range hosts {
		if err := CheckHost(host); err != nil {
			c.add("%s[%d]: %w", at, i, err)
		}
		if i > 0 && hosts[i-1] >= host {
			c.add("%s[%d]: %q is out of order or stands twice", at, i, host)
		}
	}
}

func (c *contentCheck) guards(at string, s *Sanitizer) {
	if w := s.Webhook; w != nil {
		c.url(at+".webhook.url", w.URL)
		c.authorization(at+".webhook.authorization", w.Authorization, c.document.Secrets)
		c.authorities(at+".webhook.ca", w.CA)
		c.positive(at+".webhook.timeout", w.Timeout)
		known(c, at+".webhook.onFailure", w.OnFailure, GuardFailures)
		someOf(c, at+".webhook.directions", w.Directions, Directions)
	}
	if m := s.Moderation; m != nil {
		known(c, at+".moderation.mode", m.Mode, judgements)
		c.target(at+".moderation.target", &m.Target, c.providers)
		c.positive(at+".moderation.timeout", m.Timeout)
		known(c, at+".moderation.onFailure", m.OnFailure, GuardFailures)
		someOf(c, at+".moderation.directions", m.Directions, Directions)
		for _, category := range sortedNames(m.Thresholds) {
			if least := m.Thresholds[category]; category == "" || least < 1 || least > millionths {
				c.add("%s.moderation.thresholds[%q]: %d is not within 1 and %d, or the category is empty", at, category, least, millionths)
			}
		}
	}
}

// known checks a word that must be one of some.
func known[W ~string](c *contentCheck, field string, word W, words []W) {
	if !slices.Contains(words, word) {
		c.add("%s: %q is not known to this gateway", field, word)
	}
}

// someOf checks a list of some of the words, in order and none twice.
func someOf[W ~string](c *contentCheck, field string, list, words []W) {
	if len(list) == 0 {
		c.add("%s: empty", field)
	}
	for i, word := range list {
		known(c, fmt.Sprintf("%s[%d]", field, i), word, words)
		if i > 0 && list[i-1] >= word {
			c.add("%s[%d]: %q is out of order or stands twice", field, i, word)
		}
	}
}
