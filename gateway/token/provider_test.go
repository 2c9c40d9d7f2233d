// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

const issuerURL = "https://idp.example.com/realm"

// Key pairs of the tests: to make them takes longer than the tests.
var (
	ecKey, otherECKey = sync.OnceValue(newEC), sync.OnceValue(newEC)
	p384Key           = sync.OnceValue(func() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) })
	p521Key           = sync.OnceValue(func() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)) })
	rsaKey            = sync.OnceValue(func() crypto.Signer { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	smallRSAKey       = sync.OnceValue(func() crypto.Signer { return must(rsa.GenerateKey(rand.Reader, 1024)) })
	edKey             = sync.OnceValue(func() crypto.Signer {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return must(private, err)
	})
)

func newEC() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func publicKey(id string, private crypto.Signer) jose.JSONWebKey {
	return jose.JSONWebKey{Key: private.Public(), KeyID: id, Use: "sig"}
}

// provider is an issuer. It answers requests without a network, so that time can be made up.
type provider struct {
	mu           sync.Mutex
	keys         []jose.JSONWebKey
	cacheControl string
	down         bool
	slow         time.Duration
	asked        map[string]int // by path
}

func newProvider(keys ...jose.JSONWebKey) *provider {
	return &provider{keys: keys, asked: map[string]int{}}
}

// RoundTrip answers as the issuer would.
func (p *provider) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	down, slow, keys, control := p.down, p.slow, p.keys, p.cacheControl
	p.asked[r.URL.Path]++
	p.mu.Unlock()
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if down {
		return nil, errors.New("connection refused")
	}
	var body any
	switch r.URL.String() {
	case issuerURL + discovery:
		body = map[string]any{"issuer": issuerURL, "jwks_uri": "https://idp.example.com/keys", "other": []int{1}}
	case "https://idp.example.com/keys":
		body = jose.JSONWebKeySet{Keys: keys}
	default:
		return &http.Response{StatusCode: 404, Body: http.NoBody}, nil
	}
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Cache-Control": {control}}, Body: io.NopCloser(bytes.NewReader(must(json.Marshal(body)))),
	}, nil
}

func (p *provider) set(change func(*provider)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

// fetches counts how often keys were asked for.
func (p *provider) fetches() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked["/keys"]
}

// attempts counts how often anything was asked for first.
func (p *provider) attempts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked["/realm"+discovery]
}

func settings(change ...func(*config.Issuer)) config.Issuer {
	is := config.Issuer{URL: issuerURL, Audiences: []string{"spark", "spark-2"}, UserClaim: "sub", Skew: config.Duration(time.Minute)}
	for _, c := range change {
		c(&is)
	}
	return is
}

// book gives a Book that asks the provider, and a verifier that waits for its first keys.
func book(t testing.TB, p *provider, issuers ...config.Issuer) (*Book, *Verifier) {
	b := NewBook(Options{Transport: p})
	t.Cleanup(b.Close)
	return b, b.Use(issuers)
}

type claims map[string]any

// good are claims that are accepted, changed; a nil value takes one away.
func good(change claims) claims {
	now := time.Now()
	all := claims{
		"iss": issuerURL, "sub": "alice", "aud": "spark", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "nbf": now.Unix(),
	}
	maps.Copy(all, change)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return all
}

// sign makes a token; head goes into its header.
func sign(id string, private crypto.Signer, algorithm string, payload any, head claims) []byte {
	options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{}}
	for k, v := range head {
		options.ExtraHeaders[jose.HeaderKey(k)] = v
	}
	signer := must(jose.NewSigner(jose.SigningKey{
		Algorithm: jose.SignatureAlgorithm(algorithm), Key: jose.JSONWebKey{Key: private, KeyID: id},
	}, options))
	text, ok := payload.(string)
	if !ok {
		text = string(must(json.Marshal(payload)))
	}
	return []byte(must(must(signer.Sign([]byte(text))).CompactSerialize()))
}

// byEC signs with the key that most tests have.
func byEC(payload any) []byte { return sign("k", ecKey(), "ES256", payload, nil) }

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// verify gives the principal, and of an error the reason and message.
func verify(v *Verifier, raw []byte) (*exchange.Principal, string) {
	p, err := v.Verify(context.Background(), raw)
	if err != nil {
		return p, string(err.Reason) + ": " + err.Message
	}
	return p, ""
}

func wantRefused(t *testing.T, v *Verifier, raw []byte, want string) {
	t.Helper()
	p, got := verify(v, raw)
	if p != nil || !strings.Contains(got, want) || want == "" {
		t.Errorf("got %+v and %q, want %q", p, got, want)
	}
}

func wantAccepted(t *testing.T, v *Verifier, raw []byte) *exchange.Principal {
	t.Helper()
	p, got := verify(v, raw)
	if p == nil || got != "" {
		t.Fatalf("refused: %s", got)
	}
	return p
}
