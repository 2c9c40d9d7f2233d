// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fakecollector stands in for an OpenTelemetry collector: it keeps the spans that it is sent, by gRPC or HTTP.
package fakecollector

import (
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Collector listens on loopback until the test ends. It is safe for concurrent use.
type Collector struct {
	coltracepb.UnimplementedTraceServiceServer
	// GRPC and HTTP are the URLs to send to.
	GRPC, HTTP string

	mu             sync.Mutex
	resources      []*tracepb.ResourceSpans
	authorizations []string
	refuse         codes.Code
	partial        *coltracepb.ExportTracePartialSuccess
}

// Start gives a collector that takes everything.
func Start(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{}
	server := grpc.NewServer()
	coltracepb.RegisterTraceServiceServer(server, c)
	grpcAt, httpAt := listen(t), listen(t)
	web := &http.Server{Handler: http.HandlerFunc(c.post), ReadHeaderTimeout: time.Minute}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(grpcAt) })
	serving.Go(func() { _ = web.Serve(httpAt) })
	t.Cleanup(func() {
		server.Stop()
		_ = web.Close()
		serving.Wait()
	})
	c.GRPC, c.HTTP = "http://"+grpcAt.Addr().String(), "http://"+httpAt.Addr().String()+"/v1/traces"
	return c
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// Refuse makes every call from now on fail; codes.OK makes them succeed again.
func (c *Collector) Refuse(code codes.Code) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = code
}

// Reject makes every call from now on succeed in part: so many spans were not taken, for a reason in the collector's words.
func (c *Collector) Reject(spans int64, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.partial = &coltracepb.ExportTracePartialSuccess{RejectedSpans: spans, ErrorMessage: reason}
}

func (c *Collector) answer() *coltracepb.ExportTraceServiceResponse {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &coltracepb.ExportTraceServiceResponse{PartialSuccess: c.partial}
}

// Export is the call of OTLP.
func (c *Collector) Export(ctx context.Context, r *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	shown, _ := metadata.FromIncomingContext(ctx)
	if code := c.take(r, shown.Get("authorization")); code != codes.OK {
		return nil, status.Error(code, "canary of the collector")
	}
	return c.answer(), nil
}

func (c *Collector) post(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var asked coltracepb.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" && r.URL.Path != "/" || r.Header.Get("Content-Type") != "application/x-protobuf" || proto.Unmarshal(body, &asked) != nil {
		http.Error(w, "not OTLP", http.StatusBadRequest)
		return
	}
	if c.take(&asked, r.Header.Values("Authorization")) != codes.OK {
		http.Error(w, "canary of the collector", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	if answer, err := proto.Marshal(c.answer()); err == nil {
		_, _ = w.Write(answer)
	}
}

func (c *Collector) take(r *coltracepb.ExportTraceServiceRequest, authorization []string) codes.Code {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.authorizations = append(c.authorizations, authorization...)
	if c.refuse == codes.OK {
		c.resources = append(c.resources, r.GetResourceSpans()...)
	}
	return c.refuse
}

// Authorizations are what was shown, a value a call.
func (c *Collector) Authorizations() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.authorizations)
}

// Raw gives all that came, as it came.
func (c *Collector) Raw() []*tracepb.ResourceSpans {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.resources)
}

// Span is one, as tests look at it. IDs are in hexadecimal.
type Span struct {
	Trace, ID, Parent, State, Name string
	Server, Failed, Sampled        bool
	Began, Ended                   time.Time
	Attributes                     map[string]any
	Events                         []string
}

// Spans gives all that came, in the order in which they began.
func (c *Collector) Spans() []Span {
	var all []Span
	for _, resource := range c.Raw() {
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				all = append(all, spanOf(s))
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Span) int { return a.Began.Compare(b.Began) })
	return all
}

func spanOf(s *tracepb.Span) Span {
	span := Span{
		Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()), Parent: hex.EncodeToString(s.GetParentSpanId()),
		State: s.GetTraceState(), Name: s.GetName(), Server: s.GetKind() == tracepb.Span_SPAN_KIND_SERVER,
		Failed: s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR, Sampled: s.GetFlags()&1 != 0,
		Began: time.Unix(0, int64(s.GetStartTimeUnixNano())), Ended: time.Unix(0, int64(s.GetEndTimeUnixNano())), //nolint:gosec // Of this age.
		Attributes: map[string]any{},
	}
	for _, a := range s.GetAttributes() {
		switch v := a.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			span.Attributes[a.GetKey()] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			span.Attributes[a.GetKey()] = v.IntValue
		case *commonpb.AnyValue_DoubleValue:
			span.Attributes[a.GetKey()] = v.DoubleValue
		case *commonpb.AnyValue_BoolValue:
			span.Attributes[a.GetKey()] = v.BoolValue
		}
	}
	for _, e := range s.GetEvents() {
		span.Events = append(span.Events, e.GetName())
	}
	return span
}
