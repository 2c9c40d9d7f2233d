// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// The defaults that the field comments of Sanitizer promise.
const (
	defaultGuardTimeout      = 300 * time.Millisecond
	defaultModerationTimeout = 2 * time.Second
)

// fromOutside are the scopes of words that the application's own author did not write.
var fromOutside = []v1alpha1.TextScope{"Tool", "User"}

// sanitizer reads what is looked for; nil is nothing.
func (c *compilation) sanitizer(p *problems, from *v1alpha1.Sanitizer) *config.Sanitizer {
	if from == nil {
		return nil
	}
	s := &config.Sanitizer{}
	p.content(s, &from.ContentRules)
	if w := from.Webhook; w != nil {
		s.Webhook = c.guardWebhook(p, w)
	}
	if m := from.Moderation; m != nil && m.Mode != v1alpha1.ModeOff {
		s.Moderation = p.moderation(m)
	}
	return orNothing(s)
}

// routeSanitizer gives what stands in place of the gateway's; nil keeps that. What the route does not mention, and the guards, are
// as there.
func (p *problems) routeSanitizer(from *v1alpha1.RouteSanitizer, gateway *config.Sanitizer) *config.Sanitizer {
	if from == nil {
		return nil
	}
	s := &config.Sanitizer{}
	if gateway != nil {
		*s = *gateway
	}
	p.content(s, &from.ContentRules)
	return s
}

// orNothing gives nil in place of a sanitizer that looks for nothing.
func orNothing(s *config.Sanitizer) *config.Sanitizer {
	if s.PromptInjection == nil && s.PII == nil && len(s.DenyPatterns) == 0 && s.ControlCharacters == nil && s.SystemPromptLeak == nil &&
		s.ImageLinks == nil && s.Webhook == nil && s.Moderation == nil {
		return nil
	}
	return s
}

// content replaces what the rules mention.
func (p *problems) content(s *config.Sanitizer, from *v1alpha1.ContentRules) {
	const field = "spec.sanitizer."
	if i := from.PromptInjection; i != nil {
		s.PromptInjection = nil
		if mode, on := p.verdictMode(field+"promptInjection.mode", i.Mode); on {
			s.PromptInjection = &config.PromptInjection{
				Mode:        mode,
				Sensitivity: config.Sensitivity(p.oneOf(field+"promptInjection.sensitivity", string(i.Sensitivity), "Medium", words(config.Sensitivities))),
				Scopes:      set[config.TextScope](p, field+"promptInjection.scopes", i.Scopes, fromOutside, config.TextScopes),
			}
		}
	}
	if i := from.PII; i != nil {
		s.PII = nil
		if mode, on := p.mode(field+"pii.mode", string(i.Mode), v1alpha1.ModeRedact); on {
			s.PII = &config.PII{
				Mode:       mode,
				Kinds:      set[config.PIIKind](p, field+"pii.kinds", i.Kinds, nil, config.PIIKinds),
				Directions: set[config.Direction](p, field+"pii.directions", i.Directions, nil, config.Directions),
				Scopes:     set[config.TextScope](p, field+"pii.scopes", i.Scopes, nil, config.TextScopes),
			}
		}
	}
	if from.DenyPatterns != nil {
		s.DenyPatterns = p.denyPatterns(field+"denyPatterns", from.DenyPatterns)
	}
	p.rest(s, from)
}

// rest replaces what has few settings.
func (p *problems) rest(s *config.Sanitizer, from *v1alpha1.ContentRules) {
	const field = "spec.sanitizer."
	if i := from.ControlCharacters; i != nil {
		s.ControlCharacters = nil
		if mode, on := p.mode(field+"controlCharacters.mode", string(i.Mode), v1alpha1.ModeRedact); on {
			s.ControlCharacters = &config.ControlCharacters{
				Mode: mode, Scopes: set[config.TextScope](p, field+"controlCharacters.scopes", i.Scopes, fromOutside, config.TextScopes),
			}
		}
	}
	if i := from.SystemPromptLeak; i != nil {
		s.SystemPromptLeak = nil
		if mode, on := p.mode(field+"systemPromptLeak.mode", string(i.Mode), v1alpha1.ModeRedact); on {
			s.SystemPromptLeak = &config.SystemPromptLeak{Mode: mode}
		}
	}
	if i := from.ImageLinks; i != nil {
		s.ImageLinks = nil
		if mode, on := p.mode(field+"imageLinks.mode", string(i.Mode), v1alpha1.ModeRedact); on {
			s.ImageLinks = &config.ImageLinks{Mode: mode, AllowedHosts: sorted(i.AllowedHosts)}
		}
		for n, host := range i.AllowedHosts {
			if err := config.CheckHost(host); err != nil {
				p.add("%simageLinks.allowedHosts[%d]: %w", field, n, err)
			}
		}
	}
}

// denyPatterns reads patterns in the user's order. One that cannot be compiled would guard nothing.
func (p *problems) denyPatterns(field string, from []v1alpha1.DenyPattern) []config.DenyPattern {
	if len(from) > config.MaxDenyPatterns {
		p.add("%s: %d, of at most %d", field, len(from), config.MaxDenyPatterns)
	}
	var out []config.DenyPattern
	seen := map[string]bool{}
	for i := range from {
		d, at := &from[i], fmt.Sprintf("%s[%d]", field, i)
		mode, on := p.mode(at+".mode", string(d.Mode), v1alpha1.ModeBlock)
		if len(validation.IsDNS1123Label(d.Name)) > 0 || seen[d.Name] {
			p.add("%s.name: %q is not a name of lower-case letters, digits and dashes, or stands twice", at, d.Name)
		}
		seen[d.Name] = true
		if err := config.CheckPattern(d.Regex); err != nil {
			p.add("%s.regex: %w", at, err)
		}
		if !on {
			continue
		}
		out = append(out, config.DenyPattern{
			Name: d.Name, Regex: d.Regex, Mode: mode,
			Directions: set[config.Direction](p, at+".directions", d.Directions, []v1alpha1.Direction{"Request"}, config.Directions),
			Scopes:     set[config.TextScope](p, at+".scopes", d.Scopes, nil, config.TextScopes),
		})
	}
	return out
}

func (c *compilation) guardWebhook(p *problems, w *v1alpha1.GuardWebhook) *config.GuardWebhook {
	const field = "spec.sanitizer.webhook"
	if err := config.CheckURL(w.URL); err != nil {
		p.add("%s.url: %w", field, err)
	}
	out := &config.GuardWebhook{
		URL: w.URL, Authorization: c.authorization(field+".authorizationSecretRef", w.AuthorizationSecretRef, "sanitizer/webhook"),
		Timeout:    p.duration(field+".timeout", w.Timeout, defaultGuardTimeout),
		OnFailure:  config.GuardFailure(p.oneOf(field+".onFailure", string(w.OnFailure), string(config.GuardDeny), words(config.GuardFailures))),
		Directions: set[config.Direction](p, field+".directions", w.Directions, []v1alpha1.Direction{"Request"}, config.Directions),
	}
	if w.CASecretRef != nil {
		out.CA = c.authorities(field+".caSecretRef", *w.CASecretRef)
	}
	return out
}

func (p *problems) moderation(m *v1alpha1.Moderation) *config.Moderation {
	const field = "spec.sanitizer.moderation"
	mode, _ := p.verdictMode(field+".mode", m.Mode)
	out := &config.Moderation{
		Mode: mode, Timeout: p.duration(field+".timeout", m.Timeout, defaultModerationTimeout),
		OnFailure:  config.GuardFailure(p.oneOf(field+".onFailure", string(m.OnFailure), string(config.GuardDeny), words(config.GuardFailures))),
		Directions: set[config.Direction](p, field+".directions", m.Directions, []v1alpha1.Direction{"Request"}, config.Directions),
	}
	for _, category := range sortedKeys(m.Thresholds) {
		if out.Thresholds == nil {
			out.Thresholds = map[string]int64{}
		}
		out.Thresholds[category] = p.fraction(field+".thresholds["+category+"]", string(m.Thresholds[category]), 1, "above 0 and at most 1")
	}
	return out
}

// mode gives what becomes of a finding; false where nobody looks.
func (p *problems) mode(field, mode, otherwise string) (config.SanitizeMode, bool) {
	mode = p.oneOf(field, mode, otherwise, []string{v1alpha1.ModeOff, v1alpha1.ModeFlag, v1alpha1.ModeRedact, v1alpha1.ModeBlock})
	return config.SanitizeMode(mode), mode != v1alpha1.ModeOff
}

// verdictMode is mode of what says of a text as a whole, of which nothing could be replaced.
func (p *problems) verdictMode(field string, mode v1alpha1.FlagMode) (config.SanitizeMode, bool) {
	word := p.oneOf(field, string(mode), v1alpha1.ModeBlock, []string{v1alpha1.ModeOff, v1alpha1.ModeFlag, v1alpha1.ModeBlock})
	return config.SanitizeMode(word), word != v1alpha1.ModeOff
}

// oneOf gives a word of a list, or the default where there is none.
func (p *problems) oneOf(field, word, otherwise string, of []string) string {
	word = cmp.Or(word, otherwise)
	if !slices.Contains(of, word) {
		p.add("%s: %q is not one of %v", field, word, of)
		return otherwise
	}
	return word
}

func words[S ~string](list []S) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

// set gives a list of words in order, each once. An empty one is the default, and without a default all that there are.
func set[T, S ~string](p *problems, field string, from, otherwise []S, of []T) []T {
	if len(from) == 0 {
		from = otherwise
	}
	if len(from) == 0 {
		return slices.Clone(of)
	}
	var out []T
	for i, word := range from {
		if !slices.Contains(of, T(word)) {
			p.add("%s[%d]: %q is not one of %v", field, i, word, of)
			continue
		}
		out = append(out, T(word))
	}
	return sorted(out)
}

// sorted gives words in order, each once.
func sorted[S ~string](list []S) []S {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}
