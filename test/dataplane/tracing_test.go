// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakecollector"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// A caller's trace.
const (
	callersTrace  = "0af7651916cd43dd8448eb211c80319c"
	callersSpan   = "b7ad6b7169203331"
	callersParent = "00-" + callersTrace + "-" + callersSpan + "-01"
	callersState  = "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"
)

// traced makes a document tell a collector of so many percent of requests.
func traced(c *fakecollector.Collector, percent int) func(*config.Document) {
	return func(d *config.Document) {
		d.Secrets["tracing"] = config.NewSecret("Bearer canary-of-the-collector")
		d.Core.Gateway.Tracing = &config.Tracing{Endpoint: c.GRPC, Authorization: "tracing", SamplingPercent: percent}
	}
}

// spans waits for so many, and gives them in the order in which they began.
func (s *setup) spans(c *fakecollector.Collector, n int) []fakecollector.Span {
	s.t.Helper()
	var got []fakecollector.Span
	eventually(s.t, func() bool {
		got = c.Spans()
		return len(got) >= n
	}, func() string { return fmt.Sprintf("%d spans of %d: %+v", len(got), n, got) })
	return got
}

// fields are what a span always has, and has another value each time.
var anyTimes = cmpopts.IgnoreFields(fakecollector.Span{}, "ID", "Began", "Ended")

// The trace that must be shown: failed over, streamed, in a caller's trace.
func TestATraceHasEveryAttempt(t *testing.T) {
	s, second, collector := start(t), secondProvider(t), fakecollector.Start(t)
	s.apply(withBackup(second, nil), traced(collector, 0))
	mustScript(t, s.provider, "status:503")
	request := s.request("POST", "/v1/chat/completions", chatBody("gpt-4o", "tokens=5", true))
	request.Header.Set("Traceparent", callersParent)
	request.Header.Set("Tracestate", callersState)
	got := s.do(request)
	if got.StatusCode != 200 || got.err != nil {
		t.Fatalf("%d %v %s", got.StatusCode, got.err, got.body)
	}
	spans := s.spans(collector, 3)
	usage := func(m map[string]any) map[string]any {
		m["gen_ai.usage.input_tokens"], m["gen_ai.usage.output_tokens"], m["spark.usage.source"] = int64(13), int64(5), "reported"
		m["gen_ai.response.model"] = "gpt-4o"
		return m
	}
	for _, span := range spans[1:] {
		for _, name := range []string{"server.port", "spark.upstream_request_id"} {
			if span.Attributes[name] == nil {
				t.Errorf("%s has no %s", span.Name, name)
			}
			delete(span.Attributes, name)
		}
	}
	first, whole := spans[2].Attributes["gen_ai.response.time_to_first_chunk"], spans[2].Ended.Sub(spans[2].Began).Seconds()
	if seconds, ok := first.(float64); !ok || seconds <= 0 || seconds > whole {
		t.Errorf("the first chunk came after %v of %v s", first, whole)
	}
	delete(spans[2].Attributes, "gen_ai.response.time_to_first_chunk")
	want := []fakecollector.Span{
		{Trace: callersTrace, Parent: callersSpan, State: callersState, Name: "chat gpt-4o", Server: true, Sampled: true, Events: []string{"gen_ai.first_token"},
			Attributes: usage(map[string]any{
				"http.request.method": "POST", "http.route": "/v1/chat/completions", "http.response.status_code": int64(200),
				"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.provider.name": "openai", "gen_ai.request.stream": true,
				"spark.request_id": got.Header.Get("X-Request-Id"), "spark.key": "default/alice", "spark.route": "default/smart",
				"spark.provider": "default/second", "spark.outcome": "ok", "spark.dialect": "openai", "spark.attempts": int64(2),
			})},
		{Trace: callersTrace, Parent: spans[0].ID, State: callersState, Name: "chat gpt-4o", Sampled: true, Failed: true, Attributes: map[string]any{
			"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.provider.name": "openai", "server.address": "127.0.0.1",
			"http.response.status_code": int64(503), "error.type": "upstream_status", "spark.provider": "default/fake", "spark.attempt": "first",
			"spark.outcome": "provider_failed",
		}},
		{Trace: callersTrace, Parent: spans[0].ID, State: callersState, Name: "chat gpt-4o", Sampled: true, Events: []string{"gen_ai.first_token"},
			Attributes: usage(map[string]any{
				"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.provider.name": "openai", "server.address": "127.0.0.1",
				"http.response.status_code": int64(200), "spark.provider": "default/second", "spark.attempt": "failover", "spark.outcome": "ok",
			})},
	}
	if diff := cmp.Diff(want, spans, anyTimes); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	wantToldProvider(t, s.provider.Records(), spans[1], callersState, "01")
	wantToldProvider(t, second.Records(), spans[2], callersState, "01")
	if diff := cmp.Diff([]string{"Bearer canary-of-the-collector"}, collector.Authorizations()); diff != "" {
		t.Errorf("the collector was shown (-want +got):\n%s", diff)
	}
	wantLineOf(t, s, callersTrace)
	wantNothingSaid(t, collector)
}

// wantToldProvider checks that the only request to a provider went on with the trace.
func wantToldProvider(t *testing.T, records []fakeprovider.Record, span fakecollector.Span, state, flags string) {
	t.Helper()
	if len(records) != 1 {
		t.Fatalf("%d records", len(records))
	}
	want := [2]string{"00-" + span.Trace + "-" + span.ID + "-" + flags, state}
	if got := [2]string{records[0].Headers.Get("Traceparent"), records[0].Headers.Get("Tracestate")}; got != want {
		t.Errorf("a provider was told %q, want %q", got, want)
	}
}

// wantLineOf checks that the only line of the access log names the trace.
func wantLineOf(t *testing.T, s *setup, trace string) {
	t.Helper()
	s.lines(1)
	var line struct{ ID, TraceID string }
	if err := json.Unmarshal([]byte(s.log.String()), &line); err != nil {
		t.Fatal(err)
	}
	if line.TraceID != trace || line.ID == "" {
		t.Errorf("the access log says %+v, want trace %s", line, trace)
	}
}

// wantNothingSaid checks that neither prompts and answers nor secrets are in what the collector got.
func wantNothingSaid(t *testing.T, c *fakecollector.Collector) {
	t.Helper()
	all := fmt.Sprint(c.Raw())
	if !strings.Contains(all, "spark-gateway") || !strings.Contains(all, "service.instance.id") || !strings.Contains(all, "default/main") {
		t.Errorf("the resource is not named: %s", all)
	}
	for _, secret := range []string{"hello", "fake tokens", "tok-", aliceKey, providerKey, backupKey, "canary", "Bearer"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is in a span: %s", secret, all)
		}
	}
}

func TestWhichRequestsAreTraced(t *testing.T) {
	const fails = "fault=status:500"
	tests := map[string]struct {
		percent       int
		parent, steer string
		want          int // spans
		wantTold      string
		wantOwn       bool // the trace is the gateway's own
	}{
		"none of nobody's that end well":         {percent: 0, steer: "tokens=3", wantTold: "-00", wantOwn: true},
		"all of nobody's":                        {percent: 100, steer: "tokens=3", want: 2, wantTold: "-01", wantOwn: true},
		"those that fail always":                 {percent: 0, steer: fails, want: 2, wantTold: "-00", wantOwn: true},
		"what a caller wants":                    {percent: 0, parent: callersParent, steer: "tokens=3", want: 2, wantTold: callersTrace},
		"not what a caller does not want":        {percent: 100, parent: strings.TrimSuffix(callersParent, "1") + "0", steer: "tokens=3", wantTold: "-00"},
		"a failure that a caller does not want":  {percent: 100, parent: strings.TrimSuffix(callersParent, "1") + "0", steer: fails, wantTold: "-00"},
		"what a caller says that means nothing":  {percent: 100, parent: "00-" + callersTrace + "-0000000000000000-01", steer: "tokens=3", want: 2, wantTold: "-01", wantOwn: true},
		"what a caller says in capitals is none": {percent: 0, parent: strings.ToUpper(callersParent), steer: "tokens=3", wantTold: "-00", wantOwn: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, collector := start(t), fakecollector.Start(t)
			s.apply(traced(collector, test.percent))
			request := s.request("POST", "/v1/chat/completions", chatBody("gpt-4o", test.steer, false))
			if test.parent != "" {
				request.Header.Set("Traceparent", test.parent)
			}
			got := s.do(request)
			told := s.provider.Records()[0].Headers.Get("Traceparent")
			if own := strings.Contains(told, got.Header.Get("X-Request-Id")); own != test.wantOwn || !strings.Contains(told, test.wantTold) {
				t.Errorf("the provider was told %q for request %s", told, got.Header.Get("X-Request-Id"))
			}
			// What waits is sent at the end.
			s.shutdown()
			if spans := collector.Spans(); len(spans) != test.want {
				t.Errorf("%d spans, want %d: %+v", len(spans), test.want, spans)
			}
		})
	}
}

func TestWithoutTracingACallersTraceGoesThrough(t *testing.T) {
	s := start(t)
	request := s.request("POST", "/v1/chat/completions", chatBody("gpt-4o", "tokens=1", false))
	request.Header.Set("Traceparent", callersParent)
	request.Header.Set("Tracestate", callersState)
	s.do(request)
	headers := s.provider.Records()[0].Headers
	if got, want := [2]string{headers.Get("Traceparent"), headers.Get("Tracestate")}, [2]string{callersParent, callersState}; got != want {
		t.Errorf("the provider was told %q, want %q", got, want)
	}
	s.lines(1)
	if strings.Contains(s.log.String(), "traceId") {
		t.Errorf("there is no trace: %s", s.log)
	}
}

func TestACollectorThatChangesGetsWhatComesThen(t *testing.T) {
	s, one, two := start(t), fakecollector.Start(t), fakecollector.Start(t)
	s.apply(traced(one, 100))
	s.chat("tokens=1", false)
	// What is the same stays, and what waits for it.
	s.apply(traced(one, 50), func(d *config.Document) { d.Core.Gateway.MaxConnections++ })
	s.apply(traced(two, 100), func(d *config.Document) {
		d.Core.Gateway.Tracing.Endpoint, d.Core.Gateway.Tracing.HTTP = two.HTTP, true
	})
	s.chat("tokens=1", false)
	s.spans(one, 2)
	s.apply()
	s.spans(two, 2)
	s.chat("tokens=1", false)
	s.shutdown()
	if n, m := len(one.Spans()), len(two.Spans()); n != 2 || m != 2 {
		t.Errorf("%d spans and %d, want 2 each", n, m)
	}
	if diff := cmp.Diff([]string{"Bearer canary-of-the-collector"}, two.Authorizations()); diff != "" {
		t.Errorf("the collector was shown (-want +got):\n%s", diff)
	}
}

func TestMirrorsAreInTheTraceOfWhatTheyCopy(t *testing.T) {
	s, second, collector := start(t), secondProvider(t), fakecollector.Start(t)
	s.apply(withBackup(second, func(d *config.Document) {
		route := &d.Core.Routes[0]
		route.Mirror = &config.Mirror{Target: config.Target{Provider: "default/second", Model: "gpt-4o", Upstream: "gpt-4o"}, Percent: 100}
		route.Targets = route.Targets[:1]
	}), traced(collector, 100))
	got := s.chat("tokens=1", false)
	spans := s.spans(collector, 3)
	kinds := map[any]string{}
	for _, span := range spans {
		kinds[span.Attributes["spark.attempt"]] = span.Parent
		if span.Trace != got.Header.Get("X-Request-Id") {
			t.Errorf("a span of another trace: %+v", span)
		}
	}
	root := spans[0].ID
	if diff := cmp.Diff(map[any]string{nil: "", "first": root, "mirror": root}, kinds); diff != "" {
		t.Errorf("parents (-want +got):\n%s", diff)
	}
}

func TestOnlyFailuresHaveALineAtZeroPercent(t *testing.T) {
	s := start(t)
	s.apply(func(d *config.Document) { d.Core.Gateway.LogSkips = 100 })
	for range 20 {
		s.chat("tokens=1", false)
	}
	s.chat("fault=status:500", false)
	s.do(s.request("POST", "/v1/nothing", "{}"))
	s.shutdown()
	var outcomes []string
	for _, l := range s.lines(2) {
		outcomes = append(outcomes, l.Outcome)
	}
	if diff := cmp.Diff([]string{"provider_failed", "refused"}, outcomes); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
