// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/gateway/config"
)

// stage is a cluster with what is told of it.
type stage struct {
	gateways  []v1alpha1.SparkGateway
	resources map[string]Resources
	err       error
}

func (s *stage) Gateways(context.Context) ([]v1alpha1.SparkGateway, error) { return s.gateways, s.err }

func (s *stage) Resources(_ context.Context, gw *v1alpha1.SparkGateway) (Resources, error) {
	return s.resources[gw.Namespace+"/"+gw.Name], nil
}

func open(next http.Handler) http.Handler { return next }

// serve gives the answer to a request.
func serve(t *testing.T, h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func well(uid string) (config.Health, error) {
	return config.Health{Status: config.HealthOK, Gateway: "team/main", Pod: uid}, nil
}

func options(c Cluster, caller Caller) Options {
	return Options{Cluster: c, Caller: caller, Version: "v1", Guard: open, Log: func(error, string) {}}
}

func twoGateways() *stage {
	return &stage{
		gateways: []v1alpha1.SparkGateway{
			{ObjectMeta: metav1.ObjectMeta{Namespace: "zoo", Name: "other"}},
			*sparkGateway(),
		},
		resources: map[string]Resources{"team/main": {
			Members: []Member{{Name: "a", Ready: true, Running: true, Pod: fleet.Pod{UID: "a", Address: "127.0.0.1:9443"}}},
			Admin:   map[string][]byte{"client.key": []byte("canary-client-key"), "ca.key": []byte("canary-ca-key")},
		}},
	}
}

func TestTheOverview(t *testing.T) {
	var asked atomic.Int64
	h := NewHandler(options(twoGateways(), callers{health: well, asked: &asked}))
	w := serve(t, h, "GET", "/console/api/overview", "")
	var got Overview
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d, %v: %s", w.Code, err, w.Body)
	}
	if got.Version != "v1" || got.Playground || got.Omitted != 0 || got.At.IsZero() || len(got.Gateways) != 2 {
		t.Errorf("%+v", got)
	}
	if got.Gateways[0].Name != "main" || len(got.Gateways[0].Pods) != 1 || got.Gateways[0].Pods[0].Silent {
		t.Errorf("the first gateway is %+v", got.Gateways[0])
	}
	for range 9 {
		serve(t, h, "GET", "/console/api/overview", "")
	}
	if asked.Load() != 1 {
		t.Errorf("ten viewers cost the pod %d questions", asked.Load())
	}
}

func TestOneGatewayAlone(t *testing.T) {
	h := NewHandler(options(twoGateways(), callers{health: well}))
	for path, want := range map[string]struct {
		status int
		names  []string
	}{
		"/console/api/overview?gateway=team/main": {200, []string{"main"}},
		"/console/api/overview?gateway=zoo/other": {200, []string{"other"}},
		"/console/api/overview?gateway=team/gone": {404, nil},
		"/console/api/overview?gateway=main":      {404, nil},
	} {
		w := serve(t, h, "GET", path, "")
		var got Overview
		_ = json.Unmarshal(w.Body.Bytes(), &got)
		var names []string
		for _, g := range got.Gateways {
			names = append(names, g.Name)
		}
		if diff := cmp.Diff(want.names, names); diff != "" || w.Code != want.status {
			t.Errorf("%s: status %d (-want +got):\n%s", path, w.Code, diff)
		}
	}
}

func TestOfManyGatewaysLittleIsSaid(t *testing.T) {
	s := twoGateways()
	health := func(uid string) (config.Health, error) {
		h, err := well(uid)
		h.Traffic = []config.TrafficMinute{{At: time.Now(), Requests: 7}}
		return h, err
	}
	for i := range maxWhole {
		h := NewHandler(options(s, callers{health: health}))
		for _, query := range []string{"", "?gateway=team/main"} {
			var got Overview
			w := serve(t, h, "GET", "/console/api/overview"+query, "")
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			want := query == "" && len(s.gateways) > maxWhole
			if g := got.Gateways[0]; g.Brief != want || (len(g.Traffic) == 0) != want || len(g.Pods) != 1 || g.Pods[0].Silent {
				t.Errorf("of %d gateways, %q says brief %v, and %+v", len(s.gateways), query, g.Brief, g)
			}
		}
		s.gateways = append(s.gateways, v1alpha1.SparkGateway{ObjectMeta: metav1.ObjectMeta{Namespace: "zoo", Name: fmt.Sprint("more", i)}})
	}
}

// What a viewer is told never holds what opens a door.
func TestNoSecretIsShown(t *testing.T) {
	s := twoGateways()
	r := s.resources["team/main"]
	k := key("alice", "search", 1, 1, "1.00")
	k.Annotations = map[string]string{"note": "canary-annotation"}
	k.Spec.SecretRef = &v1alpha1.SecretKeyReference{Name: "canary-secret-name"}
	k.Status.Prefix = "canary-pref"
	r.Keys = []v1alpha1.APIKey{k}
	r.Providers = []v1alpha1.ProviderPolicy{{ObjectMeta: named("llm"), Spec: v1alpha1.ProviderPolicySpec{
		Endpoint: "https://canary-user@example.com", Headers: &v1alpha1.HeaderEdits{Set: map[string]v1alpha1.HeaderValue{"x-key": "canary-header"}}}}}
	s.resources["team/main"] = r
	o := options(s, callers{health: well})
	o.Playground = &Playground{Key: "team/alice", Secret: func(context.Context) (string, error) { return "canary-key", nil }}
	w := serve(t, NewHandler(o), "GET", "/console/api/overview", "")
	if w.Code != 200 || strings.Contains(w.Body.String(), "canary") || !strings.Contains(w.Body.String(), `"playground":true`) {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}

func TestAClusterThatCannotBeRead(t *testing.T) {
	var logged error
	o := options(&stage{err: errors.New("the cache at 192.0.2.1 is gone")}, callers{health: well})
	o.Log = func(err error, _ string) { logged = err }
	w := serve(t, NewHandler(o), "GET", "/console/api/overview", "")
	if w.Code != 500 || strings.Contains(w.Body.String(), "192.0.2.1") || logged == nil {
		t.Errorf("%d: %s, logged %v", w.Code, w.Body, logged)
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	o := options(twoGateways(), callers{health: well})
	o.Guard = func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusUnauthorized, "no") })
	}
	h := NewHandler(o)
	for name, test := range map[string]struct {
		method, path, wantCache, wantType, wantLocation string
		want                                            int
	}{
		"the page is open":             {"GET", "/console/", "no-cache", "text/html; charset=utf-8", "", 200},
		"and so are its files":         {"GET", "/console/console.js", "no-cache", "text/javascript; charset=utf-8", "", 200},
		"a file that is not there":     {"GET", "/console/secret.txt", "no-cache", "text/plain; charset=utf-8", "", 404},
		"a way out of the page":        {"GET", "/console/..%2fembed.go", "no-cache", "text/plain; charset=utf-8", "", 404},
		"the root leads to the page":   {"GET", "/", "no-cache", "text/html; charset=utf-8", "/console/", 302},
		"and so does the bare name":    {"GET", "/console", "no-cache", "text/html; charset=utf-8", "/console/", 302},
		"nothing else is served":       {"GET", "/metrics", "no-cache", "text/plain; charset=utf-8", "", 404},
		"the page cannot be posted to": {"POST", "/console/", "no-cache", "text/plain; charset=utf-8", "", 405},
		"the interface is not":         {"GET", "/console/api/overview", "no-store", "application/json", "", 401},
		"what it has not is not":       {"GET", "/console/api/nothing", "no-store", "application/json", "", 401},
		"the playground is not":        {"POST", "/console/api/play", "no-store", "application/json", "", 401},
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, h, test.method, test.path, "")
			got := w.Header()
			if w.Code != test.want || got.Get("Cache-Control") != test.wantCache || got.Get("Content-Type") != test.wantType ||
				got.Get("Location") != test.wantLocation {
				t.Errorf("status %d, header %v", w.Code, got)
			}
			policy := got.Get("Content-Security-Policy")
			for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "connect-src 'self'"} {
				if !strings.Contains(policy, part) {
					t.Errorf("the policy %q lacks %s", policy, part)
				}
			}
			if strings.Contains(policy, "unsafe") || got.Get("X-Content-Type-Options") != "nosniff" || got.Get("Set-Cookie") != "" {
				t.Errorf("header %v", got)
			}
		})
	}
}

// The interface answers so many at a time; who is beyond is told at once, and costs no question to the API server.
func TestRequestsAtATimeAreBounded(t *testing.T) {
	o := options(twoGateways(), callers{health: well})
	inside, leave := make(chan struct{}), make(chan struct{})
	o.Guard = func(http.Handler) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			inside <- struct{}{}
			<-leave
		})
	}
	server := httptest.NewServer(NewHandler(o))
	defer server.Close()
	ended := make(chan struct{})
	for range maxAtOnce {
		go func() {
			defer func() { ended <- struct{}{} }()
			if response, err := http.Get(server.URL + "/console/api/overview"); err == nil {
				_ = response.Body.Close()
			}
		}()
	}
	for range maxAtOnce {
		<-inside
	}
	response, err := http.Get(server.URL + "/console/api/overview")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if response.StatusCode != 503 || response.Header.Get("Retry-After") != "1" {
		t.Errorf("one more has status %d: %s", response.StatusCode, body)
	}
	close(leave)
	for range maxAtOnce {
		<-ended
	}
}

// forgetful counts what it is told to forget.
type forgetful struct {
	callers
	forgot []string
}

func (f *forgetful) Forget(gateway types.NamespacedName) {
	f.forgot = append(f.forgot, gateway.String())
}

func TestConnectionsOfGatewaysThatAreGoneAreDropped(t *testing.T) {
	s, f := twoGateways(), &forgetful{callers: callers{health: well}}
	h := &Handler{cluster: s, caller: f, asking: make(chan struct{}, 1)}
	for range 2 {
		if _, err := h.look(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		s.gateways = s.gateways[:1]
	}
	if diff := cmp.Diff([]string{"team/main"}, f.forgot); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
