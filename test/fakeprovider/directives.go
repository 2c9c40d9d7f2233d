// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// maxTokens bounds how long an answer can be asked to be, in tokens.
const maxTokens = 1_000_000

// directives steer one answer.
type directives struct {
	tokens   int // 0: not said
	delay    time.Duration
	hasDelay bool
	faults   Faults
	content  contentDirectives
	rule     string // the name of the script's rule that had a part in this
}

// over fills what d leaves unsaid from weaker directives.
func (d directives) over(weaker directives) directives {
	if d.tokens == 0 {
		d.tokens = weaker.tokens
	}
	if !d.hasDelay {
		d.delay, d.hasDelay = weaker.delay, weaker.hasDelay
	}
	if d.faults.spec == "" {
		d.faults = weaker.faults
	}
	d.content = d.content.over(weaker.content)
	if d.rule == "" {
		d.rule = weaker.rule
	}
	return d
}

// set reads one directive; values are never empty, so an empty one is an error as any other.
func (d *directives) set(name, value string) (err error) {
	switch name {
	case "tokens":
		d.tokens, err = parseCount(value, 1, maxTokens)
	case "delay":
		d.delay, err = parseWait(value)
		d.hasDelay = true
	case "fault":
		d.faults, err = ParseFaults(value)
	default:
		return d.content.set(name, value)
	}
	return err
}

// said reads what the request itself asks for: headers, then the message's marker, then the model's.
func said(h http.Header, prompt, model string) (directives, error) {
	fromHeaders, err := headerDirectives(h)
	if err != nil {
		return directives{}, err
	}
	fromPrompt, err := promptDirectives(prompt)
	if err != nil {
		return directives{}, fmt.Errorf("[[fake]] marker in the last user message: %w", err)
	}
	fromModel, err := modelDirectives(model)
	if err != nil {
		return directives{}, fmt.Errorf("marker in the model's name: %w", err)
	}
	return fromHeaders.over(fromPrompt).over(fromModel), nil
}

func headerDirectives(h http.Header) (directives, error) {
	var d directives
	for _, header := range []struct{ name, directive string }{
		{"X-Fake-Tokens", "tokens"}, {"X-Fake-Token-Delay", "delay"}, {"X-Fake-Fault", "fault"},
		{"X-Fake-Calls", "calls"}, {"X-Fake-Reasoning", "reasoning"}, {"X-Fake-Refusal", "refusal"},
		{"X-Fake-Cached", "cached"},
		{"X-Fake-Signatures", "signatures"},
	} {
		values := h.Values(header.name)
		if len(values) == 0 {
			continue
		}
		if err := d.set(header.directive, strings.Join(values, ",")); err != nil {
			return directives{}, fmt.Errorf("header %s: %w", strings.ToLower(header.name), err)
		}
	}
	return d, nil
}

func promptDirectives(prompt string) (directives, error) {
	_, marker, found := strings.Cut(prompt, "[[fake")
	if !found {
		return directives{}, nil
	}
	marker, _, closed := strings.Cut(marker, "]]")
	if !closed {
		return directives{}, errors.New("no ]] closes it")
	}
	return listedDirectives(strings.Fields(marker))
}

func modelDirectives(model string) (directives, error) {
	_, marker, found := strings.Cut(model, "+")
	if !found {
		return directives{}, nil
	}
	return listedDirectives(strings.Split(marker, "+"))
}

func listedDirectives(items []string) (directives, error) {
	var d directives
	for _, item := range items {
		name, value, _ := strings.Cut(item, "=")
		if err := d.set(name, value); err != nil {
			return directives{}, err
		}
	}
	return d, nil
}

// BaseModel is a model's name without the directives it carries.
func BaseModel(model string) string {
	base, _, _ := strings.Cut(model, "+")
	return base
}
