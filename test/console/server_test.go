// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sparkgateway/spark/controllers/console"
	"github.com/sparkgateway/spark/controllers/console/page"
)

// server serves the page as the operator does, with overviews made by hand.
type server struct {
	URL string
	// asked counts the requests for an overview.
	asked atomic.Int64

	mu       sync.Mutex
	overview func() console.Overview
	status   int // of the interface, where it is not 200
	token    string
	alone    []string // the gateways that were asked for alone
	played   []console.Play
	answer   console.Played
	stop     func()
}

// serve starts a server that gives an overview; nil is none.
func serve(t *testing.T, overview func() console.Overview) *server {
	t.Helper()
	s := &server{overview: overview}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /console/{file...}", s.file)
	mux.HandleFunc("GET /console/api/overview", s.guarded(s.giveOverview))
	mux.HandleFunc("POST /console/api/play", s.guarded(s.play))
	running := httptest.NewServer(mux)
	s.URL, s.stop = running.URL, running.Close
	t.Cleanup(running.Close)
	return s
}

// set changes what is served, from the next request on.
func (s *server) set(change func(*server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *server) file(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", page.Policy)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	content, contentType, found := page.File(r.PathValue("file"))
	if !found {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(content)
}

func (s *server) guarded(next func(http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		given := r.Header.Get("Authorization")
		switch {
		case s.token != "" && given == "Bearer of-somebody-else":
			refuse(w, http.StatusForbidden, "bob may not get /console/api/overview: bind the ClusterRole spark-console-viewer")
		case s.token != "" && given != "Bearer "+s.token:
			refuse(w, http.StatusUnauthorized, "unauthorized")
		case s.status != 0:
			refuse(w, s.status, "the API server does not answer")
		default:
			next(w, r)
		}
	}
}

func refuse(w http.ResponseWriter, status int, why string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": why})
}

// giveOverview gives all gateways or, without a thing left out, the one that is asked for alone.
func (s *server) giveOverview(w http.ResponseWriter, r *http.Request) {
	o := s.overview()
	if alone := r.URL.Query().Get("gateway"); alone != "" {
		o.Gateways = slices.DeleteFunc(o.Gateways, func(g console.Gateway) bool { return g.Namespace+"/"+g.Name != alone })
		for i := range o.Gateways {
			o.Gateways[i] = healthy(o.Gateways[i].Namespace, o.Gateways[i].Name)
		}
		s.alone = append(s.alone, alone)
	} else {
		s.asked.Add(1)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(o)
}

func (s *server) play(w http.ResponseWriter, r *http.Request) {
	var asked console.Play
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	s.played = append(s.played, asked)
	_ = json.NewEncoder(w).Encode(s.answer)
}
