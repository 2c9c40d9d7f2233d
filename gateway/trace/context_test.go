// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/sparkgateway/spark/gateway/exchange"
)

const (
	callersTrace = "0af7651916cd43dd8448eb211c80319c"
	callersSpan  = "b7ad6b7169203331"
	parent       = "00-" + callersTrace + "-" + callersSpan + "-01"
)

func TestWhatATraceparentSays(t *testing.T) {
	type said struct {
		Trace, Span string
		Sampled, OK bool
	}
	good := said{callersTrace, callersSpan, true, true}
	unsampled := good
	unsampled.Sampled = false
	tests := map[string]struct {
		value string
		want  said
	}{
		"sampled":                         {parent, good},
		"not sampled":                     {strings.TrimSuffix(parent, "1") + "0", unsampled},
		"with other flags":                {strings.TrimSuffix(parent, "01") + "03", good},
		"with only other flags":           {strings.TrimSuffix(parent, "01") + "02", unsampled},
		"with white space around":         {" \t" + parent + " ", good},
		"of a version to come":            {"cc" + parent[2:], good},
		"of a version that says more":     {"cc" + parent[2:] + "-what-the-future-will-be-like", good},
		"of a version that runs on":       {"cc" + parent[2:] + ".what", said{}},
		"of version 00 that says more":    {parent + "-more", said{}},
		"of the version that is none":     {"ff" + parent[2:], said{}},
		"empty":                           {"", said{}},
		"cut short":                       {parent[:54], said{}},
		"without a trace":                 {"00-" + strings.Repeat("0", 32) + "-" + callersSpan + "-01", said{}},
		"without a span":                  {"00-" + callersTrace + "-" + strings.Repeat("0", 16) + "-01", said{}},
		"in capitals":                     {strings.ToUpper(parent), said{}},
		"with dashes elsewhere":           {strings.ReplaceAll(parent, "-", "_"), said{}},
		"with what is not hexadecimal":    {strings.Replace(parent, "0af7", "0ag7", 1), said{}},
		"with flags that are no number":   {strings.TrimSuffix(parent, "01") + "0x", said{}},
		"longer than anybody should read": {"cc" + parent[2:] + "-" + strings.Repeat("a", MaxState), said{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			id, span, sampled, ok := Parse([]byte(test.value))
			got := said{}
			if ok {
				got = said{hex.EncodeToString(id[:]), hex.EncodeToString(span[:]), sampled, ok}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("said (-want +got):\n%s", diff)
			}
		})
	}
}

// OpenTelemetry's own reader is the judge of version 00, whose length is the one thing that it takes less seriously.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{parent, "", parent + "-", "ff" + parent[2:], strings.ToUpper(parent), "00-0-0-0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		id, span, sampled, ok := Parse([]byte(value))
		if strings.TrimSpace(value) != value || !strings.HasPrefix(value, "00") || len(value) > parentLen {
			return
		}
		carrier := propagation.MapCarrier{"traceparent": value}
		want := oteltrace.SpanContextFromContext(propagation.TraceContext{}.Extract(t.Context(), carrier))
		// Flags beyond those of the first version are no error to us, as its successor asks for.
		if later := ok && value[flagsStart:] > "03"; ok != want.IsValid() && !later {
			t.Fatalf("%q: ok is %t, want %t", value, ok, want.IsValid())
		}
		if want.IsValid() && (oteltrace.TraceID(id) != want.TraceID() || oteltrace.SpanID(span) != want.SpanID() || sampled != want.IsSampled()) {
			t.Fatalf("%q: %x %x %t, want %+v", value, id, span, sampled, want)
		}
	})
}

// ids are of a request: one that is drawn at any percentage above 0, and one that is only at 100.
const (
	often  = "000102030405060708090a0b0c0d0000"
	seldom = "000102030405060708090a0b0c0dffff"
)

func idOf(text string) *[exchange.IDLen]byte { return (*[exchange.IDLen]byte)([]byte(text)) }

func TestWhereARequestStands(t *testing.T) {
	decoded := func(text string) (id exchange.TraceID) {
		_, _ = hex.Decode(id[:], []byte(text))
		return id
	}
	callers := exchange.Trace{
		ID: decoded(callersTrace), Parent: exchange.SpanID{0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31}, Decided: true, Sampled: true,
	}
	stating := func(state string) exchange.Trace {
		with := callers
		with.State = []byte(state)
		return with
	}
	refused := callers
	refused.Sampled = false
	tests := map[string]struct {
		id, parent, state string
		percent           int
		want              exchange.Trace
	}{
		"in its own trace":                      {id: often, want: exchange.Trace{ID: decoded(often)}},
		"in its own, sampled":                   {id: often, percent: 1, want: exchange.Trace{ID: decoded(often), Sampled: true}},
		"in its own, and nearly sampled":        {id: seldom, percent: 99, want: exchange.Trace{ID: decoded(seldom)}},
		"in its own, as all are":                {id: seldom, percent: 100, want: exchange.Trace{ID: decoded(seldom), Sampled: true}},
		"in its caller's":                       {id: often, parent: parent, want: callers},
		"in its caller's, which is not sampled": {id: often, parent: parent[:54] + "0", percent: 100, want: refused},
		"with its caller's state":               {id: often, parent: parent, state: "a=1,b@c=2", want: stating("a=1,b@c=2")},
		"without a state that is none":          {id: often, parent: parent, state: "a", want: callers},
		"without a state that is too long":      {id: often, parent: parent, state: "a=" + strings.Repeat("1", MaxState), want: callers},
		"without a state of two of a key":       {id: often, parent: parent, state: "a=1,a=2", want: callers},
		"without the state of no trace":         {id: often, parent: "00", state: "a=1", want: exchange.Trace{ID: decoded(often)}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got exchange.Trace
			Begin(&got, idOf(test.id), []byte(test.parent), []byte(test.state), test.percent)
			if !got.Traced() || got.Span == got.Parent {
				t.Errorf("the span is %x, of parent %x", got.Span, got.Parent)
			}
			got.Span = exchange.SpanID{}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("trace (-want +got):\n%s", diff)
			}
		})
	}
}

func TestASampleIsAsLargeAsItsPercentageAndGrowsWithIt(t *testing.T) {
	for _, percent := range []int{0, 1, 10, 50, 99, 100} {
		drawn := 0
		for n := range 1 << 16 {
			id := idOf(fmt.Sprintf("%s%04x", strings.Repeat("0", exchange.IDLen-4), n))
			if Drawn(id, percent) {
				drawn++
				if percent < 100 && !Drawn(id, percent+1) {
					t.Fatalf("%s is drawn at %d %% and not at %d %%", id[:], percent, percent+1)
				}
			}
		}
		if want := (percent<<16 + 99) / 100; drawn != want {
			t.Errorf("at %d %% %d are drawn, want %d", percent, drawn, want)
		}
	}
}

func TestWhatProvidersAreToldIsReadByOthers(t *testing.T) {
	for _, sampled := range []bool{false, true} {
		trace := exchange.Trace{ID: exchange.TraceID{1, 0xab}, Span: NewSpan(), Sampled: sampled}
		span := NewSpan()
		text := AppendParent([]byte("x"), &trace, span)[1:]
		got := oteltrace.SpanContextFromContext(propagation.TraceContext{}.Extract(t.Context(), propagation.MapCarrier{"traceparent": string(text)}))
		if got.TraceID() != oteltrace.TraceID(trace.ID) || got.SpanID() != oteltrace.SpanID(span) || got.IsSampled() != sampled {
			t.Errorf("%s is read as %+v", text, got)
		}
	}
}

func TestWhichRequestsAreTold(t *testing.T) {
	span := exchange.SpanID{1}
	tests := map[string]struct {
		trace   exchange.Trace
		outcome exchange.Outcome
		want    bool
	}{
		"one that is not traced":                       {exchange.Trace{}, exchange.Internal, false},
		"one that is sampled":                          {exchange.Trace{Span: span, Sampled: true}, exchange.OK, true},
		"one that is not, and ends well":               {exchange.Trace{Span: span}, exchange.OK, false},
		"one that is not, and fails":                   {exchange.Trace{Span: span}, exchange.ProviderTimeout, true},
		"one that is not, and is refused":              {exchange.Trace{Span: span}, exchange.Refused, true},
		"one that the caller does not want, and fails": {exchange.Trace{Span: span, Decided: true}, exchange.ProviderTimeout, false},
		"one that the caller wants":                    {exchange.Trace{Span: span, Decided: true, Sampled: true}, exchange.OK, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ex := exchange.Exchange{Trace: test.trace}
			ex.Outcome = test.outcome
			if got := Wanted(&ex); got != test.want {
				t.Errorf("wanted is %t, want %t", got, test.want)
			}
		})
	}
}

// BenchmarkBegin is what a request pays for being traced: at its beginning, and for one attempt.
func BenchmarkBegin(b *testing.B) {
	for name, caller := range map[string][]byte{"own": nil, "caller's": []byte(parent)} {
		b.Run(name, func(b *testing.B) {
			var trace exchange.Trace
			var out []byte
			id := idOf(seldom)
			b.ReportAllocs()
			for b.Loop() {
				trace = exchange.Trace{}
				Begin(&trace, id, caller, nil, 10)
				out = AppendParent(out[:0], &trace, NewSpan())
			}
			if !bytes.HasPrefix(out, []byte("00-")) {
				b.Fatal(out)
			}
		})
	}
}
