// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc/codes"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/test/fakecollector"
)

// logText is a log that may be read while it is written.
type logText struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// ask gives an exchange that ended well, of somebody known.
func ask() *exchange.Exchange {
	ex := &exchange.Exchange{Start: time.Unix(1000, 0), Operation: exchange.Chat, Model: []byte("m"), Principal: &exchange.Principal{ID: "ns/key"}}
	ex.Trace = exchange.Trace{ID: exchange.TraceID{1}, Span: NewSpan(), Sampled: true}
	ex.Provider, ex.Began, ex.Span = "ns/p", time.Unix(1000, 5), NewSpan()
	return ex
}

func at(second int64) *Ended { return &Ended{At: time.Unix(second, 0)} }

func newBook(t *testing.T) (*Book, *logText) {
	t.Helper()
	log := &logText{}
	b := NewBook(slog.New(slog.NewTextHandler(log, nil)))
	t.Cleanup(b.Close)
	return b, log
}

func mustUse(t *testing.T, b *Book, s Settings) *Tracer {
	t.Helper()
	if err := b.Use(s); err != nil {
		t.Fatal(err)
	}
	return b.Tracer()
}

func TestWhatWaitsIsSentBeforeTheEnd(t *testing.T) {
	for name, settings := range map[string]func(*fakecollector.Collector) Settings{
		"over gRPC": func(c *fakecollector.Collector) Settings { return Settings{Endpoint: c.GRPC} },
		"over HTTP": func(c *fakecollector.Collector) Settings { return Settings{Endpoint: c.HTTP, HTTP: true} },
	} {
		t.Run(name, func(t *testing.T) {
			c := fakecollector.Start(t)
			b, log := newBook(t)
			s := settings(c)
			s.Authorization = config.NewSecret("Bearer hunter2")
			tracer := mustUse(t, b, s)
			const many = 1000 // of two spans, so in several calls
			for range many {
				tracer.Request(ask(), at(1001))
			}
			b.Close()
			if n := len(c.Spans()); n != 2*many || b.Dropped() != 0 {
				t.Errorf("%d spans came and %d traces were lost, want %d and none\n%s", n, b.Dropped(), 2*many, log)
			}
			shown := c.Authorizations()
			if len(shown) < 2*many/maxBatch || shown[0] != "Bearer hunter2" {
				t.Errorf("the collector was shown %q", shown)
			}
			tracer.Request(ask(), at(1001))
			if b.Dropped() != 1 {
				t.Errorf("%d traces were lost after the end, want 1", b.Dropped())
			}
		})
	}
}

func TestSettingsThatStayKeepTheirTracer(t *testing.T) {
	b, _ := newBook(t)
	base := Settings{Endpoint: "http://127.0.0.1:1", Gateway: "ns/g", Version: "1", Authorization: config.NewSecret("a")}
	first := mustUse(t, b, base)
	again := base
	again.Authorization = config.NewSecret("a")
	if mustUse(t, b, again) != first {
		t.Error("the same settings made another tracer")
	}
	for name, edit := range map[string]func(*Settings){
		"another endpoint":      func(s *Settings) { s.Endpoint = "http://127.0.0.1:2" },
		"another protocol":      func(s *Settings) { s.HTTP = true },
		"another authorization": func(s *Settings) { s.Authorization = config.NewSecret("b") },
		"another gateway":       func(s *Settings) { s.Gateway = "ns/h" },
		"another version":       func(s *Settings) { s.Version = "2" },
	} {
		was := mustUse(t, b, base)
		changed := base
		edit(&changed)
		if mustUse(t, b, changed) == was {
			t.Errorf("%s kept the tracer", name)
		}
	}
	if mustUse(t, b, Settings{}) != nil {
		t.Error("nowhere to send, and a tracer")
	}
	if err := b.Use(Settings{Endpoint: "://"}); err == nil {
		t.Error("no URL, and no error")
	}
}

func TestACollectorThatTakesNothingCostsTracesOnly(t *testing.T) {
	for name, test := range map[string]struct {
		http bool
		want string
	}{"over gRPC": {false, "reason=PermissionDenied"}, "over HTTP": {true, `reason="HTTP status 403"`}} {
		t.Run(name, func(t *testing.T) {
			c := fakecollector.Start(t)
			c.Refuse(codes.PermissionDenied)
			b, log := newBook(t)
			s := Settings{Endpoint: c.GRPC, HTTP: test.http, Authorization: config.NewSecret("Bearer hunter2")}
			if test.http {
				s.Endpoint = c.HTTP
			}
			tracer := mustUse(t, b, s)
			tracer.Request(ask(), at(1001))
			tracer.Request(ask(), at(1001))
			b.Close()
			if b.Dropped() != 2 {
				t.Errorf("%d traces were lost, want 2", b.Dropped())
			}
			if text := log.String(); !strings.Contains(text, test.want) || strings.Contains(text, "hunter2") || strings.Contains(text, "canary") {
				t.Errorf("the log says %s, want %s", text, test.want)
			}
		})
	}
}

// A collector that takes a part says so in an answer that is a success.
func TestWhatACollectorRejectsIsCountedAndSaid(t *testing.T) {
	for name, test := range map[string]struct {
		http     bool
		rejected int64
		want     int64
		wantLog  string
	}{
		"over gRPC":               {false, 2, 2, `reason="the collector rejected spans"`},
		"over HTTP":               {true, 2, 2, `reason="the collector rejected spans"`},
		"a warning is no loss":    {false, 0, 0, ""},
		"nor is it one over HTTP": {true, 0, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := fakecollector.Start(t)
			c.Reject(test.rejected, "canary of\nthe collector")
			b, log := newBook(t)
			s := Settings{Endpoint: c.GRPC, HTTP: test.http}
			if test.http {
				s.Endpoint = c.HTTP
			}
			tracer := mustUse(t, b, s)
			for range 3 {
				tracer.Request(ask(), at(1001))
			}
			b.Close()
			if b.Dropped() != test.want {
				t.Errorf("%d traces were lost, want %d", b.Dropped(), test.want)
			}
			if text := log.String(); !strings.Contains(text, test.wantLog) || test.wantLog == "" && text != "" || strings.Contains(text, "canary") {
				t.Errorf("the log says %q, want %q", text, test.wantLog)
			}
		})
	}
}

// late is a client at whose end one more request is told of.
type late struct {
	tell func()
	sent int
}

func (l *late) Start(context.Context) error { return nil }

func (l *late) Stop(context.Context) error {
	l.tell()
	return nil
}

func (l *late) UploadTraces(context.Context, []*tracepb.ResourceSpans) error {
	l.sent++
	return nil
}

// Whoever looked before a tracer was asked to end may tell it something after it has sent all that it had.
func TestNothingIsLostUnseenWhileATracerEnds(t *testing.T) {
	b, _ := newBook(t)
	client := &late{}
	tracer := startTracer(Settings{}, client, func() {}, &b.dropped, b.log)
	client.tell = func() { tracer.queue <- sampleOf(ask(), at(1001), false) }
	tracer.Request(ask(), at(1001))
	tracer.close(t.Context())
	if client.sent != 1 || b.Dropped() != 1 {
		t.Errorf("%d were sent and %d lost, want one each", client.sent, b.Dropped())
	}
	tracer.closed.Store(false)
	tracer.Request(ask(), at(1001))
	if b.Dropped() != 2 || len(tracer.queue) != 0 {
		t.Errorf("%d were lost and %d wait for nobody, want 2 and none", b.Dropped(), len(tracer.queue))
	}
}

// stuck is a client whose calls last until they are given up.
type stuck struct{ called chan struct{} }

func (s *stuck) Start(context.Context) error { return nil }

func (s *stuck) Stop(context.Context) error { return nil }

func (s *stuck) UploadTraces(ctx context.Context, _ []*tracepb.ResourceSpans) error {
	select {
	case s.called <- struct{}{}:
	default:
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestNobodyWaitsForACollector(t *testing.T) {
	b, _ := newBook(t)
	client := &stuck{make(chan struct{}, 1)}
	tracer := startTracer(Settings{}, client, func() {}, &b.dropped, b.log)
	ended := at(1001)
	for range maxBatch {
		tracer.Request(ask(), ended)
	}
	<-client.called
	stranger := ask()
	stranger.Principal = nil
	for range 2 * maxQueued {
		tracer.Request(stranger, ended)
	}
	if n := len(tracer.queue); n != maxQueued/2 {
		t.Errorf("%d strangers wait, want half of %d", n, maxQueued)
	}
	for range 2 * maxQueued {
		tracer.Attempts(ask(), ended)
	}
	if n := len(tracer.queue); n != maxQueued {
		t.Errorf("%d wait, want %d", n, maxQueued)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	tracer.close(ctx)
	// All are lost: those that did not fit, and those that did.
	if got, want := b.Dropped(), int64(maxBatch+4*maxQueued); got != want {
		t.Errorf("%d traces were lost, want %d", got, want)
	}
}

func TestWhatAPartOfWhichWasTakenCosts(t *testing.T) {
	partial := func(text string) error { return &words{text} }
	tests := map[string]struct {
		err  error
		want int
	}{
		"nothing when all was taken":       {nil, 0},
		"all when nothing was":             {context.DeadlineExceeded, 7},
		"as many as the collector says":    {partial("OTLP partial success: full (3 spans rejected)"), 3},
		"nothing for a warning":            {partial("OTLP partial success: beware (0 spans rejected)"), 0},
		"as many whatever the words are":   {partial("OTLP partial success: (9 spans rejected)\nfull (3 spans rejected)"), 3},
		"no more than there were":          {partial("OTLP partial success: empty message (30 spans rejected)"), 7},
		"all when the number is no number": {partial("OTLP partial success: x (99999999999999999999 spans rejected)"), 7},
	}
	got, want := map[string]int{}, map[string]int{}
	for name, test := range tests {
		got[name], want[name] = lost(test.err, 7), test.want
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lost (-want +got):\n%s", diff)
	}
}

// words is an error of these words.
type words struct{ text string }

func (e *words) Error() string { return e.text }

// BenchmarkRequest is what a request that is told of costs at its end, on its own goroutine.
func BenchmarkRequest(b *testing.B) {
	tracer := &Tracer{queue: make(chan *sample, 1), dropped: &NewBook(nil).dropped}
	ex, ended := ask(), at(1001)
	b.ReportAllocs()
	for b.Loop() {
		tracer.Request(ex, ended)
		(<-tracer.queue).release()
	}
}

// BenchmarkSpans is what making the spans of a request with one attempt costs, in the background.
func BenchmarkSpans(b *testing.B) {
	s := sampleOf(ask(), at(1001), false)
	var spans []*tracepb.Span
	b.ReportAllocs()
	for b.Loop() {
		spans = s.appendSpans(spans[:0])
	}
	if len(spans) != 2 {
		b.Fatal(spans)
	}
}
