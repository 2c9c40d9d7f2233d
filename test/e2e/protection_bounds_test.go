// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/sparkgateway/spark/test/e2e/load"
)

const mebibyte = 1 << 20

// oversized is a request that takes more than it may, how it is refused, and how many of it are sent at once.
type oversized struct {
	body    string
	bytes   []byte
	fields  int
	headers map[string]string
	times   int
	status  int
	reason  string
}

func oversizeds(t *testing.T) map[string]oversized {
	t.Helper()
	return map[string]oversized{
		"11 MiB": {body: strings.Repeat("x", 11*mebibyte), times: 4, status: 413, reason: "body_too_large"},
		"a GiB in a gzip": {
			bytes: bomb(t), headers: map[string]string{"Content-Encoding": "gzip"}, times: 8, status: 413, reason: "decompressed_too_large",
		},
		"200 header fields":     {fields: 200, times: 10, status: 431, reason: "too_many_header_fields"},
		"10,000 header fields":  {fields: 10_000, times: 10, status: 431, reason: "header_too_large"},
		"100,000 nested arrays": {body: nested(100_000), times: 10, status: 400, reason: "body_too_deep"},
	}
}

// bomb is a GiB of zeros.
func bomb(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	before := 0
	// What a MiB adds to those before it, it adds any number of times.
	for range 3 {
		before = out.Len()
		if _, err := w.Write(make([]byte, mebibyte)); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	return append(out.Bytes(), bytes.Repeat(out.Bytes()[before:], 1<<10)...)
}

func nested(arrays int) string {
	return `{"model":"fake-model","messages":` + strings.Repeat("[", arrays) + strings.Repeat("]", arrays) + "}"
}

// Requests that take more than they may are refused through the Service, each for its own reason, many at once, and no pod is restarted
// or ceases to be ready. One that kept what it refuses would go over its memory.
func TestProtectionBoundsRequests(t *testing.T) {
	s := newSpace(t)
	l := s.protects("  resources: {limits: {memory: 256Mi}}")
	service, before := l.service("main"), s.pods("main")
	l.spoken(l.says(service, "first [[fake tokens=3]]"))
	for name, attack := range oversizeds(t) {
		t.Run(name, func(t *testing.T) {
			l := l.as(t)
			q := l.saying(service, false)
			q.Body, q.Bytes = attack.body, attack.bytes
			for name, value := range attack.headers {
				q.Headers[name] = value
			}
			for i := range attack.fields {
				q.Headers[fmt.Sprintf("X-%d", i)] = "1"
			}
			var questions []load.Question
			for range attack.times {
				questions = append(questions, q)
			}
			for _, a := range l.ask(questions...) {
				l.isRefused(name, a, attack.status, attack.reason)
			}
		})
	}
	s.untouched("main", before)
	for i, pod := range s.pods("main") {
		if was, is := readySince(before[i]), readySince(pod); is == "" || is != was {
			t.Errorf("pod %s was ready since %q, and is since %q", pod.Name, was, is)
		}
	}
	for _, pod := range s.addresses("main") {
		l.spoken(l.says(pod, "last [[fake tokens=3]]"))
	}
	for _, r := range s.records() {
		if len(r.Body) > 1<<10 {
			t.Errorf("the provider was sent %d bytes", r.BodyBytes)
		}
	}
}

// readySince says since when a pod is ready; empty where it is not.
func readySince(pod corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.String()
		}
	}
	return ""
}

// A browser that asks what a page may do is answered without a key, and told no more than pages of that origin may do.
func TestProtectionAnswersPreflights(t *testing.T) {
	s := newSpace(t)
	l := s.protects("  cors: {allowOrigins: [https://app.example.com], allowMethods: [GET, POST], maxAge: 1h}")
	service := l.service("main")
	ask := func(method, origin string) load.Answer {
		return l.ask(load.Question{Method: method, URL: service + "/v1/chat/completions", Headers: map[string]string{
			"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type",
		}})[0]
	}
	own := ask(http.MethodOptions, "https://app.example.com")
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://app.example.com", "Access-Control-Allow-Methods": "GET, POST",
		"Access-Control-Allow-Headers": "authorization,content-type", "Access-Control-Max-Age": "3600",
		"Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers", "X-Content-Type-Options": "nosniff",
	} {
		if got := own.Headers.Get(name); own.Status != http.StatusNoContent || got != want {
			t.Errorf("%d, %s is %q, want %q: %s %s", own.Status, name, got, want, own.Body, own.Error)
		}
	}
	for name, a := range map[string]load.Answer{
		"a preflight of another origin": ask(http.MethodOptions, "https://evil.example.net"),
		"a refusal to another origin":   ask(http.MethodPost, "https://evil.example.net"),
	} {
		if got := a.Headers.Get("Access-Control-Allow-Origin"); a.Error != "" || got != "" {
			t.Errorf("%s: %d allows %q %s", name, a.Status, got, a.Error)
		}
	}
	// Without a key: a page may read why.
	if a := ask(http.MethodPost, "https://app.example.com"); a.Status != http.StatusUnauthorized || a.Headers.Get("Access-Control-Allow-Origin") != "https://app.example.com" {
		t.Errorf("a refusal: %d %v %s", a.Status, a.Headers, a.Error)
	}
}
