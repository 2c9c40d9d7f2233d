// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/store/redistest"
)

// embedder gives texts vectors by the words in them, and counts how often it was asked. While it is down it answers 500.
type embedder struct {
	url   string
	asked atomic.Int64
	down  atomic.Bool
}

// meaningful are the words that make a text mean something.
var meaningful = []string{"capital", "france", "germany", "weather"}

func startEmbedder(t *testing.T) *embedder {
	t.Helper()
	e := &embedder{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		e.asked.Add(1)
		var asked struct{ Input string }
		if err := json.NewDecoder(req.Body).Decode(&asked); err != nil || e.down.Load() || req.URL.Path != "/v1/embeddings" {
			http.Error(w, `{"error":{"message":"no"}}`, http.StatusInternalServerError)
			return
		}
		vector := make([]float64, len(meaningful)+1)
		vector[len(meaningful)] = 0.1
		for i, word := range meaningful {
			if strings.Contains(strings.ToLower(asked.Input), word) {
				vector[i] = 1
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"object": "list", "model": "embed", "data": []any{map[string]any{"object": "embedding", "index": 0, "embedding": vector}},
			"usage": map[string]int{"prompt_tokens": 7, "total_tokens": 7},
		})
	}))
	t.Cleanup(server.Close)
	e.url = server.URL
	return e
}

// comparing compares meanings, as the changes say.
func (e *embedder) comparing(changes ...func(*config.SemanticCache)) func(*config.Document) {
	return func(d *config.Document) {
		p := d.Core.Providers[0]
		p.ID, p.Name, p.Endpoint, p.AnyModel = "default/embed", "embed", e.url+"/v1", true
		d.Core.Providers = append(d.Core.Providers, p)
		semantic := &config.SemanticCache{
			Kept:      config.Kept{Scope: config.CacheKey, Charge: config.CacheFree, TTL: hour},
			Threshold: 950_000, MaxEntries: 100, Embeddings: config.Target{Provider: "default/embed", Model: "embed", Upstream: "embed"},
		}
		for _, change := range changes {
			change(semantic)
		}
		if d.Core.Gateway.Cache == nil {
			d.Core.Gateway.Cache = &config.Cache{}
		}
		d.Core.Gateway.Cache.Semantic = semantic
		d.Core.Routes = []config.Route{{
			ID: "default/smart", Models: []string{"gpt-4o"}, Strategy: config.Weighted,
			Targets: []config.Target{{Provider: "default/fake", Model: "gpt-4o", Upstream: "gpt-4o", Weight: 1}},
		}}
	}
}

func TestAQuestionThatMeansTheSameIsAnsweredAlike(t *testing.T) {
	e := startEmbedder(t)
	s := start(t, withDocument(e.comparing()))
	ask := func(key, text string, more ...string) answer {
		t.Helper()
		a := s.asks(key, saying(text, false, more...))
		if a.StatusCode != 200 {
			t.Fatalf("%d: %s", a.StatusCode, a.body)
		}
		return a
	}
	first := ask(aliceKey, "What is the capital of France?")
	s.lines(1)
	for _, test := range []struct {
		name, key, text, more string
		want                  string
	}{
		{name: "the same meaning", key: aliceKey, text: "Tell me France's capital.", want: "hit"},
		{name: "another meaning", key: aliceKey, text: "Tell me Germany's capital.", want: "miss"},
		{name: "another key", key: bobKey, text: "Tell me France's capital, please.", want: "miss"},
		{name: "other parameters", key: aliceKey, text: "Say France's capital.", more: `"max_tokens":50`, want: "miss"},
		{name: "tools", key: aliceKey, text: "Say France's capital!", more: `"tools":[{"type":"function","function":{"name":"f"}}]`, want: "bypass"},
		{name: "a temperature", key: aliceKey, text: "The capital of France?", more: `"temperature":1`, want: "bypass"},
	} {
		var more []string
		if test.more != "" {
			more = append(more, test.more)
		}
		got := ask(test.key, test.text, more...)
		if cache := got.Header.Get("X-Spark-Cache"); cache != test.want {
			t.Errorf("%s: a %s, want a %s", test.name, cache, test.want)
		}
		if test.want == "hit" && (got.body != first.body || got.Header.Get("X-Spark-Cache-Similarity") != "1.0000") {
			t.Errorf("%s: similarity %q, %s", test.name, got.Header.Get("X-Spark-Cache-Similarity"), got.body)
		}
	}
	if !strings.Contains(s.log.String(), `"kind":"embedding"`) {
		t.Errorf("the log does not tell of embeddings: %s", s.log)
	}
}

func TestWithoutEmbeddingsQuestionsAreAnsweredAllTheSame(t *testing.T) {
	e := startEmbedder(t)
	e.down.Store(true)
	s := start(t, withDocument(e.comparing()))
	for i := range 2 {
		text := fmt.Sprintf("What is the capital of France? %s", strings.Repeat("!", i))
		if got := s.asks(aliceKey, saying(text, false)); got.StatusCode != 200 || got.Header.Get("X-Spark-Cache") != "miss" {
			t.Errorf("%d, %s: %s", got.StatusCode, got.Header.Get("X-Spark-Cache"), got.body)
		}
	}
	if e.asked.Load() == 0 {
		t.Error("nobody was asked for an embedding")
	}
}

// sharingAnswers keeps answers in the store, too.
func sharingAnswers(e *config.ExactCache) { e.Shared = true }

func TestPodsGiveEachOthersAnswers(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	store := withDocument(shared(server.Addr, config.LocalShare))
	first := start(t, store, withDocument(caching(sharingAnswers)))
	second := start(t, store, withDocument(caching(sharingAnswers)), withDocument(func(d *config.Document) {
		// Both ask one provider, or they are not two pods of one gateway.
		d.Core.Providers[0].Endpoint = first.provider.URL() + "/v1"
	}))
	for _, stream := range []bool{false, true} {
		var told answer
		n := 0
		eventually(t, func() bool {
			// A pod asks the store once it knows what was purged there; until then a question is another one.
			n++
			body := chatBody("gpt-4o", fmt.Sprintf("tokens=%d", 10+n), stream)
			told = first.asks(aliceKey, body)
			eventually(t, func() bool {
				keys, err := server.Do("DBSIZE")
				return err == nil && keys != ":0"
			}, func() string { return "the store keeps nothing" })
			got := second.asks(aliceKey, body)
			return got.Header.Get("X-Spark-Cache") == "hit" && got.body == told.body
		}, func() string { return "the second pod never has the first one's answer" })
	}
	server.Kill()
	body := chatBody("gpt-4o", "tokens=7", false)
	for i, want := range []string{"miss", "hit"} {
		if got := second.asks(aliceKey, body); got.StatusCode != 200 || got.Header.Get("X-Spark-Cache") != want {
			t.Errorf("request %d without the store: %d, %s: %s", i, got.StatusCode, got.Header.Get("X-Spark-Cache"), got.body)
		}
	}
}
