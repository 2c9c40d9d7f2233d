// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// FlagMode says what becomes of a finding: Off does not look, Flag says so in a header, a metric and the log, Block refuses. In
// YAML, "Off" stands in quotes, as the bare word is a boolean.
//
// +kubebuilder:validation:Enum=Off;Flag;Block
type FlagMode string

// SanitizeMode says what becomes of a finding: Off does not look, Flag says so in a header, a metric and the log, Redact
// replaces what was found, Block refuses the request, or the answer. In YAML, "Off" stands in quotes, as the bare word is a
// boolean.
//
// +kubebuilder:validation:Enum=Off;Flag;Redact;Block
type SanitizeMode string

// The modes.
const (
	ModeOff    = "Off"
	ModeFlag   = "Flag"
	ModeRedact = "Redact"
	ModeBlock  = "Block"
)

// Direction is a half of an exchange.
//
// +kubebuilder:validation:Enum=Request;Response
type Direction string

// TextScope is whose words in a request are meant: those of the System (instructions, descriptions of tools), the User, the
// Assistant (earlier answers) or a Tool (what it gave).
//
// +kubebuilder:validation:Enum=System;User;Assistant;Tool
type TextScope string

// Sensitivity is how much suspicion is enough.
//
// +kubebuilder:validation:Enum=Low;Medium;High
type Sensitivity string

// PIIKind is a kind of personal data, or of secrets.
//
// +kubebuilder:validation:Enum=APIKey;CreditCard;Email;IBAN;IPAddress;Phone;SSN
type PIIKind string

// ContentRules are what is looked for in the words themselves, within the gateway.
type ContentRules struct {
	// promptInjection looks for attempts to override or extract instructions, to hijack a task or to hide either. Default: none.
	//
	// +optional
	PromptInjection *PromptInjection `json:"promptInjection,omitempty"`
	// pii looks for personal data and secrets. Default: none.
	//
	// +optional
	PII *PII `json:"pii,omitempty"`
	// denyPatterns look for regular expressions. Default: none.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	DenyPatterns []DenyPattern `json:"denyPatterns,omitempty"`
	// controlCharacters looks for characters that people do not see and models read: control characters but for white space,
	// bidirectional overrides, zero-width characters within words, and tags. Default: none.
	//
	// +optional
	ControlCharacters *ControlCharacters `json:"controlCharacters,omitempty"`
	// systemPromptLeak looks for passages of the request's own instructions in the answer. Default: none.
	//
	// +optional
	SystemPromptLeak *SystemPromptLeak `json:"systemPromptLeak,omitempty"`
	// imageLinks looks for images in answers that the application would load from elsewhere, as their URLs can carry data away.
	// Default: none.
	//
	// +optional
	ImageLinks *ImageLinks `json:"imageLinks,omitempty"`
}

// Sanitizer says what is looked for in what applications and models write, and what becomes of it.
//
// +kubebuilder:validation:MinProperties=1
type Sanitizer struct {
	ContentRules `json:",inline"`
	// webhook asks a service of yours. Routes cannot do without it.
	//
	// +optional
	Webhook *GuardWebhook `json:"webhook,omitempty"`
	// moderation asks a provider's moderation model. Routes cannot do without it.
	//
	// +optional
	Moderation *Moderation `json:"moderation,omitempty"`
}

// RouteSanitizer is what a route looks for otherwise than its gateways: each field replaces the gateway's as a whole.
//
// +kubebuilder:validation:MinProperties=1
type RouteSanitizer struct {
	ContentRules `json:",inline"`
}

// PromptInjection looks for attempts to override or extract instructions.
type PromptInjection struct {
	// mode of a finding. Default: Block.
	//
	// +optional
	Mode FlagMode `json:"mode,omitempty"`
	// sensitivity is how much suspicion is enough. Default: Medium.
	//
	// +optional
	Sensitivity Sensitivity `json:"sensitivity,omitempty"`
	// scopes are whose words are looked at. Default: User and Tool.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	Scopes []TextScope `json:"scopes,omitempty"`
}

// PII looks for personal data and secrets.
//
// +kubebuilder:validation:XValidation:rule="!has(self.scopes) || !has(self.directions) || 'Request' in self.directions",message="scopes have no effect on responses"
type PII struct {
	// mode of a finding. Redact replaces it by its kind, such as [EMAIL]. Default: Redact.
	//
	// +optional
	Mode SanitizeMode `json:"mode,omitempty"`
	// kinds to look for. Default: all.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=7
	Kinds []PIIKind `json:"kinds,omitempty"`
	// directions to look in. Default: both.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	Directions []Direction `json:"directions,omitempty"`
	// scopes of requests that are looked at. Default: all.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	Scopes []TextScope `json:"scopes,omitempty"`
}

// DenyPattern looks for a regular expression.
//
// +kubebuilder:validation:XValidation:rule="!has(self.scopes) || !has(self.directions) || 'Request' in self.directions",message="scopes have no effect on responses"
type DenyPattern struct {
	// name of the pattern, as refusals, metrics and the log call it.
	//
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
	// regex is a regular expression in RE2's syntax. It must not match the empty text. In answers, a match of more than 1 KiB is
	// not found.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!''.matches(self)",message="must be a regular expression in RE2's syntax that does not match the empty text"
	Regex string `json:"regex"`
	// mode of a finding. Redact replaces it by [REDACTED]. Default: Block.
	//
	// +optional
	Mode SanitizeMode `json:"mode,omitempty"`
	// directions to look in. Default: Request.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	Directions []Direction `json:"directions,omitempty"`
	// scopes of requests that are looked at. Default: all.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	Scopes []TextScope `json:"scopes,omitempty"`
}

// ControlCharacters looks for characters that people do not see.
type ControlCharacters struct {
	// mode of a finding. Redact leaves the characters out. Default: Redact.
	//
	// +optional
	Mode SanitizeMode `json:"mode,omitempty"`
	// scopes of requests that are looked at. Default: User and Tool.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	Scopes []TextScope `json:"scopes,omitempty"`
}

// SystemPromptLeak looks for passages of the request's own instructions in the answer.
type SystemPromptLeak struct {
	// mode of a finding. Redact replaces the passage by [REDACTED]. Default: Redact.
	//
	// +optional
	Mode SanitizeMode `json:"mode,omitempty"`
}

// ImageLinks looks for images that would be loaded from elsewhere.
type ImageLinks struct {
	// mode of a finding. Redact takes the address out of the link. Default: Redact.
	//
	// +optional
	Mode SanitizeMode `json:"mode,omitempty"`
	// allowedHosts may be linked to, such as "cdn.example.com" or "*.example.com". Default: none.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^([*][.])?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?([.][a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$`
	AllowedHosts []string `json:"allowedHosts,omitempty"`
}

// GuardFailure says what becomes of a request when a guard does not answer.
//
// +kubebuilder:validation:Enum=Allow;Deny
type GuardFailure string

// The ways.
const (
	GuardFailureAllow GuardFailure = "Allow"
	GuardFailureDeny  GuardFailure = "Deny"
)

// GuardWebhook asks a service about texts: it is sent them by POST, as docs/sanitizer.md says, and answers allow, block or
// redact. Where it is asked about answers, streams come as a whole when it has answered.
//
// +kubebuilder:validation:XValidation:rule="!has(self.caSecretRef) || self.url.startsWith('https:')",message="caSecretRef has no effect without https"
type GuardWebhook struct {
	// url to post to.
	//
	// +required
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHostname() != '' && !self.contains('#') && !self.contains('@')",message="must be an http or https URL without fragment or credentials"
	URL string `json:"url"`
	// authorizationSecretRef names the value of the header Authorization; its key is "authorization" by default. Default: no
	// such header.
	//
	// +optional
	AuthorizationSecretRef *SecretKeyReference `json:"authorizationSecretRef,omitempty"`
	// caSecretRef names a bundle of certificate authorities that replace the system's.
	//
	// +optional
	CASecretRef *SecretKeyReference `json:"caSecretRef,omitempty"`
	// timeout of one call, 10ms to 30s. Default: 300ms.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('10ms') && duration(self) <= duration('30s')",message="must be between 10ms and 30s"
	Timeout Duration `json:"timeout,omitempty"`
	// onFailure says what becomes of a request when the service does not answer, or answers what is no verdict. Default: Deny.
	//
	// +optional
	OnFailure GuardFailure `json:"onFailure,omitempty"`
	// directions that it is asked about. Default: Request.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	Directions []Direction `json:"directions,omitempty"`
}

// Moderation asks a provider's moderation model, as OpenAI's API has it. What it costs is charged to who asks.
type Moderation struct {
	// mode of a finding. Default: Block.
	//
	// +optional
	Mode FlagMode `json:"mode,omitempty"`
	// target is the model, of a provider of type OpenAI, Mistral, OpenAICompatible or, without an apiVersion, AzureOpenAI.
	//
	// +required
	Target TargetReference `json:"target"`
	// timeout of one call, 10ms to 30s. Default: 2s.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('10ms') && duration(self) <= duration('30s')",message="must be between 10ms and 30s"
	Timeout Duration `json:"timeout,omitempty"`
	// onFailure says what becomes of a request when the model does not answer. Default: Deny.
	//
	// +optional
	OnFailure GuardFailure `json:"onFailure,omitempty"`
	// directions that it is asked about. Of answers, streams come as a whole when it has answered. Default: Request.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	Directions []Direction `json:"directions,omitempty"`
	// thresholds are the least scores, above "0" and up to "1", by category, such as hate or self-harm/intent, that are findings. Default:
	// what the model itself flags.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[a-z]([-a-z/_]{0,62}[a-z])?$'))",message="keys are categories, such as self-harm/intent"
	Thresholds map[string]Score `json:"thresholds,omitempty"`
}

// Score is a number above 0 and at most 1, such as "0.8".
//
// +kubebuilder:validation:MaxLength=8
// +kubebuilder:validation:Pattern=`^(0\.[0-9]{0,5}[1-9]0{0,5}|1(\.0{1,6})?)$`
type Score string
