// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparkgateway/spark/controllers/tally"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/store/redistest"
	"github.com/sparkgateway/spark/test/accounting/bed"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// crashes is how often something is killed; SPARK_CRASHES says otherwise.
func crashes(t *testing.T) int {
	t.Helper()
	text := os.Getenv("SPARK_CRASHES")
	if text == "" {
		return 6
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("SPARK_CRASHES is %q, want a number", text)
	}
	return n
}

// traffic asks without a pause, and notes when each answer was read to its end.
type traffic struct {
	url    string
	client *http.Client
	next   atomic.Int64
	mu     sync.Mutex
	whole  map[string]time.Time // by mark
}

// work asks with a few clients until the context ends, or the gateway.
func (l *traffic) work(ctx context.Context) {
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			for ctx.Err() == nil && l.ask(ctx) {
			}
		})
	}
	wg.Wait()
}

// ask makes a request, every other one for a stream. False says that there is no gateway any more.
func (l *traffic) ask(ctx context.Context) bool {
	n := l.next.Add(1)
	mark := fmt.Sprint("crash-", n)
	stream := n%2 == 0
	text := fmt.Sprintf("Say little. %s [[fake tokens=12 delay=%dus]]", fakeprovider.Mark(mark), n%7*2000)
	path, body := bed.Dialects["chat"].Ask("small-1", text, 40, stream)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+path, strings.NewReader(body))
	if err != nil {
		return false
	}
	bed.Authorize(request, "alice")
	response, err := l.client.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || stream && !strings.Contains(string(answer), "[DONE]") {
		return err == nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.whole[mark] = time.Now()
	return true
}

// before adds up what the provider billed of answers that were read to their end before a time.
func (l *traffic) before(at time.Time, books []fakeprovider.Entry) (requests, tokens int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range books {
		if end, ok := l.whole[books[i].Mark]; ok && end.Before(at) {
			requests++
			tokens += int64(books[i].Prompt + books[i].Completion)
		}
	}
	return requests, tokens
}

// settleWithin is how long after an answer's end the store knows of it, on a machine that is busy.
const settleWithin = 2 * time.Second

// A gateway is killed at random moments; what clients saw completed is in the store for good.
func TestKillingAGatewayLosesNothingThatWasSettledInTheStore(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	provider := bed.Provider(t, inBooks)
	doc := document(provider, server.Addr, func(d *config.Document) {
		d.Keys[0].Budgets = []config.Budget{{Amount: 10_000 * config.Dollar, Per: config.Month}}
		d.Keys[0].Limits.Tokens = []config.TokenLimit{{Count: 1 << 40, Per: day}}
	})
	p := lay(t, doc)
	known := newLook(t, server.Addr)
	load := &traffic{url: "http://" + p.url, client: bed.Client(24), whole: map[string]time.Time{}}
	var wantRequests, wantTokens, seen int64
	n := crashes(t)
	for range n {
		p.start(t)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { load.work(ctx) })
		<-time.After(settleWithin + time.Duration(rand.IntN(1000))*time.Millisecond)
		killed := time.Now()
		p.kill()
		stop()
		wg.Wait()
		load.client.CloseIdleConnections()
		books := provider.Books()
		r, k := load.before(killed.Add(-settleWithin), books)
		wantRequests, wantTokens = r, k
		// What was completed in the last moments before a kill may be lost; it is not counted again below.
		load.forget(killed.Add(-settleWithin))
		got := known.use(t, alice)
		seen = got.Requests
		if got.Requests < wantRequests || got.Tokens < wantTokens {
			t.Fatalf("the store knows of %d requests and %d tokens, clients saw %d and %d completed in time", got.Requests, got.Tokens,
				wantRequests, wantTokens)
		}
		served, tokens := billed(t, books)
		if got.Requests > served || got.Tokens > tokens {
			t.Fatalf("the store knows of %d requests and %d tokens, the provider served %d and %d", got.Requests, got.Tokens, served, tokens)
		}
	}
	t.Logf("%d kills: clients saw %d requests and %d tokens completed in time, the store knows of %d requests", n, wantRequests, wantTokens, seen)
	if wantRequests == 0 {
		t.Error("nothing was completed in time")
	}
}

// forget leaves out what was completed after a time.
func (l *traffic) forget(after time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for mark, end := range l.whole {
		if !end.Before(after) {
			delete(l.whole, mark)
		}
	}
}

// inBooks is how many requests the provider remembers, more than are made.
const inBooks = 200_000

// billed adds up all that a provider served.
func billed(t *testing.T, books []fakeprovider.Entry) (requests, tokens int64) {
	t.Helper()
	if len(books) >= inBooks {
		t.Fatal("the provider's books are full")
	}
	for i := range books {
		if books[i].Generated() {
			requests++
			tokens += int64(books[i].Prompt + books[i].Completion)
		}
	}
	return requests, tokens
}

// The store is killed at random moments; in the end it knows all that was served, once.
func TestKillingTheStoreForgetsNothingAndCountsNothingTwice(t *testing.T) {
	server := redistest.Start(t, redistest.Options{Sync: true})
	f := start(t, server.Addr, func(d *config.Document) {
		d.Keys[0].Budgets = []config.Budget{{Amount: 10_000 * config.Dollar, Per: config.Month}}
		d.Keys[0].Limits.Requests = []config.RequestLimit{{Count: 1 << 40, Per: day, Burst: 1 << 40}}
		d.Core.Gateway.Ledger = &config.Ledger{Retention: day, MaxBytes: 4 << 30, MaxExportRecords: 1}
	})
	var done atomic.Bool
	var wg sync.WaitGroup
	var failed, answered atomic.Int64
	for c := range 24 {
		wg.Go(func() {
			for i := c; !done.Load(); i++ {
				if a := f.ask(i%replicas, 40); a.err != nil || a.status != http.StatusOK {
					failed.Add(1)
					t.Errorf("status %d, error %v: %.200s", a.status, a.err, a.body)
					return
				}
				answered.Add(1)
				// The store writes all to the disk before it answers, and has to keep up.
				<-time.After(20 * time.Millisecond)
			}
		})
	}
	n := crashes(t)
	for range n {
		<-time.After(time.Duration(100+rand.IntN(400)) * time.Millisecond)
		server.Kill()
		<-time.After(time.Duration(rand.IntN(200)) * time.Millisecond)
		server.Restart()
	}
	<-time.After(200 * time.Millisecond)
	done.Store(true)
	wg.Wait()
	t.Logf("%d kills of the store: %d requests answered, %d failed", n, answered.Load(), failed.Load())
	known, began := newLook(t, server.Addr), time.Now()
	f.settled(t, known)
	t.Logf("all settled %v after the last answer", time.Since(began).Round(time.Millisecond))
	ids := map[string]int{}
	for deadline := time.Now().Add(patience); int64(len(ids)) < answered.Load() && time.Now().Before(deadline); {
		ids = known.records(t)
	}
	t.Logf("all recorded %v after the last answer", time.Since(began).Round(time.Millisecond))
	for id, n := range ids {
		if n != 1 {
			t.Fatalf("the store has %d records of request %s", n, id)
		}
	}
	if int64(len(ids)) != answered.Load() {
		t.Errorf("the store has records of %d requests, %d were answered", len(ids), answered.Load())
	}
}

// Without a store, what a gateway counted since it was last asked dies with it, and no more.
func TestKillingAGatewayWithoutAStoreLosesTheLastMomentsAtMost(t *testing.T) {
	const lag = every + settleWithin
	provider := bed.Provider(t, inBooks)
	p := lay(t, document(provider, "", func(d *config.Document) {
		d.Keys[0].Budgets = []config.Budget{{Amount: 10_000 * config.Dollar, Per: config.Month}}
	}))
	books := tally.New(time.Now().Add(-time.Hour))
	load := &traffic{url: "http://" + p.url, client: bed.Client(24), whole: map[string]time.Time{}}
	var lost, served int64
	n := crashes(t)
	for range n {
		p.start(t)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		instance, err := p.instance()
		if err != nil {
			t.Fatalf("who the process is: %v", err)
		}
		wg.Go(func() { load.work(ctx) })
		wg.Go(func() { p.poll(ctx, instance, books) })
		<-time.After(lag + time.Duration(rand.IntN(400))*time.Millisecond)
		killed := time.Now()
		p.kill()
		stop()
		wg.Wait()
		load.client.CloseIdleConnections()
		entries := provider.Books()
		load.forget(killed.Add(-lag))
		requests, tokens := load.before(killed, entries)
		got := books.Use(alice)
		if got.Requests < requests || got.Tokens < tokens {
			t.Fatalf("the operator knows of %d requests and %d tokens, clients saw %d and %d completed in time", got.Requests, got.Tokens,
				requests, tokens)
		}
		all, allTokens := billed(t, entries)
		if got.Requests > all || got.Tokens > allTokens {
			t.Fatalf("the operator knows of %d requests and %d tokens, the provider served %d and %d", got.Requests, got.Tokens, all, allTokens)
		}
		lost, served = all-got.Requests, all
	}
	t.Logf("%d kills: of %d requests that were served, %d were under way or not yet told of", n, served, lost)
}

// poll is the operator that asks one process again and again.
func (p *process) poll(ctx context.Context, instance string, books *tally.Tally) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		books.Pods([]string{"pod-0"}, 1, time.Now())
		call, hear := books.Ask("pod-0", instance, time.Now())
		answer, err := p.exchange(call)
		if err != nil {
			return // It was killed.
		}
		hear(&answer)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
