// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"cmp"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// The defaults that the field comments of SparkGateway promise.
const (
	defaultMaxBodyBytes   = 10 << 20
	defaultMaxHeaderBytes = 16 << 10
	defaultBodyTimeout    = 30 * time.Second
	defaultMaxConnections = 10_000
	defaultDrainTimeout   = 10 * time.Minute

	defaultContentSecurityPolicy   = "default-src 'none'; frame-ancestors 'none'"
	defaultStrictTransportSecurity = "max-age=31536000; includeSubDomains"
	defaultFrameOptions            = "DENY"
	defaultReferrerPolicy          = "no-referrer"
)

func (c *compilation) gateway() config.Gateway {
	gw := c.in.Gateway
	c.out.Gateway = Verdict{Generation: gw.Generation}
	spec, p := gw.Spec, &problems{}
	g := config.Gateway{
		ID:             idOf(gw),
		MaxBodyBytes:   defaultMaxBodyBytes,
		MaxHeaderBytes: defaultMaxHeaderBytes,
		BodyTimeout:    config.Duration(defaultBodyTimeout),
		MaxConnections: defaultMaxConnections,
		DrainTimeout:   config.Duration(DrainTimeout(gw)),
		UnknownPrice:   p.unknownPrice(spec.UnknownPrice),
		Replicas:       replicas(&spec),
	}
	if l := spec.Limits; l != nil {
		g.Limits, g.All = p.limitSet("spec.limits", &l.Limits), p.limitSet("spec.limits.all", l.All)
		g.PerUser, g.PerIP = p.limitSet("spec.limits.perUser", l.PerUser), p.limitSet("spec.limits.perIP", l.PerIP)
	}
	if r := spec.RequestLimits; r != nil {
		g.MaxBodyBytes = valueOr(r.MaxBodyBytes, g.MaxBodyBytes)
		g.MaxHeaderBytes = int(valueOr(r.MaxHeaderBytes, defaultMaxHeaderBytes))
		g.BodyTimeout = p.duration("spec.requestLimits.bodyTimeout", r.BodyTimeout, defaultBodyTimeout)
	}
	if d := spec.Drain; d != nil {
		p.duration("spec.drain.timeout", d.Timeout, defaultDrainTimeout)
	}
	g.AccessLog, g.LogSkips = p.accessLog(spec.Telemetry)
	g.KeyLabels = p.keyLabels(spec.Telemetry)
	p.selector(spec.AllowedNamespaces)
	c.listener(&g)
	g.Auth = c.auth(p, spec.Auth)
	g.Store, g.Ledger = c.store(p, spec.Store), c.ledger(p, spec.Ledger)
	g.RequestLimits, g.CORS = p.requestLimits(spec.RequestLimits), p.cors(spec.CORS)
	c.caching, g.Sanitizer = p.cache(spec.Cache, g.Store != nil), c.sanitizer(p, spec.Sanitizer)
	p.room(spec.Resources, c.caching.exact)
	g.ErrorTracking, g.Tracing = c.errorTracking(p, spec.Telemetry), c.tracing(p, spec.Telemetry)
	g.Headers = p.securityHeaders(spec.SecurityHeaders, g.TLS != nil)
	c.out.Gateway.Accepted = p.finding()
	return g
}

func (c *compilation) listener(g *config.Gateway) {
	listener := c.in.Gateway.Spec.Listener
	if listener == nil {
		return
	}
	g.MaxConnections = int(valueOr(listener.MaxConnections, defaultMaxConnections))
	if listener.TLS == nil {
		return
	}
	const field = "spec.listener.tls.secretRef"
	certificate := c.gatewayValue(field, v1alpha1.SecretKeyReference{Name: listener.TLS.SecretRef.Name, Key: "tls.crt"}, "")
	if certificate == "" {
		return
	}
	key := c.gatewayValue(field, v1alpha1.SecretKeyReference{Name: listener.TLS.SecretRef.Name, Key: "tls.key"}, "")
	if key == "" {
		return
	}
	if err := checkKeyPair(certificate, key); err != nil {
		c.out.Gateway.ResolvedRefs = Finding{v1alpha1.ReasonInvalidSecret,
			fmt.Sprintf("%s: Secret %s/%s: %v", field, c.in.Gateway.Namespace, listener.TLS.SecretRef.Name, err)}
		return
	}
	const secret = "listener/tls.key"
	c.secrets[secret] = config.NewSecret(key)
	g.TLS = &config.ServerTLS{Certificate: certificate, Key: secret}
}

// DrainTimeout gives how long a request may go on when its pod leaves, default applied.
func DrainTimeout(gw *v1alpha1.SparkGateway) time.Duration {
	if gw.Spec.Drain == nil {
		return defaultDrainTimeout
	}
	d, err := time.ParseDuration(string(gw.Spec.Drain.Timeout))
	if err != nil || d <= 0 {
		return defaultDrainTimeout
	}
	return d
}

func (p *problems) securityHeaders(s *v1alpha1.SecurityHeaders, tls bool) []config.Header {
	if s == nil {
		s = &v1alpha1.SecurityHeaders{}
	}
	headers := []config.Header{
		{Name: "Cache-Control", Value: "no-store"},
		{Name: "Content-Security-Policy", Value: cmp.Or(s.ContentSecurityPolicy, defaultContentSecurityPolicy)},
		{Name: "Referrer-Policy", Value: cmp.Or(s.ReferrerPolicy, defaultReferrerPolicy)},
		{Name: "X-Content-Type-Options", Value: "nosniff"},
		{Name: "X-Frame-Options", Value: cmp.Or(s.FrameOptions, defaultFrameOptions)},
	}
	if tls {
		headers = append(headers, config.Header{Name: "Strict-Transport-Security",
			Value: cmp.Or(s.StrictTransportSecurity, defaultStrictTransportSecurity)})
	}
	headers = append(headers, p.headers("spec.securityHeaders.extra", s.Extra)...)
	slices.SortFunc(headers, func(a, b config.Header) int { return cmp.Compare(a.Name, b.Name) })
	return headers
}

// headers gives header fields in canonical form, in order of name.
func (p *problems) headers(field string, m map[string]v1alpha1.HeaderValue) []config.Header {
	var out []config.Header
	seen := map[string]bool{}
	for _, name := range sortedKeys(m) {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if seen[canonical] {
			p.add("%s: %s stands twice, in different case", field, canonical)
			continue
		}
		seen[canonical] = true
		header := config.Header{Name: canonical, Value: string(m[name])}
		if err := header.Check(); err != nil {
			p.add("%s: %w", field, err)
			continue
		}
		out = append(out, header)
	}
	return out
}

func (p *problems) selector(a *v1alpha1.AllowedNamespaces) {
	if a == nil || a.From != v1alpha1.NamespacesSelector {
		return
	}
	if _, err := metav1.LabelSelectorAsSelector(a.Selector); err != nil {
		p.add("spec.allowedNamespaces.selector: %w", err)
	}
}

// problems collects what is wrong with a resource; each names its field.
type problems struct{ errs []error }

func (p *problems) add(format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf(format, args...))
}

// finding gives the problems as the reason that a resource is not accepted.
func (p *problems) finding() Finding {
	if len(p.errs) == 0 {
		return Finding{}
	}
	return Finding{v1alpha1.ReasonInvalid, errors.Join(p.errs...).Error()}
}

// duration reads a duration, or gives the default where none is set.
func (p *problems) duration(field string, d v1alpha1.Duration, otherwise time.Duration) config.Duration {
	if d == "" {
		return config.Duration(otherwise)
	}
	v, err := time.ParseDuration(string(d))
	if err != nil || v <= 0 {
		p.add("%s: %q is not a duration above zero", field, d)
		return config.Duration(otherwise)
	}
	return config.Duration(v)
}

func valueOr[T any](v *T, otherwise T) T {
	if v == nil {
		return otherwise
	}
	return *v
}
