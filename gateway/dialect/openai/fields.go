// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// kindOf is the kind of a raw value; 'n' where there is none.
func kindOf(v jsontext.Value) jsontext.Kind {
	if len(v) == 0 {
		return 'n'
	}
	return v.Kind()
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
