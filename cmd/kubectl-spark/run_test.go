// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// running is a "run" command in the background, followed by its log.
type running struct {
	log   *bufio.Scanner
	ended chan struct{} // closed once err is set
	err   error
	stop  context.CancelFunc
}

func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	read, written := io.Pipe()
	r := &running{log: bufio.NewScanner(read), ended: make(chan struct{}), stop: stop}
	cmd := root()
	cmd.SetArgs(append([]string{"run"}, args...))
	cmd.SetOut(io.Discard)
	cmd.SetErr(written)
	go func() {
		r.err = cmd.ExecuteContext(ctx)
		_ = written.Close()
		close(r.ended)
	}()
	t.Cleanup(func() { r.end(t) })
	return r
}

// end stops the command and waits for it.
func (r *running) end(t *testing.T) {
	t.Helper()
	r.stop()
	for r.log.Scan() { // the command waits for its log to be read
	}
	if <-r.ended; r.err != nil {
		t.Error("run ended with", r.err)
	}
}

// until reads the log up to a line that matches, and gives its groups.
func (r *running) until(t *testing.T, pattern string) []string {
	t.Helper()
	match := regexp.MustCompile(pattern)
	var seen strings.Builder
	for r.log.Scan() {
		if groups := match.FindStringSubmatch(r.log.Text()); groups != nil {
			return groups
		}
		fmt.Fprintln(&seen, r.log.Text())
	}
	t.Fatalf("the log ends without %s:\n%s", pattern, seen.String())
	return nil
}

func get(t *testing.T, url, key string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

func chat(t *testing.T, url, key string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/chat/completions",
		strings.NewReader(`{"model": "small", "messages": [{"role": "user", "content": "hi"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode
}

const bobsKey = "replace-this-key-before-use" // of the sample

// sampleAt copies the standalone sample to a directory, with a provider of one's own.
func sampleAt(t *testing.T, provider string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../config/samples/standalone")); err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(dir, "provider.yaml"), "http://127.0.0.1:18088", provider)
	return dir
}

func edit(t *testing.T, file, before, after string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.ReplaceAll(string(content), before, after)
	if changed == string(content) {
		t.Fatalf("%s does not hold %q", file, before)
	}
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRunServesTheSampleAndFollowsIt(t *testing.T) {
	asked := make(chan string, 1)
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked <- r.Header.Get("Authorization") + " " + string(body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id": "x", "object": "chat.completion", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}`)
	}))
	defer provider.Close()
	dir := sampleAt(t, provider.URL)
	r := start(t, "-f", dir, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")

	file := r.until(t, `key generated.*file=(\S+)`)[1]
	adminURL := "http://" + r.until(t, `listening.*health.*address=(\S+)`)[1]
	url := "http://" + r.until(t, `listening.*applications.*address=(\S+)`)[1]
	for _, path := range []string{"/livez", "/readyz", "/metrics"} {
		if status, body := get(t, adminURL+path, ""); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	generated := regexp.MustCompile(`apiKey: (\S+)`).FindSubmatch(kept)
	for name, key := range map[string]string{"the generated key": string(generated[1]), "the key that was brought": bobsKey} {
		if status, body := get(t, url+"/v1/models", key); status != http.StatusOK || !strings.Contains(body, `"small"`) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if status, _ := get(t, url+"/v1/models", "nobody's"); status != http.StatusUnauthorized {
		t.Error("an unknown key:", status)
	}
	if status := chat(t, url, bobsKey); status != http.StatusOK {
		t.Error("chat:", status)
	}
	if got := <-asked; !strings.HasPrefix(got, "Bearer replace-with-what-your-server-asks-for ") || !strings.Contains(got, `"fake-small"`) {
		t.Error("the provider was asked", got)
	}

	edit(t, filepath.Join(dir, "keys.yaml"), "count: 60", "count: 0")
	r.until(t, `change refused.*APIKey default/bob: spec.limits.requests\[0\].count: should be greater than or equal to 1`)
	r.until(t, "the last good configuration stays")
	if status, _ := get(t, url+"/v1/models", bobsKey); status != http.StatusOK {
		t.Error("after a refused change:", status)
	}
	edit(t, filepath.Join(dir, "keys.yaml"), "replace-this-key-before-use", "another-key-of-bobs-own")
	edit(t, filepath.Join(dir, "keys.yaml"), "count: 0", "count: 60")
	r.until(t, "configuration taken up")
	if status, _ := get(t, url+"/v1/models", bobsKey); status != http.StatusUnauthorized {
		t.Error("a key that was replaced:", status)
	}
	r.stop()
	r.until(t, "draining")
	r.end(t)
}

func TestRunRefusesToStart(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"on manifests with problems": {[]string{"-f", "../../config/samples/full"}, "Secret default/main-tls does not exist"},
		"on standard input":          {[]string{"-f", "-"}, "standard input"},
		"on another gateway":         {[]string{"--gateway", "infra/main"}, "no SparkGateway infra/main; there is default/main"},
		"on half a gateway's name":   {[]string{"-f", "../../config/samples/quickstart", "--gateway", "infra/"}, "is not namespace/name"},
		"on a bad address":           {[]string{"--listen", "127.0.0.1:99999"}, "99999"},
		"on a bad admin address":     {[]string{"--admin", "127.0.0.1:99999"}, "99999"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			args := tt.args
			if args[0] != "-f" {
				args = append(args, "-f", sampleAt(t, "http://127.0.0.1:1"))
			}
			_, _, err := execute(t, "", append([]string{"run"}, args...)...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want an error with %q, got %v", tt.want, err)
			}
		})
	}
}
