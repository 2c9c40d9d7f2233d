// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"io"
	"net/http"
)

// routes wires the dialects and the admin API. A further dialect is one more entry in dialects.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	fallback := openAI{server: s}
	for _, d := range []dialect{fallback} {
		for pattern, operation := range d.operations() {
			mux.HandleFunc(pattern, s.serve(d, operation))
		}
	}
	mux.HandleFunc("/", s.serve(fallback, unknownURL))

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
