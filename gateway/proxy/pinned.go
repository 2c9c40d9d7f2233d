// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"

	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/sse"
)

// keeping says that an operation is about what a provider keeps, so that nothing is generated.
func keeping(op exchange.Operation) bool {
	return op == exchange.Files || op == exchange.Batches || op == exchange.StoredResponse
}

// kept says which ids of the answer the provider will be asked for again.
func (a *Attempt) kept() dialect.Kept {
	switch a.req.Operation {
	case exchange.Files, exchange.Batches:
		return dialect.KeptFiles
	case exchange.StoredResponse:
		return dialect.KeptResponses
	case exchange.Chat:
		if a.way.Wire == exchange.Responses && !a.translating {
			return dialect.KeptResponses
		}
	default:
	}
	return dialect.KeptNothing
}

// pinAnswer pins the ids of a whole answer.
func (a *Attempt) pinAnswer() {
	k := a.kept()
	if k == dialect.KeptNothing || a.target.Pin == "" {
		return
	}
	a.edited = a.target.Pin.AppendPinned(a.edited[:0], a.answer, k)
	a.answer, a.edited = a.edited, a.answer
}

// appendPinned writes an event with its ids pinned, and all else of it as it came.
func (a *Attempt) appendPinned(dst []byte, e sse.Event) []byte {
	k := a.kept()
	if k == dialect.KeptNothing || a.target.Pin == "" {
		return append(dst, e.Raw...)
	}
	if i := bytes.Index(e.Raw, e.Data); i >= 0 {
		dst = append(dst, e.Raw[:i]...)
		dst = a.target.Pin.AppendPinned(dst, e.Data, k)
		return append(dst, e.Raw[i+len(e.Data):]...)
	}
	// Data of several lines: in JSON, an end of line stands for no more than a space.
	if len(e.Name) > 0 {
		dst = append(append(append(dst, "event: "...), e.Name...), '\n')
	}
	from := len(append(dst, "data: "...))
	dst = a.target.Pin.AppendPinned(append(dst, "data: "...), e.Data, k)
	for i := from; i < len(dst); i++ {
		if dst[i] == '\n' {
			dst[i] = ' '
		}
	}
	return append(dst, "\n\n"...)
}
