// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxAnswer bounds what is read of an answer to a Question.
const maxAnswer = 8 << 20

// Server obeys the suite. It is safe for concurrent use.
type Server struct {
	// ask sends questions, each over a connection of its own.
	ask *http.Client

	mu    sync.Mutex
	runs  []*run
	pages map[string]string
}

// NewServer gives a server without runs.
func NewServer() *Server {
	return &Server{pages: map[string]string{}, ask: &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, DisableCompression: true,
		// Certificates are the operator's own, signed by itself.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12},
	}}}
}

// Handler serves GET /now, POST /ask, POST /signal, POST /pages, GET /pages/PATH, POST /runs, and of each run GET /runs/ID, POST /runs/ID/stop (send
// no more) and POST /runs/ID/cut (break off what is under way).
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /now", func(w http.ResponseWriter, _ *http.Request) { say(w, Moment{At: time.Now()}) })
	mux.HandleFunc("POST /ask", take(s.answers))
	mux.HandleFunc("POST /signal", take(deliver))
	mux.HandleFunc("POST /pages", take(s.publish))
	mux.HandleFunc("GET /pages/{path...}", s.page)
	mux.HandleFunc("POST /runs", take(func(_ context.Context, spec Spec) (int, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.runs = append(s.runs, begin(spec))
		return len(s.runs) - 1, nil
	}))
	mux.HandleFunc("GET /runs/{id}", s.with(func(r *run) any { return r.report() }))
	mux.HandleFunc("POST /runs/{id}/stop", s.with(func(r *run) any {
		r.stop()
		return r.report()
	}))
	mux.HandleFunc("POST /runs/{id}/cut", s.with(func(r *run) any {
		at := time.Now()
		r.cut()
		return Moment{At: at}
	}))
	return mux
}

// publish has a page served from now on, or no more if it is empty, and says when.
func (s *Server) publish(_ context.Context, p Page) (Moment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages[p.Path] = p.Body
	return Moment{At: time.Now()}, nil
}

func (s *Server) page(w http.ResponseWriter, req *http.Request) {
	s.mu.Lock()
	body := s.pages[req.PathValue("path")]
	s.mu.Unlock()
	if body == "" {
		http.NotFound(w, req)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, body) // A client that has left needs no answer.
}

// answers asks all questions at once and gives the answers in their order.
func (s *Server) answers(ctx context.Context, questions []Question) ([]Answer, error) {
	answers := make([]Answer, len(questions))
	var wg sync.WaitGroup
	for i, q := range questions {
		wg.Go(func() { answers[i] = s.answer(ctx, q) })
	}
	wg.Wait()
	return answers, nil
}

func (s *Server) answer(ctx context.Context, q Question) Answer {
	var body io.Reader = strings.NewReader(q.Body)
	if len(q.Bytes) > 0 {
		body = bytes.NewReader(q.Bytes)
	}
	req, err := http.NewRequestWithContext(ctx, q.Method, q.URL, body)
	if err != nil {
		return Answer{Error: err.Error()}
	}
	for name, value := range q.Headers {
		req.Header.Set(name, value)
	}
	resp, err := s.ask.Do(req)
	if err != nil {
		return Answer{Error: err.Error()}
	}
	defer func() { _ = resp.Body.Close() }()
	a := Answer{Status: resp.StatusCode, Headers: resp.Header}
	answered, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if a.Body = string(answered); err != nil {
		a.Error = err.Error()
	}
	return a
}

func (s *Server) with(do func(*run) any) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		id, err := strconv.Atoi(req.PathValue("id"))
		s.mu.Lock()
		if err != nil || id < 0 || id >= len(s.runs) {
			s.mu.Unlock()
			http.Error(w, "no such run", http.StatusNotFound)
			return
		}
		r := s.runs[id]
		s.mu.Unlock()
		say(w, do(r))
	}
}

// take reads a JSON body for a function and writes what it gives.
func take[In, Out any](do func(context.Context, In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		var in In
		if err := json.NewDecoder(req.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		out, err := do(req.Context(), in)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		say(w, out)
	}
}

func say(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	// A caller that has gone needs no answer.
	_ = json.NewEncoder(w).Encode(value)
}
