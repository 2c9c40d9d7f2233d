// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package chat

import (
	"bytes"
	"fmt"
	"iter"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// Field is a field of a Request, for refusals.
type Field uint8

// The fields that some dialect cannot express.
const (
	FieldTools Field = iota
	FieldToolChoice
	FieldParallelCalls
	FieldFormat
	FieldReasoning
	FieldMaxTokens
	FieldTemperature
	FieldTopP
	FieldTopK
	FieldStop
	FieldSeed
	FieldFrequency
	FieldPresence
	FieldCandidates
	FieldLogProbs
	FieldTopLogProbs
	FieldUser
)

// Refuse says that the target, given by its name ("Anthropic"), cannot express a field.
func (r *Request) Refuse(f Field, target string) *exchange.Error {
	return RefuseAt(r.Names(f), target)
}

// RefuseAt says that the target cannot express what stands at a place of the application's request. A note, such as
// "takes at most 5 stop sequences", says more.
func RefuseAt(at, target string, note ...string) *exchange.Error {
	message := fmt.Sprintf("'%s' cannot be expressed to this model's provider, which speaks the %s dialect", at, target)
	for _, n := range note {
		message += ": " + n
	}
	return untranslatable(at, message+".")
}

// RefuseUnknown refuses the first member of an object, as it was written, that asks for something; members is what a
// struct did not take up, nil or an object. At is the object's place, empty for the body. A member that is null asks for
// nothing, and so does one of the silent. It is nil where there is nothing to refuse.
func RefuseUnknown(at string, members jsontext.Value, silent ...Silent) *exchange.Error {
	for name, value := range Members(members) {
		if value.Kind() != 'n' && !slices.ContainsFunc(silent, func(s Silent) bool { return s.covers(name, value) }) {
			return RefuseField(Join(at, name))
		}
	}
	return nil
}

// Silent are members that ask for nothing with one of these values, as compact JSON; nil is any.
type Silent map[string][]string

func (s Silent) covers(name string, value jsontext.Value) bool {
	values, ok := s[name]
	if !ok || values == nil {
		return ok
	}
	value = value.Clone()
	return value.Compact() == nil && slices.Contains(values, string(value))
}

// Members gives the members of an object in order, none of anything else. A value is valid until the next.
func Members(object jsontext.Value) iter.Seq2[string, jsontext.Value] {
	return func(yield func(string, jsontext.Value) bool) {
		if len(object) == 0 || object.Kind() != '{' {
			return
		}
		d := jsontext.NewDecoder(bytes.NewReader(object), jsontext.AllowDuplicateNames(true))
		if _, err := d.ReadToken(); err != nil {
			return
		}
		for d.PeekKind() == '"' {
			token, err := d.ReadToken()
			if err != nil {
				return
			}
			name := token.String()
			value, err := d.ReadValue()
			if err != nil || !yield(name, value) {
				return
			}
		}
	}
}

// RefuseField says that a field means something in the application's dialect only.
func RefuseField(at string) *exchange.Error {
	return untranslatable(at, fmt.Sprintf("'%s' cannot be translated: this model's provider speaks another dialect, which has no such field.", at))
}

// Join gives the place of a member.
func Join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

// Index gives the place of an element.
func Index(at string, i int) string { return fmt.Sprintf("%s[%d]", at, i) }

func untranslatable(at, message string) *exchange.Error {
	e := exchange.Invalid(at, message)
	e.Reason, e.Code = exchange.ReasonUntranslatable, "unsupported_parameter"
	return e
}

// SplitSystem gives what stands before the conversation, for dialects whose instructions stand apart, and the
// conversation. It refuses instructions in the middle of it.
func (r *Request) SplitSystem(target string) (system []Part, rest []Message, err *exchange.Error) {
	n := 0
	for n < len(r.Messages) && instructs(r.Messages[n].Role) {
		system = append(system, r.Messages[n].Parts...)
		n++
	}
	rest = r.Messages[n:]
	for _, m := range rest {
		if instructs(m.Role) {
			return nil, nil, RefuseAt(m.At, target, "instructions stand before the conversation there")
		}
	}
	return system, rest, nil
}

func instructs(r Role) bool { return r == System || r == Developer }
