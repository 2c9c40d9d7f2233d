// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sparkgateway/spark/gateway/config"
)

// clock is a time that moves when told.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// served is a server on a loopback port.
type served struct {
	t testing.TB
	*Server
	address string
	log     lockedBuffer // the access log
	errors  lockedBuffer // the operator's log
	clock   *clock
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func serve(t testing.TB, doc *config.Document) *served {
	t.Helper()
	s := &served{t: t, clock: &clock{now: time.Now()}}
	living := NewLiving(LivingOptions{Now: s.clock.Now})
	s.Server = NewServer(Options{
		Living: living, AccessLog: &s.log, Logger: slog.New(slog.NewTextHandler(&s.errors, nil)),
	})
	if err := s.Apply(doc); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = ln.Addr().String()
	go func() { _ = s.Serve(ln) }()
	t.Cleanup(func() {
		s.stop()
		living.Close()
	})
	return s
}

func (s *served) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if !s.draining.Load() {
		_ = s.Shutdown(ctx)
	}
}

func (s *served) dial() net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// send writes a request on a connection of its own and reads the answer.
func (s *served) send(request []byte) (*http.Response, string) {
	s.t.Helper()
	c := s.dial()
	if _, err := c.Write(request); err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(body)
}

func within(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func TestAPanicIsOneRequests500(t *testing.T) {
	s := serve(t, fullPolicy(cannedProvider(t, wholeAnswer(10))))
	good := s.snapshot.Load()
	bad := *good
	bad.rules = &rules{doc: &config.Document{}} // looking up the key's limits panics
	s.snapshot.Store(&bad)
	resp, body := s.send(chatOf(100, false))
	if resp.StatusCode != 500 || !resp.Close || resp.Header.Get("X-Spark-Reason") != "internal_error" ||
		strings.Contains(body, "index out of range") || !strings.Contains(body, `"error"`) {
		t.Errorf("status %d, close %t, body %s", resp.StatusCode, resp.Close, body)
	}
	s.snapshot.Store(good)
	if resp, _ := s.send(chatOf(100, false)); resp.StatusCode != 200 {
		t.Errorf("the request after it: status %d", resp.StatusCode)
	}
	within(t, "nothing in flight", func() bool { return s.InFlight() == 0 })
	s.accessLog.Flush()
	if !strings.Contains(s.log.String(), `"outcome":"internal"`) || !strings.Contains(s.errors.String(), "index out of range") {
		t.Errorf("access log %s, log %s", s.log.String(), s.errors.String())
	}
}

func TestLimitsFollowTheClock(t *testing.T) {
	doc := fullPolicy(cannedProvider(t, wholeAnswer(10)))
	doc.Keys[0].Limits.Requests = []config.RequestLimit{{Count: 1, Per: config.Duration(time.Minute), Burst: 1}}
	s := serve(t, doc)
	for i, step := range []struct {
		after time.Duration
		want  int
		retry string
	}{{0, 200, ""}, {0, 429, "60"}, {59 * time.Second, 429, "1"}, {time.Second, 200, ""}, {0, 429, "60"}} {
		s.clock.advance(step.after)
		resp, _ := s.send(chatOf(100, false))
		if resp.StatusCode != step.want || resp.Header.Get("Retry-After") != step.retry {
			t.Errorf("step %d: status %d, retry-after %q", i, resp.StatusCode, resp.Header.Get("Retry-After"))
		}
	}
	const want = "# HELP spark_limit_refusals_total Requests refused by a limit or budget, by whom it holds for and what it counts.\n" +
		"# TYPE spark_limit_refusals_total counter\n" + `spark_limit_refusals_total{dimension="requests",scope="key"} 3` + "\n"
	if err := testutil.GatherAndCompare(s.Registry(), strings.NewReader(want), "spark_limit_refusals_total"); err != nil {
		t.Error(err)
	}
}

func TestConnectionsWithoutARequestAreNotCounted(t *testing.T) {
	s := serve(t, fullPolicy("127.0.0.1:1"))
	silent := s.dial()
	within(t, "the connection is open", func() bool { return testutil.ToFloat64(s.living.metrics.Connections) == 1 })
	_ = silent.Close()
	reset := s.dial()
	_ = reset.(*net.TCPConn).SetLinger(0)
	_ = reset.Close()
	half := s.dial()
	_, _ = io.WriteString(half, "GET /v1/mod")
	_ = half.(*net.TCPConn).CloseWrite()
	_, _ = io.ReadAll(half)
	within(t, "no connection is open", func() bool { return testutil.ToFloat64(s.living.metrics.Connections) == 0 })
	s.accessLog.Flush()
	if got := s.log.String(); strings.Count(got, "\n") > 1 || strings.Contains(got, "\n") && !strings.Contains(got, "malformed_request") {
		t.Errorf("access log: %s", got)
	}
}

func TestAHeaderThatDoesNotEndIsATimeout(t *testing.T) {
	s := &served{t: t, clock: &clock{now: time.Now()}}
	s.Server = NewServer(Options{AccessLog: &s.log})
	s.http.ReadTimeout = 50 * time.Millisecond
	if err := s.Apply(fullPolicy("127.0.0.1:1")); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = ln.Addr().String()
	go func() { _ = s.Serve(ln) }()
	t.Cleanup(s.stop)
	resp, body := s.send([]byte("GET /v1/models HTTP/1.1\r\nHost: x\r\nX-Slow: "))
	if resp.StatusCode != 408 || !resp.Close || resp.Header.Get("X-Spark-Reason") != "header_timeout" {
		t.Errorf("status %d: %s", resp.StatusCode, body)
	}
}

func TestTheAccessLogIsTheDocumentsChoice(t *testing.T) {
	doc := fullPolicy(cannedProvider(t, wholeAnswer(10)))
	doc.Core.Gateway.AccessLog = false
	s := serve(t, doc)
	s.send(chatOf(100, false))
	s.accessLog.Flush()
	if got := s.log.String(); got != "" {
		t.Errorf("logged %s", got)
	}
}

func TestAConfiguredModelsBoundOnOutputHolds(t *testing.T) {
	doc := fullPolicy(cannedProvider(t, wholeAnswer(10)))
	doc.Core.Models[0].MaxOutputTokens = 100
	s := serve(t, doc)
	for tokens, want := range map[int]int{100: 200, 101: 400} {
		body := fmt.Sprintf(`{"model":"m","messages":[],"max_tokens":%d}`, tokens)
		resp, answer := s.send(fmt.Appendf(nil, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
			"Content-Length: %d\r\n\r\n%s", benchKey, len(body), body))
		if resp.StatusCode != want || want == 400 && !strings.Contains(answer, `"param":"max_tokens"`) {
			t.Errorf("%d tokens: status %d: %s", tokens, resp.StatusCode, answer)
		}
	}
}

func TestHasField(t *testing.T) {
	tests := map[string]struct {
		raw  string
		want bool
	}{
		"in lower case":           {"content-length: 5\r\n\r\n", true},
		"in any case":             {"Host: x\r\nCONTENT-Length:5\r\n\r\n", true},
		"with line feeds alone":   {"Host: x\nContent-Length: 5\n\n", true},
		"the last without an end": {"Host: x\r\nContent-Length: 5", true},
		"in a value":              {"X: content-length: 5\r\n\r\n", false},
		"as the end of a name":    {"X-Content-Length: 5\r\n\r\n", false},
		"as the beginning of one": {"Content-Length-X: 5\r\n\r\n", false},
		"nothing":                 {"", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := hasField([]byte(tc.raw), "content-length"); got != tc.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

// counted is a call that knows whether it may still be cancelled.
type counted struct {
	t         *testing.T
	over      atomic.Bool
	cancelled atomic.Int64
}

func (c *counted) Cancel() {
	if c.over.Load() {
		c.t.Error("cancelled after it was detached: its connection may be another request's by now")
	}
	c.cancelled.Add(1)
}

func TestACallIsNeverCancelledAfterItIsDetached(t *testing.T) {
	for range 2000 {
		c := &clientConn{}
		call := &counted{t: t}
		left := make(chan struct{})
		go func() {
			c.leave()
			close(left)
		}()
		attached := c.Attach(call)
		c.Detach()
		call.over.Store(true)
		<-left
		if !attached && call.cancelled.Load() > 0 {
			t.Error("cancelled although it was never attached")
		}
		if c.Attach(call) {
			t.Error("attached after the client had left")
		}
	}
}

func TestLeavingAndDrainingCancelWhatIsAttached(t *testing.T) {
	for name, tc := range map[string]struct {
		breakOff func(*clientConn)
		draining bool
	}{
		"leaving":  {(*clientConn).leave, false},
		"draining": {(*clientConn).drain, true},
		"a client that leaves while draining has left": {func(c *clientConn) { c.leave(); c.drain() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			c, call := &clientConn{}, &counted{t: t}
			if !c.Attach(call) {
				t.Fatal("not attached")
			}
			tc.breakOff(c)
			if call.cancelled.Load() == 0 || c.Draining() != tc.draining {
				t.Errorf("cancelled %d times, draining %t", call.cancelled.Load(), c.Draining())
			}
		})
	}
}

func TestIsTimeout(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"a deadline":        {os.ErrDeadlineExceeded, true},
		"a wrapped one":     {fmt.Errorf("reading: %w", os.ErrDeadlineExceeded), true},
		"the end of a file": {io.EOF, false},
		"something else":    {errors.New("timeout"), false},
	} {
		if got := isTimeout(tc.err); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestBuildRefusesWhatItCannotServe(t *testing.T) {
	tests := map[string]struct {
		change func(*config.Document)
		want   string
	}{
		"a certificate without its key": {
			func(d *config.Document) { d.Core.Gateway.TLS = &config.ServerTLS{Certificate: "x", Key: "p"} }, "gateway.tls",
		},
		"a credential that is no header value": {
			func(d *config.Document) { d.Secrets["p"] = config.NewSecret("a b") }, "providers[0].credential",
		},
		"an authority that is none": {
			func(d *config.Document) {
				d.Core.Providers[0].Endpoint, d.Core.Providers[0].CA = "https://x.example", "nonsense"
			}, "providers[0].ca",
		},
		"two open providers of one name": {
			func(d *config.Document) {
				d.Core.Providers[0].AnyModel = true
				other := d.Core.Providers[0]
				other.ID = "other/p"
				d.Core.Providers = append(d.Core.Providers, other)
			}, "providers[1].name",
		},
	}
	living := NewLiving(LivingOptions{})
	defer living.Close()
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			doc := fullPolicy("127.0.0.1:1")
			tc.change(doc)
			_, err := Build(doc, living)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "a b") {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
