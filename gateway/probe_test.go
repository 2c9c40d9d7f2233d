// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/health"
	"github.com/sparkgateway/spark/gateway/provider"
	"github.com/sparkgateway/spark/gateway/upstream"
)

// probing gives a provider at an endpoint, changed as told, with connections of its own.
func probing(t *testing.T, endpoint string, change func(*config.Provider)) (openProvider, *config.Provider) {
	t.Helper()
	from := &config.Provider{
		ID: "ns/p", Name: "p", Type: config.OpenAI, Endpoint: endpoint + "/v1", Credential: "key",
		Timeouts: config.Timeouts{Connect: config.Duration(5 * time.Second)},
		HealthCheck: &config.HealthCheck{
			Interval: config.Duration(time.Hour), Timeout: config.Duration(10 * time.Second), UnhealthyThreshold: 1, HealthyThreshold: 1,
		},
	}
	if change != nil {
		change(from)
	}
	made, err := provider.New(from, config.NewSecret("sk-canary"), "1")
	if err != nil {
		t.Fatal(err)
	}
	pools := upstream.NewPools(nil)
	t.Cleanup(pools.Close)
	pool := pools.Use([]upstream.Endpoint{{Key: made.ConnectionKey, Address: made.Address, TLS: made.TLS}})[0]
	return openProvider{provider: made, pool: pool}, from
}

// probe asks once, for so long at most.
func probe(t *testing.T, p openProvider, path string, atMost time.Duration) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), atMost)
	defer cancel()
	err := p.probe(ctx, p.probed(path))
	if err == nil {
		return "good"
	}
	return err.Error()
}

// raw is a server that writes bytes to whoever connects, and hangs up, where it is told to.
func raw(t *testing.T, answer string, hangUp bool) (endpoint string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, answer)
			if hangUp {
				_ = c.Close()
			}
		}
	}()
	return "http://" + ln.Addr().String()
}

func TestWhatAHealthCheckFinds(t *testing.T) {
	const whole = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
	tests := map[string]struct {
		answer string
		hangUp bool
		atMost time.Duration
		want   string
	}{
		"an answer":                             {whole, false, 10 * time.Second, "good"},
		"an answer without a body":              {"HTTP/1.1 204 No Content\r\n\r\n", false, 10 * time.Second, "good"},
		"a way elsewhere is good, and not gone": {"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n", false, 10 * time.Second, "good"},
		"a credential that is refused":          {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}", false, 10 * time.Second, "status 401"},
		"a provider that is ill":                {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}", false, 10 * time.Second, "status 503"},
		"one that is ill and hangs up":          {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 20\r\n\r\n{}", true, 10 * time.Second, "status 503"},
		"one that hangs up":                     {"", true, 10 * time.Second, "the connection broke"},
		"one that hangs up within its answer":   {"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}", true, 10 * time.Second, "the answer broke off"},
		"one that says nothing":                 {"", false, 50 * time.Millisecond, "timeout"},
		"one that does not end":                 {"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}", false, 50 * time.Millisecond, "timeout"},
		"something else than HTTP":              {"SSH-2.0-canary\r\n\r\n", false, 10 * time.Second, "the answer is not HTTP"},
		"more than is read":                     {"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + strings.Repeat("x", maxProbeBytes), false, 10 * time.Second, "good"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p, _ := probing(t, raw(t, tc.answer, tc.hangUp), nil)
			if got := probe(t, p, "", tc.atMost); got != tc.want {
				t.Errorf("found %q, want %q", got, tc.want)
			}
		})
	}
}

func TestAProviderThatIsNotThere(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	endpoint := "http://" + ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	p, _ := probing(t, endpoint, nil)
	if got := probe(t, p, "", 10*time.Second); got != "no connection" {
		t.Errorf("found %q", got)
	}
}

// proof is an identity, which may be slow to be had.
type proof struct {
	err  error
	slow bool
}

func (i proof) Authorize(ctx context.Context, method, host, target string, _ []byte, set func(name, value string)) error {
	if i.slow {
		<-ctx.Done()
		return ctx.Err()
	}
	set("Authorization", "Proof "+method+" "+host+" "+target)
	return i.err
}

func TestAHealthCheckIsAGETWithTheProvidersCredential(t *testing.T) {
	type seen struct{ Method, URI, Authorization, Key, Version string }
	var got seen
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = seen{r.Method, r.RequestURI, r.Header.Get("Authorization"), r.Header.Get("X-Api-Key"), r.Header.Get("Anthropic-Version")}
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	tests := map[string]struct {
		change   func(*config.Provider)
		path     string
		identity proof
		cloud    bool
		want     seen
		found    string
	}{
		"the list of models":   {want: seen{Method: "GET", URI: "/v1/models", Authorization: "Bearer sk-canary"}, found: "good"},
		"a path from the root": {path: "/healthz?deep=1", want: seen{Method: "GET", URI: "/healthz?deep=1", Authorization: "Bearer sk-canary"}, found: "good"},
		"Anthropic": {
			change: func(p *config.Provider) { p.Type = config.Anthropic }, path: "/v1/models",
			want: seen{Method: "GET", URI: "/v1/models", Key: "sk-canary", Version: "2023-06-01"}, found: "good",
		},
		"a cloud's identity": {
			change: func(p *config.Provider) { p.RemoveHeaders = []string{"Authorization"} }, path: "/v1/health", cloud: true,
			want: seen{Method: "GET", URI: "/v1/health", Authorization: "Proof GET " + host + " /v1/health"}, found: "good",
		},
		"a cloud that gives none": {
			path: "/v1/health", cloud: true, identity: proof{err: errors.New("the token sk-canary is not valid")}, found: "no credentials from the cloud",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got = seen{}
			p, _ := probing(t, server.URL, tc.change)
			if tc.cloud {
				p.identity = tc.identity
			}
			if found := probe(t, p, tc.path, 10*time.Second); found != tc.found {
				t.Errorf("found %q", found)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestACloudThatIsSlowIsATimeout(t *testing.T) {
	p, _ := probing(t, "http://192.0.2.1", nil)
	p.identity = proof{slow: true}
	if got := probe(t, p, "/", 20*time.Millisecond); got != "timeout" {
		t.Errorf("found %q", got)
	}
}

func TestChecksShareAConnection(t *testing.T) {
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(503)
		_, _ = io.WriteString(w, strings.Repeat("x", maxProbeBytes-1))
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	p, _ := probing(t, server.URL, nil)
	for range 5 {
		if got := probe(t, p, "/", 10*time.Second); got != "status 503" {
			t.Fatalf("found %q", got)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections for 5 checks", n)
	}
}

func TestACheckThatIsBrokenOffEnds(t *testing.T) {
	p, _ := probing(t, raw(t, "", false), nil)
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		done := make(chan error)
		go func() { done <- p.probe(ctx, p.probed("/")) }()
		cancel()
		select {
		case err := <-done:
			if err == nil {
				t.Error("it was good")
			}
		case <-time.After(time.Minute):
			t.Fatal("it goes on")
		}
	}
}

func TestWhatMakesAnotherCheck(t *testing.T) {
	secrets := map[string]config.Secret{"key": config.NewSecret("sk-canary"), "cloud": config.NewSecret("one")}
	base := func(p *config.Provider) {
		p.Azure = &config.AzureIdentity{TenantID: "t", ClientID: "c", ClientSecret: "cloud"}
	}
	version := func(change func(*config.Provider)) string {
		p, from := probing(t, "http://192.0.2.1", func(p *config.Provider) {
			base(p)
			if change != nil {
				change(p)
			}
		})
		return p.probeVersion(from, secrets)
	}
	first := version(nil)
	tests := map[string]struct {
		change func(*config.Provider)
		secret string
		want   bool // the same
	}{
		"nothing":             {want: true},
		"the settings":        {change: func(p *config.Provider) { p.HealthCheck.Interval *= 2 }, want: true},
		"the breaker":         {change: func(p *config.Provider) { p.Breaker.Probes = 9 }, want: true},
		"the endpoint":        {change: func(p *config.Provider) { p.Endpoint = "http://192.0.2.2/v1" }},
		"the endpoint's path": {change: func(p *config.Provider) { p.Endpoint += "/other" }},
		"the check's path":    {change: func(p *config.Provider) { p.HealthCheck.Path = "/healthz" }},
		"a header":            {change: func(p *config.Provider) { p.SetHeaders = []config.Header{{Name: "X", Value: "y"}} }},
		"the identity":        {change: func(p *config.Provider) { p.Azure.ClientID = "other" }},
		"a secret of it":      {secret: "two"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if tc.secret != "" {
				secrets["cloud"] = config.NewSecret(tc.secret)
				defer func() { secrets["cloud"] = config.NewSecret("one") }()
			}
			if got := version(tc.change); (got == first) != tc.want || strings.Contains(got, "canary") {
				t.Errorf("version %s, at first %s", got, first)
			}
		})
	}
}

func TestProvidersAreCheckedAsTheirPoliciesSay(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ill" {
			w.WriteHeader(500)
		}
	}))
	defer server.Close()
	living := NewLiving(LivingOptions{})
	defer living.Close()
	doc := &config.Document{}
	var providers []openProvider
	for i, change := range []func(*config.Provider){
		nil,
		func(p *config.Provider) { p.HealthCheck.Path = "/ill" },
		func(p *config.Provider) { p.HealthCheck = nil },
		func(p *config.Provider) { p.Type = config.Bedrock },
	} {
		p, from := probing(t, server.URL, func(p *config.Provider) {
			p.ID = fmt.Sprint("ns/", i)
			if change != nil {
				change(p)
			}
		})
		doc.Core.Providers, providers = append(doc.Core.Providers, *from), append(providers, p)
	}
	checks := living.healthChecks(doc, providers)
	var named []string
	for _, c := range checks {
		named = append(named, c.Key)
	}
	if diff := cmp.Diff([]string{"ns/0", "ns/1", "", ""}, named); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	states := living.health.Use(checks)
	for deadline := time.Now().Add(time.Minute); !known(states[:2]) && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
	}
	type look struct {
		Healthy, Known bool
		Reason         string
	}
	var got []look
	for _, s := range states {
		h, known := s.Look()
		got = append(got, look{s.Healthy(), known, h.Reason})
	}
	want := []look{{true, true, ""}, {false, true, "status 500"}, {true, false, ""}, {true, false, ""}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	shown := "# HELP spark_provider_healthy Whether a provider's health check finds it healthy: 0 or 1.\n" +
		"# TYPE spark_provider_healthy gauge\nspark_provider_healthy{provider=\"ns/0\"} 1\nspark_provider_healthy{provider=\"ns/1\"} 0\n"
	if err := testutil.GatherAndCompare(living.Registry(), strings.NewReader(shown), "spark_provider_healthy"); err != nil {
		t.Error(err)
	}
}

func known(states []*health.Status) bool {
	for _, s := range states {
		if _, known := s.Look(); !known {
			return false
		}
	}
	return true
}
