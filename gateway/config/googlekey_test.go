// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"sync"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

var keys = sync.OnceValue(func() map[string]string {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	block := func(kind string, der []byte, err error) string {
		if err != nil {
			panic(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(rsaKey)
	all := map[string]string{"pkcs8": block("PRIVATE KEY", pkcs8, err)}
	all["pkcs1"] = block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil)
	pkcs8, err = x509.MarshalPKCS8PrivateKey(ecKey)
	all["ec"] = block("PRIVATE KEY", pkcs8, err)
	return all
})

// file gives a credentials file with fields changed; nil removes one.
func file(t *testing.T, base map[string]any, changes map[string]any) string {
	t.Helper()
	all := map[string]any{}
	for _, m := range []map[string]any{base, changes} {
		for k, v := range m {
			if all[k] = v; v == nil {
				delete(all, k)
			}
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func serviceAccount() map[string]any {
	return map[string]any{
		"type": "service_account", "project_id": "p", "private_key_id": "id", "private_key": keys()["pkcs8"],
		"client_email": "spark@p.iam.gserviceaccount.com", "client_id": "1", "token_uri": "https://oauth2.googleapis.com/token",
		"auth_uri": "https://accounts.google.com/o/oauth2/auth", "universe_domain": "googleapis.com",
	}
}

func federationFile() map[string]any {
	return map[string]any{
		"type": "external_account", "audience": federationName, "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
		"token_url":                         "https://sts.googleapis.com/v1/token",
		"credential_source":                 map[string]any{"file": "/var/run/token"},
		"service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@p:generateAccessToken",
	}
}

func TestGoogleKeysThatAGatewayTakes(t *testing.T) {
	tests := map[string]struct {
		base, changes map[string]any
		want          string
	}{
		"a service account's key":        {serviceAccount(), nil, ""},
		"with a key of the older form":   {serviceAccount(), map[string]any{"private_key": keys()["pkcs1"]}, ""},
		"with Google's older addresses":  {serviceAccount(), map[string]any{"token_uri": "https://accounts.google.com/o/oauth2/token"}, ""},
		"with the oldest address":        {serviceAccount(), map[string]any{"token_uri": "https://www.googleapis.com/oauth2/v4/token"}, ""},
		"without an address":             {serviceAccount(), map[string]any{"token_uri": nil, "universe_domain": nil}, ""},
		"a federation":                   {federationFile(), nil, ""},
		"a federation at a region":       {federationFile(), map[string]any{"token_url": "https://sts.europe-west4.rep.googleapis.com/v1/token"}, ""},
		"a federation by defaults":       {federationFile(), map[string]any{"token_url": nil, "service_account_impersonation_url": nil}, ""},
		"a federation with an ID token":  {federationFile(), map[string]any{"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}, ""},
		"a source that pods do not read": {federationFile(), map[string]any{"credential_source": map[string]any{"executable": map[string]any{"command": "/bin/sh"}}}, ""},

		"a user's credentials":             {serviceAccount(), map[string]any{"type": "authorized_user"}, "type is neither service_account nor external_account"},
		"an impersonation":                 {serviceAccount(), map[string]any{"type": "impersonated_service_account"}, "type is neither service_account nor external_account"},
		"nothing":                          {nil, nil, "type is neither service_account nor external_account"},
		"another universe":                 {serviceAccount(), map[string]any{"universe_domain": "example.com"}, "universe_domain is not googleapis.com"},
		"nobody":                           {serviceAccount(), map[string]any{"client_email": nil}, "client_email is missing"},
		"no key":                           {serviceAccount(), map[string]any{"private_key": "canary"}, "private_key is not an RSA key in PEM"},
		"a key that is none":               {serviceAccount(), map[string]any{"private_key": strings.Replace(keys()["pkcs8"], "MII", "AAA", 1)}, "private_key is not an RSA key in PEM"},
		"a key of another kind":            {serviceAccount(), map[string]any{"private_key": keys()["ec"]}, "private_key is not an RSA key in PEM"},
		"a stranger's address":             {serviceAccount(), map[string]any{"token_uri": "https://canary.example.com/token"}, "token_uri is not Google's"},
		"an address that begins as Google": {serviceAccount(), map[string]any{"token_uri": "https://oauth2.googleapis.com.example.com"}, "token_uri is not Google's"},
		"an address that ends as Google":   {serviceAccount(), map[string]any{"token_uri": "https://oauth2.evilgoogleapis.com"}, "token_uri is not Google's"},
		"an address with a user":           {serviceAccount(), map[string]any{"token_uri": "https://a@oauth2.googleapis.com"}, "token_uri is not Google's"},
		"an address with a port":           {serviceAccount(), map[string]any{"token_uri": "https://oauth2.googleapis.com:8443"}, "token_uri is not Google's"},
		"an address in the clear":          {serviceAccount(), map[string]any{"token_uri": "http://oauth2.googleapis.com"}, "token_uri is not Google's"},
		"an address that is none":          {serviceAccount(), map[string]any{"token_uri": "https://oauth2.googleapis.com\x7f"}, "token_uri is not Google's"},
		"a federation's stranger":          {federationFile(), map[string]any{"token_url": "https://canary.example.com"}, "token_url is not Google's"},
		"a federation with the cluster": {federationFile(), map[string]any{"audience": "https://kubernetes.default.svc"},
			"audience is not a provider of a workload identity pool"},
		"a federation of a workforce": {federationFile(), map[string]any{"audience": "//iam.googleapis.com/locations/global/workforcePools/a/providers/b"},
			"audience is not a provider of a workload identity pool"},
		"a federation with AWS": {federationFile(), map[string]any{"subject_token_type": "urn:ietf:params:aws:token-type:aws4_request"},
			"subject_token_type is not that of a JWT"},
		"a stranger who impersonates": {federationFile(), map[string]any{"service_account_impersonation_url": "https://canary.example.com"},
			"service_account_impersonation_url is not Google's"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			if _, err := config.ReadGoogleKey(file(t, test.base, test.changes)); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("problem %q, want %q", got, test.want)
			}
		})
	}
	for _, text := range []string{"", "canary", "[]", `{"type": 5}`, `{"type": "service_account"`} {
		if _, err := config.ReadGoogleKey(text); err == nil || err.Error() != "is not JSON of the form of a credentials file" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzReadGoogleKey(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"type":"service_account","token_uri":"https://oauth2.googleapis.com"}`,
		`{"type":"external_account","audience":"` + federationName + `","token_url":"https://sts.googleapis.com"}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := config.ReadGoogleKey(text)
		if err != nil {
			return
		}
		for _, url := range []string{k.TokenURI, k.TokenURL, k.ImpersonationURL} {
			if url != "" && !strings.HasPrefix(strings.ToLower(url), "https://") {
				t.Errorf("asks at %q", url)
			}
		}
	})
}
