// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cohere

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// DecodeError reads the body of an error: {"id","message"}. A 4xx speaks of the request, anything else against Cohere.
func (Encoder) DecodeError(status int, body []byte) *exchange.Error {
	e := &exchange.Error{
		Status: status, Type: exchange.TypeServer, Reason: exchange.ReasonProviderStatus, Outcome: exchange.ProviderFailed,
	}
	if status >= 400 && status < 500 {
		e.Type, e.Outcome = exchange.TypeInvalidRequest, exchange.ProviderRefused
	}
	switch status {
	case 401, 403, 498: // 498 is Cohere's for a token that it blocks
		e.Type = exchange.TypeAuthentication
	case 429:
		e.Type = exchange.TypeRateLimit
	}
	var w struct {
		Message jsontext.Value `json:"message"`
	}
	if chat.DecodeAnswer(body, &w) == nil {
		e.Message = clip(textOf(w.Message))
	}
	if e.Message == "" {
		e.Message = "The provider answered with status " + strconv.Itoa(status) + "."
	}
	return e
}
