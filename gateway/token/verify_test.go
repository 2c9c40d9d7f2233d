// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestLooksLikeJWT(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "eyJ": false, "eyJ.": false, "eyJ..": true, "eyJhbGciOiJub25lIn0.eyJ.": true, "eyJa.b.c": true, "eyJa.b.c.d": false,
		"eyJa.b.c.d.e": false, "spark-abc": false, "sk-a.b.c": false, "eyJa.b.c=": false, "eyJa.b+.c": false, "eyJa.b/.c": false,
		"\teyJa.b.c": false, "eyJa.b.c\n": false, "eyJa.b_-.c": true, "eyja.b.c": false, "{}.b.c": false,
	} {
		if got := LooksLikeJWT([]byte(text)); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

func TestClaims(t *testing.T) {
	at := func(d time.Duration) any { return time.Now().Add(d).Unix() }
	tests := map[string]struct {
		change func() claims
		want   string // "" is accepted
	}{
		"a good token":                           {change: func() claims { return nil }},
		"one audience of several":                {change: func() claims { return claims{"aud": []string{"x", "spark-2"}} }},
		"another audience":                       {func() claims { return claims{"aud": "x"} }, "audience"},
		"other audiences":                        {func() claims { return claims{"aud": []string{"x", "y"}} }, "audience"},
		"a part of the audience":                 {func() claims { return claims{"aud": "spar"} }, "audience"},
		"no audience":                            {func() claims { return claims{"aud": nil} }, "audience"},
		"an audience that is no text":            {func() claims { return claims{"aud": []any{1, "spark"}} }, "audience"},
		"another issuer":                         {func() claims { return claims{"iss": "https://evil.example.com"} }, "issuer"},
		"an issuer with a slash more":            {func() claims { return claims{"iss": issuerURL + "/"} }, "issuer"},
		"no issuer":                              {func() claims { return claims{"iss": nil} }, "issuer"},
		"several issuers":                        {func() claims { return claims{"iss": []string{issuerURL}} }, "issuer"},
		"no subject":                             {func() claims { return claims{"sub": nil} }, "subject"},
		"an empty subject":                       {func() claims { return claims{"sub": ""} }, "subject"},
		"a subject that is no text":              {func() claims { return claims{"sub": 7} }, "subject"},
		"the longest subject":                    {change: func() claims { return claims{"sub": strings.Repeat("s", 255)} }},
		"a longer one":                           {func() claims { return claims{"sub": strings.Repeat("s", 256)} }, "subject"},
		"no expiry":                              {func() claims { return claims{"exp": nil} }, "when it expires"},
		"an expiry that is no number":            {func() claims { return claims{"exp": "9999999999"} }, "when it expires"},
		"an expiry beyond all numbers":           {func() claims { return claims{"exp": json.RawMessage("1e999")} }, "when it expires"},
		"a negative expiry":                      {func() claims { return claims{"exp": -1} }, "when it expires"},
		"an expiry with a fraction":              {change: func() claims { return claims{"exp": float64(time.Now().Unix()) + 0.5} }},
		"expired, within the skew":               {change: func() claims { return claims{"exp": at(-59 * time.Second)} }},
		"expired by the skew":                    {func() claims { return claims{"exp": at(-time.Minute)} }, "token_expired"},
		"expired":                                {func() claims { return claims{"exp": at(-time.Hour)} }, "token_expired"},
		"not yet, within the skew":               {change: func() claims { return claims{"nbf": at(time.Minute)} }},
		"not yet, by a second more":              {func() claims { return claims{"nbf": at(61 * time.Second)} }, "not valid yet"},
		"issued in the future, within the skew":  {change: func() claims { return claims{"iat": at(time.Minute)} }},
		"issued later than that":                 {func() claims { return claims{"iat": at(61 * time.Second)} }, "not valid yet"},
		"neither nbf nor iat":                    {change: func() claims { return claims{"nbf": nil, "iat": nil} }},
		"an nbf that is no number":               {func() claims { return claims{"nbf": "soon"} }, "well-formed"},
		"an iat that is null":                    {func() claims { return claims{"iat": json.RawMessage("null")} }, "well-formed"},
		"claims that nobody asked for":           {change: func() claims { return claims{"x": map[string]any{"y": []int{1}}} }},
		"a user that cannot be shown in a table": {func() claims { return claims{"sub": "a\nb"} }, "user"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, v := book(t, newProvider(publicKey("k", ecKey())), settings())
				raw := byEC(good(tc.change()))
				if tc.want == "" {
					wantAccepted(t, v, raw)
				} else {
					wantRefused(t, v, raw, tc.want)
				}
			})
		})
	}
}

func TestAlgorithms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		private := map[string]crypto.Signer{
			"rsa": rsaKey(), "p256": ecKey(), "p384": p384Key(), "p521": p521Key(), "ed": edKey(),
		}
		var keys []jose.JSONWebKey
		for id, k := range private {
			keys = append(keys, publicKey(id, k))
		}
		_, v := book(t, newProvider(keys...), settings())
		for algorithm, id := range map[string]string{
			"RS256": "rsa", "RS384": "rsa", "RS512": "rsa", "PS256": "rsa", "PS384": "rsa", "PS512": "rsa",
			"ES256": "p256", "ES384": "p384", "ES512": "p521", "EdDSA": "ed",
		} {
			raw := sign(id, private[id], algorithm, good(nil), nil)
			wantAccepted(t, v, raw)
			raw[len(raw)-5] ^= 1
			wantRefused(t, v, raw, "invalid_token")
			for other := range private {
				if other != id {
					// The algorithm is another key's, so that this one is not even tried.
					wantRefused(t, v, sign(other, private[id], algorithm, good(nil), nil), "invalid_token")
				}
			}
		}
	})
}

// forge makes a token of a header and claims as they stand, signed with a MAC or not at all.
func forge(header string, payload any, mac []byte) []byte {
	body, ok := payload.(string)
	if !ok {
		body = string(must(json.Marshal(payload)))
	}
	raw := encode(header) + "." + encode(body)
	if mac == nil {
		return []byte(raw + ".")
	}
	h := hmac.New(sha256.New, mac)
	_, _ = h.Write([]byte(raw))
	return []byte(raw + "." + encode(string(h.Sum(nil))))
}

func TestForgeries(t *testing.T) {
	_, v := book(t, newProvider(publicKey("k", ecKey()), publicKey("r", rsaKey())), settings())
	der := must(x509.MarshalPKIXPublicKey(rsaKey().Public()))
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	jwk := must(publicKey("r", rsaKey()).MarshalJSON())
	sound := string(byEC(good(nil)))
	parts := strings.Split(sound, ".")
	admin := strings.Split(string(byEC(good(claims{"sub": "admin"}))), ".")
	stranger := publicKey("s", otherECKey())
	for name, tc := range map[string]struct {
		raw  []byte
		want string
	}{
		"nothing":                                 {nil, "well-formed"},
		"no signature":                            {forge(`{"alg":"none","kid":"k"}`, good(nil), nil), "algorithm"},
		"no signature, in another case":           {forge(`{"alg":"NonE","kid":"k"}`, good(nil), nil), "algorithm"},
		"no algorithm":                            {forge(`{"kid":"k"}`, good(nil), nil), "algorithm"},
		"an algorithm that is no text":            {forge(`{"alg":["ES256"],"kid":"k"}`, good(nil), nil), "well-formed"},
		"a MAC with the public key as PEM":        {forge(`{"alg":"HS256","kid":"r"}`, good(nil), public), "algorithm"},
		"a MAC with the public key as DER":        {forge(`{"alg":"HS256","kid":"r"}`, good(nil), der), "algorithm"},
		"a MAC with the public key as JWK":        {forge(`{"alg":"HS256","kid":"r"}`, good(nil), jwk), "algorithm"},
		"a MAC with nothing":                      {forge(`{"alg":"HS256","kid":"k"}`, good(nil), []byte{}), "algorithm"},
		"a MAC that is called ES256":              {forge(`{"alg":"ES256","kid":"k"}`, good(nil), public), "signature"},
		"an empty signature":                      {forge(`{"alg":"ES256","kid":"k"}`, good(nil), nil), "signature"},
		"a signature of zeros":                    {[]byte(parts[0] + "." + parts[1] + "." + encode(strings.Repeat("\x00", 64))), "signature"},
		"another token's signature":               {[]byte(parts[0] + "." + admin[1] + "." + parts[2]), "signature"},
		"a key of the token's own":                {sign("s", otherECKey(), "ES256", good(nil), claims{"jwk": stranger}), "key is not one"},
		"a key of its own by the issuer's name":   {sign("k", otherECKey(), "ES256", good(nil), claims{"jwk": stranger}), "signature"},
		"the address of a key":                    {sign("k", otherECKey(), "ES256", good(nil), claims{"jku": "https://evil.example.com/keys"}), "signature"},
		"the address of a certificate":            {sign("k", otherECKey(), "ES256", good(nil), claims{"x5u": "https://evil.example.com/c"}), "signature"},
		"a name that is a path":                   {sign("../../dev/null", otherECKey(), "ES256", good(nil), nil), "key is not one"},
		"a name that is a query":                  {sign("k' OR '1'='1", otherECKey(), "ES256", good(nil), nil), "key is not one"},
		"a name in another case":                  {sign("K", ecKey(), "ES256", good(nil), nil), "key is not one"},
		"the name of a key of another algorithm":  {sign("r", ecKey(), "ES256", good(nil), nil), "key is not one"},
		"a name that is no text":                  {forge(`{"alg":"ES256","kid":{"a":1}}`, good(nil), nil), "well-formed"},
		"two algorithms":                          {forge(`{"alg":"HS256","alg":"ES256","kid":"k"}`, good(nil), nil), "well-formed"},
		"two subjects":                            {byEC(`{"iss":"` + issuerURL + `","aud":"spark","exp":9999999999,"sub":"alice","sub":"admin"}`), "well-formed"},
		"two subjects, written differently":       {byEC(`{"iss":"` + issuerURL + `","aud":"spark","exp":9999999999,"sub":"alice","\u0073ub":"admin"}`), "well-formed"},
		"two roles within a claim":                {byEC(`{"iss":"` + issuerURL + `","aud":"spark","exp":9999999999,"sub":"a","x":{"y":1,"y":2}}`), "well-formed"},
		"an extension that must be understood":    {sign("k", ecKey(), "ES256", good(nil), claims{"crit": []string{"x"}, "x": 1}), "type"},
		"a payload that is not encoded":           {forge(`{"alg":"ES256","kid":"k","b64":false}`, good(nil), nil), "type"},
		"a logout token":                          {sign("k", ecKey(), "ES256", good(nil), claims{"typ": "logout+jwt"}), "type"},
		"a proof of possession":                   {sign("k", ecKey(), "ES256", good(nil), claims{"typ": "application/DPoP+JWT"}), "type"},
		"claims that are no object":               {byEC(`["iss"]`), "well-formed"},
		"claims that are null":                    {byEC(`null`), "issuer"},
		"claims with something behind":            {byEC(`{} {}`), "well-formed"},
		"claims that are no UTF-8":                {byEC("{\"iss\":\"\xff\"}"), "well-formed"},
		"claims that are nested without end":      {byEC(`{"x":` + strings.Repeat("[", 3000) + strings.Repeat("]", 3000) + `}`), "invalid_token"},
		"five parts":                              {[]byte(sound + ".x.y"), "well-formed"},
		"padding":                                 {[]byte(sound + "=="), "well-formed"},
		"a line break":                            {[]byte(parts[0] + ".\n" + parts[1] + "." + parts[2]), "well-formed"},
		"JSON":                                    {[]byte(`{"payload":"` + parts[1] + `"}`), "well-formed"},
		"more than fits":                          {byEC(good(claims{"x": strings.Repeat("x", 6<<10)})), "8 KiB"},
		"a header that is half of all, and wrong": {[]byte("eyJ" + strings.Repeat("A", 4000) + ".eyJ.x"), "well-formed"},
	} {
		t.Run(name, func(t *testing.T) { wantRefused(t, v, tc.raw, tc.want) })
	}
}

// The last character of a part holds bits that say nothing; were they not looked at, a token would have several forms.
func TestATokenHasOneForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, v := book(t, newProvider(publicKey("k", ecKey())), settings())
		payload := string(must(json.Marshal(good(nil))))
		for len(payload)%3 == 0 {
			payload += " "
		}
		parts := strings.Split(string(byEC(payload)), ".")
		wantAccepted(t, v, []byte(strings.Join(parts, ".")))
		last := parts[1][len(parts[1])-1]
		parts[1] = parts[1][:len(parts[1])-1] + string(last+1)
		wantRefused(t, v, []byte(strings.Join(parts, ".")), "well-formed")
	})
}

func TestWhatAHeaderMayHold(t *testing.T) {
	_, v := book(t, newProvider(publicKey("k", ecKey())), settings())
	for name, head := range map[string]claims{
		"nothing more":                   nil,
		"the type of any":                {"typ": "JWT"},
		"the type of an access token":    {"typ": "at+jwt"},
		"the whole of it, in capitals":   {"typ": "application/AT+JWT"},
		"a type of somebody's own":       {"typ": "token"},
		"another's key, which is not":    {"jwk": publicKey("s", otherECKey())},
		"addresses, which are not asked": {"jku": "https://evil.example.com", "x5u": "https://evil.example.com"},
		"something unknown":              {"x": []int{1}},
	} {
		t.Run(name, func(t *testing.T) { wantAccepted(t, v, sign("k", ecKey(), "ES256", good(nil), head)) })
	}
}

func TestKeysWithoutNames(t *testing.T) {
	unnamed := sign("", ecKey(), "ES256", claims{}, nil)
	if strings.Contains(string(unnamed), "kid") {
		t.Fatal("it is named")
	}
	raw := sign("", ecKey(), "ES256", good(nil), nil)
	for name, tc := range map[string]struct {
		keys []jose.JSONWebKey
		want string
	}{
		"the only key":                       {[]jose.JSONWebKey{publicKey("", ecKey())}, ""},
		"the only key, which has a name":     {[]jose.JSONWebKey{publicKey("k", ecKey())}, ""},
		"the only one that fits":             {[]jose.JSONWebKey{publicKey("r", rsaKey()), publicKey("k", ecKey())}, ""},
		"one of two that fit":                {[]jose.JSONWebKey{publicKey("s", otherECKey()), publicKey("k", ecKey())}, "key is not one"},
		"none that fits":                     {[]jose.JSONWebKey{publicKey("r", rsaKey())}, "key is not one"},
		"another one":                        {[]jose.JSONWebKey{publicKey("s", otherECKey())}, "signature"},
		"one that is for another algorithm":  {[]jose.JSONWebKey{{Key: ecKey().Public(), Algorithm: "ES384"}}, "issuer_unavailable"},
		"one for encryption":                 {[]jose.JSONWebKey{{Key: ecKey().Public(), Use: "enc"}}, "issuer_unavailable"},
		"one that is secret":                 {[]jose.JSONWebKey{{Key: ecKey()}}, "issuer_unavailable"},
		"a symmetric one":                    {[]jose.JSONWebKey{{Key: []byte("0123456789abcdef")}}, "issuer_unavailable"},
		"one of RSA that is too small alone": {[]jose.JSONWebKey{publicKey("k", smallRSAKey())}, "issuer_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			_, v := book(t, newProvider(tc.keys...), settings())
			if tc.want == "" {
				wantAccepted(t, v, raw)
			} else {
				wantRefused(t, v, raw, tc.want)
			}
		})
	}
}

// Several keys may have one name; a signature is tried with a few of them.
func TestKeysOfOneName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, v := book(t, newProvider(publicKey("k", rsaKey()), publicKey("k", otherECKey()), publicKey("k", ecKey())), settings())
		wantAccepted(t, v, byEC(good(nil)))
		var many []jose.JSONWebKey
		for range maxTries {
			many = append(many, publicKey("k", newEC()))
		}
		_, v = book(t, newProvider(append(many, publicKey("k", ecKey()))...), settings())
		wantRefused(t, v, byEC(good(nil)), "signature")
	})
}

func TestWithoutIssuersNothingIsAToken(t *testing.T) {
	b := NewBook(Options{})
	defer b.Close()
	for name, v := range map[string]*Verifier{"nil": nil, "of none": b.Use(nil)} {
		if !v.Empty() {
			t.Errorf("%s: not empty", name)
		}
		wantRefused(t, v, []byte("eyJ.eyJ."), "issuer")
	}
}

// Whatever is refused, nothing of the token is told, nor logged.
func TestErrorsHoldNothingOfTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, v := book(t, newProvider(publicKey("k", ecKey())), settings(func(is *config.Issuer) {
			is.Labels = []config.ClaimLabel{{Label: "l", Claim: "l"}}
		}))
		const mark = "SECRETMARK"
		told := map[string]bool{}
		for _, raw := range [][]byte{
			byEC(good(claims{"iss": mark})), byEC(good(claims{"aud": mark})), byEC(good(claims{"exp": mark})),
			byEC(good(claims{"sub": mark + "\n"})), byEC(good(claims{"l": mark + "\x00"})), byEC(good(claims{"nbf": mark})),
			sign(mark, ecKey(), "ES256", good(nil), nil), sign("k", otherECKey(), "ES256", good(claims{"sub": mark}), nil),
			forge(`{"alg":"`+mark+`"}`, good(nil), nil), sign("k", ecKey(), "ES256", good(nil), claims{"typ": mark + "+jwt"}),
			[]byte("eyJ" + mark + ".eyJ." + mark),
		} {
			_, err := v.Verify(context.Background(), raw)
			if err == nil {
				t.Fatalf("%s is accepted", raw)
			}
			told[err.Message] = true
			for _, text := range []string{err.Message, err.Error(), fmt.Sprintf("%+v", err), err.Code, err.Param} {
				if strings.Contains(text, mark) || strings.Contains(text, encode(mark)) || strings.Contains(text, string(raw)) {
					t.Errorf("it tells %q", text)
				}
			}
		}
		if len(told) < 8 {
			t.Errorf("only %d different messages", len(told))
		}
	})
}
