// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"net/textproto"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// The defaults that the field comments of RequestLimits, CORS and ErrorTracking promise.
const (
	defaultMaxHeaderFields = 100
	defaultMaxDepth        = 100
	defaultMinBodyRate     = 128
	defaultCORSAge         = 10 * time.Minute
	defaultErrorGroups     = 1000

	dsnKey = "dsn"
)

var defaultCORSMethods = []string{"DELETE", "GET", "POST"}

// requestLimits reads the bounds of a request beside its size.
func (p *problems) requestLimits(r *v1alpha1.RequestLimits) config.RequestLimits {
	if r == nil {
		r = &v1alpha1.RequestLimits{}
	}
	const field = "spec.requestLimits."
	if r.OnExcessOutput != "" && r.MaxOutputTokens == nil {
		p.add("%sonExcessOutput: has no effect without maxOutputTokens", field)
	}
	return config.RequestLimits{
		MaxHeaderFields: int(p.number(field+"maxHeaderFields", r.MaxHeaderFields, defaultMaxHeaderFields, 16, 1000)),
		MaxDepth:        int(p.number(field+"maxDepth", r.MaxDepth, defaultMaxDepth, 8, 500)),
		MinBodyRate:     p.within(field+"minBodyRate", valueOr(r.MinBodyRate, defaultMinBodyRate), 1, 1<<20),
		MaxMessages:     int(p.number(field+"maxMessages", r.MaxMessages, 0, 1, 1_000_000)),
		MaxInputTokens:  p.tokenBound(field+"maxInputTokens", r.MaxInputTokens),
		MaxOutputTokens: p.tokenBound(field+"maxOutputTokens", r.MaxOutputTokens),
		ClampOutput: p.oneOf(field+"onExcessOutput", string(r.OnExcessOutput), string(v1alpha1.ExcessOutputRefuse),
			[]string{string(v1alpha1.ExcessOutputRefuse), string(v1alpha1.ExcessOutputClamp)}) == string(v1alpha1.ExcessOutputClamp),
	}
}

// tokenBound reads a bound; nil is none.
func (p *problems) tokenBound(field string, n *int64) int64 {
	if n == nil {
		return 0
	}
	return p.within(field, *n, 1, 100_000_000)
}

// cors reads which other origins' scripts may use the gateway; nil is none's.
func (p *problems) cors(from *v1alpha1.CORS) *config.CORS {
	if from == nil {
		return nil
	}
	for i, origin := range from.AllowOrigins {
		if err := config.CheckOrigin(origin); err != nil {
			p.add("spec.cors.allowOrigins[%d]: %w", i, err)
		}
	}
	c := &config.CORS{
		AllowOrigins: sorted(from.AllowOrigins), AllowMethods: sorted(from.AllowMethods), AllowHeaders: canonicalNames(from.AllowHeaders),
		ExposeHeaders: canonicalNames(from.ExposeHeaders), AllowCredentials: valueOr(from.AllowCredentials, false),
		MaxAge: config.Duration(defaultCORSAge),
	}
	if len(c.AllowMethods) == 0 {
		c.AllowMethods = defaultCORSMethods
	}
	if len(c.AllowHeaders) == 0 {
		c.AllowHeaders = []string{"*"}
	}
	if from.MaxAge != "" {
		age, err := time.ParseDuration(string(from.MaxAge))
		if err != nil || age < 0 {
			p.add("spec.cors.maxAge: %q is not a duration", from.MaxAge)
		}
		c.MaxAge = config.Duration(age)
	}
	return c
}

func canonicalNames(names []string) []string {
	out := make([]string, 0, len(names))
	for _, name := range names {
		out = append(out, textproto.CanonicalMIMEHeaderKey(name))
	}
	return sorted(out)
}

// errorTracking reads who is told of errors; nil is nobody. Who cannot be told is left out: a gateway that took no changes for it,
// such as a key that is disabled, would be the greater harm.
func (c *compilation) errorTracking(p *problems, t *v1alpha1.Telemetry) *config.ErrorTracking {
	if t == nil || t.ErrorTracking == nil {
		return nil
	}
	const field = "spec.telemetry.errorTracking"
	from := t.ErrorTracking
	out := &config.ErrorTracking{
		MaxGroups: int(p.number(field+".maxGroups", from.MaxGroups, defaultErrorGroups, 10, 10_000)), Environment: from.Environment,
	}
	if ref := from.SentryDSNSecretRef; ref != nil {
		c.dispensable(func() { out.SentryDSN = c.sentryDSN(field+".sentryDSNSecretRef", *ref) })
	}
	w := from.Webhook
	if w == nil {
		return out
	}
	if err := config.CheckURL(w.URL); err != nil {
		p.add("%s.webhook.url: %w", field, err)
	}
	webhook := &config.Webhook{URL: w.URL}
	if c.dispensable(func() {
		webhook.Authorization = c.authorization(field+".webhook.authorizationSecretRef", w.AuthorizationSecretRef, "errorTracking/webhook")
	}) {
		out.Webhook = webhook
	}
	return out
}

// sentryDSN puts a DSN into the document, under a name that it gives; "" notes why not.
func (c *compilation) sentryDSN(field string, ref v1alpha1.SecretKeyReference) string {
	value := c.gatewayValue(field, ref, dsnKey)
	if value == "" {
		return ""
	}
	if _, err := sentry.NewDsn(value); err != nil || !printable(value) || len(value) > maxGatewaySecretBytes {
		c.invalidSecret(field, ref, dsnKey, "is not a DSN of Sentry's")
		return ""
	}
	const name = "errorTracking/sentryDSN"
	c.secrets[name] = config.NewSecret(value)
	return name
}
