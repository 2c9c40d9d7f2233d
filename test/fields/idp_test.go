// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// idp is an identity provider with two realms, /a and /b, over HTTP and over TLS. Its keys are at /keys; what is at
// /strange-keys signed nothing.
type idp struct{ plain, overTLS string }

// signing is the key that tokens are signed with, and one that nobody uses.
var signing = sync.OnceValue(func() [2]*ecdsa.PrivateKey {
	return [2]*ecdsa.PrivateKey{must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
})

func newIDP(t *testing.T) idp {
	t.Helper()
	plain := httptest.NewServer(http.HandlerFunc(serveIDP))
	t.Cleanup(plain.Close)
	secured := httptest.NewUnstartedServer(http.HandlerFunc(serveIDP))
	secured.Config.ErrorLog = discard
	secured.TLS = &tls.Config{Certificates: []tls.Certificate{pairs()[idpTest].serving()}}
	secured.StartTLS()
	t.Cleanup(secured.Close)
	return idp{plain.URL, secured.URL}
}

func serveIDP(w http.ResponseWriter, r *http.Request) {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	base := scheme + r.Host
	var answer any
	switch realm, found := strings.CutSuffix(r.URL.Path, "/.well-known/openid-configuration"); {
	case found:
		answer = map[string]any{"issuer": base + realm, "jwks_uri": base + "/keys"}
	case r.URL.Path == "/keys":
		answer = keySet(signing()[0])
	case r.URL.Path == "/strange-keys":
		answer = keySet(signing()[1])
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func keySet(key *ecdsa.PrivateKey) any {
	point := must(key.PublicKey.Bytes())
	return map[string]any{"keys": []any{map[string]any{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "1",
		"x": text64(point[1:33]), "y": text64(point[33:])}}}
}

func text64(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// token gives a good one of realm /a, with these claims instead of the usual.
func (p idp) token(claims map[string]any) string {
	all := map[string]any{"iss": p.plain + "/a", "aud": "spark", "sub": "alice", "email": "alice@example.com", "groups": []string{"search"},
		"iat": time.Now().Add(-time.Minute).Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(all, claims)
	head := text64(must(json.Marshal(map[string]any{"alg": "ES256", "typ": "JWT", "kid": "1"})))
	signed := head + "." + text64(must(json.Marshal(all)))
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, signing()[0], digest[:])
	must(0, err)
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + text64(signature[:])
}
