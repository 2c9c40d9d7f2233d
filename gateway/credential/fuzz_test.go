// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package credential_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/credential"
)

// FuzzAnswers: whatever a cloud answers, there is a header that can be sent or an error that repeats nothing of it.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		"", "{", "<", `{"access_token": "x", "expires_in": 60}`, `{"error": {"status": "PERMISSION_DENIED"}}`, `{"error": "invalid_grant"}`,
		`{"accessToken": "x", "expireTime": "2100-01-01T00:00:00Z"}`, `{"AccessKeyId": "a", "SecretAccessKey": "b", "Token": "c", "Expiration": "2100-01-01T00:00:00Z"}`,
		`<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>`,
	} {
		f.Add(seed, 200)
		f.Add(seed, 403)
	}
	f.Fuzz(func(t *testing.T, answer string, status int) {
		if status < 200 || status > 599 {
			return
		}
		at := &cloud{answer: func(w http.ResponseWriter, _ call, _ int) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(answer))
		}}
		env := map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/"}
		token := tokenFile(t, "canary")
		for name, i := range map[string]credential.Identity{
			"a role": webIdentity(token), "a pod of EKS": {AWS: &config.AWSIdentity{Region: "r"}}, "a federation": federation(t, token, true),
			"a machine": {GCP: &config.GCPIdentity{}}, "a client secret": clientSecret(),
		} {
			got, err := authorized(t.Context(), source(t, at, i, env), credential.Request{Method: "POST", Host: "h", Target: "/"})
			if err != nil && (len(err.Error()) > 300 || strings.ContainsAny(err.Error(), "\r\n") || strings.Contains(err.Error(), canary)) {
				t.Errorf("%s: the error is %q", name, err)
			}
			for field, value := range got {
				if value == "" || strings.ContainsAny(value, "\r\n\x00") {
					t.Errorf("%s: %s is %q", name, field, value)
				}
			}
		}
	})
}
