// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package credential_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/credential"
)

const clientID = "00000000-0000-0000-0000-000000000001"

func clientSecret() credential.Identity {
	return credential.Identity{
		Azure:   &config.AzureIdentity{TenantID: "example.onmicrosoft.com", ClientID: clientID, ClientSecret: "secret"},
		Secrets: secrets(map[string]string{"secret": "canary-client-secret"}),
	}
}

func workload(file string) credential.Identity {
	return credential.Identity{Azure: &config.AzureIdentity{TenantID: "example.onmicrosoft.com", ClientID: clientID, TokenFile: file}}
}

// entra answers as Microsoft Entra ID does: where its endpoints are, and then tokens.
func entra(token func(w http.ResponseWriter)) func(http.ResponseWriter, call, int) {
	return func(w http.ResponseWriter, c call, _ int) {
		if c.Method == "GET" {
			base := "https://" + c.Host + "/example.onmicrosoft.com"
			answerJSON(w, 200, map[string]string{
				"authorization_endpoint": base + "/oauth2/v2.0/authorize", "token_endpoint": base + "/oauth2/v2.0/token", "issuer": base + "/v2.0",
			})
			return
		}
		token(w)
	}
}

func TestMicrosoftGivesTokens(t *testing.T) {
	ofThePod := tokenFile(t, "canary-of-the-pod\n")
	elsewhere := clientSecret()
	elsewhere.Azure.Authority = "https://login.example.com"
	tests := map[string]struct {
		identity credential.Identity
		host     string
		want     map[string]string // of the form
	}{
		"for a client secret": {clientSecret(), "login.microsoftonline.com", map[string]string{"client_secret": "canary-client-secret"}},
		"for the pod's token": {workload(ofThePod), "login.microsoftonline.com", map[string]string{
			"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion": "canary-of-the-pod"}},
		"at another authority": {elsewhere, "login.example.com", map[string]string{"client_secret": "canary-client-secret"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			at := &cloud{answer: entra(func(w http.ResponseWriter) { givenToken(w, "canary-of-entra") })}
			s := source(t, at, test.identity, nil)
			for range 3 {
				got, err := authorized(t.Context(), s, credential.Request{})
				if diff := cmp.Diff(map[string]string{"Authorization": "Bearer canary-of-entra"}, got); err != nil || diff != "" {
					t.Fatalf("%v, header (-want +got):\n%s", err, diff)
				}
			}
			posts := 0
			for _, c := range at.made() {
				if c.Host != test.host || c.Scheme != "https" {
					t.Errorf("asked %s://%s%s", c.Scheme, c.Host, c.Path)
				}
				if c.Method != "POST" {
					continue
				}
				posts++
				want := map[string]string{"grant_type": "client_credentials", "client_id": clientID}
				for k, v := range test.want {
					want[k] = v
				}
				got := map[string]string{}
				for k := range want {
					got[k] = c.Form.Get(k)
				}
				if diff := cmp.Diff(want, got); diff != "" || c.Path != "/example.onmicrosoft.com/oauth2/v2.0/token" {
					t.Errorf("form at %s (-want +got):\n%s", c.Path, diff)
				}
				if scope := c.Form.Get("scope"); !slicesHas(scope, "https://cognitiveservices.azure.com/.default") {
					t.Errorf("scope %q", scope)
				}
			}
			if posts != 1 {
				t.Errorf("%d tokens were asked for", posts)
			}
		})
	}
}

func TestMicrosoftGivesNothing(t *testing.T) {
	tests := map[string]struct {
		identity credential.Identity
		answer   func(http.ResponseWriter, call, int)
		want     string
	}{
		"the secret is wrong": {clientSecret(), entra(func(w http.ResponseWriter) {
			answerJSON(w, 401, map[string]any{"error": "invalid_client", "error_description": "AADSTS7000215: canary", "error_codes": []int{7000215}})
		}), "login.microsoftonline.com answered 401 (invalid_client)"},
		"there is no such directory": {clientSecret(), func(w http.ResponseWriter, _ call, _ int) {
			answerJSON(w, 400, map[string]string{"error": "invalid_tenant", "error_description": "canary"})
		}, "login.microsoftonline.com answered 400 (invalid_tenant)"},
		"Microsoft is ill":     {clientSecret(), func(w http.ResponseWriter, _ call, _ int) { http.Error(w, "canary", http.StatusServiceUnavailable) }, "login.microsoftonline.com answered 503"},
		"no token":             {clientSecret(), entra(func(w http.ResponseWriter) { answerJSON(w, 200, map[string]any{"expires_in": 60}) }), none},
		"no JSON":              {clientSecret(), entra(func(w http.ResponseWriter) { _, _ = w.Write([]byte("canary")) }), none},
		"a token of two lines": {clientSecret(), entra(func(w http.ResponseWriter) { givenToken(w, "canary\r\nX-Evil: 1") }), none},
		"the pod has no token yet": {workload("/nowhere/token"), entra(func(w http.ResponseWriter) { givenToken(w, "canary") }),
			"open /nowhere/token: no such file or directory"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, source(t, &cloud{answer: test.answer}, test.identity, nil), test.want)
		})
	}
	t.Run("no network", func(t *testing.T) {
		wantRefused(t, source(t, &cloud{down: errDown}, clientSecret(), nil), "login.microsoftonline.com cannot be reached: no route to host")
	})
	t.Run("an authority in the clear", func(t *testing.T) {
		i := clientSecret()
		i.Azure.Authority = "http://login.example.com"
		wantRefused(t, source(t, &cloud{}, i, nil), "azure: the tenant, client or authority is none that Microsoft Entra ID could have")
	})
}
