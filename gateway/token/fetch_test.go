// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sparkgateway/spark/gateway/config"
)

func keySetJSON(keys ...jose.JSONWebKey) string {
	return string(must(json.Marshal(jose.JSONWebKeySet{Keys: keys})))
}

// Over a network and TLS: the issuer's CA is the only one that counts.
func TestAnIssuerOverTLS(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	mux.HandleFunc("GET /realm/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, server.URL+"/realm/", server.URL+"/keys")
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(keySetJSON(publicKey("k", ecKey()))))
	})
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	raw := byEC(good(claims{"iss": server.URL + "/realm/"}))
	for name, tc := range map[string]struct {
		change func(*config.Issuer)
		want   string
	}{
		"by discovery":                {func(is *config.Issuer) { is.CA = ca }, ""},
		"by the address of the keys":  {func(is *config.Issuer) { is.CA, is.JWKSURI = ca, server.URL+"/keys" }, ""},
		"without the CA":              {func(*config.Issuer) {}, "issuer_unavailable"},
		"with a CA that is none":      {func(is *config.Issuer) { is.CA = "no certificate" }, "issuer_unavailable"},
		"where nothing is":            {func(is *config.Issuer) { is.CA, is.JWKSURI = ca, server.URL+"/nothing" }, "issuer_unavailable"},
		"at an address that is none":  {func(is *config.Issuer) { is.JWKSURI = "http://\x7f" }, "issuer_unavailable"},
		"where keys are a web page":   {func(is *config.Issuer) { is.CA, is.JWKSURI = ca, server.URL+"/realm/.well-known/openid-configuration" }, "issuer_unavailable"},
		"by an issuer that is no URL": {func(is *config.Issuer) { is.CA, is.URL = ca, "x" }, "not one that this gateway trusts"},
	} {
		t.Run(name, func(t *testing.T) {
			b := NewBook(Options{})
			defer b.Close()
			is := settings(func(is *config.Issuer) { is.URL = server.URL + "/realm/" }, tc.change)
			v := b.Use([]config.Issuer{is})
			if tc.want == "" {
				wantAccepted(t, v, raw)
			} else {
				wantRefused(t, v, raw, tc.want)
			}
		})
	}
}

func TestWhatAnIssuerMayAnswer(t *testing.T) {
	set := keySetJSON(publicKey("k", ecKey()))
	tests := map[string]struct {
		answer http.HandlerFunc
		want   string // a part of the error, "" for none
	}{
		"keys": {answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(set)) }},
		"keys, compressed": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write([]byte(set))
			_ = z.Close()
		}},
		"a failure":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); _, _ = w.Write([]byte(set)) }, "status 500"},
		"no content": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, "status 204"},
		"more than fits": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"keys":[],"x":"` + strings.Repeat("x", maxAnswer) + `"}`))
		}, "larger than"},
		"more than fits, compressed": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 64 {
				_, _ = z.Write(make([]byte, 1<<20))
			}
			_ = z.Close()
		}, "larger than"},
		"less than it says": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write([]byte(set))
		}, "unexpected EOF"},
		"an endless redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }, "too many redirects"},
		"a redirect to another host": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
		}, "leads elsewhere"},
		"a redirect to another scheme": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, "leads elsewhere"},
		"a redirect on the same host": {answer: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/there" {
				http.Redirect(w, r, "/there", http.StatusFound)
				return
			}
			_, _ = w.Write([]byte(set))
		}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tc.answer)
			defer server.Close()
			f := newFetcher(sourceID{issuer: "http://x", jwksURI: server.URL + "/?secret=SECRETMARK"}, nil)
			keys, age, err := f.keys(context.Background())
			if tc.want == "" {
				if err != nil || len(keys) != 1 || age != usualAge {
					t.Errorf("got %d keys for %s, and %v", len(keys), age, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "SECRETMARK") {
				t.Errorf("got %d keys, and %v", len(keys), err)
			}
		})
	}
}

// TLS is not left once it was there.
func TestARedirectFromTLS(t *testing.T) {
	var asked atomic.Bool
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Store(true) }))
	defer plain.Close()
	server := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	defer server.Close()
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	_, _, err := newFetcher(sourceID{jwksURI: server.URL, ca: ca}, nil).keys(context.Background())
	if err == nil || !strings.Contains(err.Error(), "leads elsewhere") || asked.Load() {
		t.Errorf("%v, asked %t", err, asked.Load())
	}
}

func TestRedirects(t *testing.T) {
	for name, tc := range map[string]struct {
		from, to string
		want     bool
	}{
		"to TLS":                           {"http://a/", "https://b/", true},
		"over TLS":                         {"https://a/", "https://b/", true},
		"on the same host":                 {"http://a:80/x", "http://a:80/y", true},
		"to another port":                  {"http://a:80/", "http://a:81/", false},
		"to another host":                  {"http://a/", "http://b/", false},
		"to another host without TLS":      {"https://a/", "http://b/", false},
		"from TLS, on the host that it is": {"https://a/", "http://a/", false},
	} {
		from, to := must(http.NewRequest(http.MethodGet, tc.from, nil)), must(http.NewRequest(http.MethodGet, tc.to, nil))
		if err := checkRedirect(to, []*http.Request{from}); (err == nil) != tc.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnIssuerThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider()
		p.slow = time.Hour
		start := time.Now()
		_, _, err := newFetcher(sourceID{issuer: issuerURL}, p).keys(context.Background())
		if err == nil || time.Since(start) != fetchTimeout {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

func TestParseDiscovery(t *testing.T) {
	for name, tc := range map[string]struct {
		issuer, body, want string // "" is an error
	}{
		"TLS":                      {"https://a", `{"issuer":"https://a","jwks_uri":"https://b/k?x=y","x":{}}`, "https://b/k?x=y"},
		"without TLS":              {"http://a", `{"issuer":"http://a","jwks_uri":"http://b/k"}`, "http://b/k"},
		"TLS for the keys":         {"http://a", `{"issuer":"http://a","jwks_uri":"https://b/k"}`, "https://b/k"},
		"no TLS for the keys":      {"https://a", `{"issuer":"https://a","jwks_uri":"http://b/k"}`, ""},
		"another issuer":           {"https://a", `{"issuer":"https://b","jwks_uri":"https://a/k"}`, ""},
		"a slash more":             {"https://a", `{"issuer":"https://a/","jwks_uri":"https://a/k"}`, ""},
		"no issuer":                {"https://a", `{"jwks_uri":"https://a/k"}`, ""},
		"two issuers":              {"https://a", `{"issuer":"https://b","issuer":"https://a","jwks_uri":"https://a/k"}`, ""},
		"an issuer in another way": {"https://a", `{"Issuer":"https://a","jwks_uri":"https://a/k"}`, ""},
		"no address":               {"https://a", `{"issuer":"https://a"}`, ""},
		"an address without host":  {"https://a", `{"issuer":"https://a","jwks_uri":"https:///k"}`, ""},
		"a path":                   {"https://a", `{"issuer":"https://a","jwks_uri":"/k"}`, ""},
		"a file":                   {"http://a", `{"issuer":"http://a","jwks_uri":"file:///k"}`, ""},
		"credentials":              {"https://a", `{"issuer":"https://a","jwks_uri":"https://u:p@a/k"}`, ""},
		"a list":                   {"https://a", `[]`, ""},
		"nothing":                  {"https://a", ``, ""},
	} {
		got, err := parseDiscovery([]byte(tc.body), tc.issuer)
		if got != tc.want || (err == nil) != (tc.want != "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestParseKeys(t *testing.T) {
	one := string(must(publicKey("k", ecKey()).MarshalJSON()))
	for name, tc := range map[string]struct {
		body string
		want int // 0 is an error
	}{
		"one":                          {`{"keys":[` + one + `]}`, 1},
		"one among what is not known":  {`{"keys":[{"kty":"new"},1,null,"x",{},{"kty":"EC","crv":"x"},` + one + `],"x":1}`, 1},
		"none":                         {`{"keys":[]}`, 0},
		"no list":                      {`{}`, 0},
		"none that is known":           {`{"keys":[{"kty":"oct","k":"AAAA"}]}`, 0},
		"a point that is on no curve":  {`{"keys":[{"kty":"EC","crv":"P-256","x":"` + encode(strings.Repeat("a", 32)) + `","y":"` + encode(strings.Repeat("b", 32)) + `"}]}`, 0},
		"as many as there may be":      {`{"keys":[` + strings.Repeat(one+",", maxKeys-1) + one + `]}`, maxKeys},
		"one more":                     {`{"keys":[` + strings.Repeat(one+",", maxKeys) + one + `]}`, 0},
		"two lists":                    {`{"keys":[` + one + `],"keys":[]}`, 0},
		"nested without end":           {`{"keys":` + strings.Repeat("[", 20000), 0},
		"an RSA key of a huge modulus": {`{"keys":[{"kty":"RSA","e":"AQAB","n":"` + encode(strings.Repeat("\xff", 2048)) + `"}]}`, 0},
	} {
		got, err := parseKeys([]byte(tc.body))
		if len(got) != tc.want || (err == nil) != (tc.want > 0) {
			t.Errorf("%s: %d keys, %v", name, len(got), err)
		}
	}
}

// FuzzVerify: whatever is shown, it is refused, unless the issuer signed just these bytes; and a panic is none of the ways.
func FuzzVerify(f *testing.F) {
	_, v := book(f, newProvider(publicKey("k", ecKey()), publicKey("r", rsaKey())), settings())
	genuine := string(byEC(good(nil)))
	parts := strings.Split(genuine, ".")
	for _, seed := range []string{
		genuine, genuine + "A", parts[0] + "." + parts[1] + ".", string(forge(`{"alg":"none"}`, good(nil), nil)),
		string(forge(`{"alg":"HS256","kid":"k"}`, good(nil), []byte("x"))), "eyJ..", "eyJ.eyJ.eyJ", "",
	} {
		f.Add([]byte(seed), parts[1], false)
	}
	f.Add([]byte(`{"alg":"ES256","kid":"k","crit":["b64"],"b64":false}`), `{"iss":"`+issuerURL+`","sub":"\ud800"}`, true)
	f.Add([]byte(`{"alg":"RS256","kid":"r","x5c":["AAAA"],"jwk":{"kty":"EC"}}`), `{"iss":"`+issuerURL+`","sub":"a","aud":"spark","exp":1e11}`, true)
	f.Fuzz(func(t *testing.T, raw []byte, payload string, make bool) {
		if make {
			raw = forge(string(raw), payload, []byte("mac"))
		}
		p, err := v.Verify(context.Background(), raw)
		if (p != nil) != (string(raw) == genuine) || (p == nil) == (err == nil) {
			t.Errorf("%q gives %+v and %v", raw, p, err)
		}
		if err != nil && err.Status != 401 && err.Status != 503 {
			t.Errorf("%q is told %d", raw, err.Status)
		}
		if _, why := parse(raw); why == nil && !LooksLikeJWT(raw) {
			t.Errorf("%q is read and does not look like a token", raw)
		}
	})
}

// FuzzClaims: claims that an issuer did sign give a principal within bounds, or are refused.
func FuzzClaims(f *testing.F) {
	is := settings(func(is *config.Issuer) {
		is.UserClaim = "a.b"
		is.Labels = []config.ClaimLabel{{Label: "team", Claim: "g"}, {Label: "x", Claim: "a.c.d"}}
	})
	for _, seed := range []string{
		`{"iss":"i","sub":"s","a":{"b":"u","c":{"d":[1,true,"x"]}},"g":["t"],"aud":["spark"],"exp":99999999999}`,
		`{"iss":"i","sub":"s","a.b":7,"g":{},"aud":"spark","exp":1.5e9,"nbf":-1}`, `{}`, `null`, `{"iss":"i","sub":"s","exp":null}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		parsed, err := parse([]byte(encode(`{"alg":"ES256"}`) + "." + encode(payload) + "."))
		if err != nil {
			return
		}
		if until, err := parsed.check(&is, time.Unix(1.5e9, 0)); err == nil && !until.After(time.Unix(1.5e9, 0)) {
			t.Errorf("it holds until %s", until)
		}
		p, err := parsed.principal(&issuer{config: is})
		if err != nil {
			return
		}
		n := 0
		for _, values := range p.Labels {
			n += len(values)
			for _, v := range values {
				if unprintable(v) {
					t.Errorf("value %q", v)
				}
			}
		}
		if p.User == "" || unprintable(p.User) || unprintable(p.Team) || n > maxValues || len(p.ID) != 22 {
			t.Errorf("%+v", p)
		}
	})
}

// FuzzDiscovery: what an issuer answers leads to a URL of its own scheme or https, or nowhere; and gives keys that can be
// used, or none.
func FuzzDiscovery(f *testing.F) {
	f.Add([]byte(`{"issuer":"https://a","jwks_uri":"https://b/k"}`))
	f.Add([]byte(`{"issuer":"https://a","jwks_uri":"HTTPS://b\\@c/k"}`))
	f.Add([]byte(keySetJSON(publicKey("k", ecKey()), publicKey("r", rsaKey()), publicKey("e", edKey()))))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQ","e":"AQ"},{"kty":"OKP","crv":"Ed25519","x":""},{"kty":"EC","crv":"P-256","x":"","y":""}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if from, err := parseDiscovery(body, "https://a"); err == nil && !strings.HasPrefix(strings.ToLower(from), "https://") {
			t.Errorf("it leads to %q", from)
		}
		set, err := parseKeys(body)
		if (err == nil) != (len(set) > 0) {
			t.Errorf("%d keys, %v", len(set), err)
		}
		for _, k := range set {
			for _, algorithm := range algorithms {
				if k.fits(algorithm) && k.signed(forge(`{"alg":"`+algorithm+`"}`, "{}", []byte("x")), algorithm) {
					t.Errorf("%+v signed what nobody did", k)
				}
			}
		}
	})
}
