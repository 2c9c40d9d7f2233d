// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// services are what a gateway asks beside providers.
type services struct {
	// embedder gives texts vectors, and the guards answer as the path says: /allow, /block, /fail, and /late after a while.
	embedder, guard, guardOverTLS *httptest.Server
	guarded                       *guarded
}

func newServices(t *testing.T) services {
	t.Helper()
	g := &guarded{}
	s := services{
		embedder: httptest.NewServer(http.HandlerFunc(embed)), guard: httptest.NewServer(g), guardOverTLS: httptest.NewUnstartedServer(g), guarded: g,
	}
	s.guardOverTLS.Config.ErrorLog = discard
	s.guardOverTLS.TLS = &tls.Config{Certificates: []tls.Certificate{pairs()[idpTest].serving()}}
	s.guardOverTLS.StartTLS()
	for _, server := range []*httptest.Server{s.embedder, s.guard, s.guardOverTLS} {
		t.Cleanup(server.Close)
	}
	return s
}

// words are those that make a text mean something: two texts of which one has a word more are alike by 0.71.
var words = []string{"france", "germany", "weather"}

func embed(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Input string }
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(w, "{}", http.StatusBadRequest)
		return
	}
	vector := make([]float64, len(words)+1)
	vector[len(words)] = 0.01
	for i, word := range words {
		if strings.Contains(asked.Input, word) {
			vector[i] = 1
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"object": "list", "model": "embed", "usage": map[string]int{"prompt_tokens": 7, "total_tokens": 7},
		"data": []any{map[string]any{"object": "embedding", "index": 0, "embedding": vector}}})
}

// guarded remembers what guards were asked.
type guarded struct {
	mu   sync.Mutex
	seen []string
}

func (g *guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Direction string }
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &asked)
	g.mu.Lock()
	g.seen = append(g.seen, strings.Join([]string{r.URL.Path, asked.Direction, r.Header.Get("Authorization")}, " "))
	g.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/fail":
		w.WriteHeader(http.StatusInternalServerError)
	case "/block":
		_, _ = io.WriteString(w, `{"action":"block"}`)
	case "/late":
		select {
		case <-time.After(2 * time.Second):
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, `{"action":"allow"}`)
	default:
		_, _ = io.WriteString(w, `{"action":"allow"}`)
	}
}

// questions are what guards were asked, until now.
func (b *bed) questions() []string {
	b.services.guarded.mu.Lock()
	defer b.services.guarded.mu.Unlock()
	return append([]string(nil), b.services.guarded.seen...)
}

func sortedWords(list []string) []string {
	slices.Sort(list)
	return list
}
