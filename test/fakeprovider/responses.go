// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// maxResponses bounds how many responses are kept.
const maxResponses = 1024

// responses is OpenAI's Responses API: it shares all with OpenAI's dialect but what is said inside a stream.
type responses struct {
	openAI
	kept *shelf[keptResponse]
}

func newResponses(s *Server) responses {
	return responses{newOpenAI(s), newShelf[keptResponse](s, maxResponses)}
}

func (o responses) operations() map[string]operation {
	return o.below("/v1", func(op operation) operation { return op })
}

// below gives the operations of a base path, each as it becomes there.
func (o responses) below(base string, become func(operation) operation) map[string]operation {
	operations := map[string]operation{}
	for pattern, op := range map[string]operation{
		"POST %s/responses":                 o.create,
		"POST %s/responses/input_tokens":    o.countInput,
		"GET %s/responses/{id}":             o.show,
		"DELETE %s/responses/{id}":          o.remove,
		"GET %s/responses/{id}/input_items": o.inputItems,
		"POST %s/responses/{id}/cancel":     o.cancel,
	} {
		operations[fmt.Sprintf(pattern, base)] = become(op)
	}
	return operations
}

// lateNumber stands where the number of an error's event should be, which a stream that breaks does not tell; it is
// greater than those of all events before it.
const lateNumber = 1 << 40

func (o responses) failureEvent(f *failure) event {
	code := f.code
	if code == "" {
		code = openAIErrorType(f.status)
	}
	return event{name: "error", data: marshal(map[string]any{
		"type": "error", "code": code, "message": f.message, "param": orNull(f.param), "sequence_number": lateNumber,
	})}
}

// azureResponses is the same on Azure.
type azureResponses struct {
	azure
	responses responses
}

func newAzureResponses(s *Server) azureResponses {
	a := newAzure(s)
	return azureResponses{a, responses{a.openAI, newShelf[keptResponse](s, maxResponses)}}
}

func (a azureResponses) operations() map[string]operation {
	operations := a.responses.below("/openai", func(op operation) operation {
		return a.dated(func(r *http.Request, body []byte) (call, *failure) { return deployed(op(r, body)) })
	})
	for pattern, op := range a.responses.below("/openai/v1", a.current) {
		operations[pattern] = op
	}
	return operations
}

func (a azureResponses) failureEvent(f *failure) event { return a.responses.failureEvent(f) }

// keptResponse is a response that can be asked for again.
type keptResponse struct {
	id         string
	body       map[string]any // as it is or, of one in the background, as it will be
	background bool
	over       bool              // it has run to its end, or was cancelled
	input      []json.RawMessage // its items, with ids
	output     []json.RawMessage
	before     string // the id of the response that it goes on from
}

func noResponse(id string) *failure {
	return &failure{status: http.StatusNotFound, message: fmt.Sprintf("Response with id '%s' not found.", clip(id, maxEcho))}
}

func (o responses) show(r *http.Request, _ []byte) (call, *failure) {
	if r.URL.Query().Get("stream") == "true" {
		return nil, invalid("stream", "Only responses that were streamed in the background can be streamed again.")
	}
	kept, known := o.kept.change(r.PathValue("id"), func(k keptResponse) keptResponse {
		k.over = true
		return k
	})
	if !known {
		return nil, noResponse(r.PathValue("id"))
	}
	return fixedCall{body: marshal(kept.body)}, nil
}

func (o responses) remove(r *http.Request, _ []byte) (call, *failure) {
	id := r.PathValue("id")
	if !o.kept.take(id) {
		return nil, noResponse(id)
	}
	return fixedCall{body: marshal(map[string]any{"id": id, "object": "response", "deleted": true})}, nil
}

// cancel ends a response that runs in the background; one that has ended stays as it is.
func (o responses) cancel(r *http.Request, _ []byte) (call, *failure) {
	id := r.PathValue("id")
	before, known := o.kept.get(id)
	if !known {
		return nil, noResponse(id)
	}
	if !before.background {
		return nil, badRequest("Cannot cancel a synchronous response.")
	}
	kept, _ := o.kept.change(id, func(k keptResponse) keptResponse {
		if !k.over {
			k.over, k.body = true, cancelledBody(k.body)
		}
		return k
	})
	return fixedCall{body: marshal(kept.body)}, nil
}

func cancelledBody(body map[string]any) map[string]any {
	changed := map[string]any{}
	for name, value := range body {
		changed[name] = value
	}
	changed["status"], changed["output"], changed["usage"] = "cancelled", []any{}, nil
	return changed
}

func (o responses) inputItems(r *http.Request, _ []byte) (call, *failure) {
	kept, known := o.kept.get(r.PathValue("id"))
	if !known {
		return nil, noResponse(r.PathValue("id"))
	}
	items := make([]json.RawMessage, len(kept.input))
	for i, item := range kept.input {
		items[len(items)-1-i] = item
	}
	return paged(r, items, func(item json.RawMessage) string { return memberOf(item, "id") })
}

// paged lists things, newest first unless order=asc, after one of them and at most so many, as OpenAI's lists do.
func paged[T any](r *http.Request, items []T, idOf func(T) string) (call, *failure) {
	query := r.URL.Query()
	switch order := query.Get("order"); order {
	case "", "desc":
	case "asc":
		for i, j := 0, len(items)-1; i < j; i, j = i+1, j-1 {
			items[i], items[j] = items[j], items[i]
		}
	default:
		return nil, invalid("order", "Invalid value for 'order'. Supported values are: 'asc', 'desc'.")
	}
	if after := query.Get("after"); after != "" {
		for i, item := range items {
			if idOf(item) == after {
				items = items[i+1:]
				break
			}
		}
	}
	limit := 20
	if given := query.Get("limit"); given != "" {
		n, err := parseCount(given, 1, 10_000)
		if err != nil {
			return nil, invalid("limit", "Invalid 'limit': "+err.Error()+".")
		}
		limit = n
	}
	more := len(items) > limit
	items = items[:min(limit, len(items))]
	list := map[string]any{"object": "list", "data": items, "has_more": more, "first_id": nil, "last_id": nil}
	if len(items) > 0 {
		list["first_id"], list["last_id"] = idOf(items[0]), idOf(items[len(items)-1])
	}
	return fixedCall{body: marshal(list)}, nil
}

// memberOf gives a text member of an object; "" where there is none.
func memberOf(raw json.RawMessage, name string) string {
	var object map[string]json.RawMessage
	_ = json.Unmarshal(raw, &object) // what is no object has no members
	var text string
	_ = json.Unmarshal(object[name], &text)
	return text
}
