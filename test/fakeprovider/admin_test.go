// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

// do makes an admin call and returns its status and body.
func do(t *testing.T, server *fakeprovider.Server, method, path, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(soon(t), method, server.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := client(t).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

func TestAScriptComesAndGoesByHTTP(t *testing.T) {
	server := start(t, fakeprovider.Options{APIKeys: []string{"never asked of admin calls"}})
	status, body := do(t, server, "POST", "/fake/script", `[{"name":"down","fault":"status:503","count":1}]`)
	if status != 200 || !strings.Contains(body, `"name":"down"`) {
		t.Fatalf("%d %s", status, body)
	}
	key := []string{"Authorization", "Bearer never asked of admin calls"}
	first, _ := ask(t, server, plain, key...)
	second, _ := ask(t, server, plain, key...)
	if first.StatusCode != 503 || second.StatusCode != 200 {
		t.Errorf("%d, then %d; want 503 once", first.StatusCode, second.StatusCode)
	}
	if got := server.Records()[0]; got.Rule != "down" || got.Fault != "status:503" {
		t.Errorf("record %+v", got)
	}
	if rules := server.Script(); rules[0].Matched != 2 || rules[0].Fired != 1 {
		t.Errorf("rules %+v", rules)
	}
	if status, _ := do(t, server, "DELETE", "/fake/script", ""); status != http.StatusNoContent {
		t.Errorf("DELETE: %d", status)
	}
	if _, body := do(t, server, "GET", "/fake/script", ""); strings.TrimSpace(body) != "[]" {
		t.Errorf("script %s", body)
	}
}

func TestABadScriptIsRefusedWithItsReason(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for body, reason := range map[string]string{
		`[{"fault":"explode"}]`:    "rule 1 (rule-1): fault: unknown fault",
		`[{"fualt":"hang"}]`:       "unknown field",
		strings.Repeat("[", 2<<20): "too large",
	} {
		if status, got := do(t, server, "POST", "/fake/script", body); status != 400 || !strings.Contains(got, reason) {
			t.Errorf("%d %s, want 400 about %s", status, got, reason)
		}
	}
}

func TestAScriptGivesWayToTheRequest(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	if err := server.SetScript(fakeprovider.Rule{Fault: "status:503", Tokens: 3}); err != nil {
		t.Fatal(err)
	}
	response, content := ask(t, server, plain, fault("none")...)
	var got completion
	decode(t, content, &got)
	if response.StatusCode != 200 || got.Usage.CompletionTokens != 3 {
		t.Errorf("%d with %+v, want no fault and the script's 3 tokens", response.StatusCode, got.Usage)
	}
}

func TestRecordsAndStatsByHTTP(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	ask(t, server, plain)
	ended(t, server)
	var list struct{ Records []fakeprovider.Record }
	get(t, server, "/fake/records", &list)
	if len(list.Records) != 1 || list.Records[0].Path != chatPath || list.Records[0].State != fakeprovider.Completed {
		t.Errorf("records %+v", list.Records)
	}
	var stats fakeprovider.Stats
	get(t, server, "/fake/stats", &stats)
	if stats.Total != 1 || stats.Completed != 1 || stats.PromptTokens != int64(fakeprovider.PromptTokens("hi")) {
		t.Errorf("stats %+v", stats)
	}
	if status, _ := do(t, server, "DELETE", "/fake/records", ""); status != http.StatusNoContent {
		t.Errorf("DELETE: %d", status)
	}
	if got := server.Records(); len(got) != 0 || server.Stats().Total != 1 {
		t.Errorf("records %+v after clearing; totals must stay", got)
	}
	if status, body := do(t, server, "GET", "/livez", ""); status != 200 || body != "ok\n" {
		t.Errorf("/livez: %d %s", status, body)
	}
	if status, _ := do(t, server, "GET", "/fake/nothing", ""); status != 404 {
		t.Errorf("unknown admin call: %d", status)
	}
}

// page is a log that may be written and read at once.
type page struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func TestFinishedRequestsAreLoggedWithoutSecrets(t *testing.T) {
	var log page
	server := fakeprovider.New(fakeprovider.Options{Log: slog.New(slog.NewJSONHandler(&log, nil))})
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ask(t, server, plain, "Authorization", "Bearer sk-secret-9876")
	if err := server.Close(); err != nil { // it waits for the handler, and the handler for its log line
		t.Fatal(err)
	}
	var line struct{ Path, State string }
	if err := json.Unmarshal(log.text.Bytes(), &line); err != nil || line.Path != chatPath || line.State != "completed" {
		t.Errorf("%v: %s", err, log.text.String())
	}
	if strings.Contains(log.text.String(), "secret") {
		t.Error("the log holds the key")
	}
}

func TestAServerStartsOnceAndClosesTwice(t *testing.T) {
	server := fakeprovider.New(fakeprovider.Options{})
	if err := server.Close(); err != nil {
		t.Errorf("Close before Start: %v", err)
	}
	if err := server.Start("127.0.0.1:99999"); err == nil {
		t.Error("an impossible port was listened on")
	}
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if err := server.Start("127.0.0.1:0"); err == nil {
		t.Error("it started twice")
	}
	for range 2 {
		if err := server.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

func TestCloseEndsWhatHangsAndLeavesNothingRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	server := fakeprovider.New(fakeprovider.Options{})
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		http.Post(server.URL()+chatPath, "application/json", //nolint:errcheck // it never answers
			strings.NewReader(chatBody("m+fault=hang", "hi", false)))
	}()
	if _, err := server.WaitFor(soon(t), func(r fakeprovider.Record) bool { return r.Fault == "hang" }); err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if got := server.Records()[0].State; got != fakeprovider.Cancelled {
		t.Errorf("Close returned while the request was %s", got)
	}
	<-ended
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
	}
}
