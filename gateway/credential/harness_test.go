// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package credential_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/credential"
)

// canary begins every secret of these tests: no error may hold it.
const canary = "canary"

// cloud is everything that is not this machine. It answers in the test's own goroutines, so that it may stand in a bubble of
// testing/synctest.
type cloud struct {
	mu    sync.Mutex
	calls []call
	// answer gives the answer to a call; the number counts from 1.
	answer func(w http.ResponseWriter, c call, n int)
	// down is an error of the network.
	down error
}

// call is a request that left for a cloud.
type call struct {
	Method, Scheme, Host, Path string
	Query, Form                url.Values
	Header                     http.Header
}

func (c *cloud) RoundTrip(r *http.Request) (*http.Response, error) {
	made := call{Method: r.Method, Scheme: r.URL.Scheme, Host: r.URL.Host, Path: r.URL.Path, Query: r.URL.Query(), Header: r.Header}
	if r.Body != nil {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if made.Form, err = url.ParseQuery(string(text)); err != nil || strings.Contains(r.Header.Get("Content-Type"), "json") {
			made.Form = url.Values{"": {string(text)}}
		}
	}
	c.mu.Lock()
	c.calls = append(c.calls, made)
	n := len(c.calls)
	c.mu.Unlock()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if c.down != nil {
		return nil, c.down
	}
	recorder := httptest.NewRecorder()
	c.answer(recorder, made, n)
	return recorder.Result(), nil
}

func (c *cloud) made() []call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]call(nil), c.calls...)
}

// source gives the source of an identity whose cloud is the one given, and ends it with the test.
func source(t *testing.T, at http.RoundTripper, identity credential.Identity, env map[string]string) credential.Source {
	t.Helper()
	book := credential.NewBook(credential.Options{Transport: at, Getenv: func(name string) string { return env[name] }})
	t.Cleanup(book.Close)
	return book.Use([]credential.Identity{identity})[0]
}

// authorized gives the header fields of a request.
func authorized(ctx context.Context, s credential.Source, r credential.Request) (map[string]string, error) {
	set := map[string]string{}
	err := s.Authorize(ctx, r, func(name, value string) { set[name] = value })
	if err != nil && len(set) > 0 {
		return set, fmt.Errorf("failed, and set %d fields: %w", len(set), err)
	}
	return set, err
}

func secrets(values map[string]string) map[string]config.Secret {
	out := map[string]config.Secret{}
	for name, value := range values {
		out[name] = config.NewSecret(value)
	}
	return out
}

// tokenFile writes a token as the kubelet does.
func tokenFile(t *testing.T, token string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

// wantRefused checks that a request is refused with words, and that these hold no secret.
func wantRefused(t *testing.T, s credential.Source, words string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err := authorized(ctx, s, credential.Request{Method: "POST", Host: "h", Target: "/"})
	if err == nil {
		t.Fatal("a request was authorized")
	}
	if err.Error() != words {
		t.Errorf("refused with %q, want %q", err, words)
	}
	if strings.Contains(err.Error(), canary) {
		t.Errorf("the error holds a secret: %v", err)
	}
}

var errDown = errors.New("no route to host")
