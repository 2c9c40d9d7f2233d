// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fasthttp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/provider"
	"github.com/sparkgateway/spark/gateway/trace"
)

// tracedPolicy is fullPolicy with traces of so many percent, which go nowhere; negative is without.
func tracedPolicy(endpoint string, percent int) *config.Document {
	doc := fullPolicy(endpoint)
	if percent >= 0 {
		doc.Core.Gateway.Tracing = &config.Tracing{Endpoint: "http://127.0.0.1:1", SamplingPercent: percent}
	}
	return doc
}

// BenchmarkTraced is BenchmarkWholeAnswer with traces, whose spans are made, and sent in vain, in the same process.
func BenchmarkTraced(b *testing.B) {
	for _, percent := range []int{-1, 0, 10, 100} {
		b.Run(fmt.Sprintf("%d%%", percent), func(b *testing.B) {
			c := startBench(b, tracedPolicy(cannedProvider(b, wholeAnswer(900)), percent))
			request, buf := chatOf(1000, false), make([]byte, 64<<10)
			if got := exchangeOnce(b, c, request, buf, []byte("}}")); !bytes.HasPrefix(got, []byte("HTTP/1.1 200")) {
				b.Fatalf("%s", got)
			}
			b.ReportAllocs()
			for b.Loop() {
				exchangeOnce(b, c, request, buf, []byte("}}"))
			}
		})
	}
}

func TestWhatACallerSaysTwice(t *testing.T) {
	const trace = "0af7651916cd43dd8448eb211c80319c"
	const parent = "00-" + trace + "-b7ad6b7169203331-01"
	type got struct {
		Own, Sampled bool
		State        string
	}
	tests := map[string]struct {
		header []string
		want   got
	}{
		"nothing":                       {nil, got{Own: true}},
		"a state without a trace":       {[]string{"Tracestate: a=1"}, got{Own: true}},
		"a trace":                       {[]string{"Traceparent: " + parent}, got{Sampled: true}},
		"a trace and its state":         {[]string{"traceparent: " + parent, "tracestate: a=1"}, got{Sampled: true, State: "a=1"}},
		"a state in two lines is one":   {[]string{"Traceparent: " + parent, "Tracestate: a=1", "Tracestate: b=2"}, got{Sampled: true, State: "a=1,b=2"}},
		"two traces are none":           {[]string{"Traceparent: " + parent, "Traceparent: " + parent}, got{Own: true}},
		"two traces have no state":      {[]string{"Traceparent: " + parent, "Traceparent: x", "Tracestate: a=1"}, got{Own: true}},
		"a state that is too much goes": {[]string{"Traceparent: " + parent, "Tracestate: a=" + strings.Repeat("1", 600)}, got{Sampled: true}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ctx := &fasthttp.RequestCtx{}
			for _, line := range test.header {
				field, value, _ := strings.Cut(line, ": ")
				ctx.Request.Header.Add(field, value)
			}
			r := &request{ctx: ctx, snap: &Snapshot{tracing: &tracing{}}}
			copy(r.ex.ID[:], strings.Repeat("ab", 16))
			r.beginTrace()
			own := fmt.Sprintf("%x", r.ex.Trace.ID) == string(r.ex.ID[:])
			if diff := cmp.Diff(test.want, got{own, r.ex.Trace.Sampled, string(r.ex.Trace.State)}); diff != "" {
				t.Errorf("trace (-want +got):\n%s", diff)
			}
			if !own && fmt.Sprintf("%x", r.ex.Trace.ID) != trace {
				t.Errorf("the trace is %x", r.ex.Trace.ID)
			}
		})
	}
}

func TestWhereAProviderIsAsked(t *testing.T) {
	tests := map[string]struct {
		endpoint string
		want     trace.Provider
	}{
		"by name":               {"https://api.openai.com/v1", trace.Provider{System: "openai", Host: "api.openai.com", Port: 443}},
		"at a port":             {"http://ollama:11434", trace.Provider{System: "openai", Host: "ollama", Port: 11434}},
		"at an address of IPv6": {"http://[2001:db8::1]:80", trace.Provider{System: "openai", Host: "2001:db8::1", Port: 80}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := provider.New(&config.Provider{ID: "ns/p", Type: config.OpenAI, Endpoint: test.endpoint}, config.Secret{}, "dev")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, tracedProvider(p)); diff != "" {
				t.Errorf("provider (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhichRequestsHaveALine(t *testing.T) {
	const first, last = "00000000000000000000000000000000", "0000000000000000000000000000ffff"
	tests := map[string]struct {
		log     bool
		skips   int
		id      string
		outcome exchange.Outcome
		want    bool
	}{
		"every one":                       {true, 0, last, exchange.OK, true},
		"none":                            {false, 0, first, exchange.Internal, false},
		"those of the sample":             {true, 99, first, exchange.OK, true},
		"not the others":                  {true, 1, last, exchange.OK, false},
		"no sample of none":               {true, 100, first, exchange.OK, false},
		"those that fail":                 {true, 100, last, exchange.ProviderFailed, true},
		"those that were refused":         {true, 100, last, exchange.Limited, true},
		"those whose client did not wait": {true, 100, last, exchange.ClientGone, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := &request{snap: &Snapshot{gateway: config.Gateway{AccessLog: test.log, LogSkips: test.skips}}}
			copy(r.ex.ID[:], test.id)
			r.ex.Outcome = test.outcome
			if got := r.logged(); got != test.want {
				t.Errorf("logged is %t, want %t", got, test.want)
			}
		})
	}
	if !(&request{}).logged() {
		t.Error("without a configuration there is no line")
	}
}
