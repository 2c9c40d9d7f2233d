// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// sanitizing makes a SparkGateway look for something.
func sanitizing(s *v1alpha1.Sanitizer) *v1alpha1.SparkGateway {
	return gateway(withSpec(func(spec *v1alpha1.SparkGatewaySpec) { spec.Sanitizer = s }))
}

// looking is a sanitizer that looks in words only.
func looking(rules v1alpha1.ContentRules) *v1alpha1.Sanitizer {
	return &v1alpha1.Sanitizer{ContentRules: rules}
}

// sanitizedRoute is a ModelRoute "smart" that looks for something of its own.
func sanitizedRoute(rules v1alpha1.ContentRules) v1alpha1.ModelRoute {
	return route("smart", withRoute(func(s *v1alpha1.ModelRouteSpec) { s.Sanitizer = &v1alpha1.RouteSanitizer{ContentRules: rules} }))
}

// moderating asks the model "moderation" of the provider "openai".
func moderating() *v1alpha1.Moderation {
	return &v1alpha1.Moderation{Target: model("openai", "moderation")}
}

var (
	outside = []config.TextScope{config.ScopeTool, config.ScopeUser}
	request = []config.Direction{config.DirectionRequest}
)

// everything looks for all that there is, by defaults.
func everything() *v1alpha1.Sanitizer {
	return &v1alpha1.Sanitizer{
		ContentRules: v1alpha1.ContentRules{
			PromptInjection: &v1alpha1.PromptInjection{}, PII: &v1alpha1.PII{}, DenyPatterns: []v1alpha1.DenyPattern{{Name: "hosts", Regex: `\.corp\b`}},
			ControlCharacters: &v1alpha1.ControlCharacters{}, SystemPromptLeak: &v1alpha1.SystemPromptLeak{}, ImageLinks: &v1alpha1.ImageLinks{},
		},
		Webhook: &v1alpha1.GuardWebhook{URL: "https://guard.example.com/check"}, Moderation: moderating(),
	}
}

// byDefault is what becomes of it, as the field comments promise.
func byDefault() *config.Sanitizer {
	return &config.Sanitizer{
		PromptInjection: &config.PromptInjection{Mode: config.SanitizeBlock, Sensitivity: config.SensitivityMedium, Scopes: outside},
		PII:             &config.PII{Mode: config.SanitizeRedact, Kinds: config.PIIKinds, Directions: config.Directions, Scopes: config.TextScopes},
		DenyPatterns: []config.DenyPattern{
			{Name: "hosts", Regex: `\.corp\b`, Mode: config.SanitizeBlock, Directions: request, Scopes: config.TextScopes}},
		ControlCharacters: &config.ControlCharacters{Mode: config.SanitizeRedact, Scopes: outside},
		SystemPromptLeak:  &config.SystemPromptLeak{Mode: config.SanitizeRedact},
		ImageLinks:        &config.ImageLinks{Mode: config.SanitizeRedact},
		Webhook: &config.GuardWebhook{
			URL: "https://guard.example.com/check", Timeout: duration("300ms"), OnFailure: config.GuardDeny, Directions: request},
		Moderation: &config.Moderation{
			Mode: config.SanitizeBlock, Target: config.Target{Provider: "team/openai", Model: "moderation", Upstream: "moderation"},
			Timeout: duration("2s"), OnFailure: config.GuardDeny, Directions: request,
		},
	}
}

func TestWhatAGatewayLooksFor(t *testing.T) {
	off := v1alpha1.ContentRules{
		PromptInjection: &v1alpha1.PromptInjection{Mode: "Off"}, PII: &v1alpha1.PII{Mode: "Off"}, ControlCharacters: &v1alpha1.ControlCharacters{Mode: "Off"},
		DenyPatterns:     []v1alpha1.DenyPattern{{Name: "a", Regex: "a", Mode: "Off"}},
		SystemPromptLeak: &v1alpha1.SystemPromptLeak{Mode: "Off"}, ImageLinks: &v1alpha1.ImageLinks{Mode: "Off"},
	}
	tests := map[string]struct {
		from *v1alpha1.Sanitizer
		want *config.Sanitizer
	}{
		"nothing without a word": {nil, nil},
		"nothing where all is off": {&v1alpha1.Sanitizer{ContentRules: off,
			Moderation: &v1alpha1.Moderation{Mode: "Off", Target: model("nobody", "moderation")}}, nil},
		"everything, by defaults": {everything(), byDefault()},
		"everything, as it is said, and sets in order": {
			&v1alpha1.Sanitizer{
				ContentRules: v1alpha1.ContentRules{
					PromptInjection: &v1alpha1.PromptInjection{Mode: "Flag", Sensitivity: "High", Scopes: []v1alpha1.TextScope{"User", "System"}},
					PII: &v1alpha1.PII{Mode: "Block", Kinds: []v1alpha1.PIIKind{"SSN", "Email"}, Directions: []v1alpha1.Direction{"Response", "Request"},
						Scopes: []v1alpha1.TextScope{"User", "Assistant"}},
					DenyPatterns: []v1alpha1.DenyPattern{
						{Name: "second", Regex: "b", Mode: "Flag", Directions: []v1alpha1.Direction{"Response"}},
						{Name: "none", Regex: "c", Mode: "Off"},
						{Name: "first", Regex: "a", Mode: "Redact", Scopes: []v1alpha1.TextScope{"Tool"}},
					},
					ControlCharacters: &v1alpha1.ControlCharacters{Mode: "Block", Scopes: []v1alpha1.TextScope{"Tool", "Assistant"}},
					SystemPromptLeak:  &v1alpha1.SystemPromptLeak{Mode: "Block"},
					ImageLinks:        &v1alpha1.ImageLinks{Mode: "Flag", AllowedHosts: []string{"b.example", "*.a.example"}},
				},
				Webhook: &v1alpha1.GuardWebhook{URL: "http://guard", Timeout: "1s", OnFailure: "Allow", Directions: []v1alpha1.Direction{"Response", "Request"}},
				Moderation: &v1alpha1.Moderation{Mode: "Flag", Target: model("team/openai", "moderation"), Timeout: "5s", OnFailure: "Allow",
					Directions: []v1alpha1.Direction{"Response"}, Thresholds: map[string]v1alpha1.Score{"hate": "0.5", "self-harm/intent": "0.000001", "sexual": "1"}},
			},
			&config.Sanitizer{
				PromptInjection: &config.PromptInjection{Mode: config.SanitizeFlag, Sensitivity: config.SensitivityHigh, Scopes: []config.TextScope{config.ScopeSystem, config.ScopeUser}},
				PII: &config.PII{Mode: config.SanitizeBlock, Kinds: []config.PIIKind{config.PIIEmail, config.PIISSN}, Directions: config.Directions,
					Scopes: []config.TextScope{config.ScopeAssistant, config.ScopeUser}},
				DenyPatterns: []config.DenyPattern{
					{Name: "second", Regex: "b", Mode: config.SanitizeFlag, Directions: []config.Direction{config.DirectionResponse}, Scopes: config.TextScopes},
					{Name: "first", Regex: "a", Mode: config.SanitizeRedact, Directions: request, Scopes: []config.TextScope{config.ScopeTool}},
				},
				ControlCharacters: &config.ControlCharacters{Mode: config.SanitizeBlock, Scopes: []config.TextScope{config.ScopeAssistant, config.ScopeTool}},
				SystemPromptLeak:  &config.SystemPromptLeak{Mode: config.SanitizeBlock},
				ImageLinks:        &config.ImageLinks{Mode: config.SanitizeFlag, AllowedHosts: []string{"*.a.example", "b.example"}},
				Webhook:           &config.GuardWebhook{URL: "http://guard", Timeout: duration("1s"), OnFailure: config.GuardAllow, Directions: config.Directions},
				Moderation: &config.Moderation{
					Mode: config.SanitizeFlag, Target: config.Target{Provider: "team/openai", Model: "moderation", Upstream: "moderation"},
					Timeout: duration("5s"), OnFailure: config.GuardAllow, Directions: []config.Direction{config.DirectionResponse},
					Thresholds: map[string]int64{"hate": 500_000, "self-harm/intent": 1, "sexual": 1_000_000},
				},
			}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(sanitizing(test.from), provider("openai", models("moderation")))
			out := mustServe(t, in)
			if diff := cmp.Diff(test.want, out.Document.Core.Gateway.Sanitizer); diff != "" {
				t.Errorf("sanitizer (-want +got):\n%s", diff)
			}
			wantInvariants(t, in, out)
		})
	}
}

func TestWhatARouteLooksForOtherwise(t *testing.T) {
	flag := &v1alpha1.PII{Mode: "Flag", Kinds: []v1alpha1.PIIKind{"Email"}, Directions: []v1alpha1.Direction{"Request"}}
	with := func(edit func(*config.Sanitizer)) *config.Sanitizer {
		s := byDefault()
		edit(s)
		return s
	}
	tests := map[string]struct {
		gateway *v1alpha1.Sanitizer
		route   v1alpha1.ContentRules
		want    *config.Sanitizer
	}{
		"what it says replaces the gateway's as a whole": {everything(), v1alpha1.ContentRules{PII: flag}, with(func(s *config.Sanitizer) {
			s.PII = &config.PII{Mode: config.SanitizeFlag, Kinds: []config.PIIKind{config.PIIEmail}, Directions: request, Scopes: config.TextScopes}
		})},
		"patterns replace all patterns": {everything(), v1alpha1.ContentRules{DenyPatterns: []v1alpha1.DenyPattern{{Name: "a", Regex: "a"}}}, with(func(s *config.Sanitizer) {
			s.DenyPatterns = []config.DenyPattern{{Name: "a", Regex: "a", Mode: config.SanitizeBlock, Directions: request, Scopes: config.TextScopes}}
		})},
		"no patterns replace all patterns": {everything(), v1alpha1.ContentRules{DenyPatterns: []v1alpha1.DenyPattern{}}, with(func(s *config.Sanitizer) { s.DenyPatterns = nil })},
		"Off takes it out": {everything(), v1alpha1.ContentRules{
			PromptInjection: &v1alpha1.PromptInjection{Mode: "Off"}, PII: &v1alpha1.PII{Mode: "Off"}, ControlCharacters: &v1alpha1.ControlCharacters{Mode: "Off"},
			DenyPatterns:     []v1alpha1.DenyPattern{{Name: "a", Regex: "a", Mode: "Off"}},
			SystemPromptLeak: &v1alpha1.SystemPromptLeak{Mode: "Off"}, ImageLinks: &v1alpha1.ImageLinks{Mode: "Off"},
		}, &config.Sanitizer{Webhook: byDefault().Webhook, Moderation: byDefault().Moderation}},
		"where the gateway looks for nothing":            {nil, v1alpha1.ContentRules{PII: &v1alpha1.PII{}}, &config.Sanitizer{PII: byDefault().PII}},
		"nothing either, where the gateway does neither": {nil, v1alpha1.ContentRules{PII: &v1alpha1.PII{Mode: "Off"}}, &config.Sanitizer{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(sanitizing(test.gateway), provider("openai", models("gpt-4o", "moderation")), sanitizedRoute(test.route), route("plain"))
			out := mustServe(t, in)
			if diff := cmp.Diff(test.want, routeIn(out, "team/smart").Sanitizer); diff != "" {
				t.Errorf("sanitizer (-want +got):\n%s", diff)
			}
			if s := routeIn(out, "team/plain").Sanitizer; s != nil {
				t.Errorf("a route that says nothing has %+v", s)
			}
			if s := out.Document.Core.Gateway.Sanitizer; test.gateway != nil && !cmp.Equal(byDefault(), s) {
				t.Errorf("a route changes the gateway (-want +got):\n%s", cmp.Diff(byDefault(), s))
			}
			wantInvariants(t, in, out)
		})
	}
}
