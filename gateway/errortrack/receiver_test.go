// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package errortrack

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// receiver plays the one who is told: it remembers what came, and answers as it is told to.
type receiver struct {
	// answer may be nil for 200 at once.
	answer func(*http.Request) (int, error)

	mu    sync.Mutex
	calls []call
}

type call struct {
	path   string
	header http.Header
	body   []byte
	at     time.Time
}

// RoundTrip makes a receiver of a transport, for tests with a clock of their own.
func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	status, err := r.take(req)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: req}, nil
}

// ServeHTTP makes a receiver of a server.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if status, err := r.take(req); err == nil {
		w.WriteHeader(status)
	}
}

func (r *receiver) take(req *http.Request) (int, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return 0, err
	}
	r.mu.Lock()
	r.calls = append(r.calls, call{req.URL.Path, req.Header.Clone(), body, time.Now()})
	answer := r.answer
	r.mu.Unlock()
	if answer != nil {
		return answer(req)
	}
	return http.StatusOK, nil
}

// answers changes what the receiver says.
func (r *receiver) answers(answer func(*http.Request) (int, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receiver) all() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]call(nil), r.calls...)
}

// await polls until there are so many calls.
func (r *receiver) await(t *testing.T, n int) []call {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if calls := r.all(); len(calls) >= n {
			return calls
		}
	}
	t.Fatalf("%d calls came, want %d", len(r.all()), n)
	return nil
}

func serve(t *testing.T, r *receiver) string {
	t.Helper()
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	return s.URL
}

// dead is a receiver that never answers.
func dead(req *http.Request) (int, error) {
	<-req.Context().Done()
	return 0, req.Context().Err()
}

// refusing answers with a status.
func refusing(status int) func(*http.Request) (int, error) {
	return func(*http.Request) (int, error) { return status, nil }
}

func unreachable(*http.Request) (int, error) { return 0, errors.New("no route to host") }

// envelope reads what Sentry's endpoint is sent: a header, then for each item a header and its payload, each a line.
func envelope(t *testing.T, body []byte) (header map[string]any, items map[string]map[string]any) {
	t.Helper()
	lines := bytes.Split(bytes.TrimSpace(body), []byte("\n"))
	parse := func(line []byte) map[string]any {
		var v map[string]any
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		return v
	}
	items = map[string]map[string]any{}
	for i := 1; i+1 < len(lines); i += 2 {
		kind, _ := parse(lines[i])["type"].(string)
		items[kind] = parse(lines[i+1])
	}
	return parse(lines[0]), items
}

// batch reads what a webhook is sent.
func batch(t *testing.T, body []byte) WebhookBatch {
	t.Helper()
	var b WebhookBatch
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&b); err != nil {
		t.Fatal(err)
	}
	return b
}

const fakeDSN = "http://publickey@sentry.example/42"

func sentryOnly() Settings {
	return Settings{SentryDSN: config.NewSecret(fakeDSN), Environment: "staging"}
}

func webhookOnly() Settings {
	return Settings{WebhookURL: "http://hook.example/errors?token=hunter2", WebhookAuthorization: config.NewSecret("Bearer hunter3")}
}
