// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

// Sanitizer says what is looked for in what applications and models write, and what becomes of it. An empty one looks for
// nothing. Whatever is nil is not looked for.
type Sanitizer struct {
	PromptInjection   *PromptInjection   `json:"promptInjection,omitempty"`
	PII               *PII               `json:"pii,omitempty"`
	DenyPatterns      []DenyPattern      `json:"denyPatterns,omitempty"`
	ControlCharacters *ControlCharacters `json:"controlCharacters,omitempty"`
	SystemPromptLeak  *SystemPromptLeak  `json:"systemPromptLeak,omitempty"`
	ImageLinks        *ImageLinks        `json:"imageLinks,omitempty"`
	Webhook           *GuardWebhook      `json:"webhook,omitempty"`
	Moderation        *Moderation        `json:"moderation,omitempty"`
}

// SanitizeMode says what becomes of a finding.
type SanitizeMode string

// The modes.
const (
	// SanitizeFlag: a header, a metric and the log say so.
	SanitizeFlag SanitizeMode = "Flag"
	// SanitizeRedact: what was found is replaced, and flagged.
	SanitizeRedact SanitizeMode = "Redact"
	// SanitizeBlock: the request, or the answer, is refused.
	SanitizeBlock SanitizeMode = "Block"
)

// Direction is a half of an exchange.
type Direction string

// The directions.
const (
	DirectionRequest  Direction = "Request"
	DirectionResponse Direction = "Response"
)

// Directions are all, sorted.
var Directions = []Direction{DirectionRequest, DirectionResponse}

// TextScope is whose words in a request are meant.
type TextScope string

// The scopes.
const (
	ScopeAssistant TextScope = "Assistant" // earlier answers
	ScopeSystem    TextScope = "System"    // instructions and descriptions of tools
	ScopeTool      TextScope = "Tool"      // what tools gave
	ScopeUser      TextScope = "User"
)

// TextScopes are all, sorted.
var TextScopes = []TextScope{ScopeAssistant, ScopeSystem, ScopeTool, ScopeUser}

// Sensitivity is how much suspicion is enough.
type Sensitivity string

// The sensitivities.
const (
	SensitivityLow    Sensitivity = "Low"
	SensitivityMedium Sensitivity = "Medium"
	SensitivityHigh   Sensitivity = "High"
)

// Sensitivities are all, from the least.
var Sensitivities = []Sensitivity{SensitivityLow, SensitivityMedium, SensitivityHigh}

// PromptInjection looks for attempts to override or extract instructions.
type PromptInjection struct {
	// Mode is SanitizeFlag or SanitizeBlock.
	Mode        SanitizeMode `json:"mode"`
	Sensitivity Sensitivity  `json:"sensitivity"`
	// Scopes are sorted, unique, at least one.
	Scopes []TextScope `json:"scopes"`
}

// PIIKind is a kind of personal data, or of secrets.
type PIIKind string

// The kinds.
const (
	PIIAPIKey     PIIKind = "APIKey"
	PIICreditCard PIIKind = "CreditCard"
	PIIEmail      PIIKind = "Email"
	PIIIBAN       PIIKind = "IBAN"
	PIIIPAddress  PIIKind = "IPAddress"
	PIIPhone      PIIKind = "Phone"
	PIISSN        PIIKind = "SSN"
)

// PIIKinds are all, sorted.
var PIIKinds = []PIIKind{PIIAPIKey, PIICreditCard, PIIEmail, PIIIBAN, PIIIPAddress, PIIPhone, PIISSN}

// PII looks for personal data and secrets.
type PII struct {
	Mode SanitizeMode `json:"mode"`
	// Kinds, Directions and Scopes are sorted, unique, at least one each; Scopes mean something in requests only.
	Kinds      []PIIKind   `json:"kinds"`
	Directions []Direction `json:"directions"`
	Scopes     []TextScope `json:"scopes"`
}

// DenyPattern looks for a regular expression.
type DenyPattern struct {
	// Name is unique among them.
	Name string `json:"name"`
	// Regex is in RE2's syntax, and must not match the empty text.
	Regex string       `json:"regex"`
	Mode  SanitizeMode `json:"mode"`
	// Directions and Scopes as of PII.
	Directions []Direction `json:"directions"`
	Scopes     []TextScope `json:"scopes"`
}

// MaxDenyPatterns bounds them; MaxPatternBytes bounds one.
const (
	MaxDenyPatterns = 64
	MaxPatternBytes = 1024
)

// ControlCharacters looks for characters that people do not see and models read: C0 and C1 controls but for white space, bidirectional
// overrides, zero-width ones between letters, and tags (U+E0000 to U+E007F).
type ControlCharacters struct {
	Mode SanitizeMode `json:"mode"`
	// Scopes are sorted, unique, at least one.
	Scopes []TextScope `json:"scopes"`
}

// SystemPromptLeak looks for passages of the request's own instructions in the answer.
type SystemPromptLeak struct {
	Mode SanitizeMode `json:"mode"`
}

// ImageLinks looks for images in answers, in Markdown or HTML, that a client would load from elsewhere: their URLs can carry data
// away.
type ImageLinks struct {
	Mode SanitizeMode `json:"mode"`
	// AllowedHosts may be linked to: exact names, or "*." and a domain; sorted, unique.
	AllowedHosts []string `json:"allowedHosts,omitempty"`
}

// GuardFailure says what becomes of a request when a guard does not answer.
type GuardFailure string

// The ways.
const (
	GuardAllow GuardFailure = "Allow"
	GuardDeny  GuardFailure = "Deny"
)

// GuardFailures are all, sorted.
var GuardFailures = []GuardFailure{GuardAllow, GuardDeny}

// GuardWebhook asks a service about texts.
type GuardWebhook struct {
	URL string `json:"url"`
	// Authorization names the value of the header in Document.Secrets; empty sends none.
	Authorization string `json:"authorization,omitempty"`
	// CA is a PEM bundle that replaces the system's roots; empty keeps them.
	CA string `json:"ca,omitempty"`
	// Timeout bounds one call. Positive.
	Timeout    Duration     `json:"timeout"`
	OnFailure  GuardFailure `json:"onFailure"`
	Directions []Direction  `json:"directions"`
}

// Moderation asks a provider's moderation model about texts.
type Moderation struct {
	// Mode is SanitizeFlag or SanitizeBlock.
	Mode SanitizeMode `json:"mode"`
	// Target is the model; its weight and tier mean nothing.
	Target Target `json:"target"`
	// Timeout bounds one call. Positive.
	Timeout    Duration     `json:"timeout"`
	OnFailure  GuardFailure `json:"onFailure"`
	Directions []Direction  `json:"directions"`
	// Thresholds are the least scores of categories that count, in millionths; empty leaves the verdict to the provider.
	Thresholds map[string]int64 `json:"thresholds,omitempty"`
}
