// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package collector tests that OpenTelemetry's own collector takes the gateway's traces, over both protocols. It is a module of its
// own, as nothing else here needs a collector.
package collector

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/sparkgateway/spark/gateway"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

const (
	applicationKey = "spark-alice-0123456789abcdef0123456789abcdef"
	providersKey   = "sk-provider-secret"
	callersTrace   = "0af7651916cd43dd8448eb211c80319c"
	callersSpan    = "b7ad6b7169203331"
)

// receive starts the collector's receiver, and gives its addresses and what comes.
func receive(t *testing.T) (overGRPC, overHTTP string, sink *consumertest.TracesSink) {
	t.Helper()
	overGRPC, overHTTP, sink = free(t), free(t), &consumertest.TracesSink{}
	factory := otlpreceiver.NewFactory()
	settings, ok := factory.CreateDefaultConfig().(*otlpreceiver.Config)
	if !ok {
		t.Fatal("the receiver has another configuration")
	}
	settings.Protocols.GRPC.GetOrInsertDefault().NetAddr.Endpoint = overGRPC
	settings.Protocols.HTTP.GetOrInsertDefault().ServerConfig.NetAddr.Endpoint = overHTTP
	receiver, err := factory.CreateTraces(t.Context(), receivertest.NewNopSettings(factory.Type()), settings, sink)
	if err != nil {
		t.Fatal(err)
	}
	if err := receiver.Start(context.Background(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = receiver.Shutdown(context.Background()) })
	return overGRPC, overHTTP, sink
}

// free gives an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// provider starts one, under a fault where there is one.
func provider(t *testing.T, fault string) *fakeprovider.Server {
	t.Helper()
	p := fakeprovider.New(fakeprovider.Options{APIKeys: []string{providersKey}})
	if err := p.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	if fault != "" {
		if err := p.SetScript(fakeprovider.Rule{Fault: fault}); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// document has a route whose first provider fails over to the second.
func document(first, second *fakeprovider.Server, tracing config.Tracing) *config.Document {
	seconds := func(n int) config.Duration { return config.Duration(time.Duration(n) * time.Second) }
	d := &config.Document{
		Core: config.Core{
			Schema: config.Schema,
			Gateway: config.Gateway{
				ID: "default/main", MaxBodyBytes: 1 << 20, MaxHeaderBytes: 16 << 10, BodyTimeout: seconds(10), MaxConnections: 100,
				DrainTimeout: seconds(10), Tracing: &tracing,
			},
			Routes: []config.Route{{ID: "default/smart", Models: []string{"gpt-4o"}, Strategy: config.Weighted}},
		},
		Secrets: map[string]config.Secret{"key": config.NewSecret(providersKey)},
		Keys:    []config.Key{{ID: "default/alice", User: "alice", Digest: config.DigestKey(applicationKey)}},
	}
	for tier, p := range []*fakeprovider.Server{first, second} {
		name := []string{"first", "second"}[tier]
		d.Core.Providers = append(d.Core.Providers, config.Provider{
			ID: "default/" + name, Name: name, Type: config.OpenAI, Endpoint: p.URL() + "/v1", Credential: "key",
			Timeouts: config.Timeouts{Connect: seconds(10), FirstToken: seconds(10), BetweenTokens: seconds(10), Total: seconds(60)},
			Breaker:  config.Breaker{ConsecutiveFailures: 9, FailurePercent: 100, MinRequests: 99, Window: seconds(60), OpenFor: seconds(1), Probes: 1},
			Retry:    config.Retry{Attempts: 1, Backoff: config.Duration(time.Millisecond), MaxBackoff: seconds(1), On: config.RetryConditions},
			Quota:    config.Quota{QueueTimeout: seconds(1)},
		})
		d.Core.Models = append(d.Core.Models, config.Model{Name: name + "/gpt-4o", Provider: "default/" + name, Upstream: "gpt-4o"})
		d.Core.Routes[0].Targets = append(d.Core.Routes[0].Targets,
			config.Target{Provider: "default/" + name, Model: "gpt-4o", Upstream: "gpt-4o", Weight: 1, Tier: int64(tier)})
	}
	return d
}

// serve starts a gateway, and gives its URL and what ends it.
func serve(t *testing.T, doc *config.Document) (url string, end func()) {
	t.Helper()
	if err := doc.Validate(); err != nil {
		t.Fatal(err)
	}
	living := gateway.NewLiving(gateway.LivingOptions{})
	server := gateway.NewServer(gateway.Options{Living: living})
	if err := server.Apply(doc); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(ln) }()
	return "http://" + ln.Addr().String(), func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
		living.Close()
	}
}

// ask asks for a stream in a caller's trace, and reads it to its end.
func ask(t *testing.T, url string) {
	t.Helper()
	const body = `{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"canary of the prompt [[fake tokens=5]]"}]}`
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+applicationKey)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Traceparent", "00-"+callersTrace+"-"+callersSpan+"-01")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(answer), "[DONE]") {
		t.Fatalf("%d %v %s", response.StatusCode, err, answer)
	}
}

func TestTheCollectorTakesATraceOfAFailedOverStream(t *testing.T) {
	for _, protocol := range []string{"gRPC", "HTTP"} {
		t.Run(protocol, func(t *testing.T) {
			overGRPC, overHTTP, sink := receive(t)
			tracing := config.Tracing{Endpoint: "http://" + overGRPC}
			if protocol == "HTTP" {
				tracing = config.Tracing{Endpoint: "http://" + overHTTP + "/v1/traces", HTTP: true}
			}
			url, end := serve(t, document(provider(t, "status:503"), provider(t, ""), tracing))
			ask(t, url)
			// What waits is sent before the end.
			end()
			wantTrace(t, sink)
		})
	}
}

// spans gives what came by the name of its attempt; "" is the request's own.
func spans(sink *consumertest.TracesSink) (all map[string]ptrace.Span, text string) {
	all = map[string]ptrace.Span{}
	for _, traces := range sink.AllTraces() {
		for _, resource := range traces.ResourceSpans().All() {
			text += fmt.Sprint(resource.Resource().Attributes().AsRaw())
			for _, scope := range resource.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					name := ""
					if attempt, ok := span.Attributes().Get("spark.attempt"); ok {
						name = attempt.Str()
					}
					all[name] = span
					text += fmt.Sprint(span.Name(), span.Attributes().AsRaw())
				}
			}
		}
	}
	return all, text
}

func wantTrace(t *testing.T, sink *consumertest.TracesSink) {
	t.Helper()
	all, text := spans(sink)
	request, failed, answered := all[""], all["first"], all["failover"]
	if len(all) != 3 || sink.SpanCount() != 3 {
		t.Fatalf("%d spans: %s", sink.SpanCount(), text)
	}
	if request.Kind() != ptrace.SpanKindServer || request.ParentSpanID().String() != callersSpan || request.Name() != "chat gpt-4o" {
		t.Errorf("the request's span is a %s %q below %s", request.Kind(), request.Name(), request.ParentSpanID())
	}
	for _, attempt := range []ptrace.Span{failed, answered} {
		if attempt.Kind() != ptrace.SpanKindClient || attempt.ParentSpanID() != request.SpanID() || attempt.TraceID().String() != callersTrace {
			t.Errorf("an attempt's span is a %s below %s of trace %s", attempt.Kind(), attempt.ParentSpanID(), attempt.TraceID())
		}
	}
	if failed.Status().Code() != ptrace.StatusCodeError || failed.Events().Len() != 0 {
		t.Errorf("the attempt that failed has status %s and %d events", failed.Status().Code(), failed.Events().Len())
	}
	for _, span := range []ptrace.Span{request, answered} {
		if span.Events().Len() != 1 || span.Events().At(0).Name() != "gen_ai.first_token" {
			t.Errorf("%s has %d events", span.Name(), span.Events().Len())
		}
		if tokens, ok := span.Attributes().Get("gen_ai.usage.output_tokens"); !ok || tokens.Int() != 5 {
			t.Errorf("%s has not 5 output tokens: %v", span.Name(), span.Attributes().AsRaw())
		}
	}
	for _, secret := range []string{"canary", applicationKey, providersKey} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in a span: %s", secret, text)
		}
	}
}
