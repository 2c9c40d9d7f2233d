// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"io"
	"net/http"
)

// dialects lists all that the server speaks, the one that answers unknown URLs first. A further dialect is one more
// entry.
func (s *Server) dialects() []dialect {
	return []dialect{
		newOpenAI(s),
		newResponses(s),
		newFiles(s),
		newAzure(s),
		newAzureResponses(s),
		newCompatible(s),
		newMistral(s),
		newOllama(s),
		cohere{server: s},
		newJina(s),
		anthropic{server: s},
		gemini{server: s},
		vertexAI{server: s},
		bedrock{server: s},
		bedrockInvoke{bedrock{server: s}},
	}
}

// routes wires the dialects and the admin API.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	dialects := s.dialects()
	for pattern, handler := range s.provided(dialects) {
		mux.Handle(pattern, handler)
	}
	mux.HandleFunc("GET /v1/realtime", s.realtime(newOpenAI(s)))
	mux.HandleFunc("/", s.serve(dialects[0], unknownURL))

	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "ok\n") //nolint:errcheck // the client may leave
	})
	mux.HandleFunc("GET /fake/records", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"records": s.Records()})
	})
	mux.HandleFunc("DELETE /fake/records", func(w http.ResponseWriter, _ *http.Request) {
		s.records.clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /fake/stats", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, s.Stats())
	})
	mux.HandleFunc("GET /fake/script", s.showScript)
	mux.HandleFunc("POST /fake/script", s.takeScript)
	mux.HandleFunc("DELETE /fake/script", func(w http.ResponseWriter, _ *http.Request) {
		_ = s.script.set(nil) // no rule can be wrong
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("/fake/", func(w http.ResponseWriter, r *http.Request) {
		adminError(w, http.StatusNotFound, "no such admin call: "+r.Method+" "+r.URL.Path)
	})
	return mux
}

// provided gives a handler for each pattern. Where dialects share one, those that claim a request come first.
func (s *Server) provided(dialects []dialect) map[string]http.Handler {
	handlers := map[string]http.Handler{}
	for _, d := range dialects {
		for pattern, operation := range d.operations() {
			handler := http.Handler(s.serve(d, operation))
			if other, shared := handlers[pattern]; shared {
				handler = claimed(d, handler, other)
			}
			handlers[pattern] = handler
		}
	}
	return handlers
}

func claimed(d dialect, handler, other http.Handler) http.Handler {
	own, ok := d.(claimant)
	if !ok {
		panic("two dialects have the same path, and the later one does not say which requests are its own")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if own.claims(r) {
			handler.ServeHTTP(w, r)
			return
		}
		other.ServeHTTP(w, r)
	})
}

func unknownURL(r *http.Request, _ []byte) (call, *failure) {
	return nil, &failure{
		status:  http.StatusNotFound,
		message: "Invalid URL (" + r.Method + " " + r.URL.Path + ")",
	}
}

func (s *Server) showScript(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.Script())
}

func (s *Server) takeScript(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		adminError(w, http.StatusBadRequest, err.Error())
		return
	}
	rules, err := parseRules(body)
	if err == nil {
		err = s.script.set(rules)
	}
	if err != nil {
		adminError(w, http.StatusBadRequest, err.Error())
		return
	}
	s.showScript(w, r)
}

func adminError(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]string{"error": message})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.Encode(value) //nolint:errcheck // the client may leave
}
