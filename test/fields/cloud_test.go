// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"
)

// cloud is where gateways get tokens: Amazon's, Google's and Microsoft's at once. What it gives tells who asked, and for
// what.
type cloud struct {
	mu    sync.Mutex
	asked []string // hosts
}

// RoundTrip answers without a network.
func (c *cloud) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.asked = append(c.asked, r.URL.Host)
	c.mu.Unlock()
	form := url.Values{}
	if r.Body != nil {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if form, err = url.ParseQuery(string(text)); err != nil {
			return nil, err
		}
	}
	w := httptest.NewRecorder()
	switch host := r.URL.Host; {
	case host == "169.254.169.254":
		token(w, "metadata")
	case host == "169.254.170.23":
		answerJSON(w, map[string]any{"AccessKeyId": "ASIAPOD", "SecretAccessKey": "s", "Token": "t", "Expiration": inAnHour()})
	case host == "oauth2.googleapis.com":
		token(w, emailOf(form.Get("assertion")))
	case host == "sts.googleapis.com":
		token(w, "federated "+form.Get("subject_token"))
	case host == "login.microsoftonline.com":
		microsoft(w, r, form)
	case strings.HasPrefix(host, "sts."):
		fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA-%s-%s</AccessKeyId>
			<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration></Credentials>
			</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
			form.Get("RoleArn")[strings.LastIndexByte(form.Get("RoleArn"), '/')+1:], form.Get("WebIdentityToken"), inAnHour())
	default:
		w.WriteHeader(http.StatusNotFound)
	}
	return w.Result(), nil
}

func inAnHour() string { return time.Now().Add(time.Hour).UTC().Format(time.RFC3339) }

// token gives an access token that says whose it is.
func token(w http.ResponseWriter, whose string) {
	answerJSON(w, map[string]any{
		"access_token": strings.ReplaceAll(whose, " ", "-"), "token_type": "Bearer", "expires_in": 3600, "issued_token_type": "access_token",
	})
}

// microsoft tells where its endpoints are, and gives tokens that say what directory, application and secret it was asked by.
func microsoft(w http.ResponseWriter, r *http.Request, form url.Values) {
	tenant, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if r.Method == http.MethodGet {
		base := "https://" + r.URL.Host + "/" + tenant
		answerJSON(w, map[string]string{
			"authorization_endpoint": base + "/oauth2/v2.0/authorize", "token_endpoint": base + "/oauth2/v2.0/token", "issuer": base + "/v2.0",
		})
		return
	}
	token(w, tenant+" "+form.Get("client_id")[:4]+" "+form.Get("client_secret")+form.Get("client_assertion"))
}

func answerJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a recorder takes everything
}

// emailOf reads whom a JWT is of, up to the address's "@".
func emailOf(jwt string) string {
	parts := strings.Split(jwt, ".")
	var claims struct{ Iss string }
	if len(parts) == 3 {
		text, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err == nil {
			_ = json.Unmarshal(text, &claims) // an empty claim shows
		}
	}
	name, _, _ := strings.Cut(claims.Iss, "@")
	return name
}
