// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package replicas holds several gateways against the limits and budgets that they have in common: with a store that lives,
// with one that dies, and without.
package replicas

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/accounting/bed"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// replicas is how many gateways there are, and clients how many applications ask at once.
const (
	replicas = 3
	clients  = 500
)

// day is the period of limits: so long that nothing comes back while a test runs.
const day = config.Duration(24 * time.Hour)

// price has no part of a nanodollar for any token, so that costs add up exactly.
var price = &config.Price{Input: 10_000_000, Output: 100_000_000, CachedInput: 1_000_000, CacheWrite: 10_000_000}

// fleet is a few gateways with the same configuration, each with a life of its own.
type fleet struct {
	provider *fakeprovider.Server
	gateways []*bed.Gateway
	client   *http.Client
}

// document has one route and one key, alice's, which the test limits.
func document(provider *fakeprovider.Server, store string, change func(*config.Document)) *config.Document {
	d := bed.Document(provider)
	d.Core.Gateway.AccessLog = false
	d.Core.Gateway.Replicas = replicas
	d.Core.Routes = []config.Route{bed.Route("small", bed.Target(config.OpenAI, "m", 0, 1, price))}
	d.Keys = []config.Key{bed.Key("alice")}
	if store != "" {
		d.Core.Gateway.Store = &config.Store{
			Mode: config.StoreSingle, Addresses: []string{store}, Timeout: config.Duration(10 * time.Second), OnFailure: config.LocalShare,
		}
	}
	change(d)
	return d
}

func start(t *testing.T, store string, change func(*config.Document)) *fleet {
	t.Helper()
	f := &fleet{provider: bed.Provider(t, 16), client: bed.Client(2 * clients)}
	for range replicas {
		f.gateways = append(f.gateways, bed.Start(t, document(f.provider, store, change), gateway.LivingOptions{}))
	}
	t.Cleanup(f.client.CloseIdleConnections) // before the gateways, which wait for it
	if store != "" {
		f.until(t, "the store is up", func(s *config.StoreState) bool { return s.Up })
	}
	return f
}

// until waits until every gateway says so of its store.
func (f *fleet) until(t *testing.T, what string, ok func(*config.StoreState) bool) {
	t.Helper()
	bed.Eventually(t, func() bool {
		return !slices.ContainsFunc(f.gateways, func(g *bed.Gateway) bool {
			answer := g.Report.Exchange(config.UsageCall{Instance: g.Instance(), Replicas: replicas})
			return answer.Store == nil || !ok(answer.Store)
		})
	}, func() string { return what })
}

// answer is what an application got.
type answer struct {
	status int
	body   string
	header http.Header
	sent   time.Time
	took   time.Duration
	err    error
}

// ask makes one request of alice's at a gateway. Every answer has 20 tokens, and may have had most.
func (f *fleet) ask(gateway, most int) answer {
	path, body := bed.Dialects["chat"].Ask("small-1", "Say little, and say it at once. [[fake tokens=20]]", most, false)
	request, err := http.NewRequest(http.MethodPost, f.gateways[gateway].URL+path, strings.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	bed.Authorize(request, "alice")
	began := time.Now()
	response, err := f.client.Do(request)
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, string(text), response.Header, began, time.Since(began), err}
}

// count is of answers, by status.
type count struct {
	accepted, limited atomic.Int64
	slowest           atomic.Int64
}

// crowd has all clients ask so often each, at all gateways in turn; after is called behind each answer.
func (f *fleet) crowd(t *testing.T, times, most int, after func()) *count {
	t.Helper()
	var counted count
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := range times {
				a := f.ask((c+i)%replicas, most)
				switch {
				case a.err != nil:
					t.Errorf("no answer: %v", a.err)
				case a.status == http.StatusOK:
					counted.accepted.Add(1)
				case a.status == http.StatusTooManyRequests:
					counted.limited.Add(1)
				default:
					t.Errorf("status %d: %.300s", a.status, a.body)
				}
				for was := counted.slowest.Load(); int64(a.took) > was && !counted.slowest.CompareAndSwap(was, int64(a.took)); {
					was = counted.slowest.Load()
				}
				if after != nil {
					after()
				}
			}
		})
	}
	wg.Wait()
	return &counted
}

// billed gives what the provider served, and what it costs.
func (f *fleet) billed() (answers, tokens int64, cost config.Money) {
	served := f.provider.Stats()
	pico := served.PromptTokens*price.Input + served.CompletionTokens*price.Output
	return served.Completed, served.PromptTokens + served.CompletionTokens, config.Money(pico / 1000)
}
