// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestAppendErrorTellsTheTypeByStatus(t *testing.T) {
	for status, want := range map[int]string{
		400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error", 404: "not_found_error",
		405: "invalid_request_error", 408: "invalid_request_error", 409: "invalid_request_error", 413: "request_too_large", 422: "invalid_request_error",
		429: "rate_limit_error", 500: "api_error", 502: "api_error", 503: "overloaded_error", 504: "timeout_error", 529: "overloaded_error", 0: "api_error",
	} {
		e := &exchange.Error{Status: status, Type: "server_error", Code: "c", Param: "p", Message: `Say "please".`}
		sameJSON(t, `{"type":"error","error":{"type":"`+want+`","message":"Say \"please\"."},"request_id":"req_1"}`, AppendError(nil, e, "req_1"))
	}
}

func TestAppendErrorEvent(t *testing.T) {
	e := &exchange.Error{Status: 529, Message: "Overloaded\n"}
	want := "x" + `event: error
data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded\n"}}

`
	if diff := cmp.Diff(want, string(AppendErrorEvent([]byte("x"), e, ""))); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeError(t *testing.T) {
	const reason = exchange.ReasonProviderStatus
	for name, test := range map[string]struct {
		status int
		body   string
		want   exchange.Error
	}{
		"a refusal": {
			400, `{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: Field required"},"request_id":"req_011"}`,
			exchange.Error{Status: 400, Type: "invalid_request_error", Message: "max_tokens: Field required", Reason: reason, Outcome: exchange.ProviderRefused},
		},
		"a limit": {
			429, `{"type":"error","error":{"type":"rate_limit_error","message":"Slower."}}`,
			exchange.Error{Status: 429, Type: "rate_limit_error", Message: "Slower.", Reason: reason, Outcome: exchange.ProviderRefused},
		},
		"too much to do": {
			529, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`,
			exchange.Error{Status: 529, Type: "overloaded_error", Message: "Overloaded", Reason: reason, Outcome: exchange.ProviderFailed},
		},
		"a page of HTML": {
			502, `<html>Bad gateway</html>`,
			exchange.Error{Status: 502, Type: "api_error", Message: "The provider answered with status 502.", Reason: reason, Outcome: exchange.ProviderFailed},
		},
		"nothing": {
			404, ``,
			exchange.Error{Status: 404, Type: "not_found_error", Message: "The provider answered with status 404.", Reason: reason, Outcome: exchange.ProviderRefused},
		},
		"another shape": {
			400, `{"error":"no"}`,
			exchange.Error{Status: 400, Type: "invalid_request_error", Message: "The provider answered with status 400.", Reason: reason, Outcome: exchange.ProviderRefused},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(&test.want, Encoder{}.DecodeError(test.status, []byte(test.body))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestErrorEventsAreTheProvidersFailure(t *testing.T) {
	for name, test := range map[string]struct {
		detail errorDetail
		want   exchange.Error
	}{
		"too much to do":      {errorDetail{"overloaded_error", "Overloaded"}, exchange.Error{Status: 529, Type: exchange.TypeUpstream, Message: "Overloaded"}},
		"a limit":             {errorDetail{"rate_limit_error", "Slower."}, exchange.Error{Status: 429, Type: exchange.TypeRateLimit, Message: "Slower."}},
		"a bad request":       {errorDetail{"invalid_request_error", "No."}, exchange.Error{Status: 400, Type: exchange.TypeInvalidRequest, Message: "No."}},
		"too large":           {errorDetail{"request_too_large", "No."}, exchange.Error{Status: 413, Type: exchange.TypeInvalidRequest, Message: "No."}},
		"out of time":         {errorDetail{"timeout_error", "Late."}, exchange.Error{Status: 504, Type: exchange.TypeUpstream, Message: "Late."}},
		"a fault":             {errorDetail{"api_error", "Oops."}, exchange.Error{Status: 502, Type: exchange.TypeUpstream, Message: "Oops."}},
		"a word of its own":   {errorDetail{"new_error", "Oops."}, exchange.Error{Status: 502, Type: exchange.TypeUpstream, Message: "Oops."}},
		"nothing said":        {errorDetail{}, exchange.Error{Status: 502, Type: exchange.TypeUpstream, Message: "The provider failed in the middle of its answer."}},
		"a key in the text":   {errorDetail{"authentication_error", "invalid x-api-key sk-1"}, exchange.Error{Status: 502, Type: exchange.TypeUpstream, Message: "The provider did not accept the gateway's credential.", Reason: exchange.ReasonAuthFailed}},
		"a key may not do so": {errorDetail{"permission_error", "key sk-1"}, exchange.Error{Status: 502, Type: exchange.TypeUpstream, Message: "The provider did not accept the gateway's credential.", Reason: exchange.ReasonAuthFailed}},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.Outcome = exchange.ProviderFailed
			if test.want.Reason == "" {
				test.want.Reason = exchange.ReasonProviderErrorEvent
			}
			if diff := cmp.Diff(&test.want, failure(test.detail)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
