// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"fmt"
	"regexp"
)

// maxTools bounds how many tools a request may offer.
const maxTools = 128

var toolName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

type chatTool struct {
	Type     string `json:"type"`
	Function struct {
		Name        string          `json:"name"`
		Description *string         `json:"description"`
		Parameters  json.RawMessage `json:"parameters"`
		Strict      *bool           `json:"strict"`
	} `json:"function"`
	Custom json.RawMessage `json:"custom"`
}

type toolCall struct {
	ID       string          `json:"id"`
	Type     string          `json:"type"`
	Function toolFunction    `json:"function"`
	Custom   json.RawMessage `json:"custom,omitempty"`
}

type toolFunction struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// checkTools refuses tools that cannot be called, and choices where there is nothing to choose.
func checkTools(r *chatRequest) *failure {
	if len(r.Tools) == 0 {
		switch {
		case r.Tools != nil:
			return invalid("tools", "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an "+
				"empty array instead.")
		case given(r.ToolChoice):
			return invalid("tool_choice", "'tool_choice' is only allowed when 'tools' are specified.")
		case r.ParallelToolCalls != nil:
			return invalid("parallel_tool_calls", "'parallel_tool_calls' is only allowed when 'tools' are specified.")
		}
		return nil
	}
	if len(r.Tools) > maxTools {
		return invalid("tools", fmt.Sprintf("Invalid 'tools': array too long. Expected at most %d.", maxTools))
	}
	for i, tool := range r.Tools {
		place := fmt.Sprintf("tools[%d]", i)
		if tool.Type == "custom" && given(tool.Custom) {
			continue
		}
		if fail := tool.check(place); fail != nil {
			return fail
		}
	}
	return nil
}

func (t chatTool) check(place string) *failure {
	if t.Type != "function" {
		return invalid(place+".type", fmt.Sprintf("Invalid value: '%s'. Supported values are: 'function', 'custom'.",
			clip(t.Type, maxEcho)))
	}
	if !toolName.MatchString(t.Function.Name) {
		return invalid(place+".function.name", fmt.Sprintf("Invalid '%s.function.name': string does not match pattern. "+
			"Expected a string that matches the pattern '%s'.", place, toolName))
	}
	if t.Function.Strict != nil && *t.Function.Strict {
		return strictSchema(t.Function.Parameters, "function", t.Function.Name)
	}
	return nil
}

// offersOf gives the functions among the tools.
func offersOf(tools []chatTool) []offer {
	offers := make([]offer, 0, len(tools))
	for _, tool := range tools {
		if tool.Type == "function" {
			offers = append(offers, offer{name: tool.Function.Name, schema: parametersOf(tool.Function.Parameters)})
		}
	}
	return offers
}

// parametersOf gives a function without parameters those that it has: none.
func parametersOf(schema json.RawMessage) json.RawMessage {
	if !given(schema) {
		return json.RawMessage(`{"type":"object"}`)
	}
	return schema
}

// choose does what tool_choice says.
func (c *chatCall) choose(choice json.RawMessage) *failure {
	var word string
	if !given(choice) || json.Unmarshal(choice, &word) == nil {
		switch word {
		case "", "auto":
			return nil
		case "none":
			c.muted = true
			return nil
		case "required":
			c.forced = c.offers
			return nil
		}
	}
	var named struct {
		Type     string `json:"type"`
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
		Allowed *struct {
			Mode  string     `json:"mode"`
			Tools []chatTool `json:"tools"`
		} `json:"allowed_tools"`
	}
	_ = json.Unmarshal(choice, &named) // of another shape it names nothing
	if named.Type == "allowed_tools" && named.Allowed != nil {
		return c.allow(offersOf(named.Allowed.Tools), named.Allowed.Mode)
	}
	if c.forced = offerNamed(c.offers, named.Function.Name); named.Type != "function" || len(c.forced) == 0 {
		return invalid("tool_choice", fmt.Sprintf("Invalid value for 'tool_choice': %s.", clip(string(choice), maxEcho)))
	}
	return nil
}

// allow narrows the choice to some of the tools that are offered.
func (c *chatCall) allow(wanted []offer, mode string) *failure {
	var allowed []offer
	for _, w := range wanted {
		allowed = append(allowed, offerNamed(c.offers, w.name)...)
	}
	if len(allowed) == 0 || (mode != "auto" && mode != "required") {
		return invalid("tool_choice", "Invalid value for 'tool_choice': 'allowed_tools'.")
	}
	c.offers = allowed
	if mode == "required" {
		c.forced = allowed
	}
	return nil
}
