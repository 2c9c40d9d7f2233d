// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway/config"
)

// unreadable are rules that nothing could be looked for by, and what is said of them.
func unreadable() map[string]struct {
	rules v1alpha1.ContentRules
	want  string
} {
	type rules = v1alpha1.ContentRules
	pattern := func(name, regex string) rules {
		return rules{DenyPatterns: []v1alpha1.DenyPattern{{Name: name, Regex: regex}}}
	}
	many := rules{}
	for i := range 65 {
		many.DenyPatterns = append(many.DenyPatterns, v1alpha1.DenyPattern{Name: fmt.Sprintf("p-%d", i), Regex: "a"})
	}
	hosts := func(hosts ...string) rules { return rules{ImageLinks: &v1alpha1.ImageLinks{AllowedHosts: hosts}} }
	const p, all = "spec.sanitizer.", "[Assistant System Tool User]"
	return map[string]struct {
		rules v1alpha1.ContentRules
		want  string
	}{
		"a pattern that is none":           {pattern("a", "("), p + "denyPatterns[0].regex: not a regular expression in RE2's syntax: missing closing )"},
		"a pattern of another syntax":      {pattern("a", "(?=a)a"), p + "denyPatterns[0].regex: not a regular expression in RE2's syntax: invalid or unsupported Perl syntax"},
		"a pattern of everything":          {pattern("a", "a*"), p + "denyPatterns[0].regex: matches empty text"},
		"a pattern of what is between":     {pattern("a", `\b`), p + "denyPatterns[0].regex: matches empty text"},
		"a pattern of nothing":             {pattern("a", ""), p + "denyPatterns[0].regex: matches empty text"},
		"a pattern that is too long":       {pattern("a", strings.Repeat("a", 1025)), p + "denyPatterns[0].regex: has 1025 bytes, of at most 1024"},
		"a pattern that repeats too much":  {pattern("a", strings.Repeat("(?:a{99}b){9}", 5)), p + "denyPatterns[0].regex: repeats too much: its machine has more than 4096 steps"},
		"a pattern that is off":            {rules{DenyPatterns: []v1alpha1.DenyPattern{{Name: "a", Regex: "(", Mode: "Off"}}}, p + "denyPatterns[0].regex: not a regular expression in RE2's syntax: missing closing )"},
		"a pattern without a name":         {pattern("", "a"), p + `denyPatterns[0].name: "" is not a name of lower-case letters, digits and dashes, or stands twice`},
		"a pattern's name of a line":       {pattern("a\nb", "a"), p + `denyPatterns[0].name: "a\nb" is not a name of lower-case letters, digits and dashes, or stands twice`},
		"two patterns of one name":         {rules{DenyPatterns: append(pattern("a", "a").DenyPatterns, pattern("a", "b").DenyPatterns...)}, p + `denyPatterns[1].name: "a" is not a name of lower-case letters, digits and dashes, or stands twice`},
		"too many patterns":                {many, p + "denyPatterns: 65, of at most 64"},
		"a host that is none":              {hosts("a", "a b"), p + `imageLinks.allowedHosts[1]: "a b" is not a host in lower case, nor *. and a domain`},
		"a host with too long a label":     {hosts(strings.Repeat("a", 64)), p + fmt.Sprintf("imageLinks.allowedHosts[0]: %q is not a host in lower case, nor *. and a domain", strings.Repeat("a", 64))},
		"a way that replaces nothing":      {rules{PromptInjection: &v1alpha1.PromptInjection{Mode: "Redact"}}, p + `promptInjection.mode: "Redact" is not one of [Off Flag Block]`},
		"an unknown way":                   {rules{PII: &v1alpha1.PII{Mode: "Mask"}}, p + `pii.mode: "Mask" is not one of [Off Flag Redact Block]`},
		"an unknown sensitivity":           {rules{PromptInjection: &v1alpha1.PromptInjection{Sensitivity: "None"}}, p + `promptInjection.sensitivity: "None" is not one of [Low Medium High]`},
		"an unknown kind":                  {rules{PII: &v1alpha1.PII{Kinds: []v1alpha1.PIIKind{"Email", "Name"}}}, p + `pii.kinds[1]: "Name" is not one of [APIKey CreditCard Email IBAN IPAddress Phone SSN]`},
		"an unknown direction":             {rules{PII: &v1alpha1.PII{Directions: []v1alpha1.Direction{"Up"}}}, p + `pii.directions[0]: "Up" is not one of [Request Response]`},
		"an unknown scope":                 {rules{ControlCharacters: &v1alpha1.ControlCharacters{Scopes: []v1alpha1.TextScope{"Developer"}}}, p + `controlCharacters.scopes[0]: "Developer" is not one of ` + all},
		"an unknown scope of a pattern":    {rules{DenyPatterns: []v1alpha1.DenyPattern{{Name: "a", Regex: "a", Scopes: []v1alpha1.TextScope{"X"}}}}, p + `denyPatterns[0].scopes[0]: "X" is not one of ` + all},
		"an unknown way with instructions": {rules{SystemPromptLeak: &v1alpha1.SystemPromptLeak{Mode: "X"}}, p + `systemPromptLeak.mode: "X" is not one of [Off Flag Redact Block]`},
	}
}

func TestAGatewayThatCannotLookKeepsItsLastDocument(t *testing.T) {
	for name, test := range unreadable() {
		t.Run(name, func(t *testing.T) {
			in := input(sanitizing(looking(test.rules)))
			out := compiler.Compile(in)
			want := wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: test.want}}
			if diff := cmp.Diff(want, findingsOf(&out.Gateway)); diff != "" || out.Document != nil {
				t.Errorf("document %t, verdict (-want +got):\n%s", out.Document != nil, diff)
			}
			wantInvariants(t, in, out)
		})
	}
}

// What a route was to be guarded by must not be what lets its requests through.
func TestARouteThatCannotLookServesNothing(t *testing.T) {
	for name, test := range unreadable() {
		t.Run(name, func(t *testing.T) {
			smart := sanitizedRoute(test.rules)
			smart.Spec.Mirror = &v1alpha1.Mirror{Target: model("openai", "gpt-4o")}
			smart.Spec.Models = []v1alpha1.ModelName{"smart", "gpt-4o"}
			in := input(provider("openai", models("gpt-4o", "smart")), smart, route("younger", serving("smart", "own"), bornAt(5)), route("rest", serving("sm*")))
			out := mustServe(t, in)
			want := wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: test.want}}
			verdict := out.Routes[own("smart")]
			if diff := cmp.Diff(want, findingsOf(verdict)); diff != "" || verdict.Served() || verdict.Content != "" {
				t.Errorf("%+v, verdict (-want +got):\n%s", verdict, diff)
			}
			wantRoute := &config.Route{ID: "team/smart", Models: []string{"gpt-4o", "smart"}, Strategy: config.Weighted}
			if diff := cmp.Diff(wantRoute, routeIn(out, "team/smart")); diff != "" {
				t.Errorf("the route keeps its names, and has no targets (-want +got):\n%s", diff)
			}
			if younger := routeIn(out, "team/younger"); younger == nil || len(younger.Models) != 1 || younger.Models[0] != "own" {
				t.Errorf("a younger route serves its names: %+v", younger)
			}
			wantInvariants(t, in, out)
		})
	}
}

func TestARouteThatCannotLookAndHasNoNamesLeftIsNotThere(t *testing.T) {
	broken := sanitizedRoute(v1alpha1.ContentRules{DenyPatterns: []v1alpha1.DenyPattern{{Name: "a", Regex: "("}}})
	broken.CreationTimestamp = born(9)
	elsewhereToo := broken.DeepCopy()
	elsewhereToo.Namespace = elsewhere
	nameless := broken.DeepCopy()
	nameless.Name, nameless.Spec.Models = "nameless", nil
	out := mustServe(t, input(provider("openai", models("gpt-4o")), route("older", serving("smart")), broken, *elsewhereToo, *nameless))
	for _, id := range []string{"team/smart", "elsewhere/smart", "team/nameless"} {
		if r := routeIn(out, id); r != nil {
			t.Errorf("%s is in the document: %+v", id, r)
		}
	}
	const syntax = "spec.sanitizer.denyPatterns[0].regex: not a regular expression in RE2's syntax: missing closing )"
	for at, want := range map[string]string{
		"team/smart":      syntax + "\n" + `spec.models[0]: "smart" is served by the older ModelRoute team/older`,
		"team/nameless":   "spec.models: empty\n" + syntax,
		"elsewhere/smart": syntax,
	} {
		namespace, name, _ := strings.Cut(at, "/")
		if got := out.Routes[in(namespace, name)].Accepted; got.Message != want || got.Reason != v1alpha1.ReasonInvalid {
			t.Errorf("%s: %+v, want %q", at, got, want)
		}
	}
}

func TestVerdictOnAGatewaysGuards(t *testing.T) {
	webhook := func(edit func(*v1alpha1.GuardWebhook)) *v1alpha1.Sanitizer {
		s := &v1alpha1.Sanitizer{Webhook: &v1alpha1.GuardWebhook{URL: "https://guard", AuthorizationSecretRef: new(key("guard")), CASecretRef: new(key("guard-ca"))}}
		edit(s.Webhook)
		return s
	}
	asking := func(edit func(*v1alpha1.Moderation)) *v1alpha1.Sanitizer {
		s := &v1alpha1.Sanitizer{Moderation: moderating()}
		edit(s.Moderation)
		return s
	}
	accepted := func(message string) wantFindings {
		return wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: message}}
	}
	resolved := func(reason v1alpha1.Reason, message string) wantFindings {
		return wantFindings{ResolvedRefs: compiler.Finding{Reason: reason, Message: message}}
	}
	const w, m = "spec.sanitizer.webhook.", "spec.sanitizer.moderation."
	good := []any{secret("guard", "authorization", "Bearer canary-guard"), secret("guard-ca", "ca.crt", certificates()["@CERT@"]),
		provider("openai", models("moderation"))}
	tests := map[string]struct {
		from   *v1alpha1.Sanitizer
		others []any
		want   wantFindings
	}{
		"a webhook with all that it needs": {webhook(func(*v1alpha1.GuardWebhook) {}), good, wantFindings{}},
		"a webhook that is nowhere":        {webhook(func(g *v1alpha1.GuardWebhook) { g.URL = "guard" }), good, accepted(w + "url: must begin with http:// or https://")},
		"a webhook in no time":             {webhook(func(g *v1alpha1.GuardWebhook) { g.Timeout = "0s" }), good, accepted(w + `timeout: "0s" is not a duration above zero`)},
		"a webhook that fails otherwise":   {webhook(func(g *v1alpha1.GuardWebhook) { g.OnFailure = "Retry" }), good, accepted(w + `onFailure: "Retry" is not one of [Allow Deny]`)},
		"a webhook of another direction":   {webhook(func(g *v1alpha1.GuardWebhook) { g.Directions = []v1alpha1.Direction{"Up"} }), good, accepted(w + `directions[0]: "Up" is not one of [Request Response]`)},
		"a webhook without its header":     {webhook(func(*v1alpha1.GuardWebhook) {}), good[1:], resolved(v1alpha1.ReasonSecretNotFound, w+"authorizationSecretRef: Secret team/guard does not exist")},
		"a webhook with a header of two lines": {webhook(func(*v1alpha1.GuardWebhook) {}), append([]any{secret("guard", "authorization", "Bearer a\r\nX-A: b")}, good[1:]...),
			resolved(v1alpha1.ReasonInvalidSecret, w+`authorizationSecretRef: Secret team/guard: key "authorization" must be printable ASCII of at most 16384 bytes`)},
		"a webhook with an authority that is none": {webhook(func(*v1alpha1.GuardWebhook) {}), append([]any{secret("guard-ca", "ca.crt", "x")}, good[0]),
			resolved(v1alpha1.ReasonInvalidSecret, w+`caSecretRef: Secret team/guard-ca: key "ca.crt" holds no PEM certificate`)},
		"a model that is there": {asking(func(*v1alpha1.Moderation) {}), good, wantFindings{}},
		"a model of nobody": {asking(func(*v1alpha1.Moderation) {}), nil,
			resolved(v1alpha1.ReasonProviderNotFound, m+"target.providerRef: ProviderPolicy team/openai does not exist or does not attach to SparkGateway team/main")},
		"a model of nobody, though it may be allowed without": {asking(func(m *v1alpha1.Moderation) { m.OnFailure = "Allow" }), nil,
			resolved(v1alpha1.ReasonProviderNotFound, m+"target.providerRef: ProviderPolicy team/openai does not exist or does not attach to SparkGateway team/main")},
		"a model that its provider has not": {asking(func(*v1alpha1.Moderation) {}), []any{provider("openai", models("gpt-4o"))},
			resolved(v1alpha1.ReasonModelNotFound, m+`target.model: ProviderPolicy team/openai has no model "moderation"`)},
		"a model of a type that moderates nothing": {asking(func(*v1alpha1.Moderation) {}),
			[]any{secret("cloud", "apiKey", "canary-cloud"), provider("openai", models("moderation"), ofType(v1alpha1.ProviderCohere))},
			resolved(v1alpha1.ReasonUnsupportedOperation, m+"target.providerRef: ProviderPolicy team/openai is of type Cohere, which has no moderations as it is configured")},
		"a model of Azure's deployments, which moderate nothing": {asking(func(*v1alpha1.Moderation) {}),
			[]any{secret("cloud", "clientSecret", "canary-cloud"), provider("openai", models("moderation"), ofType(v1alpha1.ProviderAzureOpenAI,
				func(s *v1alpha1.ProviderPolicySpec) { s.AzureOpenAI = &v1alpha1.AzureOpenAI{APIVersion: "2024-10-21"} }))},
			resolved(v1alpha1.ReasonUnsupportedOperation, m+"target.providerRef: ProviderPolicy team/openai is of type AzureOpenAI, which has no moderations as it is configured")},
		"a model of a provider that is not served": {asking(func(*v1alpha1.Moderation) {}), []any{provider("openai", models("moderation"), credentials("gone"))},
			resolved(v1alpha1.ReasonProviderNotFound, m+"target.providerRef: ProviderPolicy team/openai is not served on SparkGateway team/main for reasons of its own")},
		"a model that replaces":     {asking(func(m *v1alpha1.Moderation) { m.Mode = "Redact" }), good, accepted(m + `mode: "Redact" is not one of [Off Flag Block]`)},
		"a score of nothing":        {asking(func(m *v1alpha1.Moderation) { m.Thresholds = map[string]v1alpha1.Score{"hate": "0"} }), good, accepted(m + `thresholds[hate]: "0" is not a number above 0 and at most 1 with at most six decimals`)},
		"a score of more than all":  {asking(func(m *v1alpha1.Moderation) { m.Thresholds = map[string]v1alpha1.Score{"hate": "1.000001"} }), good, accepted(m + `thresholds[hate]: "1.000001" is not a number above 0 and at most 1 with at most six decimals`)},
		"a score that is no number": {asking(func(m *v1alpha1.Moderation) { m.Thresholds = map[string]v1alpha1.Score{"hate": "much"} }), good, accepted(m + `thresholds[hate]: "much" is not a number above 0 and at most 1 with at most six decimals`)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(append([]any{sanitizing(test.from)}, test.others...)...)
			out := compiler.Compile(in)
			if diff := cmp.Diff(test.want, findingsOf(&out.Gateway)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			// What guards is not left out.
			if served := test.want == (wantFindings{}); (out.Document != nil) != served || out.Gateway.Partial {
				t.Errorf("document %t, verdict %+v", out.Document != nil, out.Gateway)
			}
			wantInvariants(t, in, out)
		})
	}
}
