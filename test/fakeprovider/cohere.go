// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// cohere is the dialect of Cohere's API, version 2. It follows https://docs.cohere.com/reference/chat.
type cohere struct{ server *Server }

func (c cohere) operations() map[string]operation {
	return map[string]operation{
		"POST /v2/chat":   c.chat,
		"POST /v2/embed":  c.embed,
		"POST /v2/rerank": c.rerank,
	}
}

func (c cohere) admit(r *http.Request, _ []byte) *failure {
	if c.server.knowsKey(bearer(r)) == nil {
		return nil
	}
	return &failure{status: http.StatusUnauthorized, message: "invalid api token"}
}

func (c cohere) headers(h http.Header, s stamp) {
	h.Set("X-Debug-Trace-Id", s.id)
	h.Set("X-Endpoint-Monthly-Call-Limit", strconv.Itoa(requestsPerMinute))
	h.Set("X-Trial-Endpoint-Call-Limit", "40")
	h.Set("Num_tokens", strconv.Itoa(s.prompt))
}

func (c cohere) failureBody(f *failure) []byte {
	return marshal(map[string]string{"id": requestUUID(stamp{id: f.message}), "message": f.message})
}

// failureEvent is the end of a message that could not be finished, which is how Cohere says so.
func (c cohere) failureEvent(f *failure) event {
	return event{name: "message-end", data: marshal(cohereEvent{Type: "message-end", Delta: map[string]any{
		"error": f.message, "finish_reason": "ERROR",
	}})}
}

// decodeCohere decodes as strictly as Cohere does.
func decodeCohere(body []byte, into any) *failure {
	found, err := decodeStrictly(body, into, nil)
	var kind *json.UnmarshalTypeError
	switch {
	case found != nil && found.tag:
		return badRequest(fmt.Sprintf("invalid request: unknown type '%s' at '%s'", clip(found.name, maxEcho), dotted(found.path)))
	case found != nil:
		return badRequest(fmt.Sprintf("unknown field: parameter '%s' is not a valid field",
			dotted(append(found.path, found.name))))
	case errors.As(err, &kind):
		return badRequest(fmt.Sprintf("invalid type: parameter '%s' is of type %s but should be of type %s", kind.Field,
			kind.Value, kind.Type))
	case err != nil:
		return badRequest("invalid json syntax: " + err.Error())
	}
	return nil
}

// cohereModel wants a model, and one that there is.
func (c cohere) cohereModel(name string) *failure {
	switch {
	case name == "":
		return badRequest("model is required")
	case !c.server.knows(name):
		return &failure{
			status:  http.StatusNotFound,
			message: fmt.Sprintf("model '%s' not found, make sure the correct model ID was used and that you have access to the model.", clip(name, maxEcho)),
		}
	}
	return nil
}

// cohereWithin refuses a number outside its bounds.
func cohereWithin(name string, value *float64, least, most float64) *failure {
	if value == nil || (*value >= least && *value <= most) {
		return nil
	}
	return badRequest(fmt.Sprintf("invalid request: %s must be between %g and %g inclusive.", name, least, most))
}
