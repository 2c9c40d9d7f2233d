// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway"
	"github.com/sparkgateway/spark/gateway/admin"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/store/redistest"
)

// seen is what an operator's call and a probe get of a server, by the administrative listeners. Both answers are checked.
type seen struct {
	config.Health
	text, readiness string
}

func look(t *testing.T, server *gateway.Server, reloader *gateway.Reloader) seen {
	t.Helper()
	w := httptest.NewRecorder()
	admin.Handler(reloader, gateway.Report{Reloader: reloader, Server: server}).
		ServeHTTP(w, httptest.NewRequest("GET", config.HealthPath, nil))
	got := seen{text: w.Body.String()}
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	checkHealth(t, got.text)
	if err := json.Unmarshal(w.Body.Bytes(), &got.Health); err != nil {
		t.Fatal(err)
	}
	probe := httptest.NewRecorder()
	admin.Health(server.Ready, http.NotFoundHandler()).ServeHTTP(probe, httptest.NewRequest("GET", "/readyz", nil))
	got.readiness = probe.Body.String()
	if is := map[bool]int{true: 200, false: 503}[got.readiness == ready]; probe.Code != is {
		t.Errorf("/readyz is %d: %s", probe.Code, got.readiness)
	}
	for _, secret := range []string{providerKey, aliceKey, bobKey, masterKey} {
		if strings.Contains(got.text, secret) {
			t.Errorf("the health holds %s", secret)
		}
	}
	return got
}

// judged is what a status is about.
type judged struct {
	Status    string
	Reasons   []string
	Readiness string
}

func (s seen) judged() judged { return judged{s.Status, s.Reasons, s.readiness} }

const ready = "ok\n"

// unwell waits until a gateway is no more what it was, and gives what it says of that.
func (s *setup) unwell() seen {
	s.t.Helper()
	t, _ := s.t.(*testing.T)
	reloader := gateway.NewReloader(gateway.Identity{}, s.server.Apply)
	var got seen
	eventually(s.t, func() bool {
		got = look(t, s.server, reloader)
		return got.Status != config.HealthOK
	}, func() string { return got.text })
	return got
}

func TestAHealthSaysWhatIsWrong(t *testing.T) {
	checked := func(d *config.Document) {
		d.Core.Providers[0].HealthCheck = &config.HealthCheck{
			Path: "/nowhere", Interval: config.Duration(time.Second), Timeout: config.Duration(time.Second), UnhealthyThreshold: 1, HealthyThreshold: 1,
		}
	}
	for name, test := range map[string]struct {
		begin func(*testing.T) *setup
		want  judged
	}{
		"an open breaker": {func(t *testing.T) *setup {
			s := start(t, withDocument(priced), withDocument(func(d *config.Document) {
				d.Core.Providers[0].Breaker.ConsecutiveFailures, d.Core.Providers[0].Breaker.OpenFor = 1, hour
			}))
			mustScript(t, s.provider, "status:500")
			s.askFor(aliceKey, "cheap", 1)
			return s
		}, judged{config.HealthDegraded, []string{"provider default/fake: the breaker of cheap is open (1 failure in a row, last: status 500)"}, ready}},
		"a provider that is not healthy": {func(t *testing.T) *setup { return start(t, withDocument(checked)) },
			judged{config.HealthDegraded, []string{"provider default/fake: unhealthy (status 404)"}, ready}},
		"a store that is down": {func(t *testing.T) *setup {
			server := redistest.Start(t, redistest.Options{})
			s := start(t, withDocument(priced), withDocument(shared(server.Addr, config.LocalShare)))
			s.reachesStore(server)
			if got := s.report().Health(); !got.Store.Up || got.Limits.Mode != config.LimitsStored || got.Status != config.HealthOK {
				t.Errorf("before: %+v, limits %+v, %s", got.Store, got.Limits, got.Status)
			}
			server.Kill()
			s.askFor(bobKey, "cheap", 1)
			return s
		}, judged{config.HealthDegraded, []string{"store: down (connection refused)"}, ready}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := test.begin(t)
			got := s.unwell()
			if strings.HasPrefix(name, "a store") {
				// Who is asked at once may find the connection lost before it finds that none can be made.
				eventually(t, func() bool { got = s.unwell(); return got.Store.Reason == "connection refused" }, func() string { return got.text })
			}
			if diff := cmp.Diff(test.want, got.judged()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			wantLimits := config.LimitsHealth{Mode: config.LimitsAlone, Replicas: 1}
			if got.Store != nil {
				wantLimits = config.LimitsHealth{Mode: string(config.LocalShare), Replicas: 2}
			}
			if got.Limits != wantLimits {
				t.Errorf("limits %+v, want %+v", got.Limits, wantLimits)
			}
		})
	}
}

// pushed is a gateway that documents are pushed to, without one yet.
func pushed(t *testing.T, patience time.Duration) (*setup, *gateway.Server, *gateway.Reloader) {
	s := start(t)
	living := gateway.NewLiving(gateway.LivingOptions{})
	t.Cleanup(living.Close)
	server := gateway.NewServer(gateway.Options{Living: living, Version: "v1.2.3", Patience: patience, DrainDelay: time.Hour})
	return s, server, server.Reloader(gateway.Identity{Gateway: "default/main", Pod: "uid-1", Version: "v1.2.3"})
}

func (s *setup) bundle(sequence int64, changes ...func(*config.Document)) config.Bundle {
	s.t.Helper()
	doc := s.document()
	for _, change := range changes {
		change(doc)
	}
	b, err := config.Encode(doc)
	if err != nil {
		s.t.Fatal(err)
	}
	b.Manifest.Sequence = sequence
	return b
}

func TestAHealthFollowsThePodsLife(t *testing.T) {
	s, server, reloader := pushed(t, time.Hour)
	want := func(when string, want judged) seen {
		t.Helper()
		got := look(t, server, reloader)
		if diff := cmp.Diff(want, got.judged()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
		if got.Gateway != "default/main" || got.Pod != "uid-1" || got.Version != "v1.2.3" || got.Instance != reloader.Ack().Instance {
			t.Errorf("%s: %s", when, got.text)
		}
		return got
	}
	const none, awaiting = "configuration: none yet", "awaiting: the operator's word on what was spent"
	if got := want("before the first document", judged{config.HealthNotReady, []string{none}, none + "\n"}); got.Configuration != nil {
		t.Errorf("a configuration before the first: %s", got.text)
	}
	wrong := s.bundle(1, func(d *config.Document) { d.Core.Providers[0].Endpoint = "" })
	reloader.Offer(wrong)
	const rejected = "configuration: a newer document was rejected"
	want("the first document is rejected", judged{config.HealthNotReady, []string{none, rejected}, none + "\n"})

	budget := func(d *config.Document) {
		d.Keys[0].Budgets = []config.Budget{{Amount: config.Dollar, Per: config.Day}}
	}
	first := s.bundle(2, budget)
	reloader.Offer(first)
	want("nobody told what was spent", judged{config.HealthNotReady, []string{awaiting}, awaiting + "\n"})
	gateway.Report{Reloader: reloader, Server: server}.Exchange(config.UsageCall{Instance: reloader.Ack().Instance, Replicas: 2})
	got := want("all is well", judged{config.HealthOK, []string{}, ready})
	if want := (config.LimitsHealth{Mode: config.LimitsExchanged, Replicas: 2}); got.Limits != want {
		t.Errorf("limits %+v, want %+v", got.Limits, want)
	}
	c := got.Configuration
	if c == nil || c.Revision != first.Manifest.Revision || c.Sequence != 2 || c.Providers != 1 || c.Routes != 0 || c.Keys != 2 || got.Rejected != nil {
		t.Errorf("the configuration is %+v, rejected %+v", c, got.Rejected)
	}
	if age := got.At.Sub(c.Applied); age < 0 || age > patience || c.Applied.Before(got.Started) {
		t.Errorf("it was applied %s ago: %s", age, got.text)
	}

	wrong = s.bundle(3, func(d *config.Document) { d.Core.Providers[0].Endpoint = "" })
	reloader.Offer(wrong)
	got = want("a later document is rejected", judged{config.HealthDegraded, []string{rejected}, ready})
	if got.Rejected == nil || got.Rejected.Sequence != 3 || !strings.Contains(got.Rejected.Error, "endpoint") || got.Configuration.Sequence != 2 {
		t.Errorf("of the rejection it says %s", got.text)
	}

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Shutdown(ctx) }()
	eventually(t, func() bool { return look(t, server, reloader).Draining }, func() string { return "it does not drain" })
	want("it was asked to leave", judged{config.HealthNotReady, []string{"draining", rejected}, "draining\n"})
	cancel()
	<-done
}

func TestAHealthCountsRequests(t *testing.T) {
	s := start(t, withDocument(priced), withDocument(master), withDocument(caching()), withDocument(func(d *config.Document) {
		d.Keys[0].Labels = map[string]string{config.LabelTeam: "search"}
		d.Keys[0].Budgets = []config.Budget{{Amount: 10 * cent, Per: config.Day, Shadow: true}, {Amount: 20 * cent, Per: config.Total}, {Amount: config.Dollar, Per: config.Month}}
	}))
	again := `{"model":"dear","max_tokens":9,"temperature":0,"messages":[{"role":"user","content":"hello [[fake tokens=9]]"}]}`
	for range 2 {
		s.do(s.request("POST", "/v1/chat/completions", again))
	}
	s.askFor(aliceKey, "dear", 7)
	streamed := s.request("POST", "/v1/chat/completions", `{"model":"cheap","max_tokens":3,"stream":true,"messages":[{"role":"user","content":"hello [[fake tokens=3]]"}]}`)
	streamed.Header.Set("Authorization", "Bearer "+bobKey)
	s.do(streamed)
	s.askFor(bobKey, "nothing", 3)
	s.askFor("spark-nobody", "cheap", 3)
	mustScript(t, s.provider, "status:503")
	s.askFor(bobKey, "cheap", 4)
	s.do(s.request("GET", "/v1/models", ""))
	s.do(s.request("GET", "/nowhere", ""))
	s.settled()

	req := s.request("GET", "/api/spark/health", "")
	req.Header.Set("Authorization", "Bearer "+masterKey)
	answered := s.do(req)
	checkHealth(t, answered.body)
	var got config.Health
	if err := json.NewDecoder(bytes.NewBufferString(answered.body)).Decode(&got); err != nil {
		t.Fatal(err)
	}
	var sum config.TrafficMinute
	var took, began int64
	for _, m := range got.Traffic {
		sum.Requests, sum.Failed, sum.Refused = sum.Requests+m.Requests, sum.Failed+m.Failed, sum.Refused+m.Refused
		sum.Lookups, sum.Hits, sum.Cost = sum.Lookups+m.Lookups, sum.Hits+m.Hits, sum.Cost+m.Cost
		for _, n := range m.Duration {
			took += n
		}
		for _, n := range m.FirstToken {
			began += n
		}
	}
	want := config.TrafficMinute{Requests: 7, Failed: 1, Refused: 2, Lookups: 5, Hits: 1, Cost: 0.160003}
	if diff := cmp.Diff(want, sum, nearly); diff != "" {
		t.Errorf("traffic (-want +got):\n%s", diff)
	}
	if took != 4 || began != 1 || got.ErrorsLastHour != 1 || got.ErrorGroups < 3 || got.Status != config.HealthOK {
		t.Errorf("%d durations, %d first tokens, %d errors in %d groups", took, began, got.ErrorsLastHour, got.ErrorGroups)
	}
	if got.Cache == nil || got.Cache.Entries != 3 || got.Cache.Bytes == 0 || got.Cache.MaxBytes != 16<<20 {
		t.Errorf("cache %+v", got.Cache)
	}
	wantSpend := []config.KeySpend{
		{Key: "default/alice", User: "alice", Team: "search", Requests: 3, Cost: 0.16},
		{Key: "default/bob", User: "bob", Requests: 2, Cost: 0.000003},
	}
	for i := range got.Spend {
		if got.Spend[i].Tokens == 0 {
			t.Errorf("%s used no tokens", got.Spend[i].Key)
		}
		got.Spend[i].Tokens = 0
	}
	if diff := cmp.Diff(wantSpend, got.Spend, nearly); diff != "" {
		t.Errorf("spend (-want +got):\n%s", diff)
	}
	tomorrow := got.At.Truncate(24 * time.Hour).Add(24 * time.Hour)
	wantBudgets := []config.BudgetHealth{
		{Kind: "key", Holder: "default/alice", Per: config.Day, Spent: 0.16, Limit: 0.1, Resets: tomorrow, Shadow: true},
		{Kind: "key", Holder: "default/alice", Per: config.Total, Spent: 0.16, Limit: 0.2},
	}
	if diff := cmp.Diff(wantBudgets, got.Budgets, nearly); diff != "" {
		t.Errorf("budgets (-want +got):\n%s", diff)
	}
}

// nearly compares sums of dollars.
var nearly = cmp.Comparer(func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 })

// What concerns all is for masters, and says nothing to others.
func TestWhatConcernsAllIsForMastersOnly(t *testing.T) {
	s := start(t, withDocument(master))
	for path, member := range map[string]string{"/api/spark/health": `"traffic"`, "/api/spark/errors": `"groups"`} {
		for name, test := range map[string]struct {
			method, key string
			want        int
		}{
			"a master":              {"GET", masterKey, 200},
			"a master, header only": {"HEAD", masterKey, 200},
			"a user":                {"GET", aliceKey, 403},
			"nobody known":          {"GET", "spark-nobody", 401},
			"another method":        {"POST", masterKey, 405},
		} {
			t.Run(path+" for "+name, func(t *testing.T) {
				req := s.request(test.method, path, "")
				req.Header.Set("Authorization", "Bearer "+test.key)
				got := s.do(req)
				if got.StatusCode != test.want || got.Header.Get("X-Content-Type-Options") != "nosniff" {
					t.Errorf("%d, want %d: %v %s", got.StatusCode, test.want, got.Header, got.body)
				}
				if tells := test.want == 200 && test.method == "GET"; strings.Contains(got.body, member) != tells {
					t.Errorf("of %s it says %s", member, got.body)
				}
			})
		}
	}
}
