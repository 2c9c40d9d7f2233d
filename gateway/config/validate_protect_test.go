// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

// protected gives a document bounds, CORS and error tracking with everything, changed.
func protected(edit func(*config.Gateway)) func(*config.Document) {
	return func(d *config.Document) {
		d.Secrets["sentry"] = config.NewSecret("https://hunter2@o1.ingest.sentry.io/42")
		d.Secrets["errors"] = config.NewSecret("Bearer hunter2")
		d.Secrets["broken"] = config.NewSecret("hunter2\r\nX-A: b")
		g := &d.Core.Gateway
		g.RequestLimits = config.RequestLimits{
			MaxHeaderFields: 100, MaxMessages: 1000, MaxInputTokens: 200_000, MaxOutputTokens: 16_384, ClampOutput: true,
			MaxDepth: 500, MinBodyRate: 1024,
		}
		g.CORS = &config.CORS{
			AllowOrigins: []string{"capacitor://localhost", "http://localhost:3000", "https://*.example.com", "https://app.example.com"},
			AllowMethods: []string{"DELETE", "GET", "POST"}, AllowHeaders: []string{"authorization", "content-type"},
			ExposeHeaders: []string{"x-extra"}, AllowCredentials: true, MaxAge: aMinute,
		}
		g.ErrorTracking = &config.ErrorTracking{
			MaxGroups: 100, Environment: "production", SentryDSN: "sentry",
			Webhook: &config.Webhook{URL: "https://hooks.example.com/errors", Authorization: "errors"},
		}
		edit(g)
	}
}

func TestRequestLimitsAreValidated(t *testing.T) {
	limits := func(edit func(*config.RequestLimits)) func(*config.Document) {
		return protected(func(g *config.Gateway) { edit(&g.RequestLimits) })
	}
	wantProblems(t, map[string]edited{
		"everything":                       {limits(func(*config.RequestLimits) {}), ""},
		"no bounds":                        {limits(func(l *config.RequestLimits) { *l = config.RequestLimits{} }), ""},
		"fewer than no fields":             {limits(func(l *config.RequestLimits) { l.MaxHeaderFields = -1 }), "gateway.requestLimits.maxHeaderFields: -1 is negative"},
		"fewer than no messages":           {limits(func(l *config.RequestLimits) { l.MaxMessages = -1 }), "gateway.requestLimits.maxMessages: -1 is negative"},
		"fewer than no tokens in":          {limits(func(l *config.RequestLimits) { l.MaxInputTokens = -1 }), "gateway.requestLimits.maxInputTokens: -1 is negative"},
		"fewer than no tokens out":         {limits(func(l *config.RequestLimits) { l.MaxOutputTokens = -1 }), "gateway.requestLimits.maxOutputTokens: -1 is negative"},
		"a body that comes backwards":      {limits(func(l *config.RequestLimits) { l.MinBodyRate = -1 }), "gateway.requestLimits.minBodyRate: -1 is negative"},
		"two problems at once, in order":   {limits(func(l *config.RequestLimits) { l.MaxMessages, l.MinBodyRate = -1, -2 }), "gateway.requestLimits.maxMessages: -1 is negative\ngateway.requestLimits.minBodyRate: -2 is negative"},
		"a depth above ground":             {limits(func(l *config.RequestLimits) { l.MaxDepth = -1 }), "gateway.requestLimits.maxDepth: -1 is not within 0 and 500"},
		"a depth beyond the gateway's own": {limits(func(l *config.RequestLimits) { l.MaxDepth = 501 }), "gateway.requestLimits.maxDepth: 501 is not within 0 and 500"},
		"clamping to nothing":              {limits(func(l *config.RequestLimits) { l.MaxOutputTokens = 0 }), "gateway.requestLimits.clampOutput: means nothing without maxOutputTokens"},
	})
}

func TestCORSIsValidated(t *testing.T) {
	cors := func(edit func(*config.CORS)) func(*config.Document) {
		return protected(func(g *config.Gateway) { edit(g.CORS) })
	}
	const token = " is no token"
	wantProblems(t, map[string]edited{
		"everything":                  {cors(func(*config.CORS) {}), ""},
		"none":                        {protected(func(g *config.Gateway) { g.CORS = nil }), ""},
		"every origin":                {cors(func(c *config.CORS) { c.AllowOrigins, c.AllowCredentials = []string{"*"}, false }), ""},
		"no methods and headers":      {cors(func(c *config.CORS) { c.AllowMethods, c.AllowHeaders, c.ExposeHeaders = nil, nil, nil }), ""},
		"every header":                {cors(func(c *config.CORS) { c.AllowHeaders = []string{"*"} }), ""},
		"no origin":                   {cors(func(c *config.CORS) { c.AllowOrigins = nil }), "gateway.cors.allowOrigins: empty"},
		"every origin's cookies":      {cors(func(c *config.CORS) { c.AllowOrigins = []string{"*"} }), `gateway.cors.allowCredentials: no browser takes it with the origin "*"`},
		"every origin and another":    {cors(func(c *config.CORS) { c.AllowOrigins, c.AllowCredentials = []string{"*", "https://a.example"}, false }), `gateway.cors.allowOrigins: "*" stands alone or not at all`},
		"every header and another":    {cors(func(c *config.CORS) { c.AllowHeaders = []string{"*", "a"} }), `gateway.cors.allowHeaders: "*" stands alone or not at all`},
		"origins out of order":        {cors(func(c *config.CORS) { c.AllowOrigins = []string{"https://b.example", "https://a.example"} }), `gateway.cors.allowOrigins[1]: "https://a.example" is out of order or stands twice`},
		"a method that is two":        {cors(func(c *config.CORS) { c.AllowMethods = []string{"GET, POST"} }), `gateway.cors.allowMethods[0]: "GET, POST"` + token},
		"a method that is none":       {cors(func(c *config.CORS) { c.AllowMethods = []string{""} }), `gateway.cors.allowMethods[0]: ""` + token},
		"a header that ends the line": {cors(func(c *config.CORS) { c.AllowHeaders = []string{"a\r\nb"} }), `gateway.cors.allowHeaders[0]: "a\r\nb"` + token},
		"an exposed header of words":  {cors(func(c *config.CORS) { c.ExposeHeaders = []string{"a b"} }), `gateway.cors.exposeHeaders[0]: "a b"` + token},
		"methods that stand twice":    {cors(func(c *config.CORS) { c.AllowMethods = []string{"GET", "GET"} }), `gateway.cors.allowMethods[1]: "GET" is out of order or stands twice`},
		"memory of less than nothing": {cors(func(c *config.CORS) { c.MaxAge = -1 }), "gateway.cors.maxAge: -1ns is negative"},
	})
}

func TestOriginsAreWhatBrowsersSend(t *testing.T) {
	const (
		scheme = `must be "*" or begin with a scheme such as https://`
		host   = `must have a host, of which only the first label may be "*"`
		more   = "must be a scheme, a host and perhaps a port, and nothing behind"
		lower  = "must be in lower case, as browsers send it"
		port   = "has a port that is not between 1 and 65535"
	)
	tests := map[string]struct{ origin, want string }{
		"every origin":            {"*", ""},
		"a site":                  {"https://app.example.com", ""},
		"a site at a port":        {"http://localhost:3000", ""},
		"the scheme's own port":   {"https://app.example.com:443", ""},
		"an IPv6 address":         {"http://[::1]:8080", ""},
		"all below a domain":      {"https://*.example.com", ""},
		"an extension":            {"chrome-extension://abcdefgh", ""},
		"nothing":                 {"", scheme},
		"a host alone":            {"app.example.com", scheme},
		"no scheme":               {"://app.example.com", scheme},
		"no host":                 {"https://", host},
		"a star within":           {"https://app.*.example.com", host},
		"a star that is no label": {"https://*example.com", host},
		"every host":              {"https://*", host},
		"a path":                  {"https://app.example.com/", more},
		"a query":                 {"https://app.example.com?x", more},
		"credentials":             {"https://hunter2@app.example.com", more},
		"capitals":                {"https://App.example.com", lower},
		"no port behind a colon":  {"https://app.example.com:", port},
		"port 0":                  {"https://app.example.com:0", port},
		"a port beyond all":       {"https://app.example.com:65536", port},
		"no URL":                  {"https://a b", host},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := config.CheckOrigin(tc.origin); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("%q: %q, want %q", tc.origin, got, tc.want)
			}
		})
	}
}

func TestErrorTrackingIsValidated(t *testing.T) {
	tracking := func(edit func(*config.ErrorTracking)) func(*config.Document) {
		return protected(func(g *config.Gateway) { edit(g.ErrorTracking) })
	}
	const noDSN = "gateway.errorTracking.sentryDSN: the secret is no DSN: https://<key>@<host>/<project>"
	wantProblems(t, map[string]edited{
		"everything":              {tracking(func(*config.ErrorTracking) {}), ""},
		"none":                    {protected(func(g *config.Gateway) { g.ErrorTracking = nil }), ""},
		"nobody else is told":     {tracking(func(e *config.ErrorTracking) { e.SentryDSN, e.Webhook = "", nil }), ""},
		"no groups":               {tracking(func(e *config.ErrorTracking) { e.MaxGroups = 0 }), "gateway.errorTracking.maxGroups: 0 is not positive"},
		"an environment of lines": {tracking(func(e *config.ErrorTracking) { e.Environment = "a\nb" }), "gateway.errorTracking.environment: holds control characters"},
		"a DSN of nobody":         {tracking(func(e *config.ErrorTracking) { e.SentryDSN = "none" }), `gateway.errorTracking.sentryDSN: no secret named "none"`},
		"a DSN that is none":      {tracking(func(e *config.ErrorTracking) { e.SentryDSN = "errors" }), noDSN},
		"a DSN that is no URL":    {tracking(func(e *config.ErrorTracking) { e.SentryDSN = "broken" }), noDSN},
		"a webhook that is none":  {tracking(func(e *config.ErrorTracking) { e.Webhook.URL = "sink" }), "gateway.errorTracking.webhook.url: must begin with http:// or https://"},
		"a header of nobody":      {tracking(func(e *config.ErrorTracking) { e.Webhook.Authorization = "none" }), `gateway.errorTracking.webhook.authorization: no secret named "none"`},
		"a header of two lines":   {tracking(func(e *config.ErrorTracking) { e.Webhook.Authorization = "broken" }), "gateway.errorTracking.webhook.authorization: the value of Authorization holds control characters"},
	})
}
