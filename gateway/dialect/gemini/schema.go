// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxSchemaDepth bounds the nesting of a Gemini Schema. Google takes far less.
const maxSchemaDepth = 64

var errSchemaDepth = errors.New("the schema is nested too deeply")

// jsonSchema turns Gemini's Schema, a subset of OpenAPI 3.0's, into JSON Schema: types in lower case, nullable as a type,
// counts as numbers, the enum of a number as numbers, example as examples. What JSON Schema has too, and what neither
// is known for, stays as it is. https://ai.google.dev/api/caching#Schema
func jsonSchema(schema jsontext.Value) (jsontext.Value, error) {
	return readSchema(jsontext.NewDecoder(bytes.NewReader(schema)), 0)
}

// node is one object of a schema: its members, already turned, in their order.
type node struct {
	names    []string
	values   []jsontext.Value
	nullable bool
}

func readSchema(d *jsontext.Decoder, depth int) (jsontext.Value, error) {
	if depth > maxSchemaDepth {
		return nil, errSchemaDepth
	}
	if d.PeekKind() != '{' {
		v, err := d.ReadValue()
		return v.Clone(), err
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	var n node
	for d.PeekKind() == '"' {
		token, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		if err := n.read(d, schemaName(token.String()), depth); err != nil {
			return nil, err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	return n.value(), nil
}

// schemaNames are the members whose names JSON Schema spells otherwise, or that come in snake case.
var schemaNames = map[string]string{
	"any_of": "anyOf", "min_items": "minItems", "max_items": "maxItems", "min_length": "minLength", "max_length": "maxLength",
	"min_properties": "minProperties", "max_properties": "maxProperties", "property_ordering": "propertyOrdering",
	"additional_properties": "additionalProperties", "defs": "$defs", "ref": "$ref",
}

func schemaName(name string) string {
	if standard, ok := schemaNames[name]; ok {
		return standard
	}
	return name
}

// read takes the value of one member.
func (n *node) read(d *jsontext.Decoder, name string, depth int) error {
	var v jsontext.Value
	var err error
	switch name {
	case "items", "additionalProperties":
		v, err = readSchema(d, depth+1)
	case "properties", "$defs":
		v, err = readSchemas(d, '{', depth+1)
	case "anyOf", "prefixItems":
		v, err = readSchemas(d, '[', depth+1)
	default:
		if v, err = d.ReadValue(); err == nil {
			v = v.Clone()
			name, v = n.turn(name, v)
		}
	}
	if err == nil && given(v) {
		n.names, n.values = append(n.names, name), append(n.values, v)
	}
	return err
}

// turn gives a member that holds no schemas as JSON Schema has it; nil leaves it out.
func (n *node) turn(name string, v jsontext.Value) (string, jsontext.Value) {
	switch name {
	case "type":
		text := strings.ToLower(unquoted(v))
		switch text {
		case "":
			return name, v
		case "type_unspecified":
			return name, nil
		}
		return name, quoted(text)
	case "nullable":
		n.nullable = v.Kind() == 't'
		return name, nil
	case "example":
		return "examples", jsontext.Value("[" + string(v) + "]")
	case "format":
		// Says no more than that there is an enum.
		if unquoted(v) == "enum" {
			return name, nil
		}
	case "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties":
		return name, number(v)
	}
	return name, v
}

// readSchemas reads an object or a list whose values are schemas.
func readSchemas(d *jsontext.Decoder, open jsontext.Kind, depth int) (jsontext.Value, error) {
	if d.PeekKind() != open {
		v, err := d.ReadValue()
		return v.Clone(), err
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	out := []byte{byte(open)}
	for d.PeekKind() != '}' && d.PeekKind() != ']' {
		if len(out) > 1 {
			out = append(out, ',')
		}
		if open == '{' {
			name, err := d.ReadValue()
			if err != nil {
				return nil, err
			}
			out = append(append(out, name...), ':')
		}
		v, err := readSchema(d, depth)
		if err != nil {
			return nil, err
		}
		out = append(out, v...)
	}
	end, err := d.ReadToken()
	return append(out, byte(end.Kind())), err
}

// value renders the object, with what only several members together mean.
func (n *node) value() jsontext.Value {
	kind := ""
	for i, name := range n.names {
		if name == "type" {
			kind = unquoted(n.values[i])
		}
	}
	out := []byte{'{'}
	for i, name := range n.names {
		v := n.values[i]
		switch {
		case name == "enum" && (kind == "integer" || kind == "number"):
			v = each(v, number)
		case name == "type" && n.nullable && kind != "" && kind != "null":
			v = jsontext.Value(`[` + string(v) + `,"null"]`)
		}
		switch {
		case name == "enum" && n.nullable:
			v = with(v, "null")
		case name == "anyOf" && n.nullable && kind == "":
			v = with(v, `{"type":"null"}`)
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, quoted(name)...), ':'), v...)
	}
	return append(out, '}')
}

// with appends an element to a list; anything else stays as it is.
func with(v jsontext.Value, element string) jsontext.Value {
	if v.Kind() != '[' {
		return v
	}
	inner := bytes.TrimSpace(v[1 : len(v)-1])
	if len(inner) > 0 {
		element = "," + element
	}
	return jsontext.Value("[" + string(inner) + element + "]")
}

// each turns every element of a list; anything else stays as it is.
func each(v jsontext.Value, turn func(jsontext.Value) jsontext.Value) jsontext.Value {
	if v.Kind() != '[' {
		return v
	}
	d := jsontext.NewDecoder(bytes.NewReader(v))
	if _, err := d.ReadToken(); err != nil {
		return v
	}
	out := []byte{'['}
	for d.PeekKind() != ']' {
		element, err := d.ReadValue()
		if err != nil {
			return v
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, turn(element)...)
	}
	return append(out, ']')
}

// number turns "3", as protobuf's JSON writes 64 bits, into 3. Anything else stays as it is.
func number(v jsontext.Value) jsontext.Value {
	text := unquoted(v)
	if _, err := strconv.ParseFloat(text, 64); err == nil && jsontext.Value(text).IsValid() {
		return jsontext.Value(text)
	}
	return v
}

// unquoted gives the text of a JSON string, "" for anything else.
func unquoted(v jsontext.Value) string {
	text, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		return ""
	}
	return string(text)
}

func quoted(s string) jsontext.Value {
	b, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		return jsontext.Value(`""`)
	}
	return b
}
