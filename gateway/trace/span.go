// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"os"
	"strings"
	"time"
	"unicode/utf8"

	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// FirstToken is the event of the moment at which a stream's first byte came from its provider. OpenTelemetry's conventions have the
// time that it took, and no event.
const FirstToken = "gen_ai.first_token"

const (
	service = "spark-gateway"
	scope   = "github.com/sparkgateway/spark/gateway/trace"
)

func resourceOf(s *Settings) *tracepb.ResourceSpans {
	var a attributes
	a.text(string(semconv.ServiceNameKey), service)
	a.text(string(semconv.ServiceVersionKey), s.Version)
	// A pod's name is its host's.
	if host, err := os.Hostname(); err == nil {
		a.text(string(semconv.ServiceInstanceIDKey), host)
	}
	a.text("spark.gateway", s.Gateway)
	return &tracepb.ResourceSpans{Resource: &resourcepb.Resource{Attributes: a}, SchemaUrl: semconv.SchemaURL}
}

func scopeOf(s *Settings) *commonpb.InstrumentationScope {
	return &commonpb.InstrumentationScope{Name: scope, Version: s.Version}
}

// appendSpans makes the spans of a request and of its attempts.
func (s *sample) appendSpans(dst []*tracepb.Span) []*tracepb.Span {
	if !s.alone {
		dst = append(dst, s.request())
	}
	s.attempts(func(a *exchange.Attempt) { dst = append(dst, s.attempt(a)) })
	return dst
}

// span begins a span of the sample's trace.
func (s *sample) span(id, parent exchange.SpanID, kind tracepb.Span_SpanKind, began, ended time.Time) *tracepb.Span {
	trace := s.ex.Trace.ID // The sample is another request's soon.
	span := &tracepb.Span{
		TraceId: trace[:], SpanId: id[:], TraceState: string(s.ex.Trace.State), Kind: kind,
		StartTimeUnixNano: nanos(began), EndTimeUnixNano: max(nanos(ended), nanos(began)),
	}
	if parent != (exchange.SpanID{}) {
		span.ParentSpanId = parent[:]
	}
	return span
}

// Flags of spans, beside the lower eight bits.
const (
	flagHasRemote = uint32(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK)
	flagRemote    = uint32(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)
)

func (s *sample) flags(remote bool) uint32 {
	flags := flagHasRemote
	if remote {
		flags |= flagRemote
	}
	if s.ex.Trace.Sampled {
		flags |= sampledFlag
	}
	return flags
}

// request makes the request's own span.
func (s *sample) request() *tracepb.Span {
	ex, t := &s.ex, &s.ex.Trace
	span := s.span(t.Span, t.Parent, tracepb.Span_SPAN_KIND_SERVER, ex.Start, s.end.At)
	span.Flags = s.flags(t.Parent != exchange.SpanID{})
	span.Name = s.name()
	var a attributes
	a.text("http.request.method", methodOf(ex.Method))
	a.text("http.route", s.end.Route)
	a.number("http.response.status_code", int64(ex.Status))
	a.text("error.type", errorType(&ex.Attempt))
	a.text("gen_ai.operation.name", ex.Operation.GenAI())
	a.text("gen_ai.request.model", string(ex.Model))
	a.text("gen_ai.response.model", bounded(ex.AnswerModel))
	a.text("gen_ai.provider.name", s.end.Providers[ex.Provider].System)
	if ex.Operation != exchange.NoOperation {
		a.flag("gen_ai.request.stream", ex.Stream)
		a.text("spark.dialect", s.end.Dialect.String())
	}
	a.usage(s.usage())
	a.text("spark.request_id", string(ex.ID[:]))
	a.principal(ex.Principal)
	a.text("spark.route", ex.Route)
	a.text("spark.provider", ex.Provider)
	a.text("spark.outcome", ex.Outcome.String())
	a.text("spark.cache", ex.Caching.Result.String())
	a.text("spark.cache.tier", ex.Caching.Tier.String())
	if !ex.Findings.Empty() {
		a.text("spark.findings", string(ex.Findings.AppendHeader(nil)))
	}
	a.number("spark.attempts", s.count())
	a.cost(s.cost())
	span.Attributes = a
	span.Status = statusOf(ex.Status >= 500 || faulty(ex.Outcome))
	span.Events = s.firstToken(&ex.Attempt)
	return span
}

// name is the operation, and the model where that is one of the configuration, or else the target's there: whatever a client asks
// for must not become a name.
func (s *sample) name() string {
	ex := &s.ex
	switch operation := ex.Operation.GenAI(); {
	case operation == "":
		return strings.TrimSpace(methodOf(ex.Method) + " " + s.end.Route)
	case s.end.Named:
		return operation + " " + valid(string(ex.Model))
	case ex.Target != s.end.AnyModel:
		return strings.TrimSpace(operation + " " + valid(ex.Target))
	default:
		return operation
	}
}

// attempt makes the span of one attempt.
func (s *sample) attempt(at *exchange.Attempt) *tracepb.Span {
	ended := at.Ended
	if ended.IsZero() {
		ended = s.end.At
	}
	span := s.span(at.Span, s.ex.Trace.Span, tracepb.Span_SPAN_KIND_CLIENT, at.Began, ended)
	span.Flags = s.flags(false)
	operation, provider := s.operation(at), s.end.Providers[at.Provider]
	span.Name = operation
	if at.Target != s.end.AnyModel {
		span.Name = strings.TrimSpace(operation + " " + valid(at.UpstreamModel))
	}
	var a attributes
	a.text("gen_ai.operation.name", operation)
	a.text("gen_ai.provider.name", provider.System)
	a.text("gen_ai.request.model", bounded(at.UpstreamModel))
	a.text("gen_ai.response.model", bounded(at.AnswerModel))
	a.text("server.address", provider.Host)
	a.number("server.port", int64(provider.Port))
	a.number("http.response.status_code", int64(at.UpstreamStatus))
	a.text("error.type", errorType(at))
	a.usage(&at.Usage)
	if s.streamed(at) {
		a.seconds("gen_ai.response.time_to_first_chunk", at.FirstToken.Sub(at.Began))
	}
	a.text("spark.provider", at.Provider)
	a.text("spark.attempt", at.Kind.String())
	a.text("spark.outcome", at.Outcome.String())
	a.text("spark.upstream_request_id", bounded(string(at.UpstreamID)))
	a.cost(at.Cost)
	span.Attributes = a
	span.Status = statusOf(faulty(at.Outcome) || at.Outcome == exchange.ProviderRefused)
	span.Events = s.firstToken(at)
	return span
}

// operation is what an attempt asks for: what the gateway asks on behalf of a request is another thing than the request.
func (s *sample) operation(at *exchange.Attempt) string {
	switch at.Kind {
	case exchange.EmbeddingAttempt:
		return exchange.Embeddings.GenAI()
	case exchange.ModerationAttempt:
		return exchange.Moderation.GenAI()
	default:
		return s.ex.Operation.GenAI()
	}
}

// streamed says that the first piece of an attempt's answer came; the first byte of an error is none.
func (s *sample) streamed(at *exchange.Attempt) bool {
	return s.ex.Stream && s.ex.Operation != exchange.Realtime && !at.FirstToken.IsZero() && at.UpstreamStatus < 300 && at.Kind != exchange.EmbeddingAttempt && at.Kind != exchange.ModerationAttempt
}

func (s *sample) firstToken(at *exchange.Attempt) []*tracepb.Span_Event {
	if !s.streamed(at) {
		return nil
	}
	return []*tracepb.Span_Event{{Name: FirstToken, TimeUnixNano: nanos(at.FirstToken)}}
}

// usage adds what all attempts took. It is known as badly as the worst known part.
func (s *sample) usage() *exchange.Usage {
	sum := s.ex.Usage
	for i := range s.tried {
		u := &s.tried[i].Usage
		sum.Prompt, sum.Completion = sum.Prompt+u.Prompt, sum.Completion+u.Completion
		sum.Cached, sum.CacheWritten, sum.Reasoning = sum.Cached+u.Cached, sum.CacheWritten+u.CacheWritten, sum.Reasoning+u.Reasoning
		if u.Source != exchange.UsageNone && (sum.Source == exchange.UsageNone || u.Source < sum.Source) {
			sum.Source = u.Source
		}
	}
	return &sum
}

func (s *sample) cost() config.Money {
	sum := s.ex.Cost
	for i := range s.tried {
		sum += s.tried[i].Cost
	}
	return sum
}

func (s *sample) count() (n int64) {
	s.attempts(func(*exchange.Attempt) { n++ })
	return n
}

// errorType is the gateway's word for why something did not end well; empty where it did.
func errorType(a *exchange.Attempt) string {
	if a.Outcome == exchange.OK {
		return ""
	}
	if a.Reason != "" {
		return string(a.Reason)
	}
	return a.Outcome.String()
}

// faulty says that the gateway or a provider is at fault.
func faulty(o exchange.Outcome) bool {
	return o.ProviderFault() || o == exchange.Drained || o == exchange.Internal
}

func statusOf(failed bool) *tracepb.Status {
	if failed {
		return &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR}
	}
	return nil
}

// methodOf gives the method, where it is one of the known.
func methodOf(method []byte) string {
	switch m := string(method); m {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH":
		return m
	default:
		return "_OTHER"
	}
}

// bounded gives as much of what a client or a provider says as there is room for.
func bounded(s string) string { return s[:min(len(s), maxModel)] }

// valid gives a text that protobuf takes.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

func nanos(at time.Time) uint64 {
	if at.IsZero() {
		return 0
	}
	return uint64(max(at.UnixNano(), 0)) //nolint:gosec // Not negative.
}
