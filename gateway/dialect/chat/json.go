// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package chat

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// lenient is how answers of providers are read: what they get wrong without changing the meaning is let pass.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// deterministic makes equal values equal bytes. What was read leniently is written as it was.
var deterministic = json.JoinOptions(
	json.Deterministic(true), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))

// DecodeBody reads an application's body into a struct, and names the field where a type is wrong or a name stands
// twice. Fields are told apart by case.
func DecodeBody(body []byte, into any) *exchange.Error {
	return decodeAt("", body, into)
}

// DecodePart is DecodeBody for a value that stands at a place of the body.
func DecodePart(at string, value jsontext.Value, into any) *exchange.Error {
	return decodeAt(at, value, into)
}

func decodeAt(at string, value []byte, into any) *exchange.Error {
	err := json.Unmarshal(value, into)
	if err == nil {
		return nil
	}
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	place := at
	switch {
	case errors.As(err, &semantic):
		place = Place(at, semantic.JSONPointer)
	case errors.As(err, &syntactic):
		place = Place(at, syntactic.JSONPointer)
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return exchange.Invalid(place, "The field '"+place+"' stands twice.")
		}
	}
	if place == "" {
		return exchange.Invalid("", "The body of your request could not be understood.")
	}
	e := exchange.Invalid(place, "Invalid type for '"+place+"'.")
	e.Code = "invalid_type"
	return e
}

// DecodeAnswer reads what a provider sent into a struct; fields that it does not have are ignored.
func DecodeAnswer(body []byte, into any) error { return json.Unmarshal(body, into, lenient) }

// Append renders a value whose parts are known to be JSON; what is not, of a provider's, becomes null.
func Append(dst []byte, v any) []byte {
	b, err := json.Marshal(v, deterministic)
	if err != nil {
		return append(dst, "null"...)
	}
	return append(dst, b...)
}

// Place turns a JSON Pointer (RFC 6901) below a place into dots and brackets: "/messages/3/content" becomes
// "messages[3].content".
func Place(at string, pointer jsontext.Pointer) string {
	var b strings.Builder
	b.WriteString(at)
	for token := range pointer.Tokens() {
		if token != "" && strings.Trim(token, "0123456789") == "" {
			b.WriteString("[" + token + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(token)
	}
	return b.String()
}
