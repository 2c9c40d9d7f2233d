// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"fmt"
)

type chatTool struct {
	Type     string `json:"type"`
	Function struct {
		Name       string `json:"name"`
		Parameters struct {
			Properties map[string]struct {
				Type string `json:"type"`
				Enum []any  `json:"enum"`
			} `json:"properties"`
			Required []string `json:"required"`
		} `json:"parameters"`
	} `json:"function"`
}

type toolCall struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Function toolFunction `json:"function"`
}

type toolFunction struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// chosenTool says which tool the request insists on: none under auto and none, the first under required.
func chosenTool(tools []chatTool, choice json.RawMessage) (*chatTool, *failure) {
	var word string
	if len(choice) == 0 || json.Unmarshal(choice, &word) == nil {
		switch word {
		case "", "auto", "none":
			return nil, nil
		case "required":
			if len(tools) == 0 {
				return nil, invalid("tool_choice", "'tool_choice' is only allowed when 'tools' are specified.")
			}
			return &tools[0], nil
		}
	}
	var named struct {
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	if json.Unmarshal(choice, &named) == nil {
		for i := range tools {
			if tools[i].Function.Name == named.Function.Name {
				return &tools[i], nil
			}
		}
	}
	return nil, invalid("tool_choice", fmt.Sprintf("Invalid value for 'tool_choice': %s.", choice))
}

// arguments fills what the tool's schema requires with values of the right type, the prompt where text is wanted.
func (t *chatTool) arguments(prompt string) string {
	values := map[string]any{}
	for _, name := range t.Function.Parameters.Required {
		property := t.Function.Parameters.Properties[name]
		if len(property.Enum) > 0 {
			values[name] = property.Enum[0]
			continue
		}
		values[name] = valueOf(property.Type, prompt)
	}
	return string(marshal(values))
}

func valueOf(kind, prompt string) any {
	switch kind {
	case "integer", "number":
		return len(prompt)
	case "boolean":
		return true
	case "array":
		return []any{}
	case "object":
		return map[string]any{}
	case "null":
		return nil
	}
	return clip(prompt, maxEcho)
}
