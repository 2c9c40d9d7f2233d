// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestErrorsOfProvidersAreRead(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
		want   exchange.Error
	}{
		"OpenAI's": {
			400, `{"error":{"message":"Unsupported parameter.","type":"invalid_request_error","param":"temperature","code":"unsupported_parameter"}}`,
			exchange.Error{Message: "Unsupported parameter.", Type: "invalid_request_error", Param: "temperature", Code: "unsupported_parameter", Outcome: exchange.ProviderRefused},
		},
		"nulls": {
			429, `{"error":{"message":"Slow down.","type":null,"param":null,"code":null}}`,
			exchange.Error{Message: "Slow down.", Type: exchange.TypeRateLimit, Outcome: exchange.ProviderRefused},
		},
		"a code that is a number": {
			404, `{"error":{"message":"No model.","type":"NotFoundError","code":404}}`,
			exchange.Error{Message: "No model.", Type: "NotFoundError", Code: "404", Outcome: exchange.ProviderRefused},
		},
		"a mere string": {
			401, `{"error":"Who are you?"}`, exchange.Error{Message: "Who are you?", Type: exchange.TypeAuthentication, Outcome: exchange.ProviderRefused},
		},
		"a page": {
			503, `<html>`, exchange.Error{Message: "The provider answered with an error.", Type: exchange.TypeUpstream, Outcome: exchange.ProviderFailed},
		},
		"nothing": {
			422, ``, exchange.Error{Message: "The provider answered with an error.", Type: exchange.TypeInvalidRequest, Outcome: exchange.ProviderRefused},
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.Status, test.want.Reason = test.status, exchange.ReasonProviderStatus
			if diff := cmp.Diff(&test.want, Encoder{}.DecodeError(test.status, []byte(test.body))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheWordOfAFailedResponse(t *testing.T) {
	for name, test := range map[string]struct {
		err  exchange.Error
		want string
	}{
		"too many":                   {exchange.Error{Status: 429, Type: exchange.TypeRateLimit}, "rate_limit_exceeded"},
		"the request":                {exchange.Error{Status: 400, Type: exchange.TypeInvalidRequest}, "invalid_prompt"},
		"the gateway's key":          {exchange.Error{Status: 401, Type: exchange.TypeAuthentication}, "server_error"},
		"the provider":               {exchange.Error{Status: 502, Type: exchange.TypeUpstream}, "server_error"},
		"nothing that can be blamed": {exchange.Error{}, "server_error"},
	} {
		if got := failureCode(&test.err); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestWhatProvidersSayIsBounded(t *testing.T) {
	long := strings.Repeat("é", 10_000)
	e := Encoder{}.DecodeError(500, []byte(`{"error":{"message":"x`+long+`","type":"`+long+`","param":"`+long+`","code":"`+long+`"}}`))
	for _, s := range []string{e.Message, e.Type, e.Param, e.Code} {
		if len(s) > maxMessage || len(s) < maxMessage-1 || !utf8.ValidString(s) {
			t.Errorf("%d bytes", len(s))
		}
	}
}
