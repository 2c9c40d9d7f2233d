// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

type asked struct{ verb, path, user string }

// judge answers as told, and keeps what it was asked.
type judge struct {
	decision authorizer.Decision
	err      error
	asked    asked
}

func (j *judge) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	j.asked = asked{verb: a.GetVerb(), path: a.GetPath(), user: a.GetUser().GetName()}
	if a.IsResourceRequest() {
		return authorizer.DecisionDeny, "", errors.New("a resource")
	}
	return j.decision, "", j.err
}

func TestWhoMayLook(t *testing.T) {
	eve := &authenticator.Response{User: &user.DefaultInfo{Name: "eve"}}
	for name, test := range map[string]struct {
		who          *authenticator.Response
		whoErr       error
		decision     authorizer.Decision
		decisionErr  error
		want         int
		wantMessage  string
		wantAsked    bool
		wantLogLines int
	}{
		"no token":             {want: 401, wantMessage: "a bearer token of this cluster is needed"},
		"a token that is none": {whoErr: errors.New("invalid bearer token"), want: 401, wantMessage: "a bearer token of this cluster is needed"},
		"the API server is out of reach": {whoErr: &url.Error{Op: "Post", URL: "https://api", Err: errors.New("refused")},
			want: 503, wantMessage: "the API server cannot be asked whose the token is", wantLogLines: 1},
		"the operator may not ask": {whoErr: apierrors.NewForbidden(schema.GroupResource{Resource: "tokenreviews"}, "", errors.New("no")),
			want: 503, wantMessage: "the API server cannot be asked whose the token is", wantLogLines: 1},
		"who may not": {who: eve, decision: authorizer.DecisionNoOpinion, wantAsked: true,
			want: 403, wantMessage: "eve may not get /console/api/overview: bind the ClusterRole spark-console-viewer"},
		"who is denied": {who: eve, decision: authorizer.DecisionDeny, wantAsked: true,
			want: 403, wantMessage: "eve may not get /console/api/overview: bind the ClusterRole spark-console-viewer"},
		"nobody knows": {who: eve, decision: authorizer.DecisionDeny, decisionErr: errors.New("refused"), wantAsked: true,
			want: 503, wantMessage: "the API server cannot be asked what you may do", wantLogLines: 1},
		"who may": {who: eve, decision: authorizer.DecisionAllow, want: 200, wantAsked: true},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []string
			log := funcr.New(func(_, line string) { lines = append(lines, line) }, funcr.Options{})
			j := &judge{decision: test.decision, err: test.decisionErr}
			who := authenticator.RequestFunc(func(*http.Request) (*authenticator.Response, bool, error) {
				return test.who, test.who != nil, test.whoErr
			})
			reached := false
			h := guard(who, j, log)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
			r := httptest.NewRequest(http.MethodGet, "/console/api/overview?gateway=team/main", nil)
			r.Header.Set("Authorization", "Bearer canary-token")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != test.want || reached != (test.want == 200) {
				t.Errorf("status %d, reached %v, want %d", w.Code, reached, test.want)
			}
			if test.want != 200 {
				var body struct{ Error string }
				if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Error != test.wantMessage {
					t.Errorf("%v: %s", err, w.Body)
				}
			}
			if challenged := w.Header().Get("WWW-Authenticate") == "Bearer"; challenged != (test.want == 401) {
				t.Errorf("a challenge: %v", challenged)
			}
			if test.wantAsked {
				if diff := cmp.Diff(asked{verb: "get", path: "/console/api/overview", user: "eve"}, j.asked, cmp.AllowUnexported(asked{})); diff != "" {
					t.Errorf("what was asked (-want +got):\n%s", diff)
				}
			}
			if len(lines) != test.wantLogLines || strings.Contains(strings.Join(lines, ""), "canary") {
				t.Errorf("log: %v", lines)
			}
		})
	}
}

func TestNamesOfThisMachine(t *testing.T) {
	for address, want := range map[string]bool{
		"localhost:8082": true, "localhost": true, "127.0.0.1:8082": true, "127.8.9.1": true, "[::1]:8082": true, "[::1]": true, "::1": true,
		"": false, ":8082": false, "0.0.0.0:8082": false, "[::]:8082": false, "10.0.0.7:8082": false, "localhost.example.com:8082": false,
		"rebound.example.com": false, "127.0.0.1.example.com:8082": false,
	} {
		if got := IsLoopback(address); got != want {
			t.Errorf("%q: %v, want %v", address, got, want)
		}
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/console/api/overview", nil)
		r.Host = address
		Loopback(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		if got := w.Code == http.StatusOK; got != want {
			t.Errorf("a request of %q has status %d", address, w.Code)
		}
	}
}
