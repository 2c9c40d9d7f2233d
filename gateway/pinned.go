// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/provider"
	"github.com/sparkgateway/spark/gateway/proxy"
)

// HeaderProvider names the provider of a request that names neither a model nor an id: "name", or "namespace/name".
const HeaderProvider = "X-Spark-Provider"

var headerProvider = []byte(HeaderProvider)

// kept is an endpoint of what a provider keeps.
func kept(op exchange.Operation, d exchange.Dialect, methods string) *endpoint {
	return &endpoint{operation: op, dialect: d, methods: methods, serve: (*request).ask, plan: (*request).planKept}
}

// keptEndpoints are below an id, which stands in the place of "{id}".
var keptEndpoints = map[string]*endpoint{
	"/v1/files/{id}":                 kept(exchange.Files, exchange.OpenAI, "GET, DELETE"),
	"/v1/files/{id}/content":         kept(exchange.Files, exchange.OpenAI, "GET"),
	"/v1/batches/{id}":               kept(exchange.Batches, exchange.OpenAI, "GET"),
	"/v1/batches/{id}/cancel":        kept(exchange.Batches, exchange.OpenAI, "POST"),
	"/v1/responses/{id}":             kept(exchange.StoredResponse, exchange.Responses, "GET, DELETE"),
	"/v1/responses/{id}/input_items": kept(exchange.StoredResponse, exchange.Responses, "GET"),
	"/v1/responses/{id}/cancel":      kept(exchange.StoredResponse, exchange.Responses, "POST"),
}

// keptPrefixes are the collections.
var keptPrefixes = []string{"/v1/files", "/v1/batches", "/v1/responses"}

// keptPath takes a path below a collection apart: the collection, the id and the rest, each of the last two with its
// slash before it.
func keptPath(path []byte) (collection string, id, rest []byte, ok bool) {
	for _, collection := range keptPrefixes {
		if !bytes.HasPrefix(path, []byte(collection)) {
			continue
		}
		id := path[len(collection):]
		if len(id) == 0 {
			return collection, nil, nil, true
		}
		if len(id) < 2 || id[0] != '/' {
			return "", nil, nil, false
		}
		if i := bytes.IndexByte(id[1:], '/'); i >= 0 {
			id, rest = id[:i+1], id[i+1:]
		}
		return collection, id[1:], rest, len(id) > 1
	}
	return "", nil, nil, false
}

// findKept gives the endpoint of a path that has an id in it, or nil.
func findKept(path []byte) *endpoint {
	collection, id, rest, ok := keptPath(path)
	if !ok || len(id) == 0 {
		return nil
	}
	return keptEndpoints[collection+"/{id}"+string(rest)]
}

// errBatchModels is for keys that may not use every model: what a batch asks stands in a file that the provider has.
var errBatchModels = &exchange.Error{
	Status: 403, Type: exchange.TypePermission, Code: "model_not_allowed", Reason: exchange.ReasonModelNotAllowed,
	Outcome: exchange.Refused, Message: "This key may use some models only, and a batch may ask any.",
}

// planKept decides where a request for what a provider keeps goes: it finds the provider, and sends on what the
// application sent, ids aside.
func (r *request) planKept() (req proxy.Request, w *way, err *exchange.Error) {
	if p := r.ex.Principal; r.ex.Operation == exchange.Batches && r.ctx.IsPost() && p != nil && p.Allow != nil && p.Allow.Models != nil {
		return req, nil, errBatchModels
	}
	_, id, rest, _ := keptPath(r.ex.Path)
	mention, own, err := r.mentioned(id)
	if err != nil {
		return req, nil, err
	}
	to, err := r.snap.keepers.choose(r.endpoint, mention, string(r.ctx.Request.Header.PeekCanonical(headerProvider)), len(id) > 0)
	if err != nil {
		return req, nil, err
	}
	query := r.ctx.QueryArgs()
	if r.ex.Stream = r.ex.Operation == exchange.StoredResponse && string(query.Peek("stream")) == "true"; r.ex.Stream &&
		!r.ctx.Request.Header.IsHTTP11() {
		return req, nil, exchange.Invalid("stream", "Streams need HTTP/1.1.")
	}
	req = proxy.Request{Method: string(r.ex.Method), Tail: r.tail(own, rest), Opaque: string(rest) == "/content"}
	if r.ctx.IsPost() {
		req.Body = r.body
		if r.endpoint.forms {
			req.ContentType = r.ctx.Request.Header.ContentType()
		}
	}
	r.alone = way{observer: r.snap.plain, Route: proxy.Route{Targets: []proxy.Target{to}}}
	return req, &r.alone, nil
}

// mentioned gives whose ids a request mentions, in its path or its body, and the path's as its provider knows it.
func (r *request) mentioned(id []byte) (m dialect.Mention, own []byte, err *exchange.Error) {
	if !r.endpoint.forms {
		if r.body, m, err = dialect.Unpin(r.body, r.endpoint.dialect); err != nil {
			return m, nil, err
		}
	}
	for _, name := range cursors {
		if pin, _ := dialect.CutPin(r.ctx.QueryArgs().Peek(name)); pin != "" {
			m = dialect.Mention{Field: name, Pin: pin}
		}
	}
	pin, own := dialect.CutPin(id)
	if pin != "" {
		m = dialect.Mention{Pin: pin}
	}
	if string(own) == "." || string(own) == ".." {
		return m, nil, exchange.Invalid("id", "This is no id.")
	}
	return m, own, nil
}

// cursors are the parameters of lists that are ids.
var cursors = []string{"after", "before"}

// tail gives what follows the collection in the provider's URL. It is written anew, so that nothing of it can be read
// differently there than here.
func (r *request) tail(id, rest []byte) []byte {
	var tail []byte
	if len(id) > 0 {
		tail = append(append(append(tail, '/'), url.PathEscape(string(id))...), rest...)
	}
	separator := byte('?')
	for name, value := range r.ctx.QueryArgs().All() {
		if slices.Contains(cursors, string(name)) {
			_, value = dialect.CutPin(value)
		}
		tail = append(append(tail, separator), url.QueryEscape(string(name))...)
		tail = append(append(tail, '='), url.QueryEscape(string(value))...)
		separator = '&'
	}
	return tail
}

// keepers are the providers, for requests that name no model. They are immutable.
type keepers struct {
	all   []proxy.Target
	byPin map[dialect.Pin]int
}

func newKeepers(all []proxy.Target) keepers {
	k := keepers{all: all, byPin: make(map[dialect.Pin]int, len(all))}
	for i, t := range all {
		k.byPin[t.Pin] = i
	}
	return k
}

// checkPins fails where two providers would have one pin.
func checkPins(providers []*provider.Provider) error {
	known := make(map[dialect.Pin]string, len(providers))
	for i, p := range providers {
		pin := dialect.PinOf(p.ID)
		if other, ok := known[pin]; ok {
			return fmt.Errorf("providers[%d].id: ids that %s and %s issue could not be told apart; name one differently", i, p.ID, other)
		}
		known[pin] = p.ID
	}
	return nil
}

// choose gives the provider of a request: the one that issued the ids which it mentions, else the one that the header
// names, else the only one that can do it.
func (k keepers) choose(e *endpoint, m dialect.Mention, named string, byID bool) (proxy.Target, *exchange.Error) {
	chosen := proxy.Target{}
	if m.Pin != "" {
		i, ok := k.byPin[m.Pin]
		if !ok {
			return chosen, goneProvider(m.Field)
		}
		chosen = k.all[i]
	}
	if named != "" {
		return k.byName(named, chosen)
	}
	if m.Pin != "" {
		return chosen, nil
	}
	n := 0
	for _, t := range k.all {
		if t.Provider.Way(e.operation, e.dialect) != nil {
			chosen, n = t, n+1
		}
	}
	switch {
	case n == 1:
		return chosen, nil
	case n == 0:
		return chosen, noKeeper(e.operation)
	case byID:
		return chosen, &exchange.Error{
			Status: 404, Type: exchange.TypeInvalidRequest, Code: "not_found", Reason: exchange.ReasonUnpinned, Outcome: exchange.Refused,
			Message: "Several providers of this gateway keep such things, and this id does not say which. Use the id as the gateway " +
				"gave it, or name the provider in the header " + HeaderProvider + ".",
		}
	}
	return chosen, invalidProvider("Several providers of this gateway can do this. Name one in the header " + HeaderProvider + ".")
}

// byName gives the provider that the header names, which must be the one that the ids chose, where they did.
func (k keepers) byName(named string, chosen proxy.Target) (proxy.Target, *exchange.Error) {
	found, n := proxy.Target{}, 0
	for _, t := range k.all {
		if t.Provider.Name == named || t.Provider.ID == named {
			found, n = t, n+1
		}
	}
	switch {
	case n == 0:
		return found, invalidProvider("This gateway has no provider of the name in the header " + HeaderProvider + ".")
	case n > 1:
		return found, invalidProvider("Several providers have the name in the header " + HeaderProvider + ": write namespace/name.")
	case chosen.Provider != nil && chosen.Provider != found.Provider:
		return found, invalidProvider("The header " + HeaderProvider + " names another provider than the one that issued the id.")
	}
	return found, nil
}

func invalidProvider(message string) *exchange.Error {
	err := exchange.Invalid(strings.ToLower(HeaderProvider), message)
	err.Reason = exchange.ReasonUnpinned
	return err
}

func noKeeper(op exchange.Operation) *exchange.Error {
	return &exchange.Error{
		Status: 404, Type: exchange.TypeInvalidRequest, Code: "unsupported_operation", Reason: exchange.ReasonUnsupported,
		Outcome: exchange.Refused, Message: "No provider of this gateway can do this: " + op.String() + ".",
	}
}

// goneProvider is about an id in a field of the body, or in the path where the field is empty.
func goneProvider(field string) *exchange.Error {
	const message = "was issued by a provider that this gateway does not have, or no longer."
	if field != "" {
		err := exchange.Invalid(field, "'"+field+"' "+message)
		err.Reason = exchange.ReasonUnpinned
		return err
	}
	return &exchange.Error{
		Status: 404, Type: exchange.TypeInvalidRequest, Code: "not_found", Reason: exchange.ReasonUnpinned, Outcome: exchange.Refused,
		Message: "This id " + message,
	}
}

// owners gives the targets that a request may go to which mentions ids that a provider issued, a bit each; 0 is all. It
// refuses a request whose ids are of no target's provider.
func (k keepers) owners(targets []proxy.Target, m dialect.Mention) (only uint32, refused *exchange.Error) {
	if m.Pin == "" {
		return 0, nil
	}
	for i := range targets {
		if targets[i].Pin == m.Pin {
			only |= 1 << i
		}
	}
	if only != 0 {
		return only, nil
	}
	if _, ok := k.byPin[m.Pin]; !ok {
		return 0, goneProvider(m.Field)
	}
	err := exchange.Invalid(m.Field, "'"+m.Field+"' was issued by another provider than the model's. Use a model of that provider.")
	err.Reason = exchange.ReasonUnpinned
	return 0, err
}
