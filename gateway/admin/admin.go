// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package admin serves what a gateway's operators ask: the push, the ack and the state over mutual TLS, and health and
// metrics in the clear.
package admin

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// The files of the administrative credentials, as the operator's Secret names them.
const (
	authorityFile   = "ca.crt"
	certificateFile = "tls.crt"
	keyFile         = "tls.key"
)

// maxPush bounds a push's body: every part at its largest, in base64, and a margin.
const maxPush = (config.KeyShards + 2) * config.MaxPartBytes * 3 / 2

// Reloader takes pushes and gives acks.
type Reloader interface {
	Offer(config.Bundle) (ack config.Ack, missing []string)
	Ack() config.Ack
}

// maxQuestion bounds the body of an ExplainRequest, whose own body is in base64.
const maxQuestion = 32 << 20

// maxCall bounds the body of a UsageCall: a kilobyte for each holder.
const maxCall = config.MaxHolders << 10

// maxPurge bounds the body of a CachePurge, whose texts are names.
const maxPurge = 16 << 10

// Witness says what the process has seen and keeps, and what it would do with a request.
type Witness interface {
	State() config.State
	Explain(config.ExplainRequest) (config.Explanation, error)
	Exchange(config.UsageCall) config.UsageAnswer
	// ServeRecords answers with usage records.
	ServeRecords(http.ResponseWriter, *http.Request)
	// Purge forgets cached answers. An error says that the store could not be told; what this process forgot is told all the same.
	Purge(config.CachePurge) (config.CachePurged, error)
	Errors() config.ErrorReport
	Health() config.Health
	// Course gives what became of a request; false where it is not kept.
	Course(id string) (config.Course, bool)
}

// Handler serves config.PushPath, config.AckPath and, where there is a witness, what it says. Put it behind TLS only.
func Handler(r Reloader, witness Witness) http.Handler {
	mux := http.NewServeMux()
	if witness != nil {
		mux.HandleFunc("GET "+config.StatePath, func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusOK, witness.State())
		})
		mux.HandleFunc("POST "+config.ExplainPath, func(w http.ResponseWriter, req *http.Request) { explain(w, req, witness) })
		mux.HandleFunc("POST "+config.UsagePath, func(w http.ResponseWriter, req *http.Request) {
			var call config.UsageCall
			if decode(w, http.MaxBytesReader(w, req.Body, maxCall), "call", &call) {
				answer(w, http.StatusOK, witness.Exchange(call))
			}
		})
		mux.HandleFunc("GET "+config.RecordsPath, witness.ServeRecords)
		mux.HandleFunc("POST "+config.PurgePath, func(w http.ResponseWriter, req *http.Request) { purge(w, req, witness) })
		mux.HandleFunc("GET "+config.ErrorsPath, func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusOK, witness.Errors())
		})
		mux.HandleFunc("GET "+config.CoursesPath+"{id}", func(w http.ResponseWriter, req *http.Request) {
			if course, kept := witness.Course(req.PathValue("id")); kept {
				answer(w, http.StatusOK, course)
				return
			}
			http.NotFound(w, req)
		})
		mux.HandleFunc("GET "+config.HealthPath, func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusOK, witness.Health())
		})
	}
	mux.HandleFunc("GET "+config.AckPath, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, r.Ack())
	})
	mux.HandleFunc("POST "+config.PushPath, func(w http.ResponseWriter, req *http.Request) {
		var push config.Push
		if !decode(w, http.MaxBytesReader(w, req.Body, maxPush), "push", &push) {
			return
		}
		ack, missing := r.Offer(push)
		if len(missing) > 0 {
			answer(w, http.StatusConflict, config.Shortfall{Missing: missing})
			return
		}
		answer(w, http.StatusOK, ack)
	})
	return mux
}

func explain(w http.ResponseWriter, req *http.Request, witness Witness) {
	var question config.ExplainRequest
	if !decode(w, http.MaxBytesReader(w, req.Body, maxQuestion), "question", &question) {
		return
	}
	explanation, err := witness.Explain(question)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	answer(w, http.StatusOK, explanation)
}

func purge(w http.ResponseWriter, req *http.Request, witness Witness) {
	var of config.CachePurge
	if !decode(w, http.MaxBytesReader(w, req.Body, maxPurge), "purge", &of) {
		return
	}
	set := 0
	for _, is := range []bool{of.All, of.Key != "", of.Model != "", of.Route != "", of.Tag != ""} {
		if is {
			set++
		}
	}
	if set != 1 {
		http.Error(w, "a purge is of one of all, key, model, route and tag", http.StatusBadRequest)
		return
	}
	purged, err := witness.Purge(of)
	if err != nil {
		// The store's own words may tell its address.
		http.Error(w, fmt.Sprintf("the shared store could not be told; %d removed here", purged.Removed), http.StatusBadGateway)
		return
	}
	answer(w, http.StatusOK, purged)
}

// decode reads a body, or answers that it is not what it should be: false. The decoder's own words may quote the body, which
// holds secrets.
func decode(w http.ResponseWriter, body io.Reader, what string, into any) bool {
	err := json.NewDecoder(body).Decode(into)
	if err == nil {
		return true
	}
	status := http.StatusBadRequest
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		status = http.StatusRequestEntityTooLarge
	}
	http.Error(w, "the body is not a "+what, status)
	return false
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A client that has gone needs no answer.
	_ = json.NewEncoder(w).Encode(body)
}

// Server gives a server for the handler, whose timeouts suit a push.
func Server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      time.Minute,
		IdleTimeout:       5 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
}

// TLS gives a configuration that asks for a client certificate of the directory's authority. The files are read at
// each handshake, so that a renewal is taken up; the connections of an operator live long.
func TLS(dir string) (*tls.Config, error) {
	if _, err := load(dir); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return load(dir) },
	}, nil
}

func load(dir string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, certificateFile), filepath.Join(dir, keyFile))
	if err != nil {
		return nil, fmt.Errorf("the administrative certificate: %w", err)
	}
	authority, err := os.ReadFile(filepath.Join(dir, authorityFile))
	if err != nil {
		return nil, fmt.Errorf("the administrative authority: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("%s holds no PEM certificate", authorityFile)
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{pair},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    roots,
		NextProtos:   []string{"h2", "http/1.1"},
	}, nil
}

// Health serves /livez, /readyz and /metrics. ready says why no traffic should come, a line a reason, nil when it should.
func Health(ready func() error, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.Handle("GET /metrics", metrics)
	return mux
}
