// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"net/http"
	"strings"
)

// bedrock is the dialect of Amazon Bedrock's Converse API,
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html. The real service overlooks some
// members that it does not know; this one refuses them all.
type bedrock struct{ server *Server }

func (b bedrock) operations() map[string]operation {
	return map[string]operation{
		"POST /model/{id}/converse":        b.converse,
		"POST /model/{id}/converse-stream": b.converseStream,
		"POST /model/{id}/count-tokens":    b.countTokens,
		"/model/":                          b.unknown,
	}
}

func (b bedrock) unknown(*http.Request, []byte) (call, *failure) {
	return nil, &failure{status: http.StatusNotFound, kind: "UnknownOperationException", message: "unknown operation"}
}

func (b bedrock) headers(h http.Header, s stamp) {
	h.Set("X-Amzn-Requestid", amazonID(s.id))
}

// amazonID writes an answer's id as AWS writes its request ids.
func amazonID(id string) string {
	return strings.Join([]string{id[:8], id[8:12], "4" + id[12:15], "8" + id[15:18], id[17:29]}, "-")
}

// label names the error as AWS's SDKs want to be told it.
func (b bedrock) label(h http.Header, f *failure) {
	h.Set("X-Amzn-Errortype", b.exception(f)+":http://internal.amazon.com/coral/com.amazon.bedrock/")
}

func (b bedrock) exception(f *failure) string {
	if f.kind != "" {
		return f.kind
	}
	switch f.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return "AccessDeniedException"
	case http.StatusNotFound:
		return "ResourceNotFoundException"
	case http.StatusRequestTimeout:
		return "ModelTimeoutException"
	case http.StatusFailedDependency:
		return "ModelErrorException"
	case http.StatusTooManyRequests:
		return "ThrottlingException"
	case http.StatusServiceUnavailable:
		return "ServiceUnavailableException"
	}
	if f.status >= 500 {
		return "InternalServerException"
	}
	return "ValidationException"
}

func (b bedrock) failureBody(f *failure) []byte {
	return marshal(map[string]string{"message": f.message})
}

// failureEvent is one of the five exceptions that a stream may hold.
func (b bedrock) failureEvent(f *failure) event {
	name := "internalServerException"
	switch f.status {
	case http.StatusBadRequest:
		name = "validationException"
	case http.StatusFailedDependency:
		name = "modelStreamErrorException"
	case http.StatusTooManyRequests:
		name = "throttlingException"
	case http.StatusServiceUnavailable:
		name = "serviceUnavailableException"
	}
	return event{name: name, data: b.failureBody(f), exception: true}
}
