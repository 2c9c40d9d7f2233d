// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/gateway/config"
)

const canaryKey = "canary-key"

// planner explains everything in the same way, and keeps what it was asked. It knows the course of a request once it was asked for
// some times.
type planner struct {
	asked  config.ExplainRequest
	course config.Course
	late   int
}

func (p *planner) Course(_ context.Context, _ types.NamespacedName, _ fleet.Target, _ fleet.Pod, id string) (config.Course, error) {
	if p.late--; p.late >= 0 || id != p.course.ID {
		return config.Course{}, errors.New("it keeps no course of the request")
	}
	return p.course, nil
}

func (p *planner) Explain(_ context.Context, _ types.NamespacedName, _ fleet.Target, _ fleet.Pod, asked config.ExplainRequest) (config.Explanation, error) {
	p.asked = asked
	return config.Explanation{Method: "POST", Model: "smart"}, nil
}

// playground serves a console whose gateway is a handler.
func playground(t *testing.T, gateway http.HandlerFunc) (http.Handler, *planner, *stage) {
	t.Helper()
	server := httptest.NewServer(gateway)
	t.Cleanup(server.Close)
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	number, _ := strconv.Atoi(port)
	s := twoGateways()
	s.gateways[1].Spec.Listener = &v1alpha1.Listener{Port: ptr.To(int32(number))}
	s.resources["team/main"] = Resources{Members: []Member{
		{Name: "starting"}, {Name: "unready", Running: true, Pod: fleet.Pod{UID: "u", Address: "192.0.2.1:9443"}},
		{Name: "a", Ready: true, Running: true, Pod: fleet.Pod{UID: "a", Address: host + ":9443"}},
	}}
	p := &planner{}
	o := options(s, callers{health: well})
	o.Playground = &Playground{Key: "team/alice", Secret: func(context.Context) (string, error) { return canaryKey, nil }, Witness: p}
	return NewHandler(o), p, s
}

func ask(t *testing.T, h http.Handler, body string) (int, Played, string) {
	t.Helper()
	w := serve(t, h, "POST", "/console/api/play", body, "Content-Type", "application/json")
	var got Played
	_ = json.Unmarshal(w.Body.Bytes(), &got)
	return w.Code, got, w.Body.String()
}

const (
	hello   = `{"gateway":"team/main","model":"smart","prompt":"Hi"}`
	flowing = `{"gateway":"team/main","model":"smart","prompt":"Hi","stream":true}`
)

func TestAPromptGoesThroughTheGateway(t *testing.T) {
	event := func(w io.Writer, text string) { _, _ = fmt.Fprintf(w, "data: %s\n\n", text) }
	stream := func(parts ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			_, _ = io.WriteString(w, ": alive\n\n")
			for _, part := range parts {
				event(w, part)
			}
		}
	}
	plan := &config.Explanation{Method: "POST", Model: "smart"}
	none := map[string]string{}
	for name, test := range map[string]struct {
		body      string
		gateway   http.HandlerFunc
		want      Played
		wantFirst bool
	}{
		"a whole answer": {hello, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Spark-Provider", "openai")
			w.Header().Set("X-Request-Id", "r-1")
			w.Header().Set("Server", "secret")
			_, _ = io.WriteString(w, `{"choices":[{"message":{"content":"Hello"}}],"usage":{"prompt_tokens":3,"completion_tokens":2}}`)
		}, Played{Status: 200, Headers: map[string]string{"x-spark-provider": "openai", "x-request-id": "r-1"}, Explain: plan, Text: "Hello",
			Usage: PlayedWork{InputTokens: 3, OutputTokens: 2}}, false},
		"a streamed one": {flowing, stream(
			`{"choices":[{"delta":{"role":"assistant","content":""}}]}`, `{"choices":[{"delta":{"content":"Hel"}}]}`,
			`{"choices":[{"delta":{"content":"lo"}}]}`, `{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}`, "[DONE]"),
			Played{Status: 200, Headers: none, Explain: plan, Text: "Hello", Usage: PlayedWork{InputTokens: 3, OutputTokens: 2}}, true},
		"a stream that breaks off": {flowing, stream(`{"choices":[{"delta":{"content":"Hel"}}]}`),
			Played{Status: 200, Headers: none, Explain: plan, Text: "Hel", Error: "the stream broke off"}, true},
		"a stream that ends in an error": {flowing, stream(`{"choices":[{"delta":{"content":"Hel"}}]}`, `{"error":{"message":"upstream left"}}`),
			Played{Status: 200, Headers: none, Explain: plan, Text: "Hel", Error: "upstream left"}, true},
		"a refusal": {hello, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Spark-Reason", "budget")
			w.WriteHeader(429)
			_, _ = io.WriteString(w, `{"error":{"message":"spent"}}`)
		}, Played{Status: 429, Headers: map[string]string{"x-spark-reason": "budget"}, Explain: plan, Text: `{"error":{"message":"spent"}}`}, false},
		"an answer without end is cut": {hello, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			_, _ = io.WriteString(w, strings.Repeat("x", 2*maxText))
		}, Played{Status: 500, Headers: none, Explain: plan, Text: strings.Repeat("x", maxText)}, false},
		"a stream without end is cut": {flowing, stream(`{"choices":[{"delta":{"content":"`+strings.Repeat("y", maxText-1)+`"}}]}`,
			`{"choices":[{"delta":{"content":"ää"}}]}`, "[DONE]"),
			Played{Status: 200, Headers: none, Explain: plan, Text: strings.Repeat("y", maxText-1)}, true},
		"a way elsewhere is not gone": {hello, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
			Played{Status: 302, Headers: none, Explain: plan}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var sent struct {
				Model         string
				Stream        bool
				Messages      []struct{ Role, Content string }
				StreamOptions struct {
					IncludeUsage bool `json:"include_usage"`
				} `json:"stream_options"`
			}
			h, p, _ := playground(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/v1/chat/completions" || r.Header.Get("Authorization") != "Bearer "+canaryKey {
					t.Errorf("%s %v", r.URL.Path, r.Header)
				}
				_ = json.NewDecoder(r.Body).Decode(&sent)
				test.gateway(w, r)
			})
			status, got, text := ask(t, h, test.body)
			if status != 200 || strings.Contains(text, canaryKey) {
				t.Fatalf("%d: %s", status, text)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.IgnoreFields(Played{}, "FirstMS", "TotalMS")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got.TotalMS <= 0 || (got.FirstMS > 0) != test.wantFirst || got.FirstMS > got.TotalMS {
				t.Errorf("%v ms to the first token, %v in all", got.FirstMS, got.TotalMS)
			}
			streamed := test.body == flowing
			if sent.Model != "smart" || len(sent.Messages) != 1 || sent.Messages[0].Content != "Hi" || sent.Stream != streamed || sent.StreamOptions.IncludeUsage != streamed {
				t.Errorf("what was sent: %+v", sent)
			}
			if p.asked.Key != "team/alice" || !json.Valid(p.asked.Body) {
				t.Errorf("what was asked to be explained: %+v", p.asked)
			}
		})
	}
}

func TestPromptsThatAreNotSent(t *testing.T) {
	long := strings.Repeat("x", maxPrompt+1)
	for name, test := range map[string]struct {
		body, contentType string
		change            func(*stage)
		want              int
		wantError         string
	}{
		"no JSON":             {"hello", "application/json", nil, 400, "the body must be {gateway, model, prompt, stream}"},
		"another type":        {hello, "text/plain", nil, 400, "the body must be application/json"},
		"a field too many":    {`{"gateway":"team/main","model":"m","prompt":"p","system":"s"}`, "application/json", nil, 400, "the body must be"},
		"no prompt":           {`{"gateway":"team/main","model":"m"}`, "application/json", nil, 400, "the prompt is empty"},
		"no model":            {`{"gateway":"team/main","prompt":"m"}`, "application/json", nil, 400, "model must have 1 to 256 bytes"},
		"a long prompt":       {`{"gateway":"team/main","model":"m","prompt":"` + long + `"}`, "application/json", nil, 400, "the prompt has 8193 bytes, of at most 8192"},
		"a body without end":  {`{"gateway":"team/main","model":"m","prompt":"` + strings.Repeat(long, 9) + `"}`, "application/json", nil, 400, "the body must be"},
		"a gateway not there": {`{"gateway":"team/gone","model":"m","prompt":"p"}`, "application/json", nil, 404, "there is no such SparkGateway"},
		"a gateway of no pods": {hello, "application/json; charset=utf-8", func(s *stage) { s.resources = nil }, 503,
			"no pod of the gateway is ready"},
		"a gateway with TLS": {hello, "application/json", func(s *stage) { s.gateways[1].Spec.Listener.TLS = &v1alpha1.ListenerTLS{} }, 503,
			"the Secret of the gateway's listener holds no certificate that names anybody"},
		"a cluster out of reach": {hello, "application/json", func(s *stage) { s.err = errors.New("gone") }, 503, "the cluster cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			h, _, s := playground(t, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
			if test.change != nil {
				test.change(s)
			}
			w := serve(t, h, "POST", "/console/api/play", test.body, "Content-Type", test.contentType)
			var got struct{ Error string }
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != test.want || !strings.HasPrefix(got.Error, test.wantError) {
				t.Errorf("%d, %v: %s", w.Code, err, w.Body)
			}
		})
	}
}

func TestThereIsNoPlaygroundUnlessAsked(t *testing.T) {
	w := serve(t, NewHandler(options(twoGateways(), callers{health: well})), "POST", "/console/api/play", hello, "Content-Type", "application/json")
	if w.Code != 404 {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}

func TestAnotherSiteCannotPlay(t *testing.T) {
	h, _, _ := playground(t, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example.com"}} {
		w := serve(t, h, "POST", "/console/api/play", hello, append(header, "Content-Type", "application/json")...)
		if w.Code != http.StatusForbidden {
			t.Errorf("%v: %d", header, w.Code)
		}
	}
}

func TestAKeyThatCannotBeReadIsNotToldWhy(t *testing.T) {
	s := twoGateways()
	o := options(s, callers{health: well})
	o.Playground = &Playground{Secret: func(context.Context) (string, error) { return "", errors.New("canary") }}
	var logged error
	o.Log = func(err error, _ string) { logged = err }
	if status, _, text := ask(t, NewHandler(o), hello); status != 503 || strings.Contains(text, "canary") || logged == nil {
		t.Errorf("%d: %s, logged %v", status, text, logged)
	}
}

func TestAPodThatCannotBeReachedIsNoFailureOfThePlayground(t *testing.T) {
	h, _, s := playground(t, nil)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = free.Close()
	s.gateways[1].Spec.Listener.Port = ptr.To(int32(free.Addr().(*net.TCPAddr).Port))
	status, got, text := ask(t, h, hello)
	if status != 200 || got.Status != 0 || got.Error != "the pod cannot be reached" {
		t.Errorf("%d: %s", status, text)
	}
}

func TestOnePromptAtATime(t *testing.T) {
	p := &Playground{}
	leave := p.enter("192.0.2.1")
	if leave == nil || p.enter("192.0.2.1") != nil {
		t.Fatal("a client plays twice at a time")
	}
	for i := range maxPlayers - 1 {
		if p.enter(fmt.Sprint("other", i)) == nil {
			t.Fatalf("client %d may not play", i)
		}
	}
	if p.enter("one more") != nil {
		t.Error("more clients play than may")
	}
	leave()
	if p.enter("192.0.2.1") == nil {
		t.Error("who has ended may not play again")
	}
}
