// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package errortrack

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

// A real server, over a real connection.
func TestWhatAWebhookIsTold(t *testing.T) {
	r := &receiver{}
	tr := New(Options{Gateway: "team-a/main", Instance: "pod-1", Now: func() time.Time { return start }})
	if err := tr.Use(Settings{WebhookURL: serve(t, r) + "/errors", WebhookAuthorization: config.NewSecret("Bearer x")}); err != nil {
		t.Fatal(err)
	}
	tr.Record(fault(1))
	tr.Record(fault(1))
	tr.Record(mistake(1))
	tr.Close(t.Context())
	got := r.await(t, 1)[0]
	if got.path != "/errors" || got.header.Get("Authorization") != "Bearer x" || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("sent to %s with %v", got.path, got.header)
	}
	var faults []Group
	for _, g := range tr.Groups() {
		if g.Level == config.LevelError {
			faults = append(faults, g)
		}
	}
	if diff := cmp.Diff(WebhookBatch{Gateway: "team-a/main", Instance: "pod-1", Groups: faults}, batch(t, got.body)); diff != "" {
		t.Error(diff)
	}
	if s := tr.Stats(); s.WebhookGroups != 1 || s.WebhookDropped != 0 {
		t.Errorf("%+v", s)
	}
}

// told gives "when: groups" of each batch, in seconds.
func toldAt(t *testing.T, r *receiver, began time.Time) []string {
	t.Helper()
	var all []string
	for _, c := range r.all() {
		all = append(all, fmt.Sprintf("%v: %d", c.at.Sub(began), len(batch(t, c.body).Groups)))
	}
	return all
}

func TestBatches(t *testing.T) {
	for name, test := range map[string]struct {
		// record makes this many groups each second.
		record []int
		want   []string
	}{
		"one waits for others":       {[]int{1, 0, 0, 1}, []string{"5s: 2"}},
		"a hundred wait for nobody":  {[]int{100}, []string{"0s: 100"}},
		"some more wait for others":  {[]int{130}, []string{"0s: 100", "5s: 30"}},
		"they come after each other": {[]int{3, 0, 0, 0, 0, 0, 0, 2}, []string{"5s: 3", "12s: 2"}},
		"a hundred in two":           {[]int{60, 60}, []string{"1s: 100", "6s: 20"}},
		"nothing is told of nothing": {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &receiver{}
				tr := inBubble(t, r, webhookOnly())
				began, n := time.Now(), 0
				for _, groups := range test.record {
					for range groups {
						n++
						tr.Record(fault(n))
					}
					time.Sleep(time.Second)
				}
				time.Sleep(time.Minute)
				if diff := cmp.Diff(test.want, toldAt(t, r, began)); diff != "" {
					t.Error(diff)
				}
				tr.Close(t.Context())
			})
		})
	}
}

func TestAWebhookIsTriedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		answer      func(*http.Request) (int, error)
		calls       int
		took, wasnt int64
	}{
		"it takes all":      {nil, 1, 1, 0},
		"it takes it as is": {refusing(204), 1, 1, 0},
		"a failure":         {refusing(503), 3, 0, 1},
		"too many":          {refusing(429), 3, 0, 1},
		"no connection":     {unreachable, 3, 0, 1},
		"no answer":         {dead, 3, 0, 1},
		"a refusal":         {refusing(400), 1, 0, 1},
		"a redirect":        {refusing(302), 1, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &receiver{answer: test.answer}
				tr := inBubble(t, r, webhookOnly())
				tr.Record(fault(1))
				time.Sleep(2 * time.Minute)
				if got := len(r.all()); got != test.calls {
					t.Errorf("%d calls, want %d", got, test.calls)
				}
				if s := tr.Stats(); s.WebhookGroups != test.took || s.WebhookDropped != test.wasnt {
					t.Errorf("%+v", s)
				}
				// What was lost is told with the next, as a batch tells what is true.
				r.answers(nil)
				tr.Record(fault(1))
				time.Sleep(time.Minute)
				calls := r.all()
				if got := batch(t, calls[len(calls)-1].body).Groups; len(got) != 1 || got[0].Count != 2 {
					t.Errorf("got %+v", got)
				}
				tr.Close(t.Context())
			})
		})
	}
}

func TestAWebhookThatFailsOnceIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		r.answer = func(*http.Request) (int, error) {
			r.answers(nil)
			return 503, nil
		}
		tr := inBubble(t, r, webhookOnly())
		tr.Record(fault(1))
		time.Sleep(time.Minute)
		if s := tr.Stats(); len(r.all()) != 2 || s.WebhookGroups != 1 || s.WebhookDropped != 0 {
			t.Errorf("%d calls, %+v", len(r.all()), s)
		}
		tr.Close(t.Context())
	})
}

func TestWhatWaitsForADeadWebhookIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: dead}
		tr := inBubble(t, r, webhookOnly())
		if err := tr.Use(Settings{MaxGroups: 50, WebhookURL: "http://hook.example"}); err != nil {
			t.Fatal(err)
		}
		for n := range 3_000 {
			tr.Record(fault(n + 1))
		}
		synctest.Wait()
		tr.webhook.mu.Lock()
		waiting := len(tr.webhook.waiting)
		tr.webhook.mu.Unlock()
		if size := tr.webhook.size.Load(); waiting > maxWaiting || size > maxWaiting {
			t.Errorf("%d wait, %d in all", waiting, size)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		tr.Close(ctx)
		if took := time.Since(began); took > time.Second {
			t.Errorf("closing took %v", took)
		}
		if s := tr.Stats(); s.WebhookDropped != 3_000 || s.WebhookGroups != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestAnotherWebhookIsUsedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: refusing(503)}
		tr := inBubble(t, r, webhookOnly())
		tr.Record(fault(1))
		time.Sleep(batchEvery + 10*time.Millisecond)
		r.answers(nil)
		if err := tr.Use(Settings{WebhookURL: "http://other.example/there"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		calls := r.all()
		if len(calls) != 2 || calls[1].path != "/there" || calls[1].header.Get("Authorization") != "" {
			t.Errorf("got %d calls, the last to %s", len(calls), calls[len(calls)-1].path)
		}
		if err := tr.Use(Settings{}); err != nil {
			t.Fatal(err)
		}
		tr.Record(fault(1))
		time.Sleep(time.Minute)
		if got := len(r.all()); got != 2 {
			t.Errorf("%d calls after it was taken away", got)
		}
		tr.Close(t.Context())
		tr.Close(t.Context())
		tr.Record(fault(1))
		if got := tr.Groups()[0].Count; got != 3 {
			t.Errorf("%d counted, want 3", got)
		}
	})
}

// Hooks that hang hold nobody up: what Record does meanwhile is measured in the benchmark.
func TestRecordDoesNotWaitForHooks(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	tr := New(Options{})
	err := tr.Use(Settings{WebhookURL: server.URL, SentryDSN: config.NewSecret("http://k@" + server.Listener.Addr().String() + "/1")})
	if err != nil {
		t.Fatal(err)
	}
	before := heap()
	const n = 3000
	for i := range n {
		tr.Record(fault(i))
	}
	began := time.Now()
	for range n {
		tr.Record(fault(n - 1))
	}
	if each := time.Since(began) / n; each > time.Millisecond {
		t.Errorf("%v each", each)
	}
	if grown := heap() - before; grown > 16<<20 {
		t.Errorf("%d bytes more", grown)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	tr.Close(ctx)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
