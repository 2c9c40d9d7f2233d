// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// metric gives the sum of a metric over its labels; histograms count.
func (s *setup) metric(name string, labels ...string) float64 {
	s.t.Helper()
	families, err := s.server.Registry().Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			text := m.String()
			matches := true
			for _, label := range labels {
				matches = matches && strings.Contains(text, fmt.Sprintf("value:%q", label))
			}
			if matches {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

func readResponse(t testing.TB, c net.Conn) answer {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	return answer{resp, string(body), err}
}

func TestMethodsAndPaths(t *testing.T) {
	tests := map[string]struct {
		method, path string
		want         int
		wantCode     string
		wantAllow    string
	}{
		"a chat by GET":           {method: "GET", path: "/v1/chat/completions", want: 405, wantCode: "method_not_allowed", wantAllow: "POST, OPTIONS"},
		"models by POST":          {method: "POST", path: "/v1/models", want: 405, wantCode: "method_not_allowed", wantAllow: "GET, HEAD, OPTIONS"},
		"models by DELETE":        {method: "DELETE", path: "/v1/models/gpt-4o", want: 405, wantCode: "method_not_allowed", wantAllow: "GET, HEAD, OPTIONS"},
		"another path":            {method: "POST", path: "/v1/nothing", want: 404, wantCode: "unknown_url"},
		"the root":                {method: "GET", path: "/", want: 404, wantCode: "unknown_url"},
		"a path with another end": {method: "POST", path: "/v1/chat/completions/x", want: 404, wantCode: "unknown_url"},
		"a path in another case":  {method: "POST", path: "/V1/chat/completions", want: 404, wantCode: "unknown_url"},
		"options of a chat":       {method: "OPTIONS", path: "/v1/chat/completions", want: 204, wantAllow: "POST, OPTIONS"},
		"options of another path": {method: "OPTIONS", path: "/x", want: 404, wantCode: "unknown_url"},
		"models by HEAD":          {method: "HEAD", path: "/v1/models", want: 200},
		"models with a query":     {method: "GET", path: "/v1/models?limit=2", want: 200},
		"a model that is listed":  {method: "GET", path: "/v1/models/gpt-4o", want: 200},
		"a model that is not":     {method: "GET", path: "/v1/models/nope", want: 404, wantCode: "model_not_found"},
	}
	s := start(t)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := s.do(s.request(tc.method, tc.path, ""))
			if got.StatusCode != tc.want || got.Header.Get("Allow") != tc.wantAllow {
				t.Errorf("status %d, allow %q: %s", got.StatusCode, got.Header.Get("Allow"), got.body)
			}
			if tc.wantCode != "" {
				if a := decode(t, got.body); a.Error == nil || a.Error.Code != tc.wantCode {
					t.Errorf("body %s", got.body)
				}
			}
			if tc.want == 204 && got.body != "" || tc.method == "HEAD" && got.body != "" {
				t.Errorf("a body: %q", got.body)
			}
		})
	}
}

func TestWhatIsNotARequestIsRefused(t *testing.T) {
	const auth = "Authorization: Bearer " + aliceKey + "\r\n"
	body := chatBody("gpt-4o", "tokens=1", false)
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	tests := map[string]struct {
		send string
		want int
	}{
		"both framings": {
			send: "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n" + auth + length + "Transfer-Encoding: chunked\r\n\r\n" + chunked, want: 400,
		},
		"both framings, in another order and case": {
			send: "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n" + auth + "transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n" + chunked, want: 400,
		},
		"two lengths that differ": {
			send: "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n" + auth + length + "Content-Length: 1\r\n\r\n" + body, want: 400,
		},
		"two lengths that are equal": {
			send: "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n" + auth + length + length + "\r\n" + body, want: 400,
		},
		"a length that is none": {
			send: "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n" + auth + "Content-Length: +5\r\n\r\nhello", want: 400,
		},
		"an unknown transfer coding": {
			send: "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n" + auth + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunked, want: 400,
		},
		"a space before the colon": {
			send: "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n" + auth + "Content-Length : 5\r\n\r\nhello", want: 400,
		},
		"chunks that are broken": {
			send: "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", want: 400,
		},
		"no host":            {send: "GET /v1/models HTTP/1.1\r\n" + auth + "\r\n", want: 400},
		"noise":              {send: "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", want: 400},
		"a header too large": {send: "GET /v1/models HTTP/1.1\r\nHost: x\r\nX-Big: " + strings.Repeat("x", 40<<10) + "\r\n\r\n", want: 431},
		"a header above the live bound": {
			send: "GET /v1/models HTTP/1.1\r\nHost: x\r\n" + auth + "X-Big: " + strings.Repeat("x", 17<<10) + "\r\n\r\n", want: 431,
		},
		"a body in a coding that nobody reads": {
			send: "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n" + auth + "Content-Encoding: compress\r\n" + length + "\r\n" + body, want: 415,
		},
		"a body that is not in its coding": {
			send: "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n" + auth + "Content-Encoding: gzip\r\n" + length + "\r\n" + body, want: 400,
		},
		"a chunked body is a request": {
			send: "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\n" + chunked, want: 200,
		},
		"a stream over HTTP/1.0": {
			send: "POST /v1/chat/completions HTTP/1.0\r\n" + auth + fmt.Sprintf("Content-Length: %d\r\n\r\n%s",
				len(chatBody("gpt-4o", "", true)), chatBody("gpt-4o", "", true)), want: 400,
		},
		"a chat over HTTP/1.0": {send: "POST /v1/chat/completions HTTP/1.0\r\n" + auth + length + "\r\n" + body, want: 200},
	}
	s := start(t)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := s.dial()
			if _, err := io.WriteString(c, tc.send); err != nil {
				t.Fatal(err)
			}
			got := readResponse(t, c)
			if got.StatusCode != tc.want {
				t.Fatalf("status %d: %s", got.StatusCode, got.body)
			}
			if got.Header.Get("X-Request-Id") == "" || got.Header.Get("X-Content-Type-Options") == "" {
				t.Errorf("header %v", got.Header)
			}
			if tc.want >= 400 && decode(t, got.body).Error == nil {
				t.Errorf("body %s", got.body)
			}
			if (tc.want == 400 || tc.want == 431) && !strings.Contains(name, "HTTP/1.0") && !got.Close {
				t.Error("the connection may be used on, although its framing is in doubt")
			}
		})
	}
}

func TestABodyIsBoundedInSizeAndTime(t *testing.T) {
	bounded := withDocument(func(d *config.Document) {
		d.Core.Gateway.MaxBodyBytes = 1000
		d.Core.Gateway.BodyTimeout = config.Duration(200 * time.Millisecond)
	})
	head := "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + aliceKey + "\r\n"
	big := strings.Repeat("x", 1001)
	tests := map[string]struct {
		send       string
		want       int
		wantReason string
	}{
		"announced too large":                {send: head + "Content-Length: 1001\r\n\r\n" + big, want: 413, wantReason: "body_too_large"},
		"announced enormous and not sent":    {send: head + "Content-Length: 99999999999\r\n\r\n{", want: 413, wantReason: "body_too_large"},
		"too large in chunks":                {send: head + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + big + "\r\n0\r\n\r\n", want: 413, wantReason: "body_too_large"},
		"too large in chunks that never end": {send: head + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + big, want: 413, wantReason: "body_too_large"},
		"stopped within a known length":      {send: head + "Content-Length: 100\r\n\r\n{\"model\"", want: 408, wantReason: "body_timeout"},
		"stopped within a chunk":             {send: head + "Transfer-Encoding: chunked\r\n\r\n64\r\n{\"model\"", want: 408, wantReason: "body_timeout"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := start(t, bounded)
			c := s.dial()
			if _, err := io.WriteString(c, tc.send); err != nil {
				t.Fatal(err)
			}
			got := readResponse(t, c)
			if got.StatusCode != tc.want || got.Header.Get("X-Spark-Reason") != tc.wantReason || !got.Close {
				t.Errorf("status %d, reason %q, close %t", got.StatusCode, got.Header.Get("X-Spark-Reason"), got.Close)
			}
			if n := len(s.provider.Records()); n != 0 {
				t.Errorf("the provider got %d requests", n)
			}
		})
	}
	t.Run("of exactly the bound", func(t *testing.T) {
		s := start(t, bounded)
		body := chatBody("gpt-4o", "tokens=1", false)
		body += strings.Repeat(" ", 1000-len(body))
		if got := s.do(s.request("POST", "/v1/chat/completions", body)); got.StatusCode != 200 {
			t.Errorf("status %d: %s", got.StatusCode, got.body)
		}
	})
}

func TestABodyThatEndsEarlyIsNotARequest(t *testing.T) {
	whole := chatBody("gpt-4o", "tokens=1", false)
	certificate := selfSigned(t)
	for name, send := range map[string]string{
		"of known length": strings.Replace(rawRequest(whole+" "), whole+" ", whole, 1),
		"in chunks": "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + aliceKey +
			"\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n", len(whole), whole),
	} {
		for _, overTLS := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, TLS %t", name, overTLS), func(t *testing.T) {
				s := start(t, withDocument(func(d *config.Document) {
					if overTLS {
						certificate.use(d)
					}
				}))
				c := s.dial()
				var end interface{ CloseWrite() error } = c.(*net.TCPConn)
				if overTLS {
					secure := tls.Client(c, certificate.client())
					c, end = secure, secure
				}
				if _, err := io.WriteString(c, send); err != nil {
					t.Fatal(err)
				}
				_ = end.CloseWrite()
				if l := s.lines(1)[0]; l.Outcome != "client_gone" || l.Usage != nil {
					t.Errorf("access log %+v", l)
				}
				if n := len(s.provider.Records()); n != 0 {
					t.Errorf("the provider got %d requests", n)
				}
			})
		}
	}
}

func TestALargeBodyAndAnswerGoThroughWhole(t *testing.T) {
	s := start(t)
	text := strings.Repeat("a long prompt \\u00e9 ", 200_000) // 4 MB
	body := `{"messages":[{"role":"user","content":"` + text + `"},{"role":"user","content":"[[fake tokens=40000]]"}],"model":"gpt-4o"}`
	got := s.do(s.request("POST", "/v1/chat/completions", body))
	if got.StatusCode != 200 || got.err != nil || decode(t, got.body).Usage.CompletionTokens != 40000 {
		t.Fatalf("status %d, error %v, %d bytes", got.StatusCode, got.err, len(got.body))
	}
	if l := s.lines(1)[0]; l.BytesIn != int64(len(body)) || l.BytesOut != int64(len(got.body)) {
		t.Errorf("bytes in %d of %d, out %d of %d", l.BytesIn, len(body), l.BytesOut, len(got.body))
	}
	if r := s.provider.Records()[0]; r.BodyBytes != len(body) {
		t.Errorf("the provider got %d bytes of %d", r.BodyBytes, len(body))
	}
}

func TestExpectContinueIsAnsweredAfterAuthentication(t *testing.T) {
	body := chatBody("gpt-4o", "tokens=1", false)
	head := func(key string, length int) string {
		return fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nExpect: 100-continue\r\n"+
			"Content-Length: %d\r\n\r\n", key, length)
	}
	t.Run("a known key is told to go on, and counts once", func(t *testing.T) {
		s := start(t, withDocument(func(d *config.Document) { d.Keys[0].Limits.Requests = limits(1, 1, time.Hour) }))
		c := s.dial()
		_, _ = io.WriteString(c, head(aliceKey, len(body)))
		r := bufio.NewReader(c)
		if text, err := r.ReadString('\n'); err != nil || !strings.Contains(text, "100 Continue") {
			t.Fatalf("%q, %v", text, err)
		}
		_, _ = r.ReadString('\n')
		_, _ = io.WriteString(c, body)
		resp, err := http.ReadResponse(r, nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%v, %v", resp, err)
		}
		s.lines(1)
		eventually(t, func() bool { return s.server.InFlight() == 0 }, func() string { return "in flight" })
	})
	t.Run("an unknown key is refused without its body", func(t *testing.T) {
		s := start(t)
		c := s.dial()
		_, _ = io.WriteString(c, head("nobody", len(body)))
		if got := readResponse(t, c); got.StatusCode != 401 || !got.Close || decode(t, got.body).Error == nil {
			t.Errorf("status %d: %s", got.StatusCode, got.body)
		}
		s.lines(1)
	})
	t.Run("a body that is too large is refused before it comes", func(t *testing.T) {
		s := start(t)
		c := s.dial()
		_, _ = io.WriteString(c, head(aliceKey, 1<<30))
		if got := readResponse(t, c); got.StatusCode != 413 || !got.Close {
			t.Errorf("status %d: %s", got.StatusCode, got.body)
		}
	})
	t.Run("a client that leaves instead is counted out", func(t *testing.T) {
		s := start(t)
		c := s.dial()
		_, _ = io.WriteString(c, head(aliceKey, len(body)))
		if _, err := c.Read(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		s.lines(1)
		eventually(t, func() bool { return s.server.InFlight() == 0 }, func() string { return "in flight" })
	})
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	s := start(t)
	c := s.dial()
	var send string
	for _, tokens := range []int{3, 1, 2} {
		send += rawRequest(chatBody("gpt-4o", fmt.Sprintf("tokens=%d", tokens), false))
	}
	if _, err := io.WriteString(c, send); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	for _, want := range []int64{3, 1, 2} {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		if got := decode(t, string(body)).Usage.CompletionTokens; got != want {
			t.Errorf("%d tokens, want %d", got, want)
		}
	}
}
