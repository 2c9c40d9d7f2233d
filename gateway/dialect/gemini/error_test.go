// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestErrorsAreRenderedAsGoogleDoes(t *testing.T) {
	for status, want := range map[int]string{
		400: `{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}`,
		401: `{"error":{"code":401,"message":"m","status":"UNAUTHENTICATED"}}`,
		403: `{"error":{"code":403,"message":"m","status":"PERMISSION_DENIED"}}`,
		404: `{"error":{"code":404,"message":"m","status":"NOT_FOUND"}}`,
		408: `{"error":{"code":408,"message":"m","status":"DEADLINE_EXCEEDED"}}`,
		409: `{"error":{"code":409,"message":"m","status":"ABORTED"}}`,
		413: `{"error":{"code":413,"message":"m","status":"INVALID_ARGUMENT"}}`,
		429: `{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}`,
		499: `{"error":{"code":499,"message":"m","status":"CANCELLED"}}`,
		500: `{"error":{"code":500,"message":"m","status":"INTERNAL"}}`,
		501: `{"error":{"code":501,"message":"m","status":"UNIMPLEMENTED"}}`,
		502: `{"error":{"code":502,"message":"m","status":"UNAVAILABLE"}}`,
		503: `{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}`,
		504: `{"error":{"code":504,"message":"m","status":"DEADLINE_EXCEEDED"}}`,
		529: `{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}`,
		0:   `{"error":{"code":500,"message":"m","status":"INTERNAL"}}`,
		200: `{"error":{"code":500,"message":"m","status":"INTERNAL"}}`,
	} {
		// Byte for byte: Python's SDK knows an error in a stream by how it begins.
		if got := string(AppendError([]byte("x"), &exchange.Error{Status: status, Message: "m", Param: "p", Code: "c"})); got != "x"+want {
			t.Errorf("%d: %s", status, got)
		}
	}
	equalJSON(t, `{"error":{"code":400,"message":"say \"hi\"\n","status":"INVALID_ARGUMENT"}}`, string(AppendError(nil, exchange.Invalid("a", "say \"hi\"\n"))))
}

func TestErrorsOfProvidersAreRead(t *testing.T) {
	refused := func(status int, kind, code, message string, after time.Duration) *exchange.Error {
		outcome := exchange.ProviderRefused
		if status >= 500 {
			outcome = exchange.ProviderFailed
		}
		return &exchange.Error{
			Status: status, Type: kind, Code: code, Message: message, RetryAfter: after,
			Reason: exchange.ReasonProviderStatus, Outcome: outcome,
		}
	}
	for name, test := range map[string]struct {
		status int
		body   string
		want   *exchange.Error
	}{
		"a bad request": {
			400, `{"error":{"code":400,"message":"Unknown name \"x\"","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"x"}]}]}}`,
			refused(400, exchange.TypeInvalidRequest, "INVALID_ARGUMENT", `Unknown name "x"`, 0),
		},
		"too many requests, with a time to wait": {
			429, `{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"}]}}`,
			refused(429, exchange.TypeRateLimit, "RESOURCE_EXHAUSTED", "quota", 34500*time.Millisecond),
		},
		"a time to wait that is none": {
			429, `{"error":{"message":"quota","details":[{"retryDelay":"soon"},{"retryDelay":5},{"retryDelay":"-1s"},{"retryDelay":"1e30s"},{"retryDelay":"NaNs"}]}}`,
			refused(429, exchange.TypeRateLimit, "", "quota", 0),
		},
		"a key that is not known":       {403, `{"error":{"code":403,"message":"no","status":"PERMISSION_DENIED"}}`, refused(403, exchange.TypeAuthentication, "PERMISSION_DENIED", "no", 0)},
		"a list, as streams have it":    {503, `[{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]`, refused(503, exchange.TypeUpstream, "UNAVAILABLE", "busy", 0)},
		"the status of the answer wins": {500, `{"error":{"code":400,"message":"m","status":"INTERNAL"}}`, refused(500, exchange.TypeUpstream, "INTERNAL", "m", 0)},
		"a page":                        {502, `<html>Bad Gateway</html>`, refused(502, exchange.TypeUpstream, "", "The model's provider answered with status 502.", 0)},
		"nothing":                       {404, ``, refused(404, exchange.TypeInvalidRequest, "", "The model's provider answered with status 404.", 0)},
		"an error that is text":         {401, `{"error":"no"}`, refused(401, exchange.TypeAuthentication, "", "The model's provider answered with status 401.", 0)},
		"an empty list":                 {500, `[]`, refused(500, exchange.TypeUpstream, "", "The model's provider answered with status 500.", 0)},
		"null":                          {500, `null`, refused(500, exchange.TypeUpstream, "", "The model's provider answered with status 500.", 0)},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Encoder{}.DecodeError(test.status, []byte(test.body))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestErrorsInStreamsFindTheirStatus(t *testing.T) {
	for name, test := range map[string]struct {
		failure failure
		want    int
		kind    string
	}{
		"by number":                   {failure{Code: 429, Status: "INTERNAL"}, 429, exchange.TypeRateLimit},
		"by word":                     {failure{Status: "RESOURCE_EXHAUSTED"}, 429, exchange.TypeRateLimit},
		"by word, as gRPC numbers it": {failure{Code: 14, Status: "UNAVAILABLE"}, 503, exchange.TypeUpstream},
		"by neither":                  {failure{Code: 7, Status: "WHAT"}, 502, exchange.TypeUpstream},
		"a deadline":                  {failure{Status: "DEADLINE_EXCEEDED"}, 504, exchange.TypeUpstream},
		"an argument":                 {failure{Status: "FAILED_PRECONDITION"}, 400, exchange.TypeInvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			e := test.failure.event()
			if e.Status != test.want || e.Type != test.kind || e.Outcome != exchange.ProviderFailed || e.Reason != exchange.ReasonProviderErrorEvent || e.Message == "" {
				t.Errorf("%+v", e)
			}
		})
	}
}
