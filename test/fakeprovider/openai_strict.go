// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// dotted writes a path as OpenAI does: messages[0].role.
func dotted(path []string) string {
	var out strings.Builder
	for i, name := range path {
		switch {
		case name == "":
		case strings.Trim(name, "0123456789") == "":
			out.WriteString("[" + name + "]")
		case i == 0:
			out.WriteString(name)
		default:
			out.WriteString("." + name)
		}
	}
	return out.String()
}

// decodeOpenAI decodes a request as strictly as OpenAI does, and says what is wrong in OpenAI's words.
func decodeOpenAI(body []byte, into any) *failure { return decodePart(body, nil, into) }

// decodePart is decodeOpenAI for a value that lies at a place in a request.
func decodePart(raw json.RawMessage, place []string, into any) *failure {
	found, err := decodeStrictly(raw, into, nil)
	var kind *json.UnmarshalTypeError
	switch {
	case found != nil && found.tag:
		at := dotted(append(append(place, found.path...), "type"))
		return invalid(at, fmt.Sprintf("Invalid value: '%s' for '%s'.", clip(found.name, maxEcho), at))
	case found != nil:
		at := dotted(append(append(place, found.path...), found.name))
		return &failure{
			status: http.StatusBadRequest, param: at, code: "unknown_parameter",
			message: fmt.Sprintf("Unknown parameter: '%s'.", at),
		}
	case errors.As(err, &kind):
		at := dotted(append(place, strings.Split(kind.Field, ".")...))
		return &failure{
			status: http.StatusBadRequest, param: at, code: "invalid_type",
			message: fmt.Sprintf("Invalid type for '%s': got %s.", at, kind.Value),
		}
	case err != nil:
		return badRequest("We could not parse the JSON body of your request: " + err.Error())
	}
	return nil
}

// given says whether a member is there and not null.
func given(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// within refuses a number outside its bounds; a number that is not given is within.
func within(name string, value *float64, least, most float64) *failure {
	if value == nil || (*value >= least && *value <= most) {
		return nil
	}
	return invalid(name, fmt.Sprintf("Invalid '%s': decimal out of range. Expected a value from %g to %g.", name, least, most))
}

// oneOf refuses a word that is not among those allowed; a word that is not given is fine.
func oneOf(name string, value *string, allowed ...string) *failure {
	if value == nil {
		return nil
	}
	for _, word := range allowed {
		if *value == word {
			return nil
		}
	}
	return invalid(name, fmt.Sprintf("Invalid value: '%s'. Supported values are: '%s'.", clip(*value, maxEcho),
		strings.Join(allowed, "', '")))
}

// first gives the first failure there is.
func first(failures ...*failure) *failure {
	for _, fail := range failures {
		if fail != nil {
			return fail
		}
	}
	return nil
}
