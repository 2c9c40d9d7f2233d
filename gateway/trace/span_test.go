// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// told is what tests look at of a span; all else is in one text.
type told struct {
	Name, Parent, Status, Events string
	Attributes                   map[string]string
}

func spansOf(ex *exchange.Exchange, end *Ended, alone bool) []told {
	s := sampleOf(ex, end, alone)
	defer s.release()
	var all []told
	for _, span := range s.appendSpans(nil) {
		one := told{Name: span.GetName(), Attributes: map[string]string{}, Parent: fmt.Sprintf("%x", span.GetParentSpanId())}
		if span.GetStatus() != nil {
			one.Status = span.GetStatus().GetCode().String()
		}
		for _, a := range span.GetAttributes() {
			value := fmt.Sprint(a.GetValue())
			one.Attributes[a.GetKey()] = strings.Trim(value[strings.Index(value, ":")+1:], `"`)
		}
		for _, e := range span.GetEvents() {
			one.Events += fmt.Sprintf("%s at %d", e.GetName(), e.GetTimeUnixNano())
		}
		all = append(all, one)
	}
	return all
}

func second(n int64) time.Time { return time.Unix(n, 0) }

// journey is a chat that was hedged after a vector was asked for, and went over the second target.
func journey() *exchange.Exchange {
	ex := &exchange.Exchange{
		ID: *idOf(often), Start: second(10), Method: []byte("POST"), Model: []byte("smart"), Operation: exchange.Chat, Stream: true, Route: "ns/route",
		Principal: &exchange.Principal{Kind: exchange.ByKey, ID: "ns/key", User: "alice@example.com", Team: "search"},
		Caching:   exchange.Caching{Result: exchange.CacheMiss},
		Trace:     exchange.Trace{ID: exchange.TraceID{1}, Span: exchange.SpanID{0xa}, Sampled: true},
	}
	ex.Attempt = exchange.Attempt{
		Kind: exchange.HedgeAttempt, Provider: "ns/two", UpstreamModel: "model-2", Target: "target-2", Began: second(13), FirstToken: second(15), Ended: second(18),
		UpstreamStatus: 200, UpstreamID: []byte("req_2"), AnswerModel: "model-2-0613", Status: 200, Span: exchange.SpanID{3}, Cost: 2_000_000_000, Cause: errors.New("canary"),
		Usage: exchange.Usage{Prompt: 10, Completion: 5, Total: 15, Cached: 4, Reasoning: 2, Source: exchange.UsageReported},
	}
	ex.Tried = []exchange.Attempt{
		{Kind: exchange.EmbeddingAttempt, Provider: "ns/one", UpstreamModel: "embed", Began: second(11), FirstToken: second(12), Ended: second(12),
			UpstreamStatus: 200, Status: 200, Span: exchange.SpanID{1}, Usage: exchange.Usage{Prompt: 7, Total: 7, Source: exchange.UsageEstimated}},
		{Kind: exchange.FirstAttempt, Provider: "ns/one", UpstreamModel: "model-1", Began: second(12), Span: exchange.SpanID{2},
			Outcome: exchange.Overtaken, Reason: exchange.ReasonOvertaken},
		{Outcome: exchange.Unavailable}, // none that began
	}
	return ex
}

var providers = map[string]Provider{
	"ns/one": {System: System(config.Gemini), Host: "one.example.com", Port: 443}, "ns/two": {System: System(config.OpenAICompatible), Host: "10.0.0.1"},
}

func TestTheSpansOfARequest(t *testing.T) {
	end := &Ended{At: second(20), Dialect: exchange.Anthropic, Route: "/v1/messages", Providers: providers, Named: true, AnyModel: "other"}
	const root = "0a00000000000000"
	want := []told{
		{Name: "chat smart", Events: "gen_ai.first_token at 15000000000", Attributes: map[string]string{
			"http.request.method": "POST", "http.route": "/v1/messages", "http.response.status_code": "200",
			"gen_ai.operation.name": "chat", "gen_ai.request.model": "smart", "gen_ai.response.model": "model-2-0613", "gen_ai.provider.name": "openai_compatible", "gen_ai.request.stream": "true",
			"gen_ai.usage.input_tokens": "17", "gen_ai.usage.output_tokens": "5", "gen_ai.usage.cache_read.input_tokens": "4",
			"gen_ai.usage.reasoning.output_tokens": "2", "spark.usage.source": "estimated", "spark.request_id": often, "spark.key": "ns/key",
			"spark.team": "search", "spark.route": "ns/route", "spark.provider": "ns/two", "spark.outcome": "ok", "spark.cache": "miss",
			"spark.dialect": "anthropic", "spark.attempts": "3", "spark.cost": "2.00",
		}},
		{Name: "embeddings embed", Parent: root, Attributes: map[string]string{
			"gen_ai.operation.name": "embeddings", "gen_ai.provider.name": "gcp.gemini", "gen_ai.request.model": "embed",
			"server.address": "one.example.com", "server.port": "443", "http.response.status_code": "200", "gen_ai.usage.input_tokens": "7",
			"gen_ai.usage.output_tokens": "0", "spark.usage.source": "estimated", "spark.provider": "ns/one", "spark.attempt": "embedding", "spark.outcome": "ok",
		}},
		{Name: "chat model-1", Parent: root, Attributes: map[string]string{
			"gen_ai.operation.name": "chat", "gen_ai.provider.name": "gcp.gemini", "gen_ai.request.model": "model-1", "server.address": "one.example.com",
			"server.port": "443", "error.type": "overtaken", "spark.provider": "ns/one", "spark.attempt": "first", "spark.outcome": "overtaken",
		}},
		{Name: "chat model-2", Parent: root, Events: "gen_ai.first_token at 15000000000", Attributes: map[string]string{
			"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai_compatible", "gen_ai.request.model": "model-2", "gen_ai.response.model": "model-2-0613", "server.address": "10.0.0.1",
			"http.response.status_code": "200", "gen_ai.usage.input_tokens": "10", "gen_ai.usage.output_tokens": "5", "gen_ai.usage.cache_read.input_tokens": "4",
			"gen_ai.usage.reasoning.output_tokens": "2", "spark.usage.source": "reported", "gen_ai.response.time_to_first_chunk": "2",
			"spark.provider": "ns/two", "spark.attempt": "hedge", "spark.outcome": "ok", "spark.upstream_request_id": "req_2", "spark.cost": "2.00",
		}},
	}
	if diff := cmp.Diff(want, spansOf(journey(), end, false)); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[1:], spansOf(journey(), end, true)); diff != "" {
		t.Errorf("the attempts alone (-want +got):\n%s", diff)
	}
}

func TestTheNamesOfSpans(t *testing.T) {
	type names struct{ Request, Attempt string }
	tests := map[string]struct {
		edit func(*exchange.Exchange, *Ended)
		want names
	}{
		"operation and model":                           {func(*exchange.Exchange, *Ended) {}, names{"chat smart", "chat model-2"}},
		"of a pattern, the target's":                    {func(_ *exchange.Exchange, end *Ended) { end.Named = false }, names{"chat target-2", "chat model-2"}},
		"of whatever model the client alone names":      {func(ex *exchange.Exchange, end *Ended) { end.Named, ex.Target = false, "other" }, names{"chat", "chat"}},
		"of a model that is not there":                  {func(ex *exchange.Exchange, end *Ended) { end.Named, ex.Attempt = false, exchange.Attempt{} }, names{"chat", ""}},
		"of a model that is long":                       {func(ex *exchange.Exchange, _ *Ended) { ex.Model = []byte(strings.Repeat("m", 1000)) }, names{"chat " + strings.Repeat("m", maxModel), "chat model-2"}},
		"of a model that is no text":                    {func(ex *exchange.Exchange, _ *Ended) { ex.Model = []byte("m\xff") }, names{"chat m\ufffd", "chat model-2"}},
		"of text completions, as the conventions write": {func(ex *exchange.Exchange, _ *Ended) { ex.Operation = exchange.Completions }, names{"text_completion smart", "text_completion model-2"}},
		"of the gateway's own endpoint": {func(ex *exchange.Exchange, _ *Ended) {
			ex.Operation, ex.Attempt = exchange.NoOperation, exchange.Attempt{}
		}, names{"POST /v1/messages", ""}},
		"of a method that nobody knows": {func(ex *exchange.Exchange, _ *Ended) {
			ex.Operation, ex.Method, ex.Attempt = exchange.NoOperation, []byte("CANARY"), exchange.Attempt{}
		}, names{"_OTHER /v1/messages", ""}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ex, end := journey(), &Ended{At: second(20), Route: "/v1/messages", Named: true, AnyModel: "other"}
			ex.Tried = nil
			test.edit(ex, end)
			spans := spansOf(ex, end, false)
			got := names{Request: spans[0].Name}
			for _, attempt := range spans[1:] {
				got.Attempt = attempt.Name
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}

// What no provider could be asked is no attempt: neither a span, nor counted.
func TestOnlyWhatAProviderWasAskedIsAnAttempt(t *testing.T) {
	tests := map[string]struct {
		edit func(*exchange.Attempt)
		want int
	}{
		"an answer":                            {func(*exchange.Attempt) {}, 1},
		"a provider that cannot be reached":    {func(a *exchange.Attempt) { a.UpstreamStatus, a.Outcome = 0, exchange.ProviderUnreachable }, 1},
		"a session that its client spoilt":     {func(a *exchange.Attempt) { a.UpstreamStatus, a.Outcome = 101, exchange.Refused }, 1},
		"a target that cannot express it":      {func(a *exchange.Attempt) { a.UpstreamStatus, a.Outcome = 0, exchange.Refused }, 0},
		"a target that was waited for in vain": {func(a *exchange.Attempt) { *a = exchange.Attempt{Outcome: exchange.Unavailable} }, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ex := journey()
			test.edit(&ex.Attempt)
			ex.Tried = []exchange.Attempt{ex.Attempt}
			spans := spansOf(ex, at(20), false)
			want := map[bool]string{true: fmt.Sprint(2 * test.want)}[test.want > 0]
			if got := spans[0].Attributes["spark.attempts"]; len(spans) != 1+2*test.want || got != want {
				t.Errorf("%d spans of %q attempts, want %d each time", len(spans)-1, got, 2*test.want)
			}
		})
	}
}

func TestWhatAFailureLooksLike(t *testing.T) {
	type want struct{ Error, Request, Attempt string }
	const failed = "STATUS_CODE_ERROR"
	tests := map[string]struct {
		outcome exchange.Outcome
		reason  exchange.Reason
		status  int
		want    want
	}{
		"an answer":                     {exchange.OK, "", 200, want{}},
		"a refusal by the provider":     {exchange.ProviderRefused, exchange.ReasonProviderStatus, 400, want{"upstream_status", "", failed}},
		"a failure of the provider":     {exchange.ProviderFailed, exchange.ReasonProviderStatus, 502, want{"upstream_status", failed, failed}},
		"a stream that broke off":       {exchange.ProviderBroken, exchange.ReasonInternal, 200, want{string(exchange.ReasonInternal), failed, failed}},
		"a client that left":            {exchange.ClientGone, exchange.ReasonClientGone, 499, want{"client_gone", "", ""}},
		"one that gave no reason":       {exchange.Drained, "", 200, want{"drained", failed, failed}},
		"a session over its limit":      {exchange.Limited, "requests", 101, want{"requests", "", ""}},
		"an answer that was blocked":    {exchange.Blocked, "pii", 400, want{"pii", "", ""}},
		"an answer that was overtaken":  {exchange.Overtaken, "", 200, want{"overtaken", "", ""}},
		"a fault of the gateway itself": {exchange.Internal, exchange.ReasonInternal, 200, want{string(exchange.ReasonInternal), failed, failed}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ex := journey()
			ex.Tried = nil
			ex.Outcome, ex.Reason, ex.Status = test.outcome, test.reason, test.status
			spans := spansOf(ex, at(20), false)
			got := want{spans[0].Attributes["error.type"], spans[0].Status, spans[1].Status}
			if diff := cmp.Diff(test.want, got); diff != "" || spans[1].Attributes["error.type"] != got.Error {
				t.Errorf("failure (-want +got):\n%s%v", diff, spans[1].Attributes)
			}
		})
	}
}

func TestWhoIsNamed(t *testing.T) {
	tests := map[string]struct {
		principal *exchange.Principal
		want      map[string]string
	}{
		"nobody":   {nil, map[string]string{}},
		"a key":    {&exchange.Principal{ID: "ns/key", User: "canary"}, map[string]string{"spark.key": "ns/key"}},
		"a token":  {&exchange.Principal{Kind: exchange.ByToken, ID: "digest", User: "canary", Team: "a"}, map[string]string{"spark.principal": config.HolderToken + "digest", "spark.team": "a"}},
		"no place": {&exchange.Principal{Kind: exchange.ByAddress, ID: "192.0.2.7"}, map[string]string{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var a attributes
			a.principal(test.principal)
			got := map[string]string{}
			for _, kv := range a {
				got[kv.GetKey()] = kv.GetValue().GetStringValue()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
		})
	}
}

// A sample outlives the exchange that it is of, whose buffers are the next one's.
func TestASampleIsACopy(t *testing.T) {
	ex := journey()
	ex.Trace.State = []byte("a=1")
	s := sampleOf(ex, at(20), false)
	want := proto.CloneOf(&tracepb.ScopeSpans{Spans: s.appendSpans(nil)})
	for _, b := range [][]byte{ex.Model, ex.Method, ex.Trace.State, ex.UpstreamID} {
		for i := range b {
			b[i] = '!'
		}
	}
	clear(ex.Tried)
	if got := (&tracepb.ScopeSpans{Spans: s.appendSpans(nil)}); !proto.Equal(want, got) {
		t.Errorf("the sample changed:\n%v\n%v", want, got)
	}
	if s.ex.Cause != nil {
		t.Error("the cause is kept")
	}
	spans := s.appendSpans(nil)
	s.release()
	if other := sampleOf(ask(), at(20), false); other != nil && !proto.Equal(want, &tracepb.ScopeSpans{Spans: spans}) {
		t.Error("the spans changed with another sample")
	}
}

func TestEveryTypeOfProviderHasAName(t *testing.T) {
	for _, kind := range config.ProviderTypes {
		if System(kind) == "" {
			t.Errorf("%s has none", kind)
		}
	}
}

// Whatever clients and providers say, a span is one that protobuf takes, and bounded.
func FuzzSpans(f *testing.F) {
	f.Add([]byte("gpt"), []byte("POST"), []byte("req_1"))
	f.Add([]byte("\xff\xfe"), []byte{}, []byte(strings.Repeat("a", 4096)))
	f.Fuzz(func(t *testing.T, model, method, id []byte) {
		ex := journey()
		ex.Model, ex.Method, ex.UpstreamID = model, method, id
		s := sampleOf(ex, at(20), false)
		defer s.release()
		for _, span := range s.appendSpans(nil) {
			wire, err := proto.Marshal(span)
			if err != nil || len(wire) > 4<<10 || !utf8.ValidString(span.GetName()) {
				t.Errorf("%d bytes, %v: %v", len(wire), err, span)
			}
		}
	})
}
