// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
)

// apiServer answers reviews: it knows the token of alice, and lets her do everything. fails breaks its answers from then on.
func apiServer(t *testing.T) (config *rest.Config, fails *atomic.Bool, asked *atomic.Int64) {
	t.Helper()
	fails, asked = &atomic.Bool{}, &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if fails.Load() {
			http.Error(w, "etcd is gone", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		if r.URL.Path == "/apis/authentication.k8s.io/v1/tokenreviews" {
			var review authenticationv1.TokenReview
			_ = json.NewDecoder(r.Body).Decode(&review)
			review.Status.Authenticated = review.Spec.Token == "token-of-alice"
			review.Status.User.Username = "alice"
			if !review.Status.Authenticated {
				review.Status.Error = "invalid bearer token"
			}
			_ = json.NewEncoder(w).Encode(&review)
			return
		}
		var review authorizationv1.SubjectAccessReview
		_ = json.NewDecoder(r.Body).Decode(&review)
		review.Status.Allowed = review.Spec.User == "alice"
		_ = json.NewEncoder(w).Encode(&review)
	}))
	t.Cleanup(server.Close)
	return &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}, fails, asked
}

func TestTheAPIServersWord(t *testing.T) {
	config, fails, asked := apiServer(t)
	guard, err := Authorized(config, http.DefaultClient, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	h := guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	call := func(header ...string) int {
		r := httptest.NewRequest(http.MethodGet, "/console/api/overview", nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Add(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	for _, step := range []struct {
		name      string
		header    []string
		fails     bool
		want      int
		wantAsked int64
	}{
		{"no token", nil, false, 401, 0},
		{"a token that is none", []string{"Authorization", "Bearer wrong"}, false, 401, 1},
		{"a token in the protocol of a WebSocket", []string{"Upgrade", "websocket", "Connection", "Upgrade", "Sec-Websocket-Protocol",
			"base64url.bearer.authorization.k8s.io.dG9rZW4tb2YtYWxpY2U, binary"}, false, 401, 0},
		{"who may", []string{"Authorization", "Bearer token-of-alice"}, false, 200, 2},
		{"who may, a moment later, is not asked after", []string{"Authorization", "Bearer token-of-alice"}, true, 200, 0},
		{"another one while the API server is broken", []string{"Authorization", "Bearer token-of-bob"}, true, 503, 3},
	} {
		fails.Store(step.fails)
		before := asked.Load()
		if got := call(step.header...); got != step.want {
			t.Errorf("%s: status %d, want %d", step.name, got, step.want)
		}
		if got := asked.Load() - before; got != step.wantAsked {
			t.Errorf("%s: the API server was asked %d times, want %d", step.name, got, step.wantAsked)
		}
	}
}
