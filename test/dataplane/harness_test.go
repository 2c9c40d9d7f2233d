// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

const (
	aliceKey    = "spark-alice-0123456789abcdef0123456789abcdef"
	bobKey      = "spark-bob-0123456789abcdef0123456789abcdef00"
	providerKey = "sk-provider-secret"
)

// setup is one gateway in front of one fake provider.
type setup struct {
	t        testing.TB
	provider *fakeprovider.Server
	server   *gateway.Server
	living   *gateway.Living
	url      string
	addr     string
	client   *http.Client
	log      *logLines
	down     sync.Once
}

// logLines collects the access log.
type logLines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// line is what tests look at of the access log.
type line struct {
	ID, Key, User, Client, Method, Path, Model, Provider, Outcome, Reason, Error string
	Stream                                                                       bool
	Status, UpstreamStatus                                                       int
	BytesIn, BytesOut                                                            int64
	Usage                                                                        *struct {
		Source                                       string
		Prompt, Completion, Total, Cached, Reasoning int64
	}
}

// lines waits for n lines of the access log.
func (s *setup) lines(n int) []line {
	s.t.Helper()
	var got []line
	eventually(s.t, func() bool {
		got = nil
		for text := range strings.Lines(s.log.String()) {
			var l line
			if err := json.Unmarshal([]byte(text), &l); err != nil {
				s.t.Fatalf("access log line %q: %v", text, err)
			}
			got = append(got, l)
		}
		return len(got) >= n
	}, func() string { return fmt.Sprintf("%d lines of %d in the access log:\n%s", len(got), n, s.log) })
	return got
}

// patience bounds every wait; what is waited for comes much sooner.
const patience = time.Minute

// eventually polls until the condition holds.
func eventually(t testing.TB, ok func() bool, message func() string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, message())
		}
		<-time.After(2 * time.Millisecond)
	}
}

type option func(*options)

type options struct {
	provider fakeprovider.Options
	living   gateway.LivingOptions
	server   gateway.Options
	doc      []func(*config.Document)
}

func withDocument(change func(*config.Document)) option {
	return func(o *options) { o.doc = append(o.doc, change) }
}

func withProvider(change func(*fakeprovider.Options)) option {
	return func(o *options) { change(&o.provider) }
}

func withTimeouts(change func(*config.Timeouts)) option {
	return withDocument(func(d *config.Document) { change(&d.Core.Providers[0].Timeouts) })
}

func start(t testing.TB, opts ...option) *setup {
	t.Helper()
	o := &options{provider: fakeprovider.Options{APIKeys: []string{providerKey}}}
	for _, opt := range opts {
		opt(o)
	}
	s := &setup{t: t, provider: fakeprovider.New(o.provider), log: &logLines{}}
	if err := s.provider.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.provider.Close() })
	s.living = gateway.NewLiving(o.living)
	o.server.Living, o.server.AccessLog = s.living, s.log
	s.server = gateway.NewServer(o.server)
	s.apply(o.doc...)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.server.Serve(ln) }()
	s.addr, s.url = ln.Addr().String(), "http://"+ln.Addr().String()
	s.client = newClient(nil)
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		s.shutdown()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s
}

func newClient(config *tls.Config) *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: config, MaxIdleConnsPerHost: 100, DisableCompression: true,
	}}
}

// shutdown ends the gateway, once.
func (s *setup) shutdown() {
	s.down.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		_ = s.server.Shutdown(ctx)
		s.living.Close()
	})
}

// Most tests are about one attempt, whatever becomes of it.
var (
	patient = config.Breaker{
		ConsecutiveFailures: 10_000, FailurePercent: 100, MinRequests: 1_000_000, Window: config.Duration(time.Minute),
		OpenFor: config.Duration(time.Second), Probes: 1,
	}
	once = config.Retry{Attempts: 1, Backoff: config.Duration(time.Millisecond), MaxBackoff: config.Duration(time.Second)}
)

// document is a small gateway: the fake provider under the name "fake", two keys without limits.
func (s *setup) document() *config.Document {
	return &config.Document{
		Core: config.Core{
			Schema: config.Schema,
			Gateway: config.Gateway{
				ID: "default/main", MaxBodyBytes: 10 << 20, MaxHeaderBytes: 16 << 10,
				BodyTimeout: config.Duration(10 * time.Second), MaxConnections: 1000,
				DrainTimeout: config.Duration(10 * time.Second), AccessLog: true,
				Headers: []config.Header{{Name: "X-Content-Type-Options", Value: "nosniff"}},
			},
			Providers: []config.Provider{{
				ID: "default/fake", Name: "fake", Type: config.OpenAI, Endpoint: s.provider.URL() + "/v1",
				Credential: "fake", AnyModel: true,
				Timeouts: config.Timeouts{
					Connect: config.Duration(20 * time.Second), FirstToken: config.Duration(20 * time.Second),
					BetweenTokens: config.Duration(20 * time.Second), Total: config.Duration(time.Minute),
				},
				Breaker: patient, Retry: once, Quota: config.Quota{QueueTimeout: config.Duration(time.Second)},
			}},
		},
		Secrets: map[string]config.Secret{"fake": config.NewSecret(providerKey)},
		Keys: []config.Key{
			{ID: "default/alice", User: "alice", Digest: config.DigestKey(aliceKey)},
			{ID: "default/bob", User: "bob", Digest: config.DigestKey(bobKey)},
		},
	}
}

// apply configures the gateway with the document, changed.
func (s *setup) apply(changes ...func(*config.Document)) {
	s.t.Helper()
	doc := s.document()
	for _, change := range changes {
		change(doc)
	}
	if err := doc.Validate(); err != nil {
		s.t.Fatal(err)
	}
	if err := s.server.Apply(doc); err != nil {
		s.t.Fatal(err)
	}
}

// chatBody is a small request; steer is put into the message for the fake provider.
func chatBody(model, steer string, stream bool) string {
	body := fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"hello [[fake %s]]"}]`, model, steer)
	if stream {
		body += `,"stream":true`
	}
	return body + "}"
}

func (s *setup) request(method, path, body string) *http.Request {
	s.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, r)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+aliceKey)
	req.Header.Set("Content-Type", "application/json")
	return req
}

// answer is a response read whole; err is what reading the body gave.
type answer struct {
	*http.Response
	body string
	err  error
}

func (s *setup) do(req *http.Request) answer {
	s.t.Helper()
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", req.Method, req.URL.Path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return answer{resp, string(body), err}
}

func (s *setup) chat(steer string, stream bool) answer {
	s.t.Helper()
	return s.do(s.request("POST", "/v1/chat/completions", chatBody("gpt-4o", steer, stream)))
}

// record waits for the fake provider's only record in one of the states.
func (s *setup) record(state fakeprovider.State) fakeprovider.Record {
	s.t.Helper()
	var found []fakeprovider.Record
	eventually(s.t, func() bool {
		found = found[:0]
		for _, r := range s.provider.Records() {
			if r.State == state {
				found = append(found, r)
			}
		}
		return len(found) == 1
	}, func() string { return fmt.Sprintf("records %+v", s.provider.Records()) })
	return found[0]
}

type chatAnswer struct {
	Choices []struct {
		Message, Delta struct{ Content string }
	}
	Usage *struct {
		PromptTokens     int64 `json:"prompt_tokens"`
		CompletionTokens int64 `json:"completion_tokens"`
		TotalTokens      int64 `json:"total_tokens"`
	}
	Error *struct{ Message, Type, Param, Code string }
}

func decode(t testing.TB, body string) chatAnswer {
	t.Helper()
	var a chatAnswer
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	return a
}

// events cuts a stream of single-line events.
func events(stream string) []string {
	var data []string
	for block := range strings.SplitSeq(strings.ReplaceAll(stream, "\r\n", "\n"), "\n\n") {
		if after, ok := strings.CutPrefix(block, "data: "); ok {
			data = append(data, after)
		}
	}
	return data
}
