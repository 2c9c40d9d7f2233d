// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestErrorsAreRendered(t *testing.T) {
	for name, test := range map[string]struct {
		err  exchange.Error
		want string
	}{
		"all of it": {
			exchange.Error{Message: "a \"b\"\n", Type: "t", Param: "p", Code: "c", Reason: exchange.ReasonInvalidBody},
			`{"error":{"message":"a \"b\"\n","type":"t","param":"p","code":"c"}}`,
		},
		"a reason for a code": {
			exchange.Error{Message: "a", Type: "t", Reason: exchange.ReasonInvalidBody},
			`{"error":{"message":"a","type":"t","param":null,"code":"invalid_body"}}`,
		},
		"the least": {exchange.Error{}, `{"error":{"message":"","type":"","param":null,"code":null}}`},
		"no UTF-8":  {exchange.Error{Message: "a\xff"}, `{"error":{"message":"a�","type":"","param":null,"code":null}}`},
	} {
		if got := string(AppendError([]byte("x"), &test.err)); got != "x"+test.want {
			t.Errorf("%s: %s, want x%s", name, got, test.want)
		}
	}
}

func TestErrorsOfProvidersAreRead(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"OpenAI's": {
			400, `{"error":{"message":"Bad value.","type":"invalid_request_error","param":"n","code":"invalid_value"}}`,
			"400 invalid_request_error invalid_value n: Bad value.",
		},
		"Azure's filter": {
			400, `{"error":{"message":"Filtered.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"x"}}}`,
			"400 invalid_request_error content_filter prompt: Filtered.",
		},
		"Azure's gateway":             {404, `{"error":{"code":"404","message":"Resource not found"}}`, "404 invalid_request_error 404 : Resource not found"},
		"Mistral's":                   {401, `{"object":"error","message":"Unauthorized","type":"auth","param":null,"code":"1000"}`, "401 auth 1000 : Unauthorized"},
		"Mistral's of old":            {401, `{"detail":"Unauthorized"}`, "401 authentication_error  : Unauthorized"},
		"Mistral's of a bad field":    {422, `{"object":"error","message":{"detail":[{"type":"missing","loc":["body","model"],"msg":"Field required"}]},"type":"invalid_request_error","code":null}`, "422 invalid_request_error  : Field required"},
		"FastAPI's":                   {422, `{"detail":[{"loc":["body"],"msg":"field required","type":"value_error"}]}`, "422 invalid_request_error  : field required"},
		"Ollama's":                    {404, `{"error":"model 'x' not found"}`, "404 invalid_request_error  : model 'x' not found"},
		"Ollama's in OpenAI's shape":  {404, `{"error":{"message":"model not found","type":"not_found_error","param":null,"code":null}}`, "404 not_found_error  : model not found"},
		"vLLM's":                      {400, `{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}`, "400 BadRequestError 400 : too long"},
		"a rate":                      {429, `{"message":"Requests rate limit exceeded"}`, "429 rate_limit_error  : Requests rate limit exceeded"},
		"a page of HTML":              {502, "<html>Bad Gateway</html>", "502 server_error  : The provider answered with status 502."},
		"nothing":                     {503, "", "503 server_error  : The provider answered with status 503."},
		"an object that says nothing": {400, `{"a":1}`, "400 invalid_request_error  : The provider answered with status 400."},
		"errors in errors":            {500, `{"error":{"error":{"message":"deep"}}}`, "500 server_error  : The provider answered with status 500."},
		"objects in objects":          {400, strings.Repeat(`{"message":`, 5000) + `"deep"` + strings.Repeat("}", 5000), "400 invalid_request_error  : The provider answered with status 400."},
		"lists in lists":              {400, `{"detail":[[[["deep"]]]]}`, "400 invalid_request_error  : The provider answered with status 400."},
	} {
		e := Encoder{}.DecodeError(test.status, []byte(test.body))
		outcome := exchange.ProviderRefused
		if test.status >= 500 {
			outcome = exchange.ProviderFailed
		}
		if said(e) != test.want || e.Outcome != outcome || e.Reason != exchange.ReasonProviderStatus {
			t.Errorf("%s: %s, outcome %s, reason %s, want %s", name, said(e), e.Outcome, e.Reason, test.want)
		}
	}
}

func TestAMessageOfAnyLengthIsCut(t *testing.T) {
	body := `{"error":{"message":"` + strings.Repeat("é", maxMessage) + `","code":"` + strings.Repeat("c", 2*maxMessage) + `"}}`
	e := Encoder{}.DecodeError(500, []byte(body))
	if len(e.Message) != maxMessage || len(e.Code) != maxMessage || strings.ToValidUTF8(e.Message, "") != e.Message {
		t.Errorf("%d and %d bytes", len(e.Message), len(e.Code))
	}
}
