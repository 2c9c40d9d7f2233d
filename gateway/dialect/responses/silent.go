// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

var (
	// silentRequest has the defaults of the reference. prompt_cache_retention asks for what every provider does that
	// caches at all.
	silentRequest = chat.Silent{
		"background":             {"false"},
		"store":                  {"false"},
		"truncation":             {`"disabled"`},
		"service_tier":           {`"auto"`, `"default"`},
		"prompt_cache_retention": {`"in_memory"`, `"in-memory"`},
		"context_management":     {"[]"},
	}
	silentStream = chat.Silent{"include_obfuscation": {"false"}}
	// silentItem is what an answer said of its own items, and which applications send back with them. The phase of a
	// message is a label for the model that wrote it.
	silentItem = chat.Silent{
		"id": nil, "status": nil, "phase": nil, "created_by": nil, "async": {"false"}, "caller": {`{"type":"direct"}`},
	}
	silentOutput    = chat.Silent{"annotations": nil, "logprobs": nil}
	silentFile      = chat.Silent{"detail": {`"auto"`}}
	silentTool      = chat.Silent{"async": {"false"}, "defer_loading": {"false"}, "allowed_callers": {`["direct"]`}}
	silentReasoning = chat.Silent{"context": {`"auto"`}, "mode": {`"standard"`}}
)

// stateful are the fields that ask a provider to keep something from one request to another.
var stateful = []string{"background", "conversation", "previous_response_id", "prompt", "store"}

// refuseRequest refuses what a request asks for that no other dialect has.
func refuseRequest(members jsontext.Value) *exchange.Error {
	err := chat.RefuseUnknown("", members, silentRequest)
	if err != nil && slices.Contains(stateful, err.Param) {
		err.Message = "'" + err.Param + "' needs what OpenAI keeps between requests. It cannot be translated: this model's provider " +
			"speaks another dialect and keeps nothing. Send the whole conversation as 'input'."
	}
	return err
}

// missing says that a field must stand.
func missing(at string) *exchange.Error {
	e := exchange.Invalid(at, "Missing required parameter: '"+at+"'.")
	e.Code = "missing_required_parameter"
	return e
}

// invalid says that a field's value is none of those it can have.
func invalid(at string) *exchange.Error {
	e := exchange.Invalid(at, "Invalid value for '"+at+"'.")
	e.Code = "invalid_value"
	return e
}

// unsaid says that a value is null or not there.
func unsaid(v jsontext.Value) bool { return len(v) == 0 || v.Kind() == 'n' }
