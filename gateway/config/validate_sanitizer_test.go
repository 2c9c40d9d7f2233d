// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

func fullSanitizer(d *config.Document) *config.Sanitizer {
	d.Secrets["guard"] = config.NewSecret("Bearer hunter2")
	d.Secrets["broken"] = config.NewSecret("Bearer hunter2\r\nX-A: b")
	return &config.Sanitizer{
		PromptInjection:   &config.PromptInjection{Mode: config.SanitizeBlock, Sensitivity: config.SensitivityMedium, Scopes: config.TextScopes},
		PII:               &config.PII{Mode: config.SanitizeRedact, Kinds: config.PIIKinds, Directions: config.Directions, Scopes: config.TextScopes},
		DenyPatterns:      []config.DenyPattern{{Name: "hosts", Regex: `\.corp\b`, Mode: config.SanitizeFlag, Directions: config.Directions, Scopes: config.TextScopes}},
		ControlCharacters: &config.ControlCharacters{Mode: config.SanitizeRedact, Scopes: config.TextScopes},
		SystemPromptLeak:  &config.SystemPromptLeak{Mode: config.SanitizeRedact},
		ImageLinks:        &config.ImageLinks{Mode: config.SanitizeBlock, AllowedHosts: []string{"*.example.com", "cdn.example.org"}},
		Webhook: &config.GuardWebhook{URL: "https://guard/check?a", Authorization: "guard", Timeout: aMinute,
			OnFailure: config.GuardDeny, Directions: config.Directions},
		Moderation: &config.Moderation{Mode: config.SanitizeFlag, Target: config.Target{Provider: "team/llm", Model: "omni", Upstream: "omni"},
			Timeout: aMinute, OnFailure: config.GuardAllow, Directions: config.Directions, Thresholds: map[string]int64{"hate": 1, "violence": 1_000_000}},
	}
}

// sanitizing gives the gateway a sanitizer with everything, changed.
func sanitizing(edit func(*config.Sanitizer)) func(*config.Document) {
	return func(d *config.Document) {
		d.Core.Gateway.Sanitizer = fullSanitizer(d)
		edit(d.Core.Gateway.Sanitizer)
	}
}

func TestWhatIsLookedForIsValidated(t *testing.T) {
	type s = config.Sanitizer
	const at = "gateway.sanitizer"
	unknown := func(field, word string) string {
		return at + "." + field + `: "` + word + `" is not known to this gateway`
	}
	wantProblems(t, map[string]edited{
		"everything":          {sanitizing(func(*s) {}), ""},
		"a sanitizer of none": {sanitizing(func(z *s) { *z = s{} }), ""},
		"a route's": {func(d *config.Document) {
			d.Core.Routes[0].Sanitizer = fullSanitizer(d)
			d.Core.Routes[0].Sanitizer.PII.Mode = "Off"
		}, `routes[0].sanitizer.pii.mode: "Off" is not known to this gateway`},
		"an injection that is redacted":   {sanitizing(func(z *s) { z.PromptInjection.Mode = config.SanitizeRedact }), unknown("promptInjection.mode", "Redact")},
		"an unknown sensitivity":          {sanitizing(func(z *s) { z.PromptInjection.Sensitivity = "" }), unknown("promptInjection.sensitivity", "")},
		"an injection in nobody's words":  {sanitizing(func(z *s) { z.PromptInjection.Scopes = nil }), at + ".promptInjection.scopes: empty"},
		"an injection in unknown words":   {sanitizing(func(z *s) { z.PromptInjection.Scopes = []config.TextScope{"Robot"} }), unknown("promptInjection.scopes[0]", "Robot")},
		"an unknown mode of data":         {sanitizing(func(z *s) { z.PII.Mode = "Off" }), unknown("pii.mode", "Off")},
		"data of no kind":                 {sanitizing(func(z *s) { z.PII.Kinds = nil }), at + ".pii.kinds: empty"},
		"data of an unknown kind":         {sanitizing(func(z *s) { z.PII.Kinds = []config.PIIKind{"Face"} }), unknown("pii.kinds[0]", "Face")},
		"data in no direction":            {sanitizing(func(z *s) { z.PII.Directions = nil }), at + ".pii.directions: empty"},
		"data of nobody":                  {sanitizing(func(z *s) { z.PII.Scopes = nil }), at + ".pii.scopes: empty"},
		"an unknown mode of controls":     {sanitizing(func(z *s) { z.ControlCharacters.Mode = "" }), unknown("controlCharacters.mode", "")},
		"controls of nobody":              {sanitizing(func(z *s) { z.ControlCharacters.Scopes = nil }), at + ".controlCharacters.scopes: empty"},
		"an unknown mode of leaks":        {sanitizing(func(z *s) { z.SystemPromptLeak.Mode = "" }), unknown("systemPromptLeak.mode", "")},
		"an unknown mode of images":       {sanitizing(func(z *s) { z.ImageLinks.Mode = "" }), unknown("imageLinks.mode", "")},
		"images from nowhere":             {sanitizing(func(z *s) { z.ImageLinks.AllowedHosts = nil }), ""},
		"hosts out of order":              {sanitizing(func(z *s) { slices.Reverse(z.ImageLinks.AllowedHosts) }), at + `.imageLinks.allowedHosts[1]: "*.example.com" is out of order or stands twice`},
		"kinds out of order":              {sanitizing(func(z *s) { z.PII.Kinds = []config.PIIKind{"SSN", "Email"} }), at + `.pii.kinds[1]: "Email" is out of order or stands twice`},
		"a direction twice":               {sanitizing(func(z *s) { z.PII.Directions = []config.Direction{"Request", "Request"} }), at + `.pii.directions[1]: "Request" is out of order or stands twice`},
		"a pattern without a name":        {sanitizing(func(z *s) { z.DenyPatterns[0].Name = "" }), at + ".denyPatterns[0].name: must be 1 to 63 printable ASCII characters without spaces"},
		"a pattern whose name ends lines": {sanitizing(func(z *s) { z.DenyPatterns[0].Name = "a\r\n" }), at + ".denyPatterns[0].name: must be 1 to 63 printable ASCII characters without spaces"},
		"a pattern twice":                 {sanitizing(func(z *s) { z.DenyPatterns = slices.Repeat(z.DenyPatterns, 2) }), at + `.denyPatterns[1].name: "hosts" stands twice`},
		"a pattern that is no expression": {sanitizing(func(z *s) { z.DenyPatterns[0].Regex = "hunter2(" }), at + ".denyPatterns[0].regex: not a regular expression in RE2's syntax: missing closing )"},
		"a pattern of an unknown mode":    {sanitizing(func(z *s) { z.DenyPatterns[0].Mode = "" }), unknown("denyPatterns[0].mode", "")},
		"a pattern in no direction":       {sanitizing(func(z *s) { z.DenyPatterns[0].Directions = nil }), at + ".denyPatterns[0].directions: empty"},
		"a pattern in nobody's words":     {sanitizing(func(z *s) { z.DenyPatterns[0].Scopes = nil }), at + ".denyPatterns[0].scopes: empty"},
		"too many patterns": {sanitizing(func(z *s) {
			z.DenyPatterns = slices.Repeat(z.DenyPatterns, config.MaxDenyPatterns+1)
			for i := range z.DenyPatterns {
				z.DenyPatterns[i].Name = strings.Repeat("a", i%60+1) + strings.Repeat("b", i/60)
			}
		}), at + ".denyPatterns: 65, of at most 64"},
	})
}

func TestGuardsAreValidated(t *testing.T) {
	type s = config.Sanitizer
	const at = "gateway.sanitizer"
	wantProblems(t, map[string]edited{
		"a guard at no URL":              {sanitizing(func(z *s) { z.Webhook.URL = "guard" }), at + ".webhook.url: must begin with http:// or https://"},
		"a guard's URL is not quoted":    {sanitizing(func(z *s) { z.Webhook.URL = "https://a:hunter2@guard" }), at + ".webhook.url: must not carry credentials"},
		"a guard without a header":       {sanitizing(func(z *s) { z.Webhook.Authorization = "" }), ""},
		"a guard's header of nobody":     {sanitizing(func(z *s) { z.Webhook.Authorization = "none" }), at + `.webhook.authorization: no secret named "none"`},
		"a guard's header of two lines":  {sanitizing(func(z *s) { z.Webhook.Authorization = "broken" }), at + ".webhook.authorization: the value of Authorization holds control characters"},
		"a guard's authority of no PEM":  {sanitizing(func(z *s) { z.Webhook.CA = "x" }), at + ".webhook.ca: holds no PEM certificate"},
		"a guard without time":           {sanitizing(func(z *s) { z.Webhook.Timeout = 0 }), at + ".webhook.timeout: 0s is not positive"},
		"a guard's unknown failure":      {sanitizing(func(z *s) { z.Webhook.OnFailure = "" }), at + `.webhook.onFailure: "" is not known to this gateway`},
		"a guard of no direction":        {sanitizing(func(z *s) { z.Webhook.Directions = nil }), at + ".webhook.directions: empty"},
		"a moderation that redacts":      {sanitizing(func(z *s) { z.Moderation.Mode = config.SanitizeRedact }), at + `.moderation.mode: "Redact" is not known to this gateway`},
		"a moderation by nobody":         {sanitizing(func(z *s) { z.Moderation.Target.Provider = "team/gone" }), at + `.moderation.target.provider: no provider "team/gone"`},
		"a moderation without time":      {sanitizing(func(z *s) { z.Moderation.Timeout = -1 }), at + ".moderation.timeout: -1ns is not positive"},
		"a moderation's unknown failure": {sanitizing(func(z *s) { z.Moderation.OnFailure = "Ask" }), at + `.moderation.onFailure: "Ask" is not known to this gateway`},
		"a moderation of no direction":   {sanitizing(func(z *s) { z.Moderation.Directions = nil }), at + ".moderation.directions: empty"},
		"the provider's own verdict":     {sanitizing(func(z *s) { z.Moderation.Thresholds = nil }), ""},
		"scores that all reach, and none": {sanitizing(func(z *s) { z.Moderation.Thresholds = map[string]int64{"b": 1_000_001, "a": 0, "c": 5} }),
			at + `.moderation.thresholds["a"]: 0 is not within 1 and 1000000, or the category is empty` + "\n" +
				at + `.moderation.thresholds["b"]: 1000001 is not within 1 and 1000000, or the category is empty`},
	})
}

func TestPatterns(t *testing.T) {
	const empty, steps = "matches empty text", "repeats too much: its machine has more than 4096 steps"
	for name, test := range map[string]struct{ regex, want string }{
		"words":                         {`(?i)\bproject\s+(atlas|orion)\b`, ""},
		"words or more of them":         {`(ab?)+|c{2,}`, ""},
		"a literal of one character":    {`a`, ""},
		"any character":                 {`.`, ""},
		"nothing":                       {``, empty},
		"a boundary is empty":           {`\b`, empty},
		"the end of a line is empty":    {`(?m)$`, empty},
		"what may not be there":         {`a*`, empty},
		"one way of several is empty":   {`abc|d?`, empty},
		"repeated emptiness":            {`(a?){3}`, empty},
		"what repeats at least no time": {`a{0,3}`, empty},
		"two parts, either empty":       {`a?b?`, empty},
		"two parts, one not empty":      {`a?b`, ""},
		"what looks back":               {`(a)\1`, "not a regular expression in RE2's syntax: invalid escape sequence"},
		"what looks ahead":              {`a(?=b)`, "not a regular expression in RE2's syntax: invalid or unsupported Perl syntax"},
		"1024 bytes":                    {strings.Repeat("a", 1024), ""},
		"1025 bytes":                    {strings.Repeat("a", 1025), "has 1025 bytes, of at most 1024"},
		"a machine of 5000 steps":       {strings.Repeat("a{1000}", 5), steps},
		"a repetition of repetitions":   {`((a{30}){30}){30}`, "not a regular expression in RE2's syntax: invalid repeat count"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := config.CheckPattern(test.regex); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("problem %q, want %q", got, test.want)
			}
		})
	}
}

func TestHostsThatMayBeLinkedTo(t *testing.T) {
	for host, good := range map[string]bool{
		"cdn.example.com": true, "*.example.com": true, "localhost": true, "10.0.0.1": true, "xn--mller-kva.example": true, "a_b.example": true,
		"": false, "*": false, "*.": false, "*.*.example.com": false, "a.*.example.com": false, "Example.com": false, "example.com.": false,
		"example.com:443": false, "https://example.com": false, ".example.com": false, "müller.example": false, "[::1]": false,
		"user@example.com": false, strings.Repeat("a", 64) + ".com": false, strings.Repeat("a.", 127) + "a": false,
	} {
		if err := config.CheckHost(host); (err == nil) != good {
			t.Errorf("%q: %v", host, err)
		}
	}
}
