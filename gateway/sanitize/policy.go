// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sanitize looks for what must not go to a model, or come from it, in the texts of requests and answers, and
// flags, replaces or refuses it as the configuration says.
package sanitize

import (
	"slices"
	"sync"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/sanitize/injection"
	"github.com/sparkgateway/spark/gateway/sanitize/pii"
)

// Placeholder stands for what was replaced and has no placeholder of its own.
const Placeholder = "[REDACTED]"

// Policy is a config.Sanitizer, compiled. It is safe for concurrent use, and does not change, but for what it remembers of texts that
// come again; a nil one looks for nothing. The webhook and the moderation are not its: whoever can make calls asks them.
type Policy struct {
	// Scopes say in whose words of requests something is looked for; none where it is not.
	invisible, pii, injection scopes
	invisibleMode             config.SanitizeMode

	// Patterns are those of requests and of answers.
	requestPatterns, answerPatterns []*pattern

	piiKinds   pii.Kinds
	piiMode    config.SanitizeMode
	piiAnswers bool
	piiRefused *Blocked // of answers

	injectionMode config.SanitizeMode
	// injected says whether a text is an injection.
	injected func(text []byte, from config.TextScope) bool

	leak   *leakRule
	images *imageRule

	// clean are texts of requests in which nothing was found; remembers says that to look again costs more than to remember.
	clean     cleanTexts
	remembers bool
}

// leakRule says what becomes of leaks.
type leakRule struct {
	mode    config.SanitizeMode
	refused *Blocked
	indexes leakIndexes
}

// New compiles what the configuration says; nil where it says nothing that a Policy does.
func New(cfg *config.Sanitizer) (*Policy, error) {
	if cfg == nil {
		return nil, nil
	}
	p := &Policy{}
	for i := range cfg.DenyPatterns {
		compiled, err := newPattern(&cfg.DenyPatterns[i])
		if err != nil {
			return nil, err
		}
		if compiled.scopes != 0 {
			p.requestPatterns = append(p.requestPatterns, compiled)
		}
		if compiled.answers {
			p.answerPatterns = append(p.answerPatterns, compiled)
		}
	}
	if c := cfg.ControlCharacters; c != nil {
		p.invisible, p.invisibleMode = scopesOf(c.Scopes), c.Mode
	}
	if c := cfg.PII; c != nil {
		p.piiKinds, p.piiMode, p.piiRefused = piiKinds(c.Kinds), c.Mode, refusal(exchange.FoundPII)
		p.piiAnswers = slices.Contains(c.Directions, config.DirectionResponse)
		if slices.Contains(c.Directions, config.DirectionRequest) {
			p.pii = scopesOf(c.Scopes)
		}
	}
	if c := cfg.PromptInjection; c != nil {
		p.injection, p.injectionMode, p.injected = scopesOf(c.Scopes), c.Mode, detection(c.Sensitivity)
	}
	if c := cfg.SystemPromptLeak; c != nil {
		p.leak = &leakRule{mode: c.Mode, refused: refusal(exchange.FoundSystemPromptLeak)}
	}
	if c := cfg.ImageLinks; c != nil {
		p.images = &imageRule{newHostSet(c.AllowedHosts), c.Mode, refusal(exchange.FoundImageLink)}
	}
	p.remembers = p.injection != 0 || slices.ContainsFunc(p.requestPatterns, func(c *pattern) bool { return c.scans == nil })
	if !p.ReadsRequests() && !p.ReadsAnswers() {
		return nil, nil
	}
	return p, nil
}

// ReadsRequests says whether Request looks at anything, ReadsAnswers whether Answer may give a policy, and ReadsSystem whether
// Answer needs the request's system texts.
func (p *Policy) ReadsRequests() bool {
	return p != nil && (len(p.requestPatterns) > 0 || p.invisible|p.pii|p.injection != 0)
}

// ReadsAnswers is described at ReadsRequests.
func (p *Policy) ReadsAnswers() bool {
	return p != nil && (len(p.answerPatterns) > 0 || p.piiAnswers || p.leak != nil || p.images != nil)
}

// ReadsSystem is described at ReadsRequests.
func (p *Policy) ReadsSystem() bool { return p != nil && p.leak != nil }

// scopes is a set of config.TextScope.
type scopes uint8

// scopeOf gives one; words of whom nobody knows are a user's.
func scopeOf(name config.TextScope) scopes {
	switch name {
	case config.ScopeTool:
		return 2
	case config.ScopeSystem:
		return 4
	case config.ScopeAssistant:
		return 8
	}
	return 1
}

func scopesOf(names []config.TextScope) scopes {
	var set scopes
	for _, name := range names {
		set |= scopeOf(name)
	}
	return set
}

// detector is one for all policies: it reads its rules when it is made.
var detector = sync.OnceValue(func() *injection.Detector { return injection.New(nil) })

// detection gives what detects injections at a sensitivity.
func detection(least config.Sensitivity) func([]byte, config.TextScope) bool {
	sensitivity := map[config.Sensitivity]injection.Sensitivity{
		config.SensitivityLow: injection.Low, config.SensitivityMedium: injection.Medium, config.SensitivityHigh: injection.High,
	}[least]
	d := detector()
	return func(text []byte, from config.TextScope) bool {
		source := injection.User
		switch from {
		case config.ScopeTool:
			source = injection.Tool
		case config.ScopeSystem:
			source = injection.System
		}
		return d.Detect(text, source).Exceeds(sensitivity)
	}
}
