// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/test/e2e/load"
)

// keysTakenUpWithin is how long a token of a key that is new with its issuer may be refused: unknown keys are asked for at most
// every ten seconds.
const keysTakenUpWithin = 20 * time.Second

// signer is a key of an issuer.
type signer struct {
	id  string
	key *ecdsa.PrivateKey
}

func newSigner(t testing.TB, id string) signer {
	t.Helper()
	return signer{id, must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
}

type claims map[string]any

// token signs claims (RFC 7515, ES256).
func (s signer) token(t testing.TB, c claims) string {
	t.Helper()
	part := func(v any) string {
		return base64.RawURLEncoding.EncodeToString(must[[]byte](t)(json.Marshal(v)))
	}
	text := part(map[string]string{"alg": "ES256", "typ": "JWT", "kid": s.id}) + "." + part(c)
	digest := sha256.Sum256([]byte(text))
	r, v, err := ecdsa.Sign(rand.Reader, s.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	const size = 32
	signature := make([]byte, 2*size)
	r.FillBytes(signature[:size])
	v.FillBytes(signature[size:])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// provides has the load pod give an issuer's OpenID configuration and keys, and none where there are no signers.
func (l *loader) provides(issuer string, signers ...signer) {
	l.s.Helper()
	encode := func(v any) string { return string(must[[]byte](l.s)(json.Marshal(v))) }
	configuration, keys := "", ""
	if len(signers) > 0 {
		configuration = encode(map[string]string{"issuer": issuer, "jwks_uri": issuer + "/keys"})
		var set []map[string]string
		for _, s := range signers {
			point := must[[]byte](l.s)(s.key.PublicKey.Bytes()) // 4, and both coordinates
			set = append(set, map[string]string{
				"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": s.id,
				"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
			})
		}
		keys = encode(map[string]any{"keys": set})
	}
	l.post("pages", load.Page{Path: "issuer/.well-known/openid-configuration", Body: configuration}, new(load.Moment))
	l.post("pages", load.Page{Path: "issuer/keys", Body: keys}, new(load.Moment))
}

// trusting makes the gateway trust an issuer, whose groups a policy limits.
const trusting = `
apiVersion: sparkgateway.dev/v1alpha1
kind: UsagePolicy
metadata: {name: search}
spec:
  gatewayRefs: [{name: main}]
  keySelector: {matchLabels: {team: search}}
  limits: {requests: [{count: 2, per: 24h}]}
`

// Tokens of an issuer are accepted by every pod as they say, whatever becomes of the issuer, and policies hold for whom their
// claims name.
func TestTokensOfAnIssuerAreAccepted(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	l := s.start(minimal)
	issuer := "http://" + get(s, l.pod, &corev1.Pod{}).Status.PodIP + ":8090/pages/issuer"
	old := newSigner(t, "old")
	l.provides(issuer, old)
	s.patch(&v1alpha1.SparkGateway{}, "main", fmt.Sprintf(
		`{"spec":{"auth":{"jwt":[{"issuer":%q,"audiences":["spark"],"userClaim":"email","claims":{"team":"groups"},"clockSkew":"1s"}]}}}`, issuer))
	s.apply(trusting)
	s.waitFor("Programmed", "sparkgateway/main")
	s.waitFor("Programmed", "usagepolicy/search")

	now := time.Now().Add(l.ahead())
	good := claims{"iss": issuer, "aud": "spark", "sub": "1", "email": "ann@example.com", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix()}
	with := func(more claims) claims {
		c := maps.Clone(good)
		maps.Copy(c, more)
		return c
	}
	l.answer(old.token(t, good), http.StatusOK, "")
	for what, token := range map[string]string{
		"another's signature": newSigner(t, "old").token(t, good),
		"another audience":    old.token(t, with(claims{"aud": "elsewhere"})),
		"an end that is past": old.token(t, with(claims{"exp": now.Add(-time.Minute).Unix()})),
		"another issuer":      old.token(t, with(claims{"iss": issuer + "/other"})),
		"no user":             old.token(t, with(claims{"email": ""})),
	} {
		for _, a := range l.chat(token, s.addresses("main")...) {
			if a.Status != http.StatusUnauthorized || a.Headers.Get("Www-Authenticate") == "" {
				t.Errorf("a token with %s: %d %v %s %s", what, a.Status, a.Headers, a.Body, a.Error)
			}
		}
	}
	searching := old.token(t, with(claims{"sub": "2", "email": "bo@example.com", "groups": []string{"search", "staff"}}))
	for i, status := range []int{http.StatusOK, http.StatusOK, http.StatusTooManyRequests} {
		if a := l.chat(searching, s.addresses("main")[0])[0]; a.Status != status {
			t.Errorf("request %d of a bearer whom a policy lets make two: %d %s %s", i+1, a.Status, a.Body, a.Error)
		}
	}

	next := newSigner(t, "next")
	l.provides(issuer, old, next)
	start := time.Now()
	eventually(t, keysTakenUpWithin, func() string {
		for _, a := range l.chat(next.token(t, good), s.addresses("main")...) {
			if a.Status != http.StatusOK {
				return fmt.Sprintf("%d %s %s", a.Status, a.Body, a.Error)
			}
		}
		return ""
	})
	took := time.Since(start)
	l.provides(issuer)
	l.answer(next.token(t, with(claims{"sub": "3"})), http.StatusOK, "")
	l.answer(old.token(t, with(claims{"sub": "3"})), http.StatusOK, "")
	t.Logf("tokens are accepted by every pod; those of a new key after %s; they go on while the issuer is not there", millis(took))
}
