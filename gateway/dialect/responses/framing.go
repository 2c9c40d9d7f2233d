// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// streamEvent is any event of a stream but a delta.
type streamEvent struct {
	Type           string            `json:"type"`
	SequenceNumber int64             `json:"sequence_number"`
	ItemID         string            `json:"item_id,omitzero"`
	OutputIndex    *int              `json:"output_index,omitzero"`
	ContentIndex   *int              `json:"content_index,omitzero"`
	SummaryIndex   *int              `json:"summary_index,omitzero"`
	Name           string            `json:"name,omitzero"`
	Arguments      *string           `json:"arguments,omitzero"`
	Text           *string           `json:"text,omitzero"`
	Refusal        *string           `json:"refusal,omitzero"`
	LogProbs       *[]jsontext.Value `json:"logprobs,omitzero"`
	Part           any               `json:"part,omitzero"`
	Item           any               `json:"item,omitzero"`
	Response       *response         `json:"response,omitzero"`
}

// event frames an event and gives it its number.
func (w *writer) event(dst []byte, e *streamEvent) []byte {
	e.SequenceNumber = w.next()
	dst = appendName(dst, e.Type)
	return append(chat.Append(dst, e), "\n\n"...)
}

func (w *writer) next() int64 {
	n := w.seq
	w.seq++
	return n
}

func appendName(dst []byte, name string) []byte {
	dst = append(dst, "event: "...)
	dst = append(dst, name...)
	return append(dst, "\ndata: "...)
}

// appendDelta frames a delta of the open part. There is one for nearly every token, so it is put together by hand.
func (w *writer) appendDelta(dst []byte, text string, logProbs []jsontext.Value) []byte {
	dst = appendName(dst, w.deltaType)
	dst = append(dst, `{"type":"`...)
	dst = append(dst, w.deltaType...)
	dst = append(dst, `","sequence_number":`...)
	dst = strconv.AppendInt(dst, w.next(), 10)
	dst = append(dst, w.delta...)
	dst = appendString(dst, text)
	switch {
	case len(logProbs) > 0:
		dst = append(dst, `,"logprobs":`...)
		dst = chat.Append(dst, logProbs)
	case w.last().Kind == chat.Text:
		dst = append(dst, `,"logprobs":[]`...)
	}
	return append(dst, "}\n\n"...)
}

// appendPlace renders where a delta belongs, up to its text.
func appendPlace(dst []byte, e *streamEvent) []byte {
	dst = append(dst, `,"item_id":`...)
	dst = appendString(dst, e.ItemID)
	for _, index := range []struct {
		name  string
		value *int
	}{{"output", e.OutputIndex}, {"content", e.ContentIndex}, {"summary", e.SummaryIndex}} {
		if index.value != nil {
			dst = append(dst, `,"`...)
			dst = append(dst, index.name...)
			dst = append(dst, `_index":`...)
			dst = strconv.AppendInt(dst, int64(*index.value), 10)
		}
	}
	return append(dst, `,"delta":`...)
}

// appendString quotes s; what is not UTF-8 becomes U+FFFD, of which the error tells.
func appendString(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

// streamError is the error event: in the reference's shape, and with the error object that makes SDKs raise.
type streamError struct {
	Type           string      `json:"type"`
	SequenceNumber int64       `json:"sequence_number"`
	Code           *string     `json:"code"`
	Message        string      `json:"message"`
	Param          *string     `json:"param"`
	Error          errorObject `json:"error"`
}

type errorObject struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

// AppendErrorEvent renders the error event, of that number, which ends a stream that somebody else began.
func AppendErrorEvent(dst []byte, err *exchange.Error, number int64) []byte {
	w := writer{seq: number}
	return w.errorEvent(dst, err)
}

func (w *writer) errorEvent(dst []byte, err *exchange.Error) []byte {
	code := err.Code
	if code == "" {
		code = string(err.Reason)
	}
	e := streamError{Type: "error", SequenceNumber: w.next(), Code: orNull(code), Message: err.Message, Param: orNull(err.Param)}
	e.Error = errorObject{Message: err.Message, Type: err.Type, Param: e.Param, Code: e.Code}
	dst = appendName(dst, "error")
	return append(chat.Append(dst, e), "\n\n"...)
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
