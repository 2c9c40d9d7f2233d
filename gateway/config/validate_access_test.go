// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"slices"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

// fullAllow uses everything that Allow has.
func fullAllow() *config.Allow {
	return &config.Allow{Models: []string{"claude-*", "smart"}, Endpoints: []config.Endpoint{config.EndpointChat, config.EndpointRerank},
		CIDRs: []string{"10.0.0.0/8", "2001:db8::/32"}}
}

func fullIssuer() config.Issuer {
	return config.Issuer{URL: "https://idp.example.com/realms/a", Audiences: []string{"spark"}, JWKSURI: "https://idp.example.com/keys?v=1", UserClaim: "sub",
		Labels: []config.ClaimLabel{{Label: "role", Claim: "realm_access.roles"}, {Label: "team", Claim: "groups"}}, Skew: aMinute, Allow: fullAllow()}
}

func TestWhatMayBeDoneIsValidatedWhereverItStands(t *testing.T) {
	places := map[string]func(*config.Document) **config.Allow{
		"keys[team/key-1].allow":        func(d *config.Document) **config.Allow { return &d.Keys[1].Allow },
		"gateway.auth.anonymous.allow":  func(d *config.Document) **config.Allow { return &d.Core.Gateway.Auth.Anonymous.Allow },
		"gateway.auth.issuers[0].allow": func(d *config.Document) **config.Allow { return &d.Core.Gateway.Auth.Issuers[0].Allow },
	}
	faults := map[string]struct {
		edit func(*config.Allow)
		want string
	}{
		"nothing wrong":               {func(*config.Allow) {}, ""},
		"nothing bounded":             {func(a *config.Allow) { *a = config.Allow{} }, ""},
		"every endpoint there is":     {func(a *config.Allow) { a.Endpoints = config.Endpoints }, ""},
		"an empty model":              {func(a *config.Allow) { a.Models = []string{""} }, ".models[0]: empty"},
		"a model with too many stars": {func(a *config.Allow) { a.Models = []string{"*a*b*c*d*"} }, ".models[0]: has more than 4 stars"},
		"models out of order":         {func(a *config.Allow) { slices.Reverse(a.Models) }, `.models[1]: "claude-*" is out of order or stands twice`},
		"an unknown endpoint":         {func(a *config.Allow) { a.Endpoints = []config.Endpoint{"Telepathy"} }, `.endpoints[0]: "Telepathy" is not known to this gateway`},
		"an endpoint twice":           {func(a *config.Allow) { a.Endpoints[1] = a.Endpoints[0] }, `.endpoints[1]: "Chat" is out of order or stands twice`},
		"an address that is none":     {func(a *config.Allow) { a.CIDRs = []string{"10.0.0.256/8"} }, `.cidrs[0]: "10.0.0.256/8" is not a CIDR, such as 10.0.0.0/8`},
		"an address without a mask":   {func(a *config.Allow) { a.CIDRs = []string{"10.0.0.1"} }, `.cidrs[0]: "10.0.0.1" is not a CIDR, such as 10.0.0.0/8`},
		"IPv4 within IPv6":            {func(a *config.Allow) { a.CIDRs = []string{"::ffff:10.0.0.0/104"} }, `.cidrs[0]: "::ffff:10.0.0.0/104" is not a CIDR, such as 10.0.0.0/8`},
		"bits behind the mask":        {func(a *config.Allow) { a.CIDRs = []string{"10.1.2.3/8"} }, `.cidrs[0]: "10.1.2.3/8" is not in canonical form, 10.0.0.0/8`},
		"IPv6 that is not short":      {func(a *config.Allow) { a.CIDRs = []string{"2001:DB8:0::/32"} }, `.cidrs[0]: "2001:DB8:0::/32" is not in canonical form, 2001:db8::/32`},
		"addresses out of order":      {func(a *config.Allow) { slices.Reverse(a.CIDRs) }, `.cidrs[1]: "10.0.0.0/8" is out of order or stands twice`},
	}
	tests := map[string]edited{}
	for at, place := range places {
		for name, fault := range faults {
			want := fault.want
			if want != "" {
				want = at + want
			}
			tests[at+" with "+name] = edited{func(d *config.Document) {
				d.Core.Gateway.Auth = config.Auth{Issuers: []config.Issuer{fullIssuer()}, Anonymous: &config.Anonymous{}}
				allow := fullAllow()
				fault.edit(allow)
				*place(d) = allow
			}, want}
		}
	}
	wantProblems(t, tests)
}

func TestAuthIsValidated(t *testing.T) {
	auth := func(edit func(*config.Auth)) func(*config.Document) {
		return func(d *config.Document) {
			d.Core.Gateway.Auth = config.Auth{Issuers: []config.Issuer{fullIssuer()}, Anonymous: &config.Anonymous{}, TrustedProxies: []string{"10.0.0.0/8"}}
			edit(&d.Core.Gateway.Auth)
		}
	}
	issuer := func(edit func(*config.Issuer)) func(*config.Document) {
		return auth(func(a *config.Auth) { edit(&a.Issuers[0]) })
	}
	const at = "gateway.auth.issuers[0]"
	wantProblems(t, map[string]edited{
		"everything":                    {auth(func(*config.Auth) {}), ""},
		"an issuer twice":               {auth(func(a *config.Auth) { a.Issuers = append(a.Issuers, a.Issuers[0]) }), "gateway.auth.issuers[1].url: stands twice"},
		"an issuer without a URL":       {issuer(func(s *config.Issuer) { s.URL = "" }), at + ".url: must begin with http:// or https://"},
		"an issuer with a query":        {issuer(func(s *config.Issuer) { s.URL += "?a" }), at + ".url: must not have a query or fragment"},
		"an issuer's URL is not quoted": {issuer(func(s *config.Issuer) { s.URL = "https://user:hunter2@idp" }), at + ".url: must not carry credentials"},
		"an issuer without a host":      {issuer(func(s *config.Issuer) { s.URL = "https:///a" }), at + ".url: has no host"},
		"no audience":                   {issuer(func(s *config.Issuer) { s.Audiences = nil }), at + ".audiences: there is none, or an empty one"},
		"an empty audience":             {issuer(func(s *config.Issuer) { s.Audiences = []string{"a", ""} }), at + ".audiences: there is none, or an empty one"},
		"keys found by discovery":       {issuer(func(s *config.Issuer) { s.JWKSURI = "" }), ""},
		"keys at a fragment":            {issuer(func(s *config.Issuer) { s.JWKSURI += "#x" }), at + ".jwksURI: must not have a fragment"},
		"keys in a file":                {issuer(func(s *config.Issuer) { s.JWKSURI = "file:///etc/passwd" }), at + ".jwksURI: must begin with http:// or https://"},
		"an authority that is no PEM":   {issuer(func(s *config.Issuer) { s.CA = "x" }), at + ".ca: holds no PEM certificate"},
		"no claim for the user":         {issuer(func(s *config.Issuer) { s.UserClaim = "" }), at + ".userClaim: empty"},
		"a label from no claim":         {issuer(func(s *config.Issuer) { s.Labels[0].Claim = "" }), at + ".labels[0]: label and claim must not be empty"},
		"a label without a name":        {issuer(func(s *config.Issuer) { s.Labels[0].Label = "" }), at + ".labels[0]: label and claim must not be empty"},
		"a label twice":                 {issuer(func(s *config.Issuer) { s.Labels[1].Label = "role" }), at + `.labels[1].label: "role" is out of order or stands twice`},
		"clocks that agree":             {issuer(func(s *config.Issuer) { s.Skew = 0 }), ""},
		"clocks that more than agree":   {issuer(func(s *config.Issuer) { s.Skew = -1 }), at + ".skew: -1ns is negative"},
		"a proxy that is no address":    {auth(func(a *config.Auth) { a.TrustedProxies[0] = "proxy" }), `gateway.auth.trustedProxies[0]: "proxy" is not a CIDR, such as 10.0.0.0/8`},
		"a proxy with bits behind the mask": {
			auth(func(a *config.Auth) { a.TrustedProxies[0] = "10.0.0.1/8" }), `gateway.auth.trustedProxies[0]: "10.0.0.1/8" is not in canonical form, 10.0.0.0/8`},
		"a proxy twice": {
			auth(func(a *config.Auth) { a.TrustedProxies = slices.Repeat(a.TrustedProxies, 2) }), `gateway.auth.trustedProxies[1]: "10.0.0.0/8" is out of order or stands twice`},
	})
}

func TestKeysWithALifeAreValidated(t *testing.T) {
	key := func(edit func(*config.Key)) func(*config.Document) {
		return func(d *config.Document) {
			d.Keys[0].Previous = &config.PreviousSecret{Digest: config.DigestKey("before"), NotAfter: 1}
			edit(&d.Keys[0])
		}
	}
	wantProblems(t, map[string]edited{
		"everything": {key(func(k *config.Key) {
			k.Disabled, k.NotAfter, k.Labels, k.Allow = true, 1, map[string]string{config.LabelTeam: "search"}, fullAllow()
			k.Limits, k.Budgets = fullLimits(), []config.Budget{{Amount: 1, Per: config.Day}}
		}), ""},
		"an end before time began":      {key(func(k *config.Key) { k.NotAfter = -1 }), "keys[team/key-0].notAfter: -1 is negative"},
		"a secret before without end":   {key(func(k *config.Key) { k.Previous.NotAfter = 0 }), "keys[team/key-0].previous.notAfter: 0 is not positive"},
		"a secret before that is now's": {key(func(k *config.Key) { k.Previous.Digest = k.Digest }), `keys: "team/key-0" and "team/key-0" have one digest`},
		"a secret before that is another's": {
			key(func(k *config.Key) { k.Previous.Digest = config.DigestKey("the secret of team/key-3") }), `keys: "team/key-0" and "team/key-3" have one digest`},
		"two with one secret before": {func(d *config.Document) {
			d.Keys[0].Previous = &config.PreviousSecret{NotAfter: 1}
			d.Keys[4].Previous = &config.PreviousSecret{NotAfter: 1}
		}, `keys: "team/key-0" and "team/key-4" have one digest`},
	})
}
