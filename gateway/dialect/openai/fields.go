// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// kindOf is the kind of a raw value; 'n' where there is none.
func kindOf(v jsontext.Value) jsontext.Kind {
	if len(v) == 0 {
		return 'n'
	}
	return v.Kind()
}

// refuseUnknown is chat.RefuseUnknown, which lets pass the members that hold one of the values, as compact JSON, with
// which they ask for nothing.
func refuseUnknown(at string, members jsontext.Value, nothing map[string][]string) *exchange.Error {
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
		value = value.Clone()
		if value.Kind() == 'n' || value.Compact() == nil && slices.Contains(nothing[name], string(value)) {
			continue
		}
		return chat.RefuseField(chat.Join(at, name))
	}
	return nil
}

func missing(at string) *exchange.Error {
	e := exchange.Invalid(at, "Missing required parameter: '"+at+"'.")
	e.Code = "missing_required_parameter"
	return e
}

// invalidValue says what a field takes; what it held is not repeated.
func invalidValue(at, takes string) *exchange.Error {
	e := exchange.Invalid(at, "Invalid value for '"+at+"': it takes "+takes+".")
	e.Code = "invalid_value"
	return e
}
