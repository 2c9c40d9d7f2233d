// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import "github.com/sparkgateway/spark/gateway/exchange"

// Done is the data of the event that ends a whole stream.
const Done = "[DONE]"

// AppendError renders an error as OpenAI does: {"error":{"message","type","param","code"}}.
func AppendError(dst []byte, e *exchange.Error) []byte {
	dst = append(dst, `{"error":{"message":`...)
	dst = AppendString(dst, e.Message)
	dst = append(dst, `,"type":`...)
	dst = AppendString(dst, e.Type)
	dst = append(dst, `,"param":`...)
	dst = appendOrNull(dst, e.Param)
	dst = append(dst, `,"code":`...)
	code := e.Code
	if code == "" {
		code = string(e.Reason)
	}
	dst = appendOrNull(dst, code)
	return append(dst, "}}"...)
}

// AppendErrorEvent renders an error as the event that ends a stream which cannot be whole.
func AppendErrorEvent(dst []byte, e *exchange.Error) []byte {
	dst = append(dst, "data: "...)
	dst = AppendError(dst, e)
	return append(dst, "\n\n"...)
}

func appendOrNull(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return AppendString(dst, s)
}
