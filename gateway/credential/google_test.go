// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package credential_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/credential"
)

const (
	pool        = "//iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/pool/providers/cluster"
	platform    = "https://www.googleapis.com/auth/cloud-platform"
	impersonate = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/spark@p.iam.gserviceaccount.com:generateAccessToken"
	none        = "the answer holds no token that a header could carry"
)

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// googleIdentity gives an identity by a credentials file of these fields.
func googleIdentity(t *testing.T, fields map[string]any, file string) credential.Identity {
	t.Helper()
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	i := credential.Identity{GCP: &config.GCPIdentity{Key: "key"}, Secrets: secrets(map[string]string{"key": string(text)})}
	if file != "" {
		i.GCP.TokenFile, i.GCP.Audience = file, "https:"+pool
	}
	return i
}

func serviceAccount(t *testing.T, changes map[string]any) credential.Identity {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]any{
		"type": "service_account", "client_email": "spark@p.iam.gserviceaccount.com", "private_key_id": "key-1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	}
	for k, v := range changes {
		fields[k] = v
	}
	return googleIdentity(t, fields, "")
}

// claims checks an assertion's signature and gives its header and claims.
func claims(t *testing.T, assertion string) (header, body map[string]any) {
	t.Helper()
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		t.Fatalf("an assertion of %d parts", len(parts))
	}
	decoded := make([][]byte, 3)
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			t.Fatal(err)
		}
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&rsaKey().PublicKey, crypto.SHA256, sum[:], decoded[2]); err != nil {
		t.Errorf("the assertion's signature: %v", err)
	}
	for i, into := range []*map[string]any{&header, &body} {
		if err := json.Unmarshal(decoded[i], into); err != nil {
			t.Fatal(err)
		}
	}
	return header, body
}

func givenToken(w http.ResponseWriter, token string) {
	answerJSON(w, 200, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3599})
}

func TestAServiceAccountIsGivenATokenOfGoogle(t *testing.T) {
	tests := map[string]struct {
		changes        map[string]any
		wantHost, path string
		wantAudience   string
	}{
		"at the place that everybody asks": {nil, "oauth2.googleapis.com", "/token", "https://oauth2.googleapis.com/token"},
		"at the place that its key names": {map[string]any{"token_uri": "https://accounts.google.com/o/oauth2/token"}, "accounts.google.com", "/o/oauth2/token",
			"https://accounts.google.com/o/oauth2/token"},
		// A file that could be read in two ways is read in one.
		"whatever else its key says": {map[string]any{"installed": map[string]any{"client_id": "x", "redirect_uris": []string{"http://localhost"}},
			"audience": "https://evil.example.com"}, "oauth2.googleapis.com", "/token", "https://oauth2.googleapis.com/token"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			at := &cloud{answer: func(w http.ResponseWriter, _ call, _ int) { givenToken(w, "canary-of-google") }}
			s := source(t, at, serviceAccount(t, test.changes), nil)
			for range 3 {
				got, err := authorized(t.Context(), s, credential.Request{})
				if diff := cmp.Diff(map[string]string{"Authorization": "Bearer canary-of-google"}, got); err != nil || diff != "" {
					t.Fatalf("%v, header (-want +got):\n%s", err, diff)
				}
			}
			calls := at.made()
			if len(calls) != 1 || calls[0].Scheme != "https" || calls[0].Host != test.wantHost || calls[0].Path != test.path ||
				calls[0].Form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
				t.Fatalf("calls %+v", calls)
			}
			header, body := claims(t, calls[0].Form.Get("assertion"))
			if header["kid"] != "key-1" || header["alg"] != "RS256" || body["iss"] != "spark@p.iam.gserviceaccount.com" ||
				body["scope"] != platform || body["aud"] != test.wantAudience {
				t.Errorf("header %v, claims %v", header, body)
			}
		})
	}
}

func TestAServiceAccountThatIsGivenNothing(t *testing.T) {
	tests := map[string]struct {
		answer func(http.ResponseWriter)
		want   string
	}{
		"its key was deleted": {func(w http.ResponseWriter) {
			answerJSON(w, 400, map[string]string{"error": "invalid_grant", "error_description": "canary"})
		}, "oauth2.googleapis.com answered 400 (invalid_grant)"},
		"Google is ill": {func(w http.ResponseWriter) { http.Error(w, "canary", http.StatusServiceUnavailable) }, "oauth2.googleapis.com answered 503"},
		"it leads elsewhere": {func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://evil.example.com")
			w.WriteHeader(302)
		}, "oauth2.googleapis.com answered 302"},
		"no token":               {func(w http.ResponseWriter) { answerJSON(w, 200, map[string]any{"expires_in": 5}) }, none},
		"a token of two lines":   {func(w http.ResponseWriter) { givenToken(w, "canary\r\nX-Evil: 1") }, none},
		"no JSON":                {func(w http.ResponseWriter) { _, _ = w.Write([]byte("canary")) }, none},
		"a token without an end": {func(w http.ResponseWriter) { givenToken(w, strings.Repeat("x", 1<<20)) }, none},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			at := &cloud{answer: func(w http.ResponseWriter, _ call, _ int) { test.answer(w) }}
			wantRefused(t, source(t, at, serviceAccount(t, nil), nil), test.want)
		})
	}
	t.Run("a key that the operator would have refused", func(t *testing.T) {
		at := &cloud{}
		wantRefused(t, source(t, at, serviceAccount(t, map[string]any{"token_uri": "https://evil.example.com"}), nil), "gcp.key: token_uri is not Google's")
		if calls := at.made(); len(calls) > 0 {
			t.Errorf("calls %+v", calls)
		}
	})
	t.Run("no network", func(t *testing.T) {
		wantRefused(t, source(t, &cloud{down: errDown}, serviceAccount(t, nil), nil), "oauth2.googleapis.com cannot be reached: no route to host")
	})
}

func federation(t *testing.T, file string, impersonated bool) credential.Identity {
	t.Helper()
	fields := map[string]any{
		"type": "external_account", "audience": pool, "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
		"token_url": "https://sts.googleapis.com/v1/token",
		// Nothing of this may be followed.
		"credential_source": map[string]any{"file": "/etc/hostname", "url": "https://evil.example.com", "executable": map[string]any{"command": "/bin/true"}},
		"client_id":         "x", "client_secret": "canary",
	}
	if impersonated {
		fields["service_account_impersonation_url"] = impersonate
	}
	return googleIdentity(t, fields, file)
}

func TestAFederationExchangesThePodsToken(t *testing.T) {
	for name, impersonated := range map[string]bool{"for a token of its own": false, "for a token of a service account": true} {
		t.Run(name, func(t *testing.T) {
			at := &cloud{answer: func(w http.ResponseWriter, c call, _ int) {
				if c.Host == "iamcredentials.googleapis.com" {
					answerJSON(w, 200, map[string]string{"accessToken": "canary-impersonated", "expireTime": "2100-01-01T00:00:00Z"})
					return
				}
				answerJSON(w, 200, map[string]any{"access_token": "canary-federated", "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
					"token_type": "Bearer", "expires_in": 3600})
			}}
			s := source(t, at, federation(t, tokenFile(t, "canary-of-the-pod\n"), impersonated), nil)
			got, err := authorized(t.Context(), s, credential.Request{})
			want := map[string]string{"Authorization": "Bearer canary-federated"}
			if impersonated {
				want["Authorization"] = "Bearer canary-impersonated"
			}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Fatalf("%v, header (-want +got):\n%s", err, diff)
			}
			calls := at.made()
			if impersonated {
				if len(calls) != 2 || calls[1].Scheme+"://"+calls[1].Host+calls[1].Path != impersonate || calls[1].Header.Get("Authorization") != "Bearer canary-federated" {
					t.Fatalf("calls %+v", calls)
				}
			} else if len(calls) != 1 {
				t.Fatalf("calls %+v", calls)
			}
			wantForm := url.Values{
				"audience": {pool}, "grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "scope": {platform},
				"requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"}, "subject_token": {"canary-of-the-pod"},
				"subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"},
			}
			if diff := cmp.Diff(wantForm, calls[0].Form); diff != "" || calls[0].Host != "sts.googleapis.com" || calls[0].Path != "/v1/token" {
				t.Errorf("the exchange at %s%s (-want +got):\n%s", calls[0].Host, calls[0].Path, diff)
			}
		})
	}
}

func TestAFederationThatIsGivenNothing(t *testing.T) {
	t.Run("it does not know the cluster", func(t *testing.T) {
		at := &cloud{answer: func(w http.ResponseWriter, _ call, _ int) {
			answerJSON(w, 400, map[string]string{"error": "invalid_target", "error_description": "canary"})
		}}
		wantRefused(t, source(t, at, federation(t, tokenFile(t, "canary"), false), nil), "sts.googleapis.com answered 400 (invalid_target)")
	})
	t.Run("it may not impersonate", func(t *testing.T) {
		at := &cloud{answer: func(w http.ResponseWriter, c call, _ int) {
			if c.Host == "sts.googleapis.com" {
				givenToken(w, "canary")
				return
			}
			answerJSON(w, 403, map[string]any{"error": map[string]any{"code": 403, "message": "canary", "status": "PERMISSION_DENIED"}})
		}}
		wantRefused(t, source(t, at, federation(t, tokenFile(t, "canary"), true), nil), "iamcredentials.googleapis.com answered 403 (PERMISSION_DENIED)")
	})
	t.Run("the pod has no token yet", func(t *testing.T) {
		wantRefused(t, source(t, &cloud{}, federation(t, "/nowhere/token", false), nil), "open /nowhere/token: no such file or directory")
	})
	t.Run("a token that never expires", func(t *testing.T) {
		at := &cloud{answer: func(w http.ResponseWriter, _ call, _ int) {
			answerJSON(w, 200, map[string]any{"access_token": "canary", "token_type": "Bearer"})
		}}
		wantRefused(t, source(t, at, federation(t, tokenFile(t, "canary"), false), nil), none)
	})
}

func TestTheMetadataServer(t *testing.T) {
	identity := credential.Identity{GCP: &config.GCPIdentity{}}
	for name, host := range map[string]string{"of every machine": "169.254.169.254", "of the environment": "metadata.example:8080"} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{}
			if host != "169.254.169.254" {
				env["GCE_METADATA_HOST"] = host
			}
			at := &cloud{answer: func(w http.ResponseWriter, _ call, _ int) { givenToken(w, "canary-of-gke") }}
			got, err := authorized(t.Context(), source(t, at, identity, env), credential.Request{})
			if diff := cmp.Diff(map[string]string{"Authorization": "Bearer canary-of-gke"}, got); err != nil || diff != "" {
				t.Fatalf("%v, header (-want +got):\n%s", err, diff)
			}
			want := []call{{Method: "GET", Scheme: "http", Host: host, Path: "/computeMetadata/v1/instance/service-accounts/default/token",
				Query: url.Values{"scopes": {platform}}, Header: http.Header{"Metadata-Flavor": {"Google"}}}}
			if diff := cmp.Diff(want, at.made()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
	tests := map[string]struct {
		answer func(http.ResponseWriter)
		want   string
	}{
		"no identity": {func(w http.ResponseWriter) { http.Error(w, "canary", 404) }, "169.254.169.254 answered 404"},
		"no JSON":     {func(w http.ResponseWriter) { _, _ = w.Write([]byte("canary")) }, none},
		"no end":      {func(w http.ResponseWriter) { answerJSON(w, 200, map[string]any{"access_token": "canary"}) }, none},
		"an end beyond all sense": {func(w http.ResponseWriter) {
			answerJSON(w, 200, map[string]any{"access_token": "canary", "expires_in": 1 << 40})
		}, none},
		"no token": {func(w http.ResponseWriter) { answerJSON(w, 200, map[string]any{"expires_in": 60}) }, none},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			at := &cloud{answer: func(w http.ResponseWriter, _ call, _ int) { test.answer(w) }}
			wantRefused(t, source(t, at, identity, nil), test.want)
		})
	}
}
