// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// Known says whether this version has such an endpoint.
func (e Endpoint) Known() bool { return slices.Contains(Endpoints, e) }

// CheckCIDR gives the canonical form of a prefix of addresses, such as "10.0.0.0/8", or says what is wrong with it. IPv4 is
// not written as IPv6: addresses of clients are not either.
func CheckCIDR(cidr string) (string, error) {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil || prefix.Addr().Is4In6() {
		return "", errors.New("is not a CIDR, such as 10.0.0.0/8")
	}
	return prefix.Masked().String(), nil
}

func (v *validation) auth(a *Auth) {
	seen := map[string]bool{}
	for i := range a.Issuers {
		issuer, at := &a.Issuers[i], fmt.Sprintf("gateway.auth.issuers[%d]", i)
		if seen[issuer.URL] {
			v.add("%s.url: stands twice", at)
		}
		seen[issuer.URL] = true
		v.issuer(at, issuer)
	}
	if a.Anonymous != nil {
		v.allow("gateway.auth.anonymous.allow", a.Anonymous.Allow)
	}
	v.cidrs("gateway.auth.trustedProxies", a.TrustedProxies)
}

func (v *validation) issuer(at string, s *Issuer) {
	if err := CheckEndpoint(s.URL); err != nil {
		v.add("%s.url: %w", at, err)
	}
	if len(s.Audiences) == 0 || slices.Contains(s.Audiences, "") {
		v.add("%s.audiences: there is none, or an empty one", at)
	}
	if s.JWKSURI != "" {
		v.url(at+".jwksURI", s.JWKSURI)
	}
	v.authorities(at+".ca", s.CA)
	if s.UserClaim == "" {
		v.add("%s.userClaim: empty", at)
	}
	for i, l := range s.Labels {
		if l.Label == "" || l.Claim == "" {
			v.add("%s.labels[%d]: label and claim must not be empty", at, i)
		}
		if i > 0 && s.Labels[i-1].Label >= l.Label {
			v.add("%s.labels[%d].label: %q is out of order or stands twice", at, i, l.Label)
		}
	}
	if s.Skew < 0 {
		v.add("%s.skew: %s is negative", at, s.Skew)
	}
	v.allow(at+".allow", s.Allow)
}

// allow checks what a principal may do; nil allows everything.
func (v *validation) allow(at string, a *Allow) {
	if a == nil {
		return
	}
	for i, name := range a.Models {
		if err := CheckModel(name); err != nil {
			v.add("%s.models[%d]: %w", at, i, err)
		}
	}
	v.ascending(at+".models", a.Models)
	for i, e := range a.Endpoints {
		if !e.Known() {
			v.add("%s.endpoints[%d]: %q is not known to this gateway", at, i, e)
		}
		if i > 0 && a.Endpoints[i-1] >= e {
			v.add("%s.endpoints[%d]: %q is out of order or stands twice", at, i, e)
		}
	}
	v.cidrs(at+".cidrs", a.CIDRs)
}

func (v *validation) cidrs(field string, cidrs []string) {
	for i, cidr := range cidrs {
		switch canonical, err := CheckCIDR(cidr); {
		case err != nil:
			v.add("%s[%d]: %q %w", field, i, cidr, err)
		case canonical != cidr:
			v.add("%s[%d]: %q is not in canonical form, %s", field, i, cidr, canonical)
		}
	}
	v.ascending(field, cidrs)
}

// authorities checks a bundle of certificates; none keeps the system's.
func (v *validation) authorities(field, pem string) {
	if pem != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(pem)) {
		v.add("%s: holds no PEM certificate", field)
	}
}

// keys checks that no two secrets, present or previous, are the same: a secret leads to one key.
func (v *validation) keys(keys []Key) {
	ids, digests := make(map[string]bool, len(keys)), make(map[Digest]string, len(keys))
	take := func(d Digest, id string) {
		if other, ok := digests[d]; ok {
			v.add("keys: %q and %q have one digest", other, id)
		}
		digests[d] = id
	}
	for i := range keys {
		k := &keys[i]
		if k.ID == "" || ids[k.ID] {
			v.add("keys: id %q is empty or stands twice", k.ID)
		}
		ids[k.ID] = true
		take(k.Digest, k.ID)
		if k.Previous != nil {
			take(k.Previous.Digest, k.ID)
		}
		v.key(k)
	}
}

func (v *validation) key(k *Key) {
	if k.NotAfter < 0 {
		v.add("keys[%s].notAfter: %d is negative", k.ID, k.NotAfter)
	}
	if k.Previous != nil && k.Previous.NotAfter <= 0 {
		v.add("keys[%s].previous.notAfter: %d is not positive", k.ID, k.Previous.NotAfter)
	}
	// Most keys have none of these, and there may be 100,000.
	if k.Allow != nil {
		v.allow("keys["+k.ID+"].allow", k.Allow)
	}
	if !k.Limits.Empty() {
		v.limitSet("keys["+k.ID+"].limits", &k.Limits)
	}
	if len(k.Budgets) > 0 {
		v.budgets("keys["+k.ID+"].budgets", k.Budgets)
	}
}
