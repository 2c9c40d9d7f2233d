// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package trace tells an OpenTelemetry collector of requests: a span each, and a span an attempt at a provider.
package trace

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// MaxState bounds a tracestate, as W3C Trace Context asks for at least; a longer one goes no further.
const MaxState = 512

// The places of a traceparent of version 00: version, trace, span and flags, with dashes between.
const (
	parentLen  = 55
	traceStart = 3
	spanStart  = 36
	flagsStart = 53
)

// sampledFlag is the bit of the flags that says so.
const sampledFlag = 1

// Begin says where a request stands: in its caller's trace, where the header fields traceparent and tracestate name one, which
// then says whether it is sampled. Otherwise it begins a trace, whose ID is the request's, and which is sampled in percent of all
// cases. State must live as long as t.
func Begin(t *exchange.Trace, id *[exchange.IDLen]byte, parent, state []byte, percent int) {
	t.Span = NewSpan()
	trace, caller, sampled, ok := Parse(parent)
	if !ok {
		_, _ = hex.Decode(t.ID[:], id[:])
		t.Sampled = Drawn(id, percent)
		return
	}
	t.ID, t.Parent, t.Decided, t.Sampled = trace, caller, true, sampled
	if validState(state) {
		t.State = state
	}
}

// Drawn says that a request is among so many percent of all. It is so of one request for every percentage above the least for which
// it is.
func Drawn(id *[exchange.IDLen]byte, percent int) bool {
	var raw [2]byte
	_, _ = hex.Decode(raw[:], id[exchange.IDLen-2*len(raw):])
	return int(binary.BigEndian.Uint16(raw[:]))*100>>16 < percent
}

// NewSpan gives a random ID that is not zero. It need not be secret, only unique.
func NewSpan() (id exchange.SpanID) {
	for id == (exchange.SpanID{}) {
		binary.LittleEndian.PutUint64(id[:], rand.Uint64())
	}
	return id
}

// Parse reads a traceparent. Versions to come may say more behind what version 00 says.
func Parse(value []byte) (id exchange.TraceID, span exchange.SpanID, sampled, ok bool) {
	value = bytes.Trim(value, " \t")
	if len(value) < parentLen || len(value) > MaxState || value[2] != '-' || value[spanStart-1] != '-' || value[flagsStart-1] != '-' {
		return id, span, false, false
	}
	var version, flags [1]byte
	lower := decode(version[:], value[:2]) && decode(id[:], value[traceStart:]) && decode(span[:], value[spanStart:]) &&
		decode(flags[:], value[flagsStart:])
	more := len(value) > parentLen
	ok = lower && version[0] != 0xff && id != exchange.TraceID{} && span != exchange.SpanID{} &&
		(!more || version[0] != 0 && value[parentLen] == '-')
	return id, span, flags[0]&sampledFlag != 0, ok
}

// decode reads as much hexadecimal as there is room for, in lower case only.
func decode(dst, src []byte) bool {
	src = src[:2*len(dst)]
	for _, c := range src {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	_, err := hex.Decode(dst, src)
	return err == nil
}

// validState says that a tracestate is one that may go on.
func validState(state []byte) bool {
	if len(state) == 0 || len(state) > MaxState {
		return false
	}
	_, err := oteltrace.ParseTraceState(string(state))
	return err == nil
}

// AppendParent writes the traceparent for what a span of a trace asks of others.
func AppendParent(dst []byte, t *exchange.Trace, span exchange.SpanID) []byte {
	dst = hex.AppendEncode(append(dst, "00-"...), t.ID[:])
	dst = hex.AppendEncode(append(dst, '-'), span[:])
	if t.Sampled {
		return append(dst, "-01"...)
	}
	return append(dst, "-00"...)
}

// Wanted says that a request is to be told of, now that it ended: those that fail are, but where the caller decided otherwise.
func Wanted(ex *exchange.Exchange) bool {
	return ex.Trace.Sampled || ex.Trace.Traced() && !ex.Trace.Decided && ex.Outcome != exchange.OK
}
