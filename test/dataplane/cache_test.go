// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

// caching keeps answers for an hour, as the changes say.
func caching(changes ...func(*config.ExactCache)) func(*config.Document) {
	return func(d *config.Document) {
		exact := &config.ExactCache{
			Kept:     config.Kept{Scope: config.CacheKey, Charge: config.CacheFree, TTL: hour},
			MaxBytes: 16 << 20, MaxEntryBytes: 1 << 20,
		}
		for _, change := range changes {
			change(exact)
		}
		d.Core.Gateway.Cache = &config.Cache{Exact: exact}
	}
}

// asks makes a chat request with header fields, "name: value" each.
func (s *setup) asks(key, body string, fields ...string) answer {
	s.t.Helper()
	req := s.request("POST", "/v1/chat/completions", body)
	req.Header.Set("Authorization", "Bearer "+key)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		req.Header.Set(name, value)
	}
	return s.do(req)
}

func TestAnAnswerThatWasKeptIsGivenAgain(t *testing.T) {
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprintf("stream %t", stream), func(t *testing.T) {
			s := start(t, withDocument(caching()))
			body := chatBody("gpt-4o", "tokens=40", stream)
			first := s.asks(aliceKey, body)
			eventually(t, func() bool { return len(s.lines(1)) == 1 }, func() string { return "no line" })
			second := s.asks(aliceKey, " "+strings.Replace(body, `{"model":"gpt-4o",`, `{`, 1)[:len(body)-len(`"model":"gpt-4o",`)-1]+`,"model": "gpt-4o"}`)
			if got := first.Header.Get("X-Spark-Cache"); got != "miss" {
				t.Errorf("the first is a %q", got)
			}
			if got := second.Header.Get("X-Spark-Cache"); got != "hit" || second.Header.Get("Age") == "" {
				t.Errorf("the second, of other order and white space, is a %q, of age %q: %s", got, second.Header.Get("Age"), second.body)
			}
			if diff := cmp.Diff(first.body, second.body); diff != "" || first.err != nil || second.err != nil {
				t.Errorf("not the same (-first +second):\n%s%v, %v", diff, first.err, second.err)
			}
			if a, b := first.Header.Get("Content-Type"), second.Header.Get("Content-Type"); a != b {
				t.Errorf("content types %q, %q", a, b)
			}
			if first.Header.Get("X-Request-Id") == second.Header.Get("X-Request-Id") {
				t.Error("both requests have one id")
			}
			if n := len(s.provider.Records()); n != 1 {
				t.Errorf("the provider was asked %d times", n)
			}
		})
	}
}

func TestFiveHundredWhoAskTheSameAtOnceCostOneAnswer(t *testing.T) {
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprintf("stream %t", stream), func(t *testing.T) {
			s := start(t, withDocument(caching()), withDocument(func(d *config.Document) { d.Core.Gateway.MaxConnections = 2000 }))
			s.client.Transport.(*http.Transport).MaxConnsPerHost = 0
			body := chatBody("gpt-4o", "tokens=30 delay=10ms", stream)
			const n = 500
			answers := make([]answer, n)
			var all sync.WaitGroup
			begin := make(chan struct{})
			for i := range n {
				all.Go(func() {
					<-begin
					answers[i] = s.asks(aliceKey, body)
				})
			}
			close(begin)
			all.Wait()
			misses := 0
			for i := range answers {
				if answers[i].StatusCode != 200 || answers[i].err != nil || answers[i].body != answers[0].body {
					t.Fatalf("answer %d: %d, %v, %q and not %q", i, answers[i].StatusCode, answers[i].err, answers[i].body, answers[0].body)
				}
				if answers[i].Header.Get("X-Spark-Cache") == "miss" {
					misses++
				}
			}
			if asked := len(s.provider.Records()); asked != 1 || misses != 1 {
				t.Errorf("the provider was asked %d times, %d answers were misses", asked, misses)
			}
		})
	}
}

func TestWhatIsKeptFromTheCache(t *testing.T) {
	plain := chatBody("gpt-4o", "tokens=5", false)
	with := func(more string) string { return strings.TrimSuffix(plain, "}") + "," + more + "}" }
	tests := map[string]struct {
		exact      func(*config.ExactCache)
		body       string
		fields     []string
		want       [2]string
		wantReason string
		wantStatus int
	}{
		"a plain request is kept":                                  {body: plain, want: [2]string{"miss", "hit"}},
		"a temperature of zero is kept":                            {body: with(`"temperature":0`), want: [2]string{"miss", "hit"}},
		"a temperature above zero is not":                          {body: with(`"temperature":0.7`), want: [2]string{"bypass", "bypass"}, wantReason: "temperature"},
		"a temperature above zero is where the configuration says": {body: with(`"temperature":0.7`), exact: func(e *config.ExactCache) { e.AnyTemperature = true }, want: [2]string{"miss", "hit"}},
		"no-store neither asks nor keeps":                          {body: plain, fields: []string{"Cache-Control: no-store"}, want: [2]string{"bypass", "bypass"}, wantReason: "no-store"},
		"no-cache asks anew each time":                             {body: plain, fields: []string{"Cache-Control: no-cache"}, want: [2]string{"miss", "miss"}},
		"max-age=0 asks anew each time":                            {body: plain, fields: []string{"Cache-Control: max-age=0"}, want: [2]string{"miss", "miss"}},
		"max-age takes what is young":                              {body: plain, fields: []string{"Cache-Control: max-age=60"}, want: [2]string{"miss", "hit"}},
		"only-if-cached asks nobody":                               {body: plain, fields: []string{"Cache-Control: only-if-cached"}, want: [2]string{"miss", "miss"}, wantStatus: 504},
		"Spark's own field stands for Cache-Control":               {body: plain, fields: []string{"X-Spark-Cache-Control: no-store"}, want: [2]string{"bypass", "bypass"}, wantReason: "no-store"},
		"an answer that a bound of tokens cut is not kept":         {body: with(`"max_tokens":3`), want: [2]string{"miss", "miss"}},
		"a stream that broke off is not kept":                      {body: chatBody("gpt-4o", "tokens=30 fault=reset-mid-stream", true), want: [2]string{"miss", "miss"}},
		"a stream that just ends is not kept":                      {body: chatBody("gpt-4o", "tokens=30 fault=truncate-stream", true), want: [2]string{"miss", "miss"}},
		"a stream with an event of nonsense is not kept":           {body: chatBody("gpt-4o", "tokens=30 fault=garbage-event", true), want: [2]string{"miss", "miss"}},
		"a stream with an error event is not kept":                 {body: chatBody("gpt-4o", "tokens=30 fault=error-event", true), want: [2]string{"miss", "miss"}},
		"a body that broke off is not kept":                        {body: chatBody("gpt-4o", "tokens=30 fault=truncate-body", false), want: [2]string{"miss", "miss"}, wantStatus: 502},
		"what is not an answer is not kept":                        {body: chatBody("gpt-4o", "tokens=30 fault=html", false), want: [2]string{"miss", "miss"}, wantStatus: 502},
		"an error is not kept":                                     {body: chatBody("gpt-4o", "fault=status:500", false), want: [2]string{"miss", "miss"}, wantStatus: 500},
		"two members of one name are for no cache":                 {body: with(`"user":"a","user":"b"`), want: [2]string{"bypass", "bypass"}, wantReason: "ambiguous"},
		"an answer larger than an entry is not kept":               {body: chatBody("gpt-4o", "tokens=1000", false), exact: func(e *config.ExactCache) { e.MaxEntryBytes = 1024 }, want: [2]string{"miss", "miss"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			exact := test.exact
			if exact == nil {
				exact = func(*config.ExactCache) {}
			}
			s := start(t, withDocument(caching(exact)))
			var got [2]string
			for i := range got {
				a := s.asks(aliceKey, test.body, test.fields...)
				got[i] = a.Header.Get("X-Spark-Cache")
				if want := max(test.wantStatus, 200); a.StatusCode != want {
					t.Errorf("status %d: %s", a.StatusCode, a.body)
				}
				if reason := a.Header.Get("X-Spark-Cache-Reason"); reason != test.wantReason {
					t.Errorf("reason %q", reason)
				}
				s.lines(i + 1)
			}
			if got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func TestAnswersAreSharedWithinTheirScopeOnly(t *testing.T) {
	// Two keys may differ in who holds them and under which policy they are; each combination of scope, user and policy says who
	// gets to see the answer of the first key.
	policy := func(id, team string) config.Policy {
		return config.Policy{ID: "default/" + id, Selector: []config.Requirement{{Label: "team", Operator: config.In, Values: []string{team}}}}
	}
	for _, scope := range config.CacheScopes {
		for _, sameUser := range []bool{false, true} {
			for _, team := range []string{"", "blue", "red"} {
				t.Run(fmt.Sprintf("%s same user %t other team %q", scope, sameUser, team), func(t *testing.T) {
					t.Parallel()
					s := start(t, withDocument(caching(func(e *config.ExactCache) { e.Scope = scope })), withDocument(func(d *config.Document) {
						d.Core.Policies = []config.Policy{policy("a", "blue"), policy("b", "red")}
						d.Keys[0].Labels = map[string]string{"team": "blue"}
						if team != "" {
							d.Keys[1].Labels = map[string]string{"team": team}
						}
						if sameUser {
							d.Keys[1].User = d.Keys[0].User
						}
					}))
					body := chatBody("gpt-4o", "tokens=5", false)
					s.asks(aliceKey, body)
					s.lines(1)
					shared := scope == config.CacheGateway || scope == config.CacheUser && sameUser || scope == config.CachePolicy && team == "blue"
					want := map[bool]string{true: "hit", false: "miss"}[shared]
					if got := s.asks(bobKey, body).Header.Get("X-Spark-Cache"); got != want {
						t.Errorf("the other key gets a %s, want a %s", got, want)
					}
					if got := s.asks(aliceKey, body).Header.Get("X-Spark-Cache"); got != "hit" {
						t.Errorf("the key itself gets a %s", got)
					}
				})
			}
		}
	}
}

func TestAChangeOfWhatAnAnswerDependsOnIsAnotherQuestion(t *testing.T) {
	route := func(model string) func(*config.Document) {
		return func(d *config.Document) {
			d.Core.Routes = []config.Route{{
				ID: "default/smart", Models: []string{"gpt-4o"}, Strategy: config.Weighted,
				Targets: []config.Target{{Provider: "default/fake", Model: model, Upstream: model, Weight: 1}},
			}}
		}
	}
	for name, change := range map[string]func(*config.Document){
		"another target":        route("gpt-4o-mini"),
		"another endpoint":      func(d *config.Document) { d.Core.Providers[0].Endpoint += "/" },
		"other header edits":    func(d *config.Document) { d.Core.Providers[0].SetHeaders = []config.Header{{Name: "X-A", Value: "1"}} },
		"another sanitizer":     func(d *config.Document) { d.Core.Gateway.Sanitizer = redacting(config.PIIEmail) },
		"another request limit": func(d *config.Document) { d.Core.Gateway.RequestLimits.MaxOutputTokens = 10 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, withDocument(caching()), withDocument(route("gpt-4o")))
			body := chatBody("gpt-4o", "tokens=5", false)
			s.asks(aliceKey, body)
			s.lines(1)
			s.apply(caching(), route("gpt-4o"), change)
			if got := s.asks(aliceKey, body).Header.Get("X-Spark-Cache"); got != "miss" {
				t.Errorf("after the change a %s", got)
			}
			s.lines(2)
			s.apply(caching(), route("gpt-4o"))
			if got := s.asks(aliceKey, body).Header.Get("X-Spark-Cache"); got != "hit" {
				t.Errorf("after it was taken back a %s", got)
			}
		})
	}
}

// redacting takes kinds out of requests and answers.
func redacting(kinds ...config.PIIKind) *config.Sanitizer {
	return &config.Sanitizer{PII: &config.PII{
		Mode: config.SanitizeRedact, Kinds: kinds, Directions: config.Directions, Scopes: config.TextScopes,
	}}
}

func TestAHitIsChargedAsConfigured(t *testing.T) {
	for charge, want := range map[config.CacheCharge]int64{config.CacheFree: 0, config.CacheFull: 1} {
		t.Run(string(charge), func(t *testing.T) {
			s := start(t, withDocument(caching(func(e *config.ExactCache) { e.Charge = charge })), withDocument(func(d *config.Document) {
				d.Keys[0].Limits = config.Limits{
					Requests: []config.RequestLimit{{Count: 3, Per: hour, Burst: 3}}, Tokens: []config.TokenLimit{{Count: 100_000, Per: hour}},
				}
			}))
			body := chatBody("gpt-4o", "tokens=50", false)
			left := func(a answer) (n int64) {
				_, _ = fmt.Sscan(a.Header.Get("X-Ratelimit-Remaining-Tokens"), &n)
				return n
			}
			s.asks(aliceKey, body)
			s.lines(1)
			used := decode(t, s.asks(aliceKey, body).body).Usage.TotalTokens
			s.lines(2)
			third := s.asks(aliceKey, body, "Cache-Control: only-if-cached")
			got := 100_000 - left(third)
			s.lines(3)
			reserved := got - used*(1+want) // what the third still holds
			if reserved < 0 || reserved > used*40 || want == 0 && got >= used*2+reserved && reserved == 0 {
				t.Errorf("%d tokens are taken, %d a request", got, used)
			}
			if fourth := s.asks(aliceKey, body); fourth.StatusCode != 429 {
				t.Errorf("a hit beyond the limit on requests: %d", fourth.StatusCode)
			}
			lines := s.lines(4)
			if u := lines[1].Usage; (u != nil) != (want == 1) || u != nil && u.Total != used {
				t.Errorf("the log says of the hit that it used %+v", u)
			}
		})
	}
}

func TestThoseWhoFollowOutliveWhoAskedFirst(t *testing.T) {
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprintf("stream %t", stream), func(t *testing.T) {
			s := start(t, withDocument(caching()))
			body := chatBody("gpt-4o", "tokens=40 delay=20ms", stream)
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
			eventually(t, func() bool { return s.server.InFlight() == 2 }, func() string { return "nobody follows" })
			leave()
			<-gone
			got := <-followed
			if got.StatusCode != 200 || got.err != nil || got.Header.Get("X-Spark-Cache") != "hit" {
				t.Fatalf("%d %v %s: %s", got.StatusCode, got.err, got.Header.Get("X-Spark-Cache"), got.body)
			}
			if n := len(s.provider.Records()); n != 1 {
				t.Errorf("the provider was asked %d times", n)
			}
			if again := s.asks(aliceKey, body); again.body != got.body || again.Header.Get("X-Spark-Cache") != "hit" {
				t.Errorf("the answer was not kept: %s", again.Header.Get("X-Spark-Cache"))
			}
		})
	}
}
