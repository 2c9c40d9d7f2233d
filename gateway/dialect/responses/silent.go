// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// silent lists members that no other dialect has and that may be left out all the same, each with the values, as JSON,
// that ask for nothing. Without values, none of them asks for anything.
type silent map[string][]string

var (
	// silentRequest has the defaults of the reference. prompt_cache_retention asks for what every provider does that
	// caches at all.
	silentRequest = silent{
		"background":             {"false"},
		"store":                  {"false"},
		"truncation":             {`"disabled"`},
		"service_tier":           {`"auto"`, `"default"`},
		"prompt_cache_retention": {`"in_memory"`, `"in-memory"`},
		"context_management":     {"[]"},
	}
	silentStream = silent{"include_obfuscation": {"false"}}
	// silentItem is what an answer said of its own items, and which applications send back with them. The phase of a
	// message is a label for the model that wrote it.
	silentItem = silent{
		"id": nil, "status": nil, "phase": nil, "created_by": nil, "async": {"false"}, "caller": {`{"type":"direct"}`},
	}
	silentOutput    = silent{"annotations": nil, "logprobs": nil}
	silentFile      = silent{"detail": {`"auto"`}}
	silentTool      = silent{"async": {"false"}, "defer_loading": {"false"}, "allowed_callers": {`["direct"]`}}
	silentReasoning = silent{"context": {`"auto"`}, "mode": {`"standard"`}}
)

// refuse is chat.RefuseUnknown but for silent members.
func (s silent) refuse(at string, members jsontext.Value) *exchange.Error {
	if len(members) == 0 {
		return nil
	}
	d := jsontext.NewDecoder(bytes.NewReader(members))
	if _, err := d.ReadToken(); err != nil {
		return nil
	}
	for d.PeekKind() == '"' {
		token, err := d.ReadToken()
		if err != nil {
			return nil
		}
		name := token.String()
		value, err := d.ReadValue()
		if err != nil {
			return nil
		}
		if value.Kind() != 'n' && !s.covers(name, value) {
			return chat.RefuseField(chat.Join(at, name))
		}
	}
	return nil
}

func (s silent) covers(name string, value jsontext.Value) bool {
	values, ok := s[name]
	if !ok || values == nil {
		return ok
	}
	value = value.Clone()
	return value.Compact() == nil && slices.Contains(values, string(value))
}

// stateful are the fields that ask a provider to keep something from one request to another.
var stateful = []string{"background", "conversation", "previous_response_id", "prompt", "store"}

// refuseRequest refuses what a request asks for that no other dialect has.
func refuseRequest(members jsontext.Value) *exchange.Error {
	err := silentRequest.refuse("", members)
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
