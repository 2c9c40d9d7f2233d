// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

func client(t testing.TB, o ClientOptions) *Client {
	t.Helper()
	if o.Connections == 0 {
		o.Connections = 10
	}
	if o.Dialect == "" {
		o.Dialect = OpenAI
	}
	c, err := NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func provider(t testing.TB, o fakeprovider.Options) string {
	t.Helper()
	s := fakeprovider.New(o)
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.URL()
}

func mix(d Dialect, model string, stream float64) Mix {
	return Mix{Dialect: d, Model: model, StreamPercent: stream, Prompts: Sizes{kind: "fixed", a: 20}, MaxTokens: 17, Seed: 3}
}

// Every dialect is asked of a provider that refuses what the real one refuses.
func TestEveryDialectIsSpoken(t *testing.T) {
	base := provider(t, fakeprovider.Options{APIKeys: []string{"secret"}})
	models := map[Dialect]string{OpenAI: "gpt-4o", Responses: "gpt-4o", Anthropic: "claude-sonnet-4-5", Gemini: "gemini-2.5-flash"}
	for _, d := range Dialects {
		for name, stream := range map[string]float64{"whole": 0, "streamed": 100} {
			t.Run(string(d)+" "+name, func(t *testing.T) {
				tokens := 0
				m := mix(d, models[d], stream)
				a := client(t, ClientOptions{URL: base, Keys: []string{"secret"}, Dialect: d}).
					Send(t.Context(), newMaker(m).make(0), func() { tokens++ })
				if a.Failure != "" {
					t.Fatalf("it failed: %s", a.Failure)
				}
				if a.Output != 17 || a.Input < 20 || a.Input > 30 || a.Received == 0 || a.Sent == 0 {
					t.Errorf("%+v, want 17 tokens of output and a few more than 20 of input", a)
				}
				if (stream == 100) != (tokens == 17) || stream == 0 && tokens > 0 {
					t.Errorf("%d events had content", tokens)
				}
				wrong := client(t, ClientOptions{URL: base, Keys: []string{"other"}, Dialect: d}).Send(t.Context(), newMaker(m).make(0), func() {})
				if !strings.HasPrefix(string(wrong.Failure), "status_4") {
					t.Errorf("a wrong key gives %q", wrong.Failure)
				}
			})
		}
	}
}

func TestEveryWayToFailIsToldApart(t *testing.T) {
	base := provider(t, fakeprovider.Options{})
	for name, c := range map[string]struct {
		model  string
		stream float64
		want   Kind
	}{
		"it goes well":                      {"gpt-4o", 0, ""},
		"it goes well in a stream":          {"gpt-4o", 100, ""},
		"a status":                          {"gpt-4o+fault=status:503", 0, "status_503"},
		"a status instead of a stream":      {"gpt-4o+fault=status:429", 100, "status_429"},
		"silence":                           {"gpt-4o+fault=hang", 0, KindTimeout},
		"silence in the middle of a stream": {"gpt-4o+fault=stall", 100, KindTimeoutInAnswer},
		"silence in the middle of a body":   {"gpt-4o+fault=stall-body", 0, KindTimeoutInAnswer},
		"closed before the answer":          {"gpt-4o+fault=close-before-headers", 0, KindConnection},
		"reset before the answer":           {"gpt-4o+fault=reset-before-headers", 100, KindConnection},
		"an error after status 200":         {"gpt-4o+fault=error-event", 100, KindErrorEvent},
		"a stream that is reset":            {"gpt-4o+fault=reset-mid-stream", 100, KindBrokenStream},
		"a stream that ends too early":      {"gpt-4o+fault=truncate-stream", 100, KindBrokenStream},
		"a stream without its last word":    {"gpt-4o+fault=no-done", 100, KindBrokenStream},
		"garbage in a stream":               {"gpt-4o+fault=garbage-event", 100, KindInvalid},
		"a web page":                        {"gpt-4o+fault=html", 0, KindInvalid},
		"a body that is cut off":            {"gpt-4o+fault=truncate-body", 0, KindBrokenBody},
		"a body that is reset":              {"gpt-4o+fault=reset-mid-body", 0, KindBrokenBody},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			got := client(t, ClientOptions{URL: base}).Send(ctx, newMaker(mix(OpenAI, c.model, c.stream)).make(0), func() {})
			kind, _, _ := strings.Cut(string(got.Failure), " ")
			if Kind(kind) != c.want {
				t.Errorf("it is %q, want %q", got.Failure, c.want)
			}
		})
	}
}

func TestConnectionsThatDoNotComeAboutAreToldApart(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	for name, base := range map[string]string{
		"nobody listens": "http://" + gone.Addr().String(), "a certificate of nobody": secure.URL,
	} {
		t.Run(name, func(t *testing.T) {
			if got := client(t, ClientOptions{URL: base}).Send(t.Context(), newMaker(mix(OpenAI, "m", 0)).make(0), func() {}); got.Failure != KindConnect {
				t.Errorf("it is %q", got.Failure)
			}
		})
	}
}

func TestARequestThatIsTakenAwayIsNoFailure(t *testing.T) {
	base := provider(t, fakeprovider.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	first := sync.OnceFunc(cancel)
	got := client(t, ClientOptions{URL: base}).Send(ctx, newMaker(mix(OpenAI, "gpt-4o+delay=50ms", 100)).make(0), first)
	if got.Failure != kindCut {
		t.Errorf("it is %q", got.Failure)
	}
}

// answering serves what a handler writes.
func answering(t *testing.T, status int, header http.Header, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestTheGatewaysOwnReasonIsPartOfTheKind(t *testing.T) {
	for name, c := range map[string]struct{ reason, want string }{
		"a reason":           {"request_limit", "status_429 request_limit"},
		"none":               {"", "status_429"},
		"one that is no one": {"<script>alert(1)</script>", "status_429 scriptalert1script"},
		"one without end":    {strings.Repeat("x", 5000), "status_429 " + strings.Repeat("x", 48)},
	} {
		t.Run(name, func(t *testing.T) {
			base := answering(t, 429, http.Header{"X-Spark-Reason": {c.reason}}, "{}")
			got := client(t, ClientOptions{URL: base}).Send(t.Context(), newMaker(mix(OpenAI, "m", 0)).make(0), func() {})
			if string(got.Failure) != c.want {
				t.Errorf("it is %q, want %q", got.Failure, c.want)
			}
		})
	}
}

func TestAnswersOfStatus200AreRead(t *testing.T) {
	stream := http.Header{"Content-Type": {"text/event-stream"}}
	for name, c := range map[string]struct {
		dialect Dialect
		stream  bool
		body    string
		want    Kind
	}{
		"no JSON":                            {OpenAI, false, "<html>", KindInvalid},
		"an error of status 200":             {OpenAI, false, `{"error":{"message":"m","code":"Overloaded"}}`, "error_event overloaded"},
		"an error without words":             {OpenAI, true, "data: {\"error\":{\"code\":500}}\n\n", KindErrorEvent},
		"an error of null is none":           {OpenAI, true, "data: {\"error\":null}\n\ndata: [DONE]\n\n", ""},
		"an error before the last word":      {OpenAI, true, "data: {\"error\":{\"type\":\"server_error\"}}\n\ndata: [DONE]\n\n", "error_event server_error"},
		"an empty stream":                    {OpenAI, true, "", KindBrokenStream},
		"comments only":                      {OpenAI, true, ": wait\n\n: wait\n\n", KindBrokenStream},
		"Anthropic's error":                  {Anthropic, true, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n", "error_event overloaded_error"},
		"Anthropic's stop":                   {Anthropic, true, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", ""},
		"a response that failed":             {Responses, true, "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_error\"}}}\n\n", "error_event server_error"},
		"a response's error event":           {Responses, true, "data: {\"type\":\"error\",\"code\":\"upstream_reset\"}\n\n", "error_event upstream_reset"},
		"a response that is cut by a bound":  {Responses, true, "data: {\"type\":\"response.incomplete\",\"response\":{}}\n\n", ""},
		"Gemini's error":                     {Gemini, true, "data: {\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}\n\n", "error_event unavailable"},
		"Gemini's stream without an end":     {Gemini, true, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n\n", KindBrokenStream},
		"a prompt that Gemini does not take": {Gemini, true, "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			header, percent := http.Header(nil), 0.0
			if c.stream {
				header, percent = stream, 100
			}
			got := client(t, ClientOptions{URL: answering(t, 200, header, c.body), Dialect: c.dialect}).
				Send(t.Context(), newMaker(mix(c.dialect, "m", percent)).make(0), func() {})
			if got.Failure != c.want {
				t.Errorf("it is %q, want %q", got.Failure, c.want)
			}
		})
	}
	if got := client(t, ClientOptions{URL: answering(t, 200, nil, "{}")}).Send(t.Context(), newMaker(mix(OpenAI, "m", 100)).make(0), func() {}); got.Failure != KindInvalid {
		t.Errorf("JSON in place of a stream is %q", got.Failure)
	}
}

func TestKeysTakeTurnsAndConnectionsAreKept(t *testing.T) {
	var mu sync.Mutex
	var keys, from []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A connection is kept only where the answer does not overtake the request.
		_, _ = io.Copy(io.Discard, r.Body)
		mu.Lock()
		keys, from = append(keys, r.Header.Get("Authorization")), append(from, r.RemoteAddr)
		mu.Unlock()
		_, _ = io.WriteString(w, "{}")
	}))
	defer s.Close()
	c := client(t, ClientOptions{URL: s.URL + "/v1/", Keys: []string{"a", "b", "c"}})
	m := newMaker(mix(OpenAI, "m", 0))
	for i := range 6 {
		if a := c.Send(t.Context(), m.make(i), func() {}); a.Failure != "" {
			t.Fatal(a.Failure)
		}
	}
	if diff := cmp.Diff([]string{"Bearer a", "Bearer b", "Bearer c", "Bearer a", "Bearer b", "Bearer c"}, keys); diff != "" {
		t.Error(diff)
	}
	if n := len(slices.Compact(from)); n != 1 {
		t.Errorf("%d connections for one request at a time", n)
	}
}

func TestAddressesThatAreNoneAreRefusedWithoutTheirSecrets(t *testing.T) {
	for _, address := range []string{"", "localhost:8080", "ftp://h", "http://", "http://u:hunter2@h", "http://h?key=hunter2", "http://h:hunter2\x7f"} {
		if _, err := NewClient(ClientOptions{URL: address}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestRequestsDependOnSeedAndNumberAlone(t *testing.T) {
	m := Mix{Dialect: OpenAI, Model: `m"x`, StreamPercent: 30, Prompts: Sizes{kind: "uniform", a: 1, b: 100}, MaxTokens: 9, Seed: 5}
	one, same, other := newMaker(m), newMaker(m), newMaker(Mix{Dialect: OpenAI, Model: m.Model, Prompts: m.Prompts, MaxTokens: 9, Seed: 6})
	seen, streams := map[string]bool{}, 0
	for i := range 500 {
		r := one.make(i)
		if diff := cmp.Diff(r, same.make(i)); diff != "" {
			t.Fatal(diff)
		}
		if string(r.Body) == string(other.make(i).Body) {
			t.Errorf("request %d is the same with another seed", i)
		}
		if r.Stream {
			streams++
		}
		var body struct {
			Model     string `json:"model"`
			MaxTokens int    `json:"max_tokens"`
			Stream    bool   `json:"stream"`
			Messages  []struct{ Content string }
		}
		if err := json.Unmarshal(r.Body, &body); err != nil {
			t.Fatal(err)
		}
		if body.Model != m.Model || body.MaxTokens != 9 || body.Stream != r.Stream || len(body.Messages) != 1 {
			t.Fatalf("%s", r.Body)
		}
		prompt := body.Messages[0].Content
		if n := fakeprovider.CountTokens(prompt); n > 100 || len(prompt) != n*wordBytes {
			t.Errorf("a prompt of %d tokens and %d bytes", n, len(prompt))
		}
		if len(prompt) > 4*wordBytes && seen[prompt] {
			t.Errorf("prompt %d came before", i)
		}
		seen[prompt] = true
	}
	if streams < 120 || streams > 180 {
		t.Errorf("%d of 500 are streams, want some 150", streams)
	}
}

func TestDistinctPromptsComeAgain(t *testing.T) {
	m := mix(OpenAI, "m", 0)
	m.Distinct = 10
	k, seen := newMaker(m), map[string]int{}
	for i := range 100 {
		seen[string(k.make(i).Body)]++
	}
	if len(seen) != 10 || seen[string(k.make(3).Body)] != 10 {
		t.Errorf("%d prompts", len(seen))
	}
}

func TestDialectsAreRead(t *testing.T) {
	for _, want := range Dialects {
		if got, err := ParseDialect(string(want)); got != want || err != nil {
			t.Errorf("%q is read as %q, %v", want, got, err)
		}
	}
	if _, err := ParseDialect("cohere"); err == nil {
		t.Error("a dialect that is not spoken was taken")
	}
}
