// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// chatFormat is response_format.
type chatFormat struct {
	Type   string `json:"type"`
	Schema *struct {
		Name        string          `json:"name"`
		Description *string         `json:"description"`
		Schema      json.RawMessage `json:"schema"`
		Strict      *bool           `json:"strict"`
	} `json:"json_schema"`
}

// check refuses what OpenAI refuses: json_object without a word of it in the messages, schemas that are not strict.
func (f *chatFormat) check(messages []chatMessage) *failure {
	if f == nil {
		return nil
	}
	switch f.Type {
	case "text":
		return nil
	case "json_object":
		for _, message := range messages {
			if strings.Contains(strings.ToLower(string(message.Content)), "json") {
				return nil
			}
		}
		return invalid("messages", "'messages' must contain the word 'json' in some form, to use 'response_format' of "+
			"type 'json_object'.")
	case "json_schema":
		if f.Schema == nil || f.Schema.Name == "" {
			return invalid("response_format.json_schema", "Missing required parameter: 'response_format.json_schema'.")
		}
		if f.Schema.Strict != nil && *f.Schema.Strict {
			return strictSchema(f.Schema.Schema, "response_format", f.Schema.Name)
		}
		return nil
	}
	return invalid("response_format.type", fmt.Sprintf("Invalid value: '%s'. Supported values are: 'json_object', "+
		"'json_schema', and 'text'.", clip(f.Type, maxEcho)))
}

// strictSchema refuses schemas that strict mode cannot hold: objects must close their members and require them all.
func strictSchema(raw json.RawMessage, param, name string) *failure {
	root := schemaNode{}
	if json.Unmarshal(raw, &root) != nil || kindOf(root) != "object" {
		return schemaFailure(param, name, nil, "schema must be a JSON Schema of 'type: \"object\"'")
	}
	return openObject(root, param, name, nil)
}

func openObject(node schemaNode, param, name string, path []string) *failure {
	if kindOf(node) == "object" {
		if closed, ok := node["additionalProperties"].(bool); !ok || closed {
			return schemaFailure(param, name, path, "'additionalProperties' is required to be supplied and to be false")
		}
		required, _ := node["required"].([]any)
		properties := nodeOf(node["properties"])
		names := make([]string, 0, len(properties))
		for property := range properties {
			names = append(names, property)
		}
		slices.Sort(names)
		for _, property := range names {
			if !slices.Contains(required, any(property)) {
				return schemaFailure(param, name, path, "'required' is required to be supplied and to be an array "+
					"including every key in properties. Missing '"+clip(property, maxEcho)+"'")
			}
			if fail := openObject(nodeOf(properties[property]), param, name, append(path, "properties", property)); fail != nil {
				return fail
			}
		}
	}
	if items := nodeOf(node["items"]); items != nil {
		return openObject(items, param, name, append(path, "items"))
	}
	return nil
}

func schemaFailure(param, name string, path []string, reason string) *failure {
	quoted := make([]string, len(path))
	for i, step := range path {
		quoted[i] = "'" + step + "'"
	}
	return &failure{
		status: http.StatusBadRequest, param: param, code: "invalid_json_schema",
		message: fmt.Sprintf("Invalid schema for %s '%s': In context=(%s), %s.", param, name, strings.Join(quoted, ", "), reason),
	}
}

// anyObject is what json_object promises, made worth reading.
const anyObject = `{"type":"object","properties":{"answer":{"type":"string"}}}`

// schema is what the answer's JSON satisfies; nil: it is in words.
func (f *chatFormat) schema() json.RawMessage {
	switch {
	case f == nil || f.Type == "text":
		return nil
	case f.Type == "json_schema" && f.Schema != nil && given(f.Schema.Schema):
		return f.Schema.Schema
	}
	return json.RawMessage(anyObject)
}
