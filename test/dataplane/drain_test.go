// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

func TestDrainLetsStreamsEnd(t *testing.T) {
	s := start(t)
	var streams sync.WaitGroup
	for range 10 {
		streams.Go(func() {
			if got := s.chat("tokens=30 delay=100ms", true); got.err != nil || !strings.HasSuffix(got.body, "data: [DONE]\n\n") {
				t.Errorf("status %d, error %v: …%s", got.StatusCode, got.err, got.body[max(0, len(got.body)-200):])
			}
		})
	}
	s.running(10)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.server.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	streams.Wait()
	if err := s.server.Ready(); !errors.Is(err, gateway.ErrDraining) {
		t.Errorf("ready: %v", err)
	}
	if n := len(s.lines(10)); n != 10 {
		t.Errorf("%d lines in the access log", n)
	}
	if c, err := net.Dial("tcp", s.addr); err == nil {
		_ = c.Close()
		t.Error("still accepts")
	}
	s.down.Do(s.living.Close)
}

func TestDrainBreaksOffWhatDoesNotEndAndSaysSo(t *testing.T) {
	s := start(t)
	type end struct {
		answer
		stream bool
	}
	ends := make(chan end, 2)
	for _, stream := range []bool{true, false} {
		go func() {
			steer := "fault=hang"
			if stream {
				steer = "tokens=50 fault=stall:5"
			}
			ends <- end{s.chat(steer, stream), stream}
		}()
	}
	s.running(2)
	eventually(t, func() bool {
		sent := 0
		for _, r := range s.provider.Records() {
			sent = max(sent, r.EventsSent)
		}
		return sent >= 5
	}, func() string { return "the stream has begun" })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := s.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	for range 2 {
		got := <-ends
		if got.stream {
			data := events(got.body)
			if last := decode(t, data[len(data)-1]); got.err == nil || last.Error == nil || last.Error.Code != "draining" {
				t.Errorf("the stream ended with %v: %s", got.err, data[len(data)-1])
			}
		} else if got.StatusCode != 503 || got.Header.Get("X-Spark-Reason") != "draining" {
			t.Errorf("status %d: %s", got.StatusCode, got.body)
		}
	}
	for _, l := range s.lines(2) {
		if l.Outcome != "drained" {
			t.Errorf("access log %+v", l)
		}
	}
	s.down.Do(s.living.Close)
}

func TestWhileDrainingBeginsConnectionsAreSentElsewhere(t *testing.T) {
	s := start(t, func(o *options) { o.server.DrainDelay = 3 * time.Second })
	if got := s.chat("tokens=1", false); got.StatusCode != 200 || got.Close {
		t.Fatalf("before: status %d, close %t", got.StatusCode, got.Close)
	}
	down := make(chan error, 1)
	go func() { down <- s.server.Shutdown(t.Context()) }()
	eventually(t, func() bool { return s.server.Ready() != nil }, func() string { return "still ready" })
	if got := s.chat("tokens=1", false); got.StatusCode != 200 || !got.Close {
		t.Errorf("during the delay: status %d, close %t", got.StatusCode, got.Close)
	}
	if err := <-down; err != nil {
		t.Errorf("shutdown: %v", err)
	}
	s.down.Do(s.living.Close)
}

func TestAServerWithoutConfigurationIsNotReadyAndSaysSo(t *testing.T) {
	living := gateway.NewLiving(gateway.LivingOptions{})
	defer living.Close()
	server := gateway.NewServer(gateway.Options{Living: living})
	if !errors.Is(server.Ready(), gateway.ErrNoConfiguration) || server.DrainTimeout() != 0 {
		t.Errorf("ready %v, drain timeout %s", server.Ready(), server.DrainTimeout())
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(ln) }()
	defer func() { _ = server.Shutdown(t.Context()) }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, "GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if got := readResponse(t, c); got.StatusCode != 503 || got.Header.Get("X-Spark-Reason") != "not_ready" {
		t.Errorf("status %d: %s", got.StatusCode, got.body)
	}
	of := &setup{t: t, server: server}
	eventually(t, func() bool { return of.metric("spark_requests_total", "internal") == 1 }, func() string { return "the request is not counted" })
}

func TestADocumentThatCannotBeServedLeavesTheOneBefore(t *testing.T) {
	s := start(t)
	for name, change := range map[string]func(*config.Document){
		"a field that is the gateway's own": func(d *config.Document) {
			d.Core.Providers[0].SetHeaders = []config.Header{{Name: "Content-Length", Value: "1"}}
		},
		"two open providers of one name": func(d *config.Document) {
			other := d.Core.Providers[0]
			other.ID = "other/fake"
			d.Core.Providers = append(d.Core.Providers, other)
		},
		"a credential that is no header value": func(d *config.Document) { d.Secrets["fake"] = config.NewSecret("a\r\nX: y") },
	} {
		doc := s.document()
		change(doc)
		err := s.server.Apply(doc)
		if err == nil {
			t.Errorf("%s: applied", name)
		} else if strings.Contains(err.Error(), "X: y") {
			t.Errorf("%s: the error quotes a secret", name)
		}
		if got := s.chat("tokens=1", false); got.StatusCode != 200 {
			t.Errorf("%s: status %d afterwards", name, got.StatusCode)
		}
	}
}

// TestNothingIsLeftRunning has everything happen that holds goroutines, and counts them afterwards.
func TestNothingIsLeftRunning(t *testing.T) {
	// The HTTP engine's clock starts with the first request and is the process's for good.
	warm := start(t)
	warm.chat("tokens=1", false)
	warm.client.CloseIdleConnections()
	warm.shutdown()
	before := stacks()

	s := start(t, withTimeouts(short), withTimeouts(func(t *config.Timeouts) { t.Total = config.Duration(time.Second) }))
	for _, steer := range []string{"tokens=3", "fault=hang", "fault=reset-before-headers", "fault=status:500"} {
		s.chat(steer, false)
	}
	for _, steer := range []string{"tokens=3", "fault=stall:2", "fault=reset-mid-stream:2", "fault=no-done:2"} {
		s.chat(steer, true)
	}
	s.do(s.request("GET", "/v1/models", ""))
	c := s.dial()
	_, _ = io.WriteString(c, rawRequest(chatBody("gpt-4o", "fault=hang", false)))
	_ = c.Close()
	half := s.dial()
	_, _ = io.WriteString(half, "POST /v1/chat")
	_ = half.Close()
	s.lines(10)
	s.client.CloseIdleConnections()
	s.shutdown()
	_ = s.provider.Close()
	eventually(t, func() bool { return len(newStacks(before)) == 0 }, func() string {
		return "goroutines left:\n" + strings.Join(newStacks(before), "\n\n")
	})
}

// stacks counts the goroutines by what they do.
func stacks() map[string]int {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	counts := map[string]int{}
	for stack := range bytes.SplitSeq(buf, []byte("\n\n")) {
		counts[kindOf(string(stack))]++
	}
	return counts
}

// kindOf is the functions of a stack, without addresses and numbers.
func kindOf(stack string) string {
	var functions []string
	scanner := bufio.NewScanner(strings.NewReader(stack))
	for scanner.Scan() {
		text := scanner.Text()
		if strings.HasPrefix(text, "goroutine ") || strings.HasPrefix(text, "\t") {
			continue
		}
		if i := strings.LastIndexByte(text, '('); i > 0 {
			text = text[:i]
		}
		functions = append(functions, text)
	}
	return strings.Join(functions, "\n")
}

// newStacks are the kinds of goroutines of which there are more than before, of this repository or its HTTP engine.
func newStacks(before map[string]int) []string {
	var more []string
	for kind, n := range stacks() {
		ours := strings.Contains(kind, "sparkgateway/spark/gateway") || strings.Contains(kind, "fasthttp")
		// The engine's worker pool sleeps once more before it sees that it was stopped.
		if ours && n > before[kind] && !strings.Contains(kind, "workerPool).Start") {
			more = append(more, kind)
		}
	}
	return more
}

func TestMetricsSayWhatHappened(t *testing.T) {
	s := start(t, withDocument(func(d *config.Document) {
		d.Core.Models = []config.Model{{Name: "named", Provider: "default/fake", Upstream: "gpt-4o"}}
		d.Core.Gateway.PerIP.Requests = limits(100, 6, time.Hour)
	}))
	s.do(s.request("POST", "/v1/chat/completions", chatBody("named", "tokens=5", false)))
	s.chat("tokens=3", true)
	s.chat("tokens=50 fault=reset-mid-stream:3", true)
	s.chat("fault=status:500", false)
	s.do(s.request("GET", "/nope", ""))
	noKey := s.request("GET", "/v1/models", "")
	noKey.Header.Del("Authorization")
	s.do(noKey)
	s.do(noKey)
	s.lines(7)
	eventually(t, func() bool { return s.server.InFlight() == 0 }, func() string { return "still in flight" })
	for _, tc := range []struct {
		metric string
		labels []string
		want   float64
	}{
		{"spark_requests_total", []string{"ok"}, 2},
		{"spark_requests_total", []string{"default/fake", "named", "ok"}, 1},
		{"spark_requests_total", []string{"default/fake", "other", "ok"}, 1},
		{"spark_requests_total", []string{"other", "provider_broken"}, 1},
		{"spark_requests_total", []string{"other", "provider_failed"}, 1},
		{"spark_requests_total", []string{"refused"}, 1},
		{"spark_requests_total", []string{"unauthenticated"}, 1},
		{"spark_requests_total", []string{"limited"}, 1},
		{"spark_limit_refusals_total", []string{"ip"}, 1},
		{"gen_ai_server_request_duration_seconds", nil, 7},
		{"gen_ai_server_time_to_first_token_seconds", nil, 2}, // of streams
		{"spark_tokens_total", []string{"completion", "reported"}, 8},
		{"spark_tokens_total", []string{"completion", "named"}, 5},
		{"spark_requests_in_flight", nil, 0},
	} {
		if got := s.metric(tc.metric, tc.labels...); got != tc.want {
			t.Errorf("%s%v = %v, want %v", tc.metric, tc.labels, got, tc.want)
		}
	}
	if s.metric("spark_tokens_total", "estimated") == 0 {
		t.Error("the broken stream's tokens were not estimated")
	}
}

func TestModelsOfOpenProvidersAreListedAndMissingOnesNamed(t *testing.T) {
	second := fakeprovider.New(fakeprovider.Options{Models: []string{"llama"}})
	if err := second.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	add := func(name, url string) func(*config.Document) {
		return func(d *config.Document) {
			p := d.Core.Providers[0]
			p.ID, p.Name, p.Endpoint = "default/"+name, name, url
			p.Type, p.Credential = config.OpenAICompatible, ""
			d.Core.Providers = append(d.Core.Providers, p)
		}
	}
	named := func(d *config.Document) {
		d.Core.Models = []config.Model{{Name: "smart", Provider: "default/fake", Upstream: "gpt-4o"}}
	}
	list := func(s *setup) (answer, string) {
		got := s.do(s.request("GET", "/v1/models", ""))
		var ids []string
		for part := range strings.SplitSeq(got.body, `"id":"`) {
			id, _, _ := strings.Cut(part, `"`)
			ids = append(ids, id)
		}
		return got, strings.Join(ids[1:], " ")
	}
	s := start(t, withDocument(named), withProvider(func(o *fakeprovider.Options) { o.Models = []string{"a", "b"} }))
	if got, ids := list(s); ids != "smart a b" || got.Header.Get("X-Spark-Models-Missing") != "" {
		t.Errorf("one open provider lists %q", ids)
	}
	before := len(s.provider.Records())
	list(s)
	if n := len(s.provider.Records()); n != before {
		t.Errorf("the provider was asked %d times within a minute", n)
	}
	s.apply(named, add("local", second.URL()+"/v1"))
	if _, ids := list(s); ids != "smart fake/a fake/b local/llama" {
		t.Errorf("two open providers list %q", ids)
	}
	got := s.do(s.request("POST", "/v1/chat/completions", chatBody("a", "tokens=1", false)))
	if got.StatusCode != 404 || !strings.Contains(got.body, "provider/model") {
		t.Errorf("a bare name with two open providers: status %d: %s", got.StatusCode, got.body)
	}
	if got := s.do(s.request("POST", "/v1/chat/completions", chatBody("local/llama", "tokens=1", false))); got.StatusCode != 200 {
		t.Errorf("local/llama: status %d: %s", got.StatusCode, got.body)
	}
	if r := second.Records(); r[len(r)-1].Model != "llama" || r[len(r)-1].KeySHA256 != "" {
		t.Errorf("the second provider got %+v", r[len(r)-1])
	}
	s.apply(named, add("down", "http://127.0.0.1:1/v1"))
	if got, ids := list(s); ids != "smart fake/a fake/b" || got.Header.Get("X-Spark-Models-Missing") != "down" {
		t.Errorf("with one provider down: %q, missing %q", ids, got.Header.Get("X-Spark-Models-Missing"))
	}
}
