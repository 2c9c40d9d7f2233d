// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

const benchKey = "spark-bench-0123456789abcdef0123456789abcdef"

// cannedProvider answers every request of a connection, whose length it knows, with the same bytes.
func cannedProvider(tb testing.TB, answer string) string {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go serveCanned(c, []byte(answer))
		}
	}()
	return ln.Addr().String()
}

func serveCanned(c net.Conn, answer []byte) {
	defer func() { _ = c.Close() }()
	buf := make([]byte, 64<<10)
	for have := 0; ; {
		n, err := c.Read(buf[have:])
		if err != nil {
			return
		}
		have += n
		head := bytes.Index(buf[:have], []byte("\r\n\r\n"))
		if head < 0 {
			continue
		}
		_, after, _ := bytes.Cut(buf[:head+2], []byte("Content-Length: "))
		digits, _, _ := bytes.Cut(after, []byte("\r\n"))
		length, _ := strconv.Atoi(string(digits))
		if have < head+4+length {
			continue
		}
		have = 0
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// fullPolicy is a document with everything on the path switched on.
func fullPolicy(endpoint string) *config.Document {
	limits := []config.RequestLimit{
		{Count: 1e9, Per: config.Duration(time.Minute), Burst: 1e9}, {Count: 1e9, Per: config.Duration(time.Hour), Burst: 1e9},
	}
	return &config.Document{
		Core: config.Core{
			Schema: config.Schema,
			Gateway: config.Gateway{
				ID: "default/main", MaxBodyBytes: 10 << 20, MaxHeaderBytes: 16 << 10, BodyTimeout: config.Duration(30 * time.Second),
				MaxConnections: 1000, DrainTimeout: config.Duration(time.Minute), AccessLog: true,
				Limits: config.Limits{Requests: limits}, PerIP: config.Limits{Requests: limits},
				Headers: []config.Header{
					{Name: "Content-Security-Policy", Value: "default-src 'none'"}, {Name: "Referrer-Policy", Value: "no-referrer"},
					{Name: "X-Content-Type-Options", Value: "nosniff"}, {Name: "X-Frame-Options", Value: "DENY"},
				},
			},
			Providers: []config.Provider{{
				ID: "default/p", Name: "p", Type: config.OpenAI, Endpoint: "http://" + endpoint + "/v1", Credential: "p",
				Timeouts: config.Timeouts{
					Connect: config.Duration(time.Second), FirstToken: config.Duration(30 * time.Second),
					BetweenTokens: config.Duration(30 * time.Second), Total: config.Duration(10 * time.Minute),
				},
				Breaker: config.Breaker{
					ConsecutiveFailures: 5, FailurePercent: 50, MinRequests: 20, Window: config.Duration(30 * time.Second),
					OpenFor: config.Duration(15 * time.Second), Probes: 3,
				},
				Retry: config.Retry{
					Attempts: 2, Backoff: config.Duration(100 * time.Millisecond), MaxBackoff: config.Duration(5 * time.Second),
					On: config.RetryConditions, BudgetPercent: 20,
				},
				Quota: config.Quota{QueueLength: 100, QueueTimeout: config.Duration(5 * time.Second)},
			}},
			Models: []config.Model{{Name: "m", Provider: "default/p", Upstream: "m-upstream"}},
		},
		Secrets: map[string]config.Secret{"p": config.NewSecret("sk-provider")},
		Keys:    []config.Key{{ID: "default/k", User: "u", Digest: config.DigestKey(benchKey), Limits: config.Limits{Requests: limits}}},
	}
}

// startBench serves the document over loopback and gives a connected client.
func startBench(tb testing.TB, doc *config.Document) net.Conn {
	tb.Helper()
	living := NewLiving(LivingOptions{})
	s := NewServer(Options{Living: living, AccessLog: io.Discard})
	if err := s.Apply(doc); err != nil {
		tb.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	go func() { _ = s.Serve(ln) }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = c.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
		living.Close()
	})
	return c
}

// chatOf gives a chat of about so many bytes, as bytes on the wire.
func chatOf(size int, stream bool) []byte {
	body := fmt.Sprintf(`{"model":"m","messages":[{"role":"user","content":"%s"}],"temperature":0.2,"stream":%t}`,
		strings.Repeat("lorem ipsum ", size/12), stream)
	return fmt.Appendf(nil, "POST /v1/chat/completions HTTP/1.1\r\nHost: gateway:8080\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nAccept: application/json\r\nUser-Agent: OpenAI/Python 2.0\r\n"+
		"Content-Length: %d\r\n\r\n%s", benchKey, len(body), body)
}

func wholeAnswer(size int) string {
	body := fmt.Sprintf(`{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m-upstream","choices":[{"index":0,`+
		`"message":{"role":"assistant","content":"%s"},"finish_reason":"stop"}],"usage":{"prompt_tokens":300,`+
		`"completion_tokens":200,"total_tokens":500}}`, strings.Repeat("dolor sit am ", size/13))
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Mon, 01 Jan 2026 00:00:00 GMT\r\n"+
		"Openai-Processing-Ms: 12\r\nX-Request-Id: req_1\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// exchangeOnce sends a request and reads until the answer has its end.
func exchangeOnce(tb testing.TB, c net.Conn, request, buf, end []byte) []byte {
	tb.Helper()
	if _, err := c.Write(request); err != nil {
		tb.Fatal(err)
	}
	for have := 0; ; {
		n, err := c.Read(buf[have:])
		if err != nil {
			tb.Fatalf("%v after %q", err, buf[:have])
		}
		if have += n; bytes.HasSuffix(buf[:have], end) {
			return buf[:have]
		}
	}
}

// BenchmarkWholeAnswer is one full-policy request over loopback. Client and provider are in the process and count, too;
// they do not allocate.
func BenchmarkWholeAnswer(b *testing.B) {
	c := startBench(b, fullPolicy(cannedProvider(b, wholeAnswer(900))))
	request, buf := chatOf(1000, false), make([]byte, 64<<10)
	if got := exchangeOnce(b, c, request, buf, []byte("}}")); !bytes.HasPrefix(got, []byte("HTTP/1.1 200")) {
		b.Fatalf("%s", got)
	}
	b.ReportAllocs()
	for b.Loop() {
		exchangeOnce(b, c, request, buf, []byte("}}"))
	}
}

// BenchmarkStream is one full-policy stream of 100 events over loopback.
func BenchmarkStream(b *testing.B) {
	const event = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":` +
		`{"content":"word "},"finish_reason":null}]}` + "\n\n"
	answer := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" +
		strings.Repeat(fmt.Sprintf("%x\r\n%s\r\n", len(event), event), 100) + "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
	c := startBench(b, fullPolicy(cannedProvider(b, answer)))
	request, buf := chatOf(1000, true), make([]byte, 64<<10)
	b.ReportAllocs()
	for b.Loop() {
		exchangeOnce(b, c, request, buf, []byte("\r\n0\r\n\r\n"))
	}
}

// BenchmarkHit is one request that is answered from the cache, over loopback. The client is in the process and counts, too.
func BenchmarkHit(b *testing.B) {
	doc := fullPolicy(cannedProvider(b, wholeAnswer(900)))
	doc.Core.Gateway.Cache = &config.Cache{Exact: &config.ExactCache{
		Kept:     config.Kept{Scope: config.CacheKey, Charge: config.CacheFree, TTL: config.Duration(time.Hour), AnyTemperature: true},
		MaxBytes: 1 << 20, MaxEntryBytes: 1 << 16,
	}}
	c := startBench(b, doc)
	request, buf := chatOf(1000, false), make([]byte, 64<<10)
	exchangeOnce(b, c, request, buf, []byte("}}"))
	if got := exchangeOnce(b, c, request, buf, []byte("}}")); !bytes.Contains(got, []byte("X-Spark-Cache: hit")) {
		b.Fatalf("%s", got)
	}
	b.ReportAllocs()
	for b.Loop() {
		exchangeOnce(b, c, request, buf, []byte("}}"))
	}
}
