// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package scale

import (
	"fmt"
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
)

// asker makes requests with keys.
type asker struct {
	client *http.Client
	url    string
}

// ask makes one and gives its status, and the reason where it was refused.
func (a asker) ask(secret string) (int, string, error) {
	path, body := bed.Dialects["chat"].Ask("small-1", "Say little. [[fake tokens=5]]", 10, false)
	request, err := http.NewRequest(http.MethodPost, a.url+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "Bearer "+secret)
	response, err := a.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, string(answer), err
}

// latencies asks with many keys, one request after the other on each of so many connections, until told to stop.
func (a asker) latencies(t *testing.T, stop <-chan struct{}, n int) []time.Duration {
	t.Helper()
	var mu sync.Mutex
	var all []time.Duration
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var own []time.Duration
			tick := time.NewTicker(4 * time.Millisecond) // an open place on the machine, so that latencies mean something
			defer tick.Stop()
			for {
				select {
				case <-stop:
					mu.Lock()
					defer mu.Unlock()
					all = append(all, own...)
					return
				case <-tick.C:
				}
				began := time.Now()
				status, answer, err := a.ask(bed.Secret(user(int(next.Add(7919)) % n)))
				if err != nil || status != http.StatusOK {
					t.Errorf("status %d, error %v: %.200s", status, err, answer)
				}
				own = append(own, time.Since(began))
			}
		})
	}
	wg.Wait()
	slices.Sort(all)
	return all
}

func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[len(sorted)*p/100].Round(10 * time.Microsecond)
}

// measured runs something while requests are made.
func (a asker) measured(t *testing.T, n int, during func()) []time.Duration {
	t.Helper()
	stop := make(chan struct{})
	result := make(chan []time.Duration)
	go func() { result <- a.latencies(t, stop, n) }()
	during()
	close(stop)
	return <-result
}

func TestRequestsAreUnharmedWhileKeysLoad(t *testing.T) {
	n := manyKeys(t)
	provider := bed.Provider(t, 16)
	doc := bed.Document(provider)
	doc.Core.Gateway.AccessLog = false
	doc.Core.Routes = []config.Route{bed.Route("small", bed.Target(config.OpenAI, "m", 0, 1, nil))}
	g := bed.Start(t, doc, gateway.LivingOptions{})
	reloader := gateway.NewReloader(gateway.Identity{}, g.Server.Apply)
	doc.Keys = keys(n)
	bundles := make([]config.Bundle, 6)
	for i := range bundles {
		bundles[i] = bundle(t, changed(doc, 0, fmt.Sprint("sk-another-secret-", i)), int64(i+1))
		doc.Keys[0].Budgets = []config.Budget{{Amount: config.Money(i+1) * config.Dollar, Per: config.Month}}
	}
	doc.Keys = nil
	offer(t, reloader, bundles[0])
	a := asker{bed.Client(16), g.URL}
	t.Cleanup(a.client.CloseIdleConnections)
	a.measured(t, n-1, func() { wait(t, 300*time.Millisecond) }) // connections are open

	loads, longest := 0, time.Duration(0)
	loading := a.measured(t, n-1, func() {
		for _, b := range bundles[1:] {
			began := time.Now()
			offer(t, reloader, b)
			longest = max(longest, time.Since(began))
			loads++
		}
	})
	quiet := a.measured(t, n-1, func() { wait(t, 2*time.Second) })
	t.Logf("%d keys: p50 %v, p99 %v of %d requests at rest; p50 %v, p99 %v, most %v of %d while all keys were loaded %d times, in %v at most",
		n, percentile(quiet, 50), percentile(quiet, 99), len(quiet), percentile(loading, 50), percentile(loading, 99),
		loading[len(loading)-1].Round(time.Millisecond), len(loading), loads, longest.Round(time.Millisecond))
	// On two cores that others use too, a load takes one of them; a request that waited for a whole load would show.
	if limit := percentile(quiet, 99) + 100*slowdown*time.Millisecond; percentile(loading, 99) > limit {
		t.Errorf("p99 is %v while keys load, want %v at most", percentile(loading, 99), limit)
	}
}

// wait lets time pass in which others work.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
