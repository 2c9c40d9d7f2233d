// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"net/textproto"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// callers is the header of a caller, who is in a trace.
type callers struct{}

func (callers) PeekCanonical(name []byte) []byte {
	return []byte(map[string]string{"Traceparent": "caller's", "Tracestate": "a=1", "Idempotency-Key": "7"}[string(name)])
}

func TestWhichTraceAProviderIsTold(t *testing.T) {
	tests := map[string]struct {
		remove []string
		head   Head
		want   string
	}{
		"its caller's, without one of the gateway's": {head: Head{Fields: callers{}}, want: "Idempotency-Key: 7, Traceparent: caller's, Tracestate: a=1"},
		"the gateway's": {head: Head{Fields: callers{}, Traceparent: []byte("own"), Tracestate: []byte("b=2")},
			want: "Idempotency-Key: 7, Traceparent: own, Tracestate: b=2"},
		"the gateway's, without the state of another": {head: Head{Fields: callers{}, Traceparent: []byte("own")}, want: "Idempotency-Key: 7, Traceparent: own"},
		"the gateway's, of what nobody asked for":     {head: Head{Traceparent: []byte("own")}, want: "Traceparent: own"},
		"none that a policy removes": {remove: []string{"Traceparent", "Tracestate"}, head: Head{Fields: callers{}, Traceparent: []byte("own"), Tracestate: []byte("b=2")},
			want: "Idempotency-Key: 7"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := New(&config.Provider{ID: "ns/p", Type: config.OpenAI, Endpoint: "http://p", RemoveHeaders: test.remove}, config.Secret{}, "dev")
			if err != nil {
				t.Fatal(err)
			}
			test.head.Length = -1
			var got []string
			for line := range strings.Lines(string(p.Way(exchange.Chat, exchange.OpenAI).AppendHead(nil, &test.head))) {
				field, _, _ := strings.Cut(line, ":")
				switch textproto.CanonicalMIMEHeaderKey(field) {
				case "Traceparent", "Tracestate", "Idempotency-Key":
					got = append(got, strings.TrimSpace(line))
				}
			}
			if diff := cmp.Diff(test.want, strings.Join(got, ", ")); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}
