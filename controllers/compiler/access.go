// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// The defaults that the field comments of JWTIssuer promise.
const (
	defaultUserClaim = "sub"
	defaultClockSkew = time.Minute
)

const maxClockSkew = 10 * time.Minute

// allow reads what a principal may do; nil allows everything.
func (p *problems) allow(field string, a *v1alpha1.Allow) *config.Allow {
	if a == nil {
		return nil
	}
	allow := &config.Allow{CIDRs: p.cidrs(field+".cidrs", a.CIDRs)}
	for i, name := range a.Models {
		if err := config.CheckModel(string(name)); err != nil {
			p.add("%s.models[%d]: %w", field, i, err)
		}
		allow.Models = append(allow.Models, string(name))
	}
	for i, endpoint := range a.Endpoints {
		if !config.Endpoint(endpoint).Known() {
			p.add("%s.endpoints[%d]: %q is not an endpoint", field, i, endpoint)
		}
		allow.Endpoints = append(allow.Endpoints, config.Endpoint(endpoint))
	}
	allow.Models, allow.Endpoints = unique(allow.Models), unique(allow.Endpoints)
	return allow
}

// cidrs gives prefixes of addresses in canonical form; two that are one in it stand once.
func (p *problems) cidrs(field string, cidrs []string) []string {
	var out []string
	for i, cidr := range cidrs {
		canonical, err := config.CheckCIDR(cidr)
		if err != nil {
			p.add("%s[%d]: %q %w", field, i, cidr, err)
			continue
		}
		out = append(out, canonical)
	}
	return unique(out)
}

// unique sorts a list in place and leaves out what stands twice.
func unique[S ~[]E, E cmp.Ordered](list S) S {
	slices.Sort(list)
	return slices.Compact(list)
}

// auth reads who may use the gateway beside those with keys.
func (c *compilation) auth(p *problems, a *v1alpha1.Auth) config.Auth {
	if a == nil {
		return config.Auth{}
	}
	auth := config.Auth{TrustedProxies: p.cidrs("spec.auth.trustedProxies", a.TrustedProxies)}
	for i := range a.JWT {
		auth.Issuers = append(auth.Issuers, c.issuer(p, fmt.Sprintf("spec.auth.jwt[%d]", i), &a.JWT[i]))
	}
	// One that is not enabled may still say what it would allow, and that must be right.
	if a.Anonymous != nil {
		allow := p.allow("spec.auth.anonymous.allow", a.Anonymous.Allow)
		if a.Anonymous.Enabled {
			auth.Anonymous = &config.Anonymous{Allow: allow}
		}
	}
	return auth
}

func (c *compilation) issuer(p *problems, field string, s *v1alpha1.JWTIssuer) config.Issuer {
	issuer := config.Issuer{
		URL: s.Issuer, Audiences: unique(slices.Clone(s.Audiences)), JWKSURI: s.JWKSURI,
		UserClaim: cmp.Or(s.UserClaim, defaultUserClaim),
		// No difference at all is one that may be asked for, unlike other durations.
		Skew:  p.durationOrNone(field+".clockSkew", s.ClockSkew, defaultClockSkew),
		Allow: p.allow(field+".allow", s.Allow),
	}
	if err := config.CheckEndpoint(s.Issuer); err != nil {
		p.add("%s.issuer: %w", field, err)
	}
	if s.JWKSURI != "" {
		if err := config.CheckURL(s.JWKSURI); err != nil {
			p.add("%s.jwksURI: %w", field, err)
		}
	}
	if issuer.Skew.Std() > maxClockSkew {
		p.add("%s.clockSkew: %s is more than %s", field, issuer.Skew, maxClockSkew)
	}
	for _, label := range sortedKeys(s.Claims) {
		issuer.Labels = append(issuer.Labels, config.ClaimLabel{Label: label, Claim: string(s.Claims[label])})
	}
	if s.CASecretRef != nil {
		issuer.CA = c.authorities(field+".caSecretRef", *s.CASecretRef)
	}
	return issuer
}

// durationOrNone reads a duration that may be zero.
func (p *problems) durationOrNone(field string, d v1alpha1.Duration, otherwise time.Duration) config.Duration {
	if v, err := time.ParseDuration(string(d)); err == nil && v == 0 {
		return 0
	}
	return p.duration(field, d, otherwise)
}
