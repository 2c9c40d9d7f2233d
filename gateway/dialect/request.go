// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package dialect speaks the protocols of applications and providers: what a request asks for, the few edits that it
// needs on its way, what an answer cost, and how an error is told. Where both sides speak the same, bodies are read in
// place and edited in place: every byte that no edit is for goes through as it came. Where they do not, the packages
// below translate, each its own dialect, by way of package chat.
package dialect

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// MaxModelBytes bounds the name of a model.
const MaxModelBytes = 256

// Request is what the gateway reads of a body. Its slices point into the body. The zero value is ready for Decode.
type Request struct {
	// Model is the name asked for, unescaped; empty where the URL names it.
	Model []byte
	// Stream asks for events; IncludeUsage asks for the chunk with the usage.
	Stream, IncludeUsage bool
	// MaxOutputTokens is the larger of the fields that bound the answer, 0 when there is none; MaxOutputParam its name.
	MaxOutputTokens int64
	MaxOutputParam  string
	// Choices is how many answers are asked for at once, at least 1 and at most maxChoices.
	Choices int64
	// Items is how many messages or inputs there are, 1 where they are no list; ItemsParam names the member. TextBytes is the length of the texts
	// in the body, as JSON.
	Items      int
	ItemsParam string
	TextBytes  int64

	shape        *Shape
	form         bool
	body         []byte
	open         int // after the body's opening brace
	members      [maxMembers]placed
	includeUsage span // the value of stream_options.include_usage
	optionsEmpty bool
	bounds       bounds
}

// placed is where a member stands in the body.
type placed struct{ key, value span }

// span is a place in the body; the zero value is none.
type span struct{ from, to int }

func (s span) in(b []byte) []byte { return b[s.from:s.to] }
func (s span) found() bool        { return s.to > 0 }

// Decode reads a body and checks that it is JSON. It refuses with a 400 that names the field: what is not an object,
// wrong types in the members that the gateway reads, and those members standing twice or in another case, which a
// provider might read differently than the gateway does. The body must not change while the request is used.
func (r *Request) Decode(s *Shape, body []byte) *exchange.Error { return r.DecodeWithin(s, body, 0) }

// DecodeWithin is Decode with a bound on the objects and arrays that a value may stand in; 0 is MaxDepth.
func (r *Request) DecodeWithin(s *Shape, body []byte, depth int) *exchange.Error {
	*r = Request{shape: s, body: body, Choices: 1, ItemsParam: s.lists()}
	w := walker{b: body, most: depth}
	start := skipSpace(body, 0)
	if start >= len(body) || body[start] != '{' {
		return notJSON()
	}
	r.open = start + 1
	o := object{w: &w, i: start}
	for o.next() {
		place, err := r.interpret(o.key)
		if err != nil {
			return err
		}
		if o.to = w.value(o.from, 1, textKey(o.key)); o.to < 0 {
			break
		}
		if place < 0 {
			continue
		}
		r.members[place] = placed{o.keyAt, span{o.from, o.to}}
		if place == atContent || place >= s.atLists() {
			r.Items += itemsIn(body, o.from, w.elements)
		}
		if err := r.take(place); err != nil {
			return err
		}
	}
	if w.deep {
		return tooDeep(depth)
	}
	if o.end < 0 || skipSpace(body, o.end) != len(body) {
		return notJSON()
	}
	r.TextBytes = w.text
	if !s.ModelElsewhere && !s.ModelOptional && len(r.Model) == 0 {
		return missing("model")
	}
	if s.Content != "" && !r.members[atContent].value.found() {
		return missing(s.Content)
	}
	return nil
}

// itemsIn counts what is asked in the value of a member, where an array has a known number of elements. An object is a request
// with such members in it, or one thing that is asked.
func itemsIn(body []byte, from, elements int) int {
	switch body[from] {
	case '[':
		return elements
	case '{':
		n := 0
		w := &walker{b: body}
		for o := (object{w: w, i: from}); o.next(); {
			// As a member of the outermost object, so that elements are counted.
			o.to = w.value(o.from, 1, false)
			if key := string(o.key); (key == "contents" || key == "messages") && o.to > 0 && body[o.from] == '[' {
				n += w.elements
			}
		}
		return max(n, 1)
	default:
		return 1
	}
}

// interpret gives the place of a member that the gateway reads, -1 for others.
func (r *Request) interpret(key []byte) (int, *exchange.Error) {
	if bytes.IndexByte(key, '\\') >= 0 {
		key = unescape(key)
	}
	for i, name := range r.shape.names {
		if i == atConfig && string(key) == r.shape.ConfigAlias && len(key) > 0 {
			name = r.shape.ConfigAlias
		}
		if len(key) != len(name) || len(name) == 0 || key[0]|0x20 != name[0] {
			continue
		}
		if string(key) != name {
			if bytes.EqualFold(key, []byte(name)) {
				return -1, exchange.Invalid(name, "The field '"+name+"' is written in another case.")
			}
			continue
		}
		if r.members[i].value.found() {
			return -1, exchange.Invalid(name, "The field '"+name+"' stands twice.")
		}
		return i, nil
	}
	return -1, nil
}

// take reads the member at a place.
func (r *Request) take(place int) *exchange.Error {
	name, value := r.shape.names[place], r.members[place].value.in(r.body)
	switch place {
	case atModel:
		return r.readModel(value)
	case atContent:
		if r.shape.List && value[0] != '[' {
			return wrongType(name, "an array")
		}
		if string(value) == "null" {
			return missing(name)
		}
	case atStream:
		switch string(value) {
		case "true":
			r.Stream = true
		case "false", "null":
		default:
			return wrongType(name, "a boolean")
		}
	case atOptions:
		return r.readOptions(r.members[place].value)
	case atConfig:
		return r.readConfig(name, r.members[place].value)
	default:
		switch at := place - atBounds; {
		case at < len(r.shape.Bounds):
			return r.readBound(name, r.members[place].value)
		case at < len(r.shape.Bounds)+len(r.shape.Counts):
			return r.readCount(name, value)
		}
	}
	return nil
}

func (r *Request) readModel(value []byte) *exchange.Error {
	if r.shape.ModelOptional && string(value) == "null" {
		return nil
	}
	if value[0] != '"' {
		return wrongType("model", "a string")
	}
	r.Model = value[1 : len(value)-1]
	if bytes.IndexByte(r.Model, '\\') >= 0 {
		r.Model = unescape(r.Model)
	}
	if len(r.Model) > MaxModelBytes {
		return exchange.Invalid("model", "The name of the model is too long.")
	}
	return nil
}

func (r *Request) readOptions(at span) *exchange.Error {
	switch value := at.in(r.body); {
	case string(value) == "null":
		return nil
	case value[0] != '{':
		return wrongType("stream_options", "an object")
	}
	r.optionsEmpty = true
	o := object{w: &walker{b: r.body}, i: at.from}
	for o.next() {
		r.optionsEmpty = false
		o.to = o.w.value(o.from, 2, false)
		key := o.key
		if bytes.IndexByte(key, '\\') >= 0 {
			key = unescape(key)
		}
		if !bytes.EqualFold(key, []byte("include_usage")) {
			continue
		}
		if r.includeUsage.found() || string(key) != "include_usage" {
			return exchange.Invalid("stream_options", "The field 'include_usage' must stand once, in lower case.")
		}
		r.includeUsage = span{o.from, o.to}
		switch string(r.includeUsage.in(r.body)) {
		case "true":
			r.IncludeUsage = true
		case "false", "null":
		default:
			return wrongType("stream_options.include_usage", "a boolean")
		}
	}
	return nil
}

// maxChoices bounds how many answers are believed to be asked for: what costs are computed with must not overflow.
const maxChoices = 1 << 12

// readCount reads how many answers are asked for. Whether there may be so many is the provider's business.
func (r *Request) readCount(name string, value []byte) *exchange.Error {
	if string(value) == "null" {
		return nil
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		return wrongType(name, "an integer")
	}
	r.Choices = max(r.Choices, min(n, maxChoices))
	return nil
}

// CheckOutput refuses a request that asks for more output than a model may give; bound 0 refuses none.
func (r *Request) CheckOutput(bound int64) *exchange.Error {
	if bound == 0 || r.MaxOutputTokens <= bound {
		return nil
	}
	return r.tooMuchOutput(bound, "This model gives at most ")
}

func unescape(inner []byte) []byte {
	var s string
	if json.Unmarshal(append(append([]byte{'"'}, inner...), '"'), &s) != nil {
		return inner
	}
	return []byte(s)
}

func notJSON() *exchange.Error {
	return exchange.Invalid("", "We could not parse the JSON body of your request: it must be one JSON object.")
}

func tooDeep(most int) *exchange.Error {
	if most == 0 {
		most = MaxDepth
	}
	err := exchange.Invalid("", "The JSON body of your request is nested too deeply: more than "+strconv.Itoa(most)+" levels.")
	err.Reason = exchange.ReasonBodyDeep
	return err
}

func missing(param string) *exchange.Error {
	err := exchange.Invalid(param, "Missing required parameter: '"+param+"'.")
	err.Code = "missing_required_parameter"
	return err
}

func wrongType(param, want string) *exchange.Error {
	err := exchange.Invalid(param, "Invalid type for '"+param+"': expected "+want+".")
	err.Code = "invalid_type"
	return err
}
