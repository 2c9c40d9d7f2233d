// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestAnAnswerThatAGuardObjectedToOrDidNotSeeIsForNobodyElse(t *testing.T) {
	failing := func(string) (int, string) { return 500, "" }
	says := func(told string) func(string) (int, string) {
		return func(string) (int, string) { return 200, told }
	}
	tests := map[string]struct {
		verdict func(string) (int, string)
		text    string
		change  func(*config.Sanitizer)
		want    string
	}{
		"a guard that failed":   {verdict: failing, want: "miss"},
		"a guard that redacted": {verdict: says(`{"action":"redact","texts":[{"text":"better"}]}`), want: "miss"},
		"a guard that agreed":   {verdict: says(`{"action":"allow"}`), want: "hit"},
		"a moderation that flags": {text: "violence/graphic", want: "miss", change: func(s *config.Sanitizer) {
			s.Webhook, s.Moderation = nil, &config.Moderation{
				Mode: config.SanitizeFlag, Timeout: config.Duration(patience), OnFailure: config.GuardDeny, Directions: []config.Direction{config.DirectionResponse},
				Target: config.Target{Provider: "default/fake", Model: "omni-moderation-latest", Upstream: "omni-moderation-latest"},
			}
		}},
		"what was redacted": {text: "jane.doe@example.com", want: "miss", change: func(s *config.Sanitizer) {
			s.Webhook = nil
			s.PII = &config.PII{Mode: config.SanitizeRedact, Kinds: []config.PIIKind{config.PIIEmail}, Directions: []config.Direction{config.DirectionResponse}, Scopes: config.TextScopes}
		}},
	}
	for name, test := range tests {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stream %t", name, stream), func(t *testing.T) {
				rules := &config.Sanitizer{}
				if test.verdict != nil {
					rules.Webhook = &config.GuardWebhook{
						URL: guardOf(t, test.verdict), Timeout: config.Duration(patience), OnFailure: config.GuardAllow, Directions: []config.Direction{config.DirectionResponse},
					}
				}
				if test.change != nil {
					test.change(rules)
				}
				s := start(t, withDocument(caching()), withDocument(sanitizing(rules)))
				body := saying("a question "+test.text+" [[fake tokens=30]]", stream)
				for i := range 2 {
					want := []string{"miss", test.want}[i]
					if got := s.asks(aliceKey, body); got.StatusCode != 200 || got.Header.Get("X-Spark-Cache") != want {
						t.Errorf("request %d: %d, a %s, want a %s: %s", i, got.StatusCode, got.Header.Get("X-Spark-Cache"), want, got.body)
					}
					s.lines(i + 1)
				}
			})
		}
	}
}

// slowModeration is a moderation model that says when it is asked, and answers when it is told to.
type slowModeration struct {
	url    string
	asked  atomic.Int64
	answer chan struct{}
}

func startModeration(t *testing.T) *slowModeration {
	t.Helper()
	m := &slowModeration{answer: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		m.asked.Add(1)
		select {
		case <-m.answer:
		case <-req.Context().Done():
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"m","model":"mod","results":[{"flagged":false,"categories":{},"category_scores":{}}]}`)
	}))
	t.Cleanup(server.Close)
	m.url = server.URL
	return m
}

func TestWhoFollowsGetsAnAnswerThatIsStillLookedAtWhenItsClientLeaves(t *testing.T) {
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprintf("stream %t", stream), func(t *testing.T) {
			m := startModeration(t)
			s := start(t, withDocument(caching()), withDocument(func(d *config.Document) {
				p := d.Core.Providers[0]
				p.ID, p.Name, p.Endpoint = "default/mod", "mod", m.url+"/v1"
				d.Core.Providers = append(d.Core.Providers, p)
				d.Core.Routes = []config.Route{{
					ID: "default/smart", Models: []string{"gpt-4o"}, Strategy: config.Weighted,
					Targets: []config.Target{{Provider: "default/fake", Model: "gpt-4o", Upstream: "gpt-4o", Weight: 1}},
				}}
				d.Core.Gateway.Sanitizer = &config.Sanitizer{Moderation: &config.Moderation{
					Mode: config.SanitizeBlock, Timeout: config.Duration(patience), OnFailure: config.GuardDeny, Directions: []config.Direction{config.DirectionResponse},
					Target: config.Target{Provider: "default/mod", Model: "mod", Upstream: "mod"},
				}}
			}))
			body := chatBody("gpt-4o", "tokens=20 delay=5ms", stream)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				if resp, err := newClient(nil).Do(s.request("POST", "/v1/chat/completions", body).WithContext(ctx)); err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			}()
			eventually(t, func() bool { return len(s.provider.Records()) == 1 }, func() string { return "the provider is not asked" })
			followed := make(chan answer, 1)
			go func() { followed <- s.asks(aliceKey, body) }()
			eventually(t, func() bool { return s.server.InFlight() == 2 && m.asked.Load() == 1 }, func() string { return "nobody follows" })
			leave()
			<-gone
			close(m.answer)
			got := <-followed
			if got.StatusCode != 200 || got.err != nil || got.Header.Get("X-Spark-Cache") != "hit" || strings.Contains(got.body, "error") {
				t.Errorf("%d %v %s: %s", got.StatusCode, got.err, got.Header.Get("X-Spark-Cache"), got.body)
			}
			if n := len(s.provider.Records()); n != 1 {
				t.Errorf("the provider was asked %d times", n)
			}
		})
	}
}

func TestAGuardIsAskedWhileTheGatewayDrains(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	url := guardOf(t, func(string) (int, string) {
		close(asked)
		<-answer
		return 200, `{"action":"allow"}`
	})
	s := start(t, withDocument(sanitizing(&config.Sanitizer{Webhook: &config.GuardWebhook{
		URL: url, Timeout: config.Duration(patience), OnFailure: config.GuardDeny, Directions: []config.Direction{config.DirectionRequest},
	}})))
	got := make(chan *http.Response, 1)
	go func() {
		resp, err := s.client.Do(s.request("POST", "/v1/chat/completions", chatBody("gpt-4o", "", false)))
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		got <- resp
	}()
	<-asked
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		ended <- s.server.Shutdown(ctx)
	}()
	eventually(t, func() bool {
		// Nobody new is taken.
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, func() string { return "it does not drain" })
	close(answer)
	if resp := <-got; resp == nil || resp.StatusCode != 200 {
		t.Errorf("what was in flight: %+v", resp)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	s.down.Do(s.living.Close)
}
