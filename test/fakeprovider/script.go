// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// Rule says which requests get which directives. Every field that is set must match; of those that match, Nth, Count
// and Probability pick. A rule whose fault fits only streams (or only whole bodies) passes over other requests.
type Rule struct {
	Name   string `json:"name,omitempty"`   // for records; default: rule-1, rule-2…
	Model  string `json:"model,omitempty"`  // glob: * stands for any run of characters; markers count as part of the name
	Path   string `json:"path,omitempty"`   // glob, as above
	Stream *bool  `json:"stream,omitempty"` // only streamed requests, or only others

	Nth         int     `json:"nth,omitempty"`         // only the nth request that matches, counted from 1
	Count       int     `json:"count,omitempty"`       // only so many times
	Probability float64 `json:"probability,omitempty"` // above 0, at most 1; the draws are the same in every run

	Tokens int    `json:"tokens,omitempty"`
	Delay  string `json:"delay,omitempty"` // Go duration
	Fault  string `json:"fault,omitempty"` // see ParseFaults

	Matched int `json:"matched,omitempty"` // how many requests matched so far; ignored on input
	Fired   int `json:"fired,omitempty"`   // how many times the rule was applied; ignored on input
}

type compiledRule struct {
	Rule
	directives directives
}

// script is a list of rules in force. Safe for concurrent use.
type script struct {
	mu    sync.Mutex
	rules []*compiledRule
	draws *rand.Rand
}

// set replaces all rules, or none when one of them is wrong.
func (s *script) set(rules []Rule) error {
	compiled := make([]*compiledRule, 0, len(rules))
	for i, rule := range rules {
		if rule.Name == "" {
			rule.Name = fmt.Sprintf("rule-%d", i+1)
		}
		c, err := compileRule(rule)
		if err != nil {
			return fmt.Errorf("rule %d (%s): %w", i+1, rule.Name, err)
		}
		compiled = append(compiled, c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = compiled
	s.draws = rand.New(rand.NewPCG(1, 2))
	return nil
}

func compileRule(rule Rule) (*compiledRule, error) {
	rule.Matched, rule.Fired = 0, 0
	if rule.Nth < 0 || rule.Count < 0 {
		return nil, errors.New("nth and count must not be negative")
	}
	if rule.Nth > 0 && rule.Count > 0 {
		return nil, errors.New("nth and count exclude each other")
	}
	if rule.Probability < 0 || rule.Probability > 1 {
		return nil, errors.New("probability must lie between 0 and 1")
	}
	d := directives{rule: rule.Name, tokens: rule.Tokens}
	if rule.Tokens < 0 || rule.Tokens > maxTokens {
		return nil, fmt.Errorf("tokens must lie between 1 and %d", maxTokens)
	}
	for name, value := range map[string]string{"delay": rule.Delay, "fault": rule.Fault} {
		if value == "" {
			continue
		}
		if err := d.set(name, value); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if rule.Tokens == 0 && rule.Delay == "" && rule.Fault == "" {
		return nil, errors.New("has no effect: give it tokens, delay or fault")
	}
	return &compiledRule{Rule: rule, directives: d}, nil
}

// pick gives the directives of the first rule that fires for a request.
func (s *script) pick(path string, about subject) directives {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rule := range s.rules {
		if rule.matches(path, about) && rule.fires(s.draws) {
			return rule.directives
		}
	}
	return directives{}
}

func (r *compiledRule) matches(path string, about subject) bool {
	return (r.Path == "" || glob(r.Path, path)) &&
		(r.Model == "" || glob(r.Model, about.model)) &&
		(r.Stream == nil || *r.Stream == about.stream) &&
		r.directives.faults.fits(about) == nil
}

func (r *compiledRule) fires(draws *rand.Rand) bool {
	r.Matched++
	switch {
	case r.Nth > 0 && r.Matched != r.Nth,
		r.Count > 0 && r.Fired >= r.Count,
		r.Probability > 0 && draws.Float64() >= r.Probability:
		return false
	}
	r.Fired++
	return true
}

func (s *script) list() []Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	rules := make([]Rule, 0, len(s.rules))
	for _, rule := range s.rules {
		rules = append(rules, rule.Rule)
	}
	return rules
}

// parseRules reads the JSON list that the admin API takes, strictly.
func parseRules(body []byte) ([]Rule, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	var rules []Rule
	if err := decoder.Decode(&rules); err != nil {
		return nil, fmt.Errorf("the script is not a JSON list of rules: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the list of rules")
	}
	return rules, nil
}

// glob matches a pattern in which * stands for any run of characters, slashes too.
func glob(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(text) < len(first)+len(last) || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}
		text = text[at+len(part):]
	}
	return true
}

// defaultDirectives is what applies when neither the request nor the script says anything.
func defaultDirectives(delay time.Duration) directives {
	return directives{delay: delay, hasDelay: true}
}
