// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	certutil "k8s.io/client-go/util/cert"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

func TestThePathIsTheOneThatWasTaken(t *testing.T) {
	course := config.Course{ID: "r-1", Status: 200, Outcome: "ok", Attempts: []config.CourseAttempt{
		{Kind: "first", Provider: "team/a", UpstreamStatus: 503, Outcome: "provider_failed"}, {Kind: "failover", Provider: "team/b", Outcome: "ok"},
	}}
	for name, test := range map[string]struct {
		id     string
		course config.Course
		late   int
		want   *config.Course
	}{
		"told at once":                         {"r-1", course, 0, &course},
		"told when the pod is through with it": {"r-1", course, 3, &course},
		"an older release tells none":          {"r-1", config.Course{}, 0, nil},
		"another request's is none":            {"r-2", course, 0, nil},
		"an answer without an ID":              {"", course, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h, p, _ := playground(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get(config.CourseHeader) == "" {
					t.Error("the pod was not asked to keep the course")
				}
				w.Header().Set("X-Request-Id", test.id)
				_, _ = io.WriteString(w, `{"choices":[{"message":{"content":"Hello"}}]}`)
			})
			p.course, p.late = test.course, test.late
			status, got, text := ask(t, h, hello)
			if status != 200 {
				t.Fatalf("%d: %s", status, text)
			}
			if diff := cmp.Diff(test.want, got.Course); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAnAnswerThatIsLongerInJSONThanItsText(t *testing.T) {
	h, _, _ := playground(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"choices":[{"message":{"content":"%s"}}],"usage":{"completion_tokens":7}}`, strings.Repeat(`\u00e4`, 20<<10))
	})
	_, got, _ := ask(t, h, hello)
	if want := strings.Repeat("ä", 20<<10); got.Text != want || got.Usage.OutputTokens != 7 {
		t.Errorf("%d bytes that begin with %.40q, %d tokens", len(got.Text), got.Text, got.Usage.OutputTokens)
	}
}

// chain gives a certificate for a name in PEM, with its authority behind it, and what serves it.
func chain(t *testing.T, name string) (certificate []byte, pair tls.Certificate) {
	t.Helper()
	certificate, key, err := certutil.GenerateSelfSignedCertKeyWithFixtures(name, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if pair, err = tls.X509KeyPair(certificate, key); err != nil {
		t.Fatal(err)
	}
	return certificate, pair
}

func TestAGatewayThatServesTLS(t *testing.T) {
	named, serves := chain(t, "llm.example.com")
	wild, servesWild := chain(t, "*.example.com")
	other, _ := chain(t, "llm.example.com")
	address, servesAddress := chain(t, "192.0.2.7")
	for name, test := range map[string]struct {
		secret    []byte
		serves    tls.Certificate
		want      int
		wantError string
	}{
		"its certificate":         {named, serves, 200, ""},
		"one of many names":       {wild, servesWild, 200, ""},
		"one of an address":       {address, servesAddress, 200, ""},
		"another one of the name": {other, serves, 0, "the pod's certificate is not the one in the gateway's Secret, or is not valid now"},
		"one of another name":     {wild, serves, 0, "the pod's certificate is not the one in the gateway's Secret, or is not valid now"},
	} {
		t.Run(name, func(t *testing.T) {
			h, _, s := playground(t, nil)
			gateway := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if test.want == 0 {
					t.Errorf("a stranger was sent the key: %v", r.Header)
				}
				_, _ = io.WriteString(w, `{"choices":[{"message":{"content":"Hello"}}]}`)
			}))
			gateway.TLS = &tls.Config{Certificates: []tls.Certificate{test.serves}}
			gateway.Config.ErrorLog = nil
			gateway.StartTLS()
			t.Cleanup(gateway.Close)
			_, port, _ := net.SplitHostPort(gateway.Listener.Addr().String())
			number, _ := strconv.Atoi(port)
			s.gateways[1].Spec.Listener = &v1alpha1.Listener{Port: ptr.To(int32(number)), TLS: &v1alpha1.ListenerTLS{}}
			resources := s.resources["team/main"]
			resources.Certificate = test.secret
			s.resources["team/main"] = resources
			status, got, text := ask(t, h, hello)
			if status != 200 || got.Status != test.want || got.Error != test.wantError {
				t.Errorf("%d: %s", status, text)
			}
		})
	}
}

func TestWhatIsNoCertificate(t *testing.T) {
	for name, secret := range map[string]string{
		"nothing": "", "no PEM": "hello", "no certificate": "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n",
	} {
		if settings, err := pinned([]byte(secret)); settings != nil || err == nil {
			t.Errorf("%s: %v, %v", name, settings, err)
		}
	}
}

func known(name string) authenticator.Request {
	return authenticator.RequestFunc(func(*http.Request) (*authenticator.Response, bool, error) {
		return &authenticator.Response{User: &user.DefaultInfo{Name: name}}, true, nil
	})
}

func TestViewersBehindOneAddressPlayAtATime(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/console/api/play", nil)
	if got := viewer(r); got != "address 192.0.2.1" {
		t.Error(got)
	}
	var got []string
	for _, who := range []string{"alice", "bob"} {
		guard(known(who), &judge{decision: authorizer.DecisionAllow}, logr.Discard())(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = append(got, viewer(r)) })).
			ServeHTTP(httptest.NewRecorder(), r)
	}
	if diff := cmp.Diff([]string{"user alice", "user bob"}, got); diff != "" {
		t.Error(diff)
	}
}
