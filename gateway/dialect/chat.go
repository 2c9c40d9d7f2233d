// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package dialect speaks the protocols of applications and providers: what a request asks for, the few edits that it
// needs on its way, what an answer cost, and how an error is told. The protocol here is OpenAI's Chat Completions.
//
// Bodies are read in place and edited in place: every byte that no edit is for goes through as it came.
package dialect

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// MaxModelBytes bounds the name of a model.
const MaxModelBytes = 256

// ChatRequest is what the gateway reads of a POST /v1/chat/completions. Its slices point into the body.
type ChatRequest struct {
	// Model is the name asked for, unescaped.
	Model []byte
	// Stream asks for events; IncludeUsage asks for the chunk with the usage.
	Stream, IncludeUsage bool
	// MaxOutputTokens is the larger of the fields that bound the answer, 0 when there is none; MaxOutputParam its name.
	MaxOutputTokens int64
	MaxOutputParam  string
	// Messages is how many there are, TextBytes the length of the texts in them, as JSON.
	Messages  int
	TextBytes int64

	body         []byte
	open         int // after the body's opening brace
	model        span
	options      span // the value of stream_options
	includeUsage span // the value of stream_options.include_usage
	optionsEmpty bool
}

// span is a place in the body; the zero value is none.
type span struct{ from, to int }

func (s span) in(b []byte) []byte { return b[s.from:s.to] }
func (s span) found() bool        { return s.to > 0 }

// The fields that the gateway reads. Any other is the provider's business.
var interpreted = [...]string{"model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens"}

// DecodeChat reads a body and checks that it is JSON. It refuses with a 400 that names the field: what is not an
// object, wrong types in the fields that the gateway reads, and those fields standing twice or in another case, which
// a provider might read differently than the gateway does. The body must not change while the request is used.
func DecodeChat(body []byte) (ChatRequest, *exchange.Error) {
	r := ChatRequest{body: body}
	w := walker{b: body}
	start := skipSpace(body, 0)
	if start >= len(body) || body[start] != '{' {
		return r, notJSON()
	}
	r.open = start + 1
	o := object{w: &w, i: start}
	var seen [len(interpreted)]bool
	for o.next() {
		which, err := interpret(o.key, &seen)
		if err != nil {
			return r, err
		}
		texts := w.text
		if o.to = w.value(o.from, 1, false); o.to < 0 {
			break
		}
		if which == "messages" {
			r.TextBytes, r.Messages = w.text-texts, w.elements
		}
		if err := r.field(which, span{o.from, o.to}); err != nil {
			return r, err
		}
	}
	if o.end < 0 || skipSpace(body, o.end) != len(body) {
		return r, notJSON()
	}
	if len(r.Model) == 0 {
		return r, missing("model")
	}
	if !seen[1] {
		return r, missing("messages")
	}
	return r, nil
}

// interpret gives the name of a field that the gateway reads, "" for others.
func interpret(key []byte, seen *[len(interpreted)]bool) (string, *exchange.Error) {
	if bytes.IndexByte(key, '\\') >= 0 {
		key = unescape(key)
	}
	for i, name := range interpreted {
		if len(key) != len(name) || key[0]|0x20 != name[0] {
			continue
		}
		if string(key) != name {
			if bytes.EqualFold(key, []byte(name)) {
				return "", exchange.Invalid(name, "The field '"+name+"' is written in lower case.")
			}
			continue
		}
		if seen[i] {
			return "", exchange.Invalid(name, "The field '"+name+"' stands twice.")
		}
		seen[i] = true
		return name, nil
	}
	return "", nil
}

func (r *ChatRequest) field(name string, at span) *exchange.Error {
	value := at.in(r.body)
	switch name {
	case "model":
		return r.readModel(at)
	case "messages":
		if value[0] != '[' {
			return wrongType(name, "an array of messages")
		}
	case "stream":
		switch string(value) {
		case "true":
			r.Stream = true
		case "false", "null":
		default:
			return wrongType(name, "a boolean")
		}
	case "stream_options":
		return r.readOptions(at)
	case "max_tokens", "max_completion_tokens":
		return r.readMax(name, value)
	}
	return nil
}

func (r *ChatRequest) readModel(at span) *exchange.Error {
	value := at.in(r.body)
	if value[0] != '"' {
		return wrongType("model", "a string")
	}
	r.model, r.Model = at, value[1:len(value)-1]
	if bytes.IndexByte(r.Model, '\\') >= 0 {
		r.Model = unescape(r.Model)
	}
	if len(r.Model) > MaxModelBytes {
		return exchange.Invalid("model", "The name of the model is too long.")
	}
	return nil
}

func (r *ChatRequest) readOptions(at span) *exchange.Error {
	switch value := at.in(r.body); {
	case string(value) == "null":
		r.options = at
		return nil
	case value[0] != '{':
		return wrongType("stream_options", "an object")
	}
	r.options, r.optionsEmpty = at, true
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

func (r *ChatRequest) readMax(name string, value []byte) *exchange.Error {
	if string(value) == "null" {
		return nil
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		return wrongType(name, "an integer")
	}
	if n > r.MaxOutputTokens {
		r.MaxOutputTokens, r.MaxOutputParam = n, name
	}
	return nil
}

// CheckOutput refuses a request that asks for more output than a model may give; bound 0 refuses none.
func (r *ChatRequest) CheckOutput(bound int64) *exchange.Error {
	if bound == 0 || r.MaxOutputTokens <= bound {
		return nil
	}
	err := exchange.Invalid(r.MaxOutputParam, r.MaxOutputParam+" is too large: "+strconv.FormatInt(r.MaxOutputTokens, 10)+
		". This model gives at most "+strconv.FormatInt(bound, 10)+" tokens.")
	err.Reason = exchange.ReasonOutputTokens
	return err
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
