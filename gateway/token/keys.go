// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// algorithms are those that tokens may be signed by: asymmetric ones only. "none" proves nothing, and HS256 and its like
// could be computed with a public key.
var algorithms = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
}

const (
	// maxKeys bounds an issuer's keys.
	maxKeys = 256
	// RSA keys of less can be broken, and of more cost too much to use.
	minRSABits, maxRSABits = 2048, 8192
	// maxTries bounds the keys of one kid that a signature is tried with.
	maxTries = 4
)

// key is one public key of an issuer.
type key struct {
	id, algorithm string // algorithm may be empty
	public        crypto.PublicKey
	// gone says that the issuer has it no more, so that what it signed is not taken any more either.
	gone atomic.Bool
}

// fits says whether signatures of an algorithm can be by the key.
func (k *key) fits(algorithm string) bool {
	if k.algorithm != "" && k.algorithm != algorithm {
		return false
	}
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		return algorithm[:2] == "RS" || algorithm[:2] == "PS"
	case *ecdsa.PublicKey:
		return public.Curve == curves[algorithm]
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	default:
		return false
	}
}

var curves = map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}

// signed says whether the key signed a token, which is in the compact form.
func (k *key) signed(raw []byte, algorithm string) bool {
	signature, err := jose.ParseSignedCompact(string(raw), []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
	if err != nil {
		return false
	}
	_, err = signature.Verify(k.public)
	return err == nil
}

func (k *key) same(o *key) bool {
	comparable, ok := k.public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.id == o.id && k.algorithm == o.algorithm && comparable.Equal(o.public)
}

// keySet is what an issuer has. It is immutable.
type keySet []*key

// find gives the keys that a token may be signed with; known says that there are keys of its kid, whether they fit or not.
// A token need not name its key where only one fits (OpenID Connect Core 10.1).
func (s keySet) find(id, algorithm string) (fitting []*key, known bool) {
	for _, k := range s {
		if id != "" && k.id != id {
			continue
		}
		known = known || id != ""
		if k.fits(algorithm) {
			fitting = append(fitting, k)
		}
	}
	if id == "" && len(fitting) > 1 {
		return nil, true
	}
	return fitting[:min(len(fitting), maxTries)], known
}

// keep gives the set with the keys of an earlier one where they are the same, and marks those of them that are gone.
func (s keySet) keep(earlier keySet) keySet {
	kept := make(keySet, len(s))
	stays := map[*key]bool{}
	for i, k := range s {
		kept[i] = k
		for _, e := range earlier {
			if e.same(k) {
				kept[i], stays[e] = e, true
			}
		}
	}
	for _, e := range earlier {
		if !stays[e] {
			e.gone.Store(true)
		}
	}
	return kept
}

var errNoKeys = errors.New("the key set holds no key that tokens may be signed with")

// parseKeys reads a JWK Set (RFC 7517). Keys that are not for signatures, or of a kind that is not known, are left aside,
// as are secret ones: a set that shows them shows them to everybody.
func parseKeys(body []byte) (keySet, error) {
	var document struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return nil, errors.New("the key set is not well-formed JSON")
	}
	if len(document.Keys) > maxKeys {
		return nil, fmt.Errorf("the key set holds %d keys, and may hold %d", len(document.Keys), maxKeys)
	}
	var set keySet
	for _, raw := range document.Keys {
		if k := parseKey(raw); k != nil {
			set = append(set, k)
		}
	}
	if len(set) == 0 {
		return nil, errNoKeys
	}
	return set, nil
}

func parseKey(raw jsontext.Value) *key {
	var found struct {
		Secret jsontext.Value `json:"d"`
	}
	if json.Unmarshal(raw, &found) != nil || found.Secret != nil {
		return nil
	}
	var read jose.JSONWebKey
	if read.UnmarshalJSON(raw) != nil || !read.Valid() || read.Use != "" && read.Use != "sig" {
		return nil
	}
	k := &key{id: read.KeyID, algorithm: read.Algorithm, public: read.Key}
	if public, ok := k.public.(*rsa.PublicKey); ok && (public.N.BitLen() < minRSABits || public.N.BitLen() > maxRSABits) {
		return nil
	}
	// A symmetric key fits none.
	for _, a := range algorithms {
		if k.fits(a) {
			return k
		}
	}
	return nil
}
