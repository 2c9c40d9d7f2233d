// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// MaxJSONDepth is how deep a JSON body may be nested whatever the resources say, so that a body of brackets cannot exhaust
// the stack.
const MaxJSONDepth = 500

// anyOrigin stands for every origin, and among headers for every header.
const anyOrigin = "*"

// CheckOrigin says what is wrong with one of CORS.AllowOrigins, nil when nothing is: it must be "*", or a scheme and a host
// as browsers send them (in lower case, without a path), whose first label may be "*".
func CheckOrigin(origin string) error {
	if origin == anyOrigin {
		return nil
	}
	scheme, host, ok := strings.Cut(origin, "://")
	if !ok || scheme == "" {
		return errors.New(`must be "*" or begin with a scheme such as https://`)
	}
	host = strings.TrimPrefix(host, "*.")
	u, err := url.Parse(scheme + "://" + host)
	switch {
	case err != nil || u.Hostname() == "" || strings.Contains(host, "*"):
		return errors.New(`must have a host, of which only the first label may be "*"`)
	case u.Scheme+"://"+u.Host != scheme+"://"+host:
		return errors.New("must be a scheme, a host and perhaps a port, and nothing behind")
	case strings.ToLower(origin) != origin:
		return errors.New("must be in lower case, as browsers send it")
	case !validPort(u.Port()) || strings.HasSuffix(host, ":"):
		return errors.New("has a port that is not between 1 and 65535")
	}
	return nil
}

// protection checks what keeps a gateway from harm: bounds on single requests, other origins' scripts, who hears of errors.
func (v *validation) protection(d *Document) {
	g := &d.Core.Gateway
	v.requestLimits(&g.RequestLimits)
	if g.CORS != nil {
		v.cors(g.CORS)
	}
	if t := g.ErrorTracking; t != nil {
		v.errorTracking(t, d.Secrets)
	}
}

func (v *validation) requestLimits(l *RequestLimits) {
	for _, bound := range []struct {
		field string
		n     int64
	}{
		{"maxHeaderFields", int64(l.MaxHeaderFields)}, {"maxMessages", int64(l.MaxMessages)}, {"maxInputTokens", l.MaxInputTokens},
		{"maxOutputTokens", l.MaxOutputTokens}, {"minBodyRate", l.MinBodyRate},
	} {
		if bound.n < 0 {
			v.add("gateway.requestLimits.%s: %d is negative", bound.field, bound.n)
		}
	}
	if l.MaxDepth < 0 || l.MaxDepth > MaxJSONDepth {
		v.add("gateway.requestLimits.maxDepth: %d is not within 0 and %d", l.MaxDepth, MaxJSONDepth)
	}
	if l.ClampOutput && l.MaxOutputTokens == 0 {
		v.add("gateway.requestLimits.clampOutput: means nothing without maxOutputTokens")
	}
}

func (v *validation) cors(c *CORS) {
	const at = "gateway.cors"
	if len(c.AllowOrigins) == 0 {
		v.add("%s.allowOrigins: empty", at)
	}
	for i, origin := range c.AllowOrigins {
		if err := CheckOrigin(origin); err != nil {
			v.add("%s.allowOrigins[%d]: %w", at, i, err)
		}
	}
	v.alone(at+".allowOrigins", c.AllowOrigins)
	if c.AllowCredentials && slices.Contains(c.AllowOrigins, anyOrigin) {
		v.add("%s.allowCredentials: no browser takes it with the origin %q", at, anyOrigin)
	}
	v.ascending(at+".allowOrigins", c.AllowOrigins)
	v.tokens(at+".allowMethods", c.AllowMethods)
	v.tokens(at+".allowHeaders", c.AllowHeaders)
	v.alone(at+".allowHeaders", c.AllowHeaders)
	v.tokens(at+".exposeHeaders", c.ExposeHeaders)
	if c.MaxAge < 0 {
		v.add("%s.maxAge: %s is negative", at, c.MaxAge)
	}
}

// alone checks that "*" stands beside nothing else.
func (v *validation) alone(field string, list []string) {
	if len(list) > 1 && slices.Contains(list, anyOrigin) {
		v.add("%s: %q stands alone or not at all", field, anyOrigin)
	}
}

// tokens checks a list of methods or of header names (RFC 9110 5.6.2); "*" is a token as well.
func (v *validation) tokens(field string, list []string) {
	for i, name := range list {
		if name == "" || strings.ContainsFunc(name, notToken) {
			v.add("%s[%d]: %q is no token", field, i, name)
		}
	}
	v.ascending(field, list)
}

func (v *validation) errorTracking(t *ErrorTracking, secrets map[string]Secret) {
	const at = "gateway.errorTracking"
	if t.MaxGroups <= 0 {
		v.add("%s.maxGroups: %d is not positive", at, t.MaxGroups)
	}
	if strings.ContainsFunc(t.Environment, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		v.add("%s.environment: holds control characters", at)
	}
	v.named(at+".sentryDSN", t.SentryDSN, secrets)
	if dsn, ok := secrets[t.SentryDSN]; ok && t.SentryDSN != "" {
		if err := checkDSN(dsn.Reveal()); err != nil {
			v.add("%s.sentryDSN: %w", at, err)
		}
	}
	if w := t.Webhook; w != nil {
		v.url(at+".webhook.url", w.URL)
		v.authorization(at+".webhook.authorization", w.Authorization, secrets)
	}
}

// checkDSN says what is wrong with a DSN of Sentry: it is a URL with a key for a user and a project for a path. The DSN
// itself is not in the error, as it is a credential.
func checkDSN(dsn string) error {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User.Username() == "" ||
		strings.Trim(u.Path, "/") == "" {
		return errors.New("the secret is no DSN: https://<key>@<host>/<project>")
	}
	return nil
}
