// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// backupKey is the gateway's credential at the second provider.
const backupKey = "sk-backup-0123456789"

// withBackup adds a second provider and a route, which goes there when the first cannot answer.
func withBackup(second *fakeprovider.Server, change func(*config.Document)) func(*config.Document) {
	return func(d *config.Document) {
		backup := d.Core.Providers[0]
		backup.ID, backup.Name, backup.Credential, backup.Endpoint = "default/second", "second", "second", second.URL()+"/v1"
		d.Core.Providers[0].AnyModel, backup.AnyModel = false, false
		d.Core.Providers = append(d.Core.Providers, backup)
		d.Secrets["second"] = config.NewSecret(backupKey)
		for i := range d.Core.Providers {
			p := &d.Core.Providers[i]
			p.Breaker.ConsecutiveFailures, p.Breaker.OpenFor = 3, config.Duration(time.Hour)
			p.Retry.On = config.RetryConditions
			d.Core.Models = append(d.Core.Models, config.Model{Name: p.Name + "/gpt-4o", Provider: p.ID, Upstream: "gpt-4o"})
		}
		d.Core.Routes = []config.Route{{
			ID: "default/smart", Models: []string{"gpt-4o"}, Strategy: config.Weighted,
			Targets: []config.Target{
				{Provider: "default/fake", Model: "gpt-4o", Upstream: "gpt-4o", Weight: 1},
				{Provider: "default/second", Model: "gpt-4o", Upstream: "gpt-4o", Weight: 1, Tier: 1},
			},
		}}
		if change != nil {
			change(d)
		}
	}
}

// secondProvider is one that knows backupKey only.
func secondProvider(t *testing.T) *fakeprovider.Server {
	t.Helper()
	second := fakeprovider.New(fakeprovider.Options{APIKeys: []string{backupKey}})
	if err := second.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = second.Close() })
	return second
}

// smart asks the route in an application's dialect.
func (s *setup) smart(a application, stream bool) answer {
	s.t.Helper()
	return s.do(s.ask(a, "hello [[fake tokens=5]]", stream))
}

// mustScript makes every request to a provider suffer a fault.
func mustScript(t *testing.T, p *fakeprovider.Server, fault string) {
	t.Helper()
	if err := p.SetScript(fakeprovider.Rule{Fault: fault}); err != nil {
		t.Fatal(err)
	}
}

func mustDown(t *testing.T, p *fakeprovider.Server) {
	t.Helper()
	if err := p.Down(); err != nil {
		t.Fatal(err)
	}
}

func TestHeadersOfOneAttemptDoNotReachTheNext(t *testing.T) {
	s, second := start(t), secondProvider(t)
	s.apply(withBackup(second, nil))
	mustScript(t, s.provider, "status:503")
	for name, a := range applications {
		for _, stream := range []bool{false, true} {
			s.apply(withBackup(second, nil))
			got := s.smart(a, stream)
			if got.StatusCode != 200 || got.err != nil {
				t.Fatalf("%s: %d %v %s", name, got.StatusCode, got.err, got.body)
			}
		}
	}
	own := sha256.Sum256([]byte(backupKey))
	for _, r := range second.Records() {
		if r.KeySHA256 != hex.EncodeToString(own[:]) {
			t.Errorf("the second provider was shown another key: %v", r.Headers)
		}
		for _, field := range []string{"X-Api-Key", "Api-Key", "X-Goog-Api-Key", "X-Fake-Request"} {
			if r.Headers.Get(field) != "" {
				t.Errorf("%s reached the second provider", field)
			}
		}
		if strings.HasSuffix(r.Path, "/completions") && strings.Contains(r.Body, `"stream_options"`) != r.Stream {
			t.Errorf("the body was not made anew: %s", r.Body)
		}
	}
	if got, want := len(second.Records()), 2*len(applications); got != want {
		t.Errorf("the second provider was asked %d times, want %d", got, want)
	}
}

func TestBreakersOutliveEveryConfigurationChange(t *testing.T) {
	s, second := start(t), secondProvider(t)
	s.apply(withBackup(second, nil))
	mustDown(t, s.provider)
	for range 4 {
		if got := s.smart(applications["chat"], false); got.StatusCode != 200 {
			t.Fatalf("%d %s", got.StatusCode, got.body)
		}
	}
	open := s.server.Providers()[0].Out
	if len(open) != 1 || open[0].State != config.BreakerOpen {
		t.Fatalf("breakers %+v", open)
	}
	if err := s.provider.Up(); err != nil {
		t.Fatal(err)
	}
	changes := map[string]func(*config.Document){
		"nothing":           nil,
		"the route's names": func(d *config.Document) { d.Core.Routes[0].Models = []string{"gpt-4o", "wise"} },
		"the strategy":      func(d *config.Document) { d.Core.Routes[0].Strategy = config.LowestLatency },
		"the hedge": func(d *config.Document) {
			d.Core.Routes[0].Hedge = &config.Hedge{After: config.Duration(time.Minute), MaxExtraPercent: 1}
		},
		"the breaker's settings": func(d *config.Document) { d.Core.Providers[0].Breaker.Window = config.Duration(2 * time.Minute) },
		"the timeouts":           func(d *config.Document) { d.Core.Providers[0].Timeouts.Total = config.Duration(2 * time.Minute) },
		"another key":            func(d *config.Document) { d.Keys = d.Keys[:1] },
		"a route less":           func(d *config.Document) { d.Core.Routes = nil },
	}
	for name, change := range changes {
		s.apply(withBackup(second, change))
		if got := s.server.Providers()[0].Out; len(got) != 1 || !got[0].Since.Equal(open[0].Since) {
			t.Errorf("after %s: breakers %+v, want %+v", name, got, open)
		}
	}
	// Its settings are the new ones all the same.
	s.apply(withBackup(second, func(d *config.Document) { d.Core.Providers[0].Breaker.OpenFor = config.Duration(time.Millisecond) }))
	eventually(t, func() bool {
		got := s.server.Providers()[0].Out
		return len(got) == 1 && got[0].State == config.BreakerHalfOpen
	}, func() string { return fmt.Sprintf("%+v", s.server.Providers()[0].Out) })
}

func TestAChangeOfARouteUnderLoadFailsNoRequest(t *testing.T) {
	s, second := start(t), secondProvider(t)
	s.apply(withBackup(second, nil))
	stop := make(chan struct{})
	var clients sync.WaitGroup
	wrong := make(chan string, 100)
	for i := range 4 {
		clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if got := s.smart(applications["chat"], (i+n)%2 == 0); got.StatusCode != 200 || got.err != nil {
					select {
					case wrong <- fmt.Sprintf("%d %v %.200s", got.StatusCode, got.err, got.body):
					default:
					}
				}
			}
		})
	}
	for n := range 200 {
		s.apply(withBackup(second, func(d *config.Document) {
			r := &d.Core.Routes[0]
			r.Strategy = config.Strategies[n%len(config.Strategies)]
			r.Targets[0].Weight = int64(1 + n%3)
			r.Targets[1].Tier = int64(n % 2)
			if n%2 == 0 {
				r.Hedge = &config.Hedge{After: config.Duration(time.Millisecond), MaxExtraPercent: 50}
				r.Mirror = &config.Mirror{Target: r.Targets[1], Percent: 50}
			} else {
				r.Affinity = config.AffinityUser
			}
			if n%5 == 0 {
				r.Targets = r.Targets[:1]
			}
		}))
	}
	close(stop)
	clients.Wait()
	close(wrong)
	for w := range wrong {
		t.Error(w)
	}
}

func TestHealthChecksSpendNoTokens(t *testing.T) {
	s := start(t)
	s.apply(func(d *config.Document) {
		d.Core.Providers[0].HealthCheck = &config.HealthCheck{
			Interval: config.Duration(time.Second), Timeout: config.Duration(time.Second), UnhealthyThreshold: 1, HealthyThreshold: 1,
		}
	})
	eventually(t, func() bool {
		h := s.server.Providers()[0].Health
		return h != nil && h.Healthy
	}, func() string { return fmt.Sprintf("%+v", s.server.Providers()) })
	for _, r := range s.provider.Records() {
		if r.Method != "GET" || !strings.HasSuffix(r.Path, "/models") {
			t.Errorf("a health check asked %s %s", r.Method, r.Path)
		}
	}
	mustDown(t, s.provider)
	eventually(t, func() bool { return !s.server.Providers()[0].Health.Healthy },
		func() string { return fmt.Sprintf("%+v", s.server.Providers()) })
}

// A stream that fails after its first event ends with the dialect's own error, whoever else could have answered.
func TestAStreamThatBreaksOffMidwaySaysSoInEveryDialect(t *testing.T) {
	s, second := start(t), secondProvider(t)
	for name, a := range applications {
		s.apply(withBackup(second, func(d *config.Document) { d.Core.Providers[0].Breaker = patient }))
		mustScript(t, s.provider, "reset-mid-stream:4")
		got := s.smart(a, true)
		if got.StatusCode != 200 || got.err == nil {
			t.Errorf("%s: status %d, read %v: a clean end", name, got.StatusCode, got.err)
		}
		if !strings.Contains(got.body, `"error"`) || strings.Contains(got.body, "[DONE]") || strings.Contains(got.body, "message_stop") {
			t.Errorf("%s: %s", name, got.body)
		}
	}
	if n := len(second.Records()); n != 0 {
		t.Errorf("the second provider was asked %d times for what had begun", n)
	}
}
