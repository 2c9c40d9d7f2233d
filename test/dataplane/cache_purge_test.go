// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/store/redistest"
)

// smart is a route to the model that tests ask for.
func smart(d *config.Document) {
	d.Core.Routes = []config.Route{{
		ID: "default/smart", Models: []string{"gpt-4o"}, Strategy: config.Weighted,
		Targets: []config.Target{{Provider: "default/fake", Model: "gpt-4o", Upstream: "gpt-4o", Weight: 1}},
	}}
}

// purges are of an answer that alice got to a question with the tags "a" and "b".
var purges = map[string]struct {
	of   config.CachePurge
	want string // what the same question is afterwards
}{
	"all":                               {config.CachePurge{All: true}, "miss"},
	"the key":                           {config.CachePurge{Key: "default/alice"}, "miss"},
	"another key":                       {config.CachePurge{Key: "default/bob"}, "hit"},
	"a user":                            {config.CachePurge{Key: "alice"}, "hit"},
	"the route":                         {config.CachePurge{Route: "default/smart"}, "miss"},
	"another route":                     {config.CachePurge{Route: "default/other"}, "hit"},
	"the model":                         {config.CachePurge{Model: "gpt-4o"}, "miss"},
	"another model":                     {config.CachePurge{Model: "gpt-4"}, "hit"},
	"a tag":                             {config.CachePurge{Tag: "b"}, "miss"},
	"another tag":                       {config.CachePurge{Tag: "a, b"}, "hit"},
	"a tag that is called as the model": {config.CachePurge{Tag: "gpt-4o"}, "hit"},
}

func TestAPurgeForgetsWhatItNamesAndNothingElse(t *testing.T) {
	e := startEmbedder(t)
	for name, test := range purges {
		t.Run(name, func(t *testing.T) {
			s := start(t, withDocument(caching()), withDocument(e.comparing()))
			ask := func(text string) string {
				got := s.asks(aliceKey, saying(text, false), "X-Spark-Cache-Tags: a, b")
				s.settled()
				return got.Header.Get("X-Spark-Cache")
			}
			for _, text := range []string{"What is the capital of France?", "What is the weather?"} {
				if got := ask(text); got != "miss" {
					t.Fatalf("the first is a %s", got)
				}
			}
			purged, err := s.report().Purge(test.of)
			if want := map[string]int{"miss": 2, "hit": 0}[test.want]; err != nil || purged.Removed != want || purged.Shared {
				t.Errorf("purged %+v, %v, want %d", purged, err, want)
			}
			// Meanings first: what is asked anew is kept anew.
			if got := ask("Tell me France's capital."); got != test.want {
				t.Errorf("the same meaning is a %s, want a %s", got, test.want)
			}
			if got := ask("What is the weather?"); got != test.want {
				t.Errorf("the same question is a %s, want a %s", got, test.want)
			}
		})
	}
}

func TestAnAnswerThatIsPurgedWhileItIsMadeIsNotKept(t *testing.T) {
	for name, test := range purges {
		t.Run(name, func(t *testing.T) {
			g := startGated(t, &gated{contentType: "application/json", first: jsonChat})
			s := start(t, g.instead(config.OpenAI, "/v1"), withDocument(caching()), withDocument(smart))
			body := chatBody("gpt-4o", "", false)
			first := make(chan answer, 1)
			go func() { first <- s.asks(aliceKey, body, "X-Spark-Cache-Tags: a,b") }()
			eventually(t, func() bool { return g.asked.Load() == 1 }, func() string { return "nobody asks" })
			if _, err := s.report().Purge(test.of); err != nil {
				t.Fatal(err)
			}
			close(g.begin)
			if got := <-first; got.StatusCode != 200 {
				t.Fatalf("%d: %s", got.StatusCode, got.body)
			}
			s.settled()
			if got := s.asks(aliceKey, body).Header.Get("X-Spark-Cache"); got != test.want {
				t.Errorf("asked again it is a %s, want a %s", got, test.want)
			}
		})
	}
}

func TestAPurgeReachesPodsThatShareAnswers(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	store := withDocument(shared(server.Addr, config.LocalShare))
	first := start(t, store, withDocument(caching(sharingAnswers)))
	second := start(t, store, withDocument(caching(sharingAnswers)), withDocument(func(d *config.Document) {
		d.Core.Providers[0].Endpoint = first.provider.URL() + "/v1"
	}))
	n := 0
	var body string
	eventually(t, func() bool {
		n++
		body = chatBody("gpt-4o", fmt.Sprintf("tokens=%d", 10+n), false)
		first.asks(aliceKey, body)
		eventually(t, func() bool { keys, err := server.Do("DBSIZE"); return err == nil && keys != ":0" }, func() string { return "the store keeps nothing" })
		return second.asks(aliceKey, body).Header.Get("X-Spark-Cache") == "hit"
	}, func() string { return "the second pod never has the first one's answer" })
	if purged, err := first.report().Purge(config.CachePurge{Key: "default/alice"}); err != nil || !purged.Shared {
		t.Fatalf("%+v, %v", purged, err)
	}
	for name, s := range map[string]*setup{"the one that was told": first, "the other": second} {
		eventually(t, func() bool {
			got := s.asks(aliceKey, body, "Cache-Control: only-if-cached")
			return got.StatusCode == 504
		}, func() string { return name + " remembers" })
	}
}

func TestAStoreThatDiesUnderLoadCostsAnswersAndNoErrors(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	s := start(t, withDocument(shared(server.Addr, config.LocalShare)), withDocument(caching(sharingAnswers)), withDocument(func(d *config.Document) {
		d.Core.Gateway.Store.Timeout = config.Duration(50_000_000)
	}))
	var stop atomic.Bool
	var done atomic.Int64
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := 0; !stop.Load(); n++ {
				body := chatBody("gpt-4o", fmt.Sprintf("tokens=%d", 5+(i+n)%20), n%2 == 0)
				if got := s.asks(aliceKey, body, "Cache-Control: max-age="+fmt.Sprint(n%3)); got.StatusCode != 200 || got.err != nil {
					t.Errorf("%d, %v: %s", got.StatusCode, got.err, got.body)
					return
				}
				done.Add(1)
			}
		})
	}
	more := func() {
		from := done.Load()
		eventually(t, func() bool { return done.Load() > from+100 || t.Failed() }, func() string { return "nothing goes on" })
	}
	more()
	server.Kill()
	more()
	server.Restart()
	more()
	stop.Store(true)
	all.Wait()
}
