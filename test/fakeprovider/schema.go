// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"strings"
)

// maxSchemaDepth bounds how deep a value nests; beyond it recursive schemas get their shortest way out.
const maxSchemaDepth = 12

// satisfy gives JSON that a JSON schema allows: what it requires and, where it requires nothing, all that it names, with
// the prompt where text is wanted. Patterns are the one thing that it does not read.
func satisfy(schema json.RawMessage, prompt string) json.RawMessage {
	root := schemaNode{}
	_ = json.Unmarshal(schema, &root) // what is no schema allows everything
	maker := schemaMaker{root: root, text: clip(prompt, maxEcho)}
	return marshal(maker.value(root, 0))
}

type schemaNode map[string]any

// schemaMaker fills one schema.
type schemaMaker struct {
	root schemaNode
	text string
}

func (m schemaMaker) value(node schemaNode, depth int) any {
	if depth > maxSchemaDepth {
		return nil
	}
	if fixed, found := fixedValue(node); found {
		return fixed
	}
	node = m.resolved(node, depth)
	if fixed, found := fixedValue(node); found {
		return fixed
	}
	switch kindOf(node) {
	case "object":
		return m.object(node, depth)
	case "array":
		return m.array(node, depth)
	case "integer":
		return m.number(node)
	case "number":
		return m.number(node)
	case "boolean":
		return true
	case "null":
		return nil
	}
	return m.words(node)
}

// fixedValue is the value that a schema prescribes word by word.
func fixedValue(node schemaNode) (any, bool) {
	if value, found := node["const"]; found {
		return value, true
	}
	if values, ok := node["enum"].([]any); ok && len(values) > 0 {
		return values[0], true
	}
	return nil, false
}

// resolved follows references and choices, and joins what must hold together.
func (m schemaMaker) resolved(node schemaNode, depth int) schemaNode {
	for range maxSchemaDepth {
		switch {
		case node["$ref"] != nil:
			node = m.referred(node)
		case alternatives(node) != nil:
			node = m.chosen(alternatives(node), depth)
		case node["allOf"] != nil:
			node = m.joined(node)
		default:
			return node
		}
	}
	return node
}

func (m schemaMaker) referred(node schemaNode) schemaNode {
	path, _ := node["$ref"].(string)
	var at any = map[string]any(m.root)
	for step := range strings.SplitSeq(strings.TrimPrefix(path, "#"), "/") {
		if step == "" {
			continue
		}
		inner, _ := at.(map[string]any)
		at = inner[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
	}
	return nodeOf(at)
}

func alternatives(node schemaNode) []any {
	for _, word := range []string{"anyOf", "oneOf"} {
		if list, ok := node[word].([]any); ok && len(list) > 0 {
			return list
		}
	}
	return nil
}

// chosen takes the first alternative, or near the bound one that does not nest.
func (m schemaMaker) chosen(list []any, depth int) schemaNode {
	if depth > maxSchemaDepth/2 {
		for _, item := range list {
			if node := nodeOf(item); node["$ref"] == nil && kindOf(node) != "object" && kindOf(node) != "array" {
				return node
			}
		}
	}
	return nodeOf(list[0])
}

func (m schemaMaker) joined(node schemaNode) schemaNode {
	whole := schemaNode{}
	properties, required := map[string]any{}, []any{}
	parts, _ := node["allOf"].([]any)
	for _, item := range append(parts, map[string]any(node)) {
		part := nodeOf(item)
		if part["$ref"] != nil {
			part = m.referred(part)
		}
		for word, value := range part {
			switch word {
			case "allOf":
			case "properties":
				for name, property := range nodeOf(value) {
					properties[name] = property
				}
			case "required":
				list, _ := value.([]any)
				required = append(required, list...)
			default:
				whole[word] = value
			}
		}
	}
	if len(properties) > 0 {
		whole["properties"], whole["required"] = properties, required
	}
	return whole
}

func (m schemaMaker) object(node schemaNode, depth int) any {
	made := map[string]any{}
	properties := nodeOf(node["properties"])
	if required, ok := node["required"].([]any); ok && len(required) > 0 {
		for _, item := range required {
			if name, ok := item.(string); ok {
				made[name] = m.value(nodeOf(properties[name]), depth+1)
			}
		}
		return made
	}
	for name, property := range properties {
		if depth <= maxSchemaDepth/2 {
			made[name] = m.value(nodeOf(property), depth+1)
		}
	}
	return made
}

func (m schemaMaker) array(node schemaNode, depth int) any {
	least, _ := node["minItems"].(float64)
	items := make([]any, 0, 4)
	for range min(int(least), 64) {
		items = append(items, m.value(nodeOf(node["items"]), depth+1))
	}
	return items
}

// number is the prompt's length, moved to where the bounds allow it.
func (m schemaMaker) number(node schemaNode) any {
	value := float64(len(m.text))
	if most, ok := node["maximum"].(float64); ok {
		value = min(value, most)
	}
	if below, ok := node["exclusiveMaximum"].(float64); ok && value >= below {
		value = below - 1
	}
	if least, ok := node["minimum"].(float64); ok {
		value = max(value, least)
	}
	if above, ok := node["exclusiveMinimum"].(float64); ok && value <= above {
		value = above + 1
	}
	if step, ok := node["multipleOf"].(float64); ok && step >= 1 {
		value -= float64(int(value) % int(step))
	}
	return value
}

var formats = map[string]string{
	"date-time": "2026-11-23T12:00:00Z", "date": "2026-11-23", "time": "12:00:00Z", "duration": "PT1H",
	"email": "someone@example.com", "hostname": "example.com", "uri": "https://example.com/",
	"ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "uuid": "3f2b8c1e-6f0a-4c3e-9a8d-1b2c3d4e5f60",
}

func (m schemaMaker) words(node schemaNode) any {
	format, _ := node["format"].(string)
	if example, known := formats[format]; known {
		return example
	}
	text := []rune(m.text)
	if least, ok := node["minLength"].(float64); ok {
		for len(text) < min(int(least), 1<<16) {
			text = append(text, 'x')
		}
	}
	if most, ok := node["maxLength"].(float64); ok && len(text) > int(most) {
		text = text[:max(0, int(most))]
	}
	return string(text)
}

// kindOf is the type that a schema names, the first that is not null where it names several, or shows by its members.
func kindOf(node schemaNode) string {
	switch kind := node["type"].(type) {
	case string:
		return strings.ToLower(kind) // Google shouts
	case []any:
		for _, item := range kind {
			if name, ok := item.(string); ok && name != "null" {
				return name
			}
		}
	}
	switch {
	case node["properties"] != nil:
		return "object"
	case node["items"] != nil:
		return "array"
	}
	return "string"
}

func nodeOf(value any) schemaNode {
	node, _ := value.(map[string]any)
	return node
}
