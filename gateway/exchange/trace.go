// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package exchange

// TraceID names a trace, as W3C Trace Context has it. All zero is none.
type TraceID [16]byte

// SpanID names one span of a trace. All zero is none.
type SpanID [8]byte

// Trace is where a request stands among others. The zero value is of one that is not traced.
type Trace struct {
	ID TraceID
	// Span is the request's own, Parent its caller's.
	Span, Parent SpanID
	// Decided says that the caller decided whether the request is sampled; else the gateway did, and may do so again at the end.
	Decided bool
	// Sampled is the decision at the request's beginning, which providers are told.
	Sampled bool
	// State is the caller's tracestate. It points into buffers that live as long as the exchange.
	State []byte
}

// Traced says that the request has a span, whether or not it will be sent.
func (t *Trace) Traced() bool { return t.Span != SpanID{} }
