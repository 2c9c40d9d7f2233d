// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import "github.com/sparkgateway/spark/gateway/exchange"

// AnswerPolicy is a Policy for the answer to one request. It is immutable and safe for concurrent use; its filters are not.
type AnswerPolicy struct{}

// Answer gives the policy for the answer to a request with these system texts, nil where nothing is looked for in it. The texts are
// not kept.
func (p *Policy) Answer(system [][]byte) *AnswerPolicy {
	return nil
}

// Filter gives a filter for one channel of the answer: a text that comes in pieces, or whole.
func (a *AnswerPolicy) Filter() *Filter { return &Filter{} }

// FilterArguments gives a filter for a channel whose text is JSON, such as the arguments of a tool call.
func (a *AnswerPolicy) FilterArguments() *Filter { return &Filter{} }

// Filter sanitizes one text that comes in pieces: what it gives, joined, is the same for all ways to cut the text. One goroutine
// at a time.
type Filter struct{}

// Write appends to dst what may be told now of the text up to and with chunk, which is not kept. Once the text is blocked it
// appends nothing more.
func (f *Filter) Write(dst, chunk []byte) []byte { return append(dst, chunk...) }

// Close appends the rest to dst. Nothing may follow.
func (f *Filter) Close(dst []byte) []byte { return dst }

// Verdict says what was found so far, and why the text was broken off, nil where it was not.
func (f *Filter) Verdict() (exchange.Findings, *Blocked) { return exchange.Findings{}, nil }
