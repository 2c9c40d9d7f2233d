// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Auth says who may use the gateway beside those with an APIKey.
//
// +kubebuilder:validation:MinProperties=1
type Auth struct {
	// jwt are issuers whose tokens are accepted in the header Authorization. Default: none.
	//
	// +optional
	// +listType=map
	// +listMapKey=issuer
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	JWT []JWTIssuer `json:"jwt,omitempty"`
	// anonymous lets clients in that show neither key nor token.
	//
	// +optional
	Anonymous *Anonymous `json:"anonymous,omitempty"`
	// trustedProxies are the addresses of proxies in front, such as 10.0.0.0/8, whose X-Forwarded-For is believed: the
	// client is the last address in it that is not one of theirs. Default: none, and the client is who connects.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=43
	// +kubebuilder:validation:items:XValidation:rule="isCIDR(self)",message="must be a CIDR, such as 10.0.0.0/8"
	TrustedProxies []string `json:"trustedProxies,omitempty"`
}

// JWTIssuer issues tokens that are verified with its public keys (RFC 7519, RFC 7517, OpenID Connect Discovery 1.0). The
// keys are asked for when the configuration is taken up and now and then after; while the issuer is not there, those that
// are known go on to be used.
//
// +kubebuilder:validation:XValidation:rule="!has(self.caSecretRef) || url(has(self.jwksURI) ? self.jwksURI : self.issuer).getScheme() == 'https'",message="caSecretRef has no effect where the keys are not asked for with https"
type JWTIssuer struct {
	// issuer is the URL that tokens bear in "iss", exactly. Its keys are found by its /.well-known/openid-configuration.
	//
	// +required
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHostname() != '' && !self.contains('?') && !self.contains('#') && !self.contains('@')",message="must be an http or https URL without query, fragment or credentials"
	Issuer string `json:"issuer"`
	// audiences of which a token must name one in "aud".
	//
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	Audiences []string `json:"audiences"`
	// jwksURI is the URL of the keys. Default: what the issuer's OpenID configuration says.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHostname() != '' && !self.contains('#') && !self.contains('@')",message="must be an http or https URL without fragment or credentials"
	JWKSURI string `json:"jwksURI,omitempty"`
	// caSecretRef names a bundle of certificate authorities that replace the system's when the issuer is asked.
	//
	// +optional
	CASecretRef *SecretKeyReference `json:"caSecretRef,omitempty"`
	// userClaim names the user, as usage is recorded. A token without it is refused. Default: sub.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	UserClaim string `json:"userClaim,omitempty"`
	// claims become labels of the token's bearer, by which UsagePolicies select it: a label's name with the claim that holds
	// its value, or its values. The label team is what usage is summed up by.
	//
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="keys are labels' names"
	Claims map[string]ClaimName `json:"claims,omitempty"`
	// clockSkew is how far the issuer's clock may differ, up to 10m. Default: 1m.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('10m')",message="must be at most 10m"
	ClockSkew Duration `json:"clockSkew,omitempty"`
	// allow bounds what the tokens may be used for. Default: everything that the gateway serves.
	//
	// +optional
	Allow *Allow `json:"allow,omitempty"`
}

// ClaimName is the name of a token's claim; the dots in it lead into objects, as in realm_access.roles, unless the whole
// name is a claim.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=128
type ClaimName string

// Anonymous is what clients may do that show neither key nor token: each client address is a principal of its own.
//
// +kubebuilder:validation:XValidation:rule="self.enabled || !has(self.allow)",message="allow has no effect without enabled: true"
type Anonymous struct {
	// enabled lets them in.
	//
	// +required
	Enabled bool `json:"enabled"`
	// allow bounds what they may do. Default: everything that the gateway serves.
	//
	// +optional
	Allow *Allow `json:"allow,omitempty"`
}
