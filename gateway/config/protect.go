// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

// RequestLimits bound a single request beside its size. Zero of each does not.
type RequestLimits struct {
	// MaxHeaderFields bounds the fields of the header.
	MaxHeaderFields int `json:"maxHeaderFields,omitempty"`
	// MaxMessages bounds messages, contents or inputs.
	MaxMessages int `json:"maxMessages,omitempty"`
	// MaxInputTokens bounds the prompt, as the gateway estimates it.
	MaxInputTokens int64 `json:"maxInputTokens,omitempty"`
	// MaxOutputTokens bounds what a request may ask for; those that ask for no bound get this one.
	MaxOutputTokens int64 `json:"maxOutputTokens,omitempty"`
	// ClampOutput lowers what asks for more, instead of refusing it.
	ClampOutput bool `json:"clampOutput,omitempty"`
	// MaxDepth bounds the nesting of a JSON body; 0 is the gateway's own bound.
	MaxDepth int `json:"maxDepth,omitempty"`
	// MinBodyRate is the least bytes per second that a body must come with, after a grace period.
	MinBodyRate int64 `json:"minBodyRate,omitempty"`
}

// CORS lets scripts of web pages use the gateway (Fetch standard, "HTTP extensions").
type CORS struct {
	// AllowOrigins are "https://app.example.com", with a "*." before the domain for all below it, or "*" alone. Sorted, unique, at
	// least one.
	AllowOrigins []string `json:"allowOrigins"`
	// AllowMethods, AllowHeaders and ExposeHeaders are sorted, unique. "*" alone of headers allows what is asked for.
	AllowMethods  []string `json:"allowMethods"`
	AllowHeaders  []string `json:"allowHeaders"`
	ExposeHeaders []string `json:"exposeHeaders,omitempty"`
	// AllowCredentials excludes the origin "*".
	AllowCredentials bool `json:"allowCredentials,omitempty"`
	// MaxAge is how long a browser may remember what it was told. Not negative.
	MaxAge Duration `json:"maxAge"`
}

// ErrorTracking says who else is told of errors. They are always grouped in memory.
type ErrorTracking struct {
	// MaxGroups bounds the groups that a pod remembers. Positive.
	MaxGroups int `json:"maxGroups"`
	// Environment is what Sentry calls the deployment; empty says none.
	Environment string `json:"environment,omitempty"`
	// SentryDSN names a DSN in Document.Secrets; empty is none.
	SentryDSN string `json:"sentryDSN,omitempty"`
	// Webhook takes batches of groups; nil is none.
	Webhook *Webhook `json:"webhook,omitempty"`
}
