// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"slices"
)

func (r *bedrockRequest) checkTools() *failure {
	if r.ToolConfig == nil {
		return nil
	}
	names := map[string]bool{}
	for i, tool := range r.ToolConfig.Tools {
		if len(setMembers(tool)) != 1 {
			return refusedf("The Tool object at toolConfig.tools.%d must set exactly one member.", i)
		}
		if tool.CachePoint != nil {
			if fail := tool.CachePoint.check("toolConfig.tools"); fail != nil {
				return fail
			}
		}
		if tool.Spec == nil {
			continue
		}
		if fail := tool.Spec.check(i); fail != nil {
			return fail
		}
		if names[tool.Spec.Name] {
			return refusedf("The tool name %s is already defined at toolConfig.tools.%d.", tool.Spec.Name, i)
		}
		names[tool.Spec.Name] = true
	}
	if len(names) == 0 {
		return refusedf("Value at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	choice := r.ToolConfig.Choice
	switch {
	case choice == nil:
		return nil
	case len(setMembers(*choice)) != 1:
		return refusedf("The ToolChoice object at toolConfig.toolChoice must set exactly one member.")
	case choice.Tool != nil && !names[choice.Tool.Name]:
		return refusedf("The tool %s of toolConfig.toolChoice is not among toolConfig.tools.", clip(choice.Tool.Name, maxEcho))
	}
	return nil
}

func (s *bedrockSpec) check(i int) *failure {
	var schema struct {
		Type string `json:"type"`
	}
	switch {
	case !bedrockNames.MatchString(s.Name):
		return refusedf("Value at 'toolConfig.tools.%d.member.toolSpec.name' failed to satisfy constraint: [a-zA-Z0-9_-]+", i+1)
	case s.Schema == nil:
		return refusedf("The inputSchema at toolConfig.tools.%d.toolSpec is missing.", i)
	case json.Unmarshal(s.Schema.JSON, &schema) != nil || schema.Type != "object":
		return refusedf("The value at toolConfig.tools.%d.toolSpec.inputSchema.json.type must be one of the following: object.", i)
	}
	return nil
}

func (r *bedrockRequest) checkConfig() *failure {
	if c := r.Config; c != nil {
		switch {
		case c.MaxTokens != nil && *c.MaxTokens < 1:
			return refusedf("Value at 'inferenceConfig.maxTokens' failed to satisfy constraint: Member must have value greater " +
				"than or equal to 1")
		case c.Temperature != nil && (*c.Temperature < 0 || *c.Temperature > 1):
			return refusedf("Value at 'inferenceConfig.temperature' failed to satisfy constraint: Member must be from 0 to 1")
		case c.TopP != nil && (*c.TopP < 0 || *c.TopP > 1):
			return refusedf("Value at 'inferenceConfig.topP' failed to satisfy constraint: Member must be from 0 to 1")
		case slices.Contains(c.Stops, ""):
			return refusedf("Value at 'inferenceConfig.stopSequences' failed to satisfy constraint: Member must have length " +
				"greater than or equal to 1")
		}
	}
	if t := r.Tier; t != nil && !slices.Contains([]string{"default", "priority", "flex", "reserved"}, t.Type) {
		return refusedf("Value at 'serviceTier.type' failed to satisfy constraint: [priority, default, flex, reserved]")
	}
	if l := r.Latency; l != nil && l.Latency != "standard" && l.Latency != "optimized" {
		return refusedf("Value at 'performanceConfig.latency' failed to satisfy constraint: [standard, optimized]")
	}
	return r.checkOutput()
}

func (r *bedrockRequest) checkOutput() *failure {
	if r.Output == nil {
		return nil
	}
	efforts := []string{"", "low", "medium", "high", "xhigh", "max"}
	if !slices.Contains(efforts, r.Output.Effort) {
		return refusedf("Value at 'outputConfig.effort' failed to satisfy constraint: [low, medium, high, xhigh, max]")
	}
	format := r.Output.TextFormat
	if format == nil {
		return nil
	}
	switch {
	case format.Type != "json_schema":
		return refusedf("Value at 'outputConfig.textFormat.type' failed to satisfy constraint: [json_schema]")
	case format.Structure == nil || format.Structure.Schema == nil:
		return refusedf("The structure at outputConfig.textFormat is missing.")
	case !json.Valid([]byte(format.Structure.Schema.Schema)):
		return refusedf("The schema at outputConfig.textFormat.structure.jsonSchema is not valid JSON.")
	}
	return nil
}

// thinking is what the additional fields ask of Claude; nil: nothing.
func (r *bedrockRequest) thinking() *anthropicThinking {
	var fields bedrockThinking
	_ = json.Unmarshal(r.Additional, &fields) // of another shape it asks nothing
	if fields.Thinking == nil || fields.Thinking.Type == "disabled" {
		return nil
	}
	return fields.Thinking
}

func (r *bedrockRequest) checkThinking() *failure {
	thinking := r.thinking()
	if thinking == nil || thinking.Type == "adaptive" {
		return nil
	}
	switch {
	case thinking.Type != "enabled":
		return refusedf("The model returned the following errors: thinking.type: Input should be 'enabled'")
	case thinking.Budget == nil || *thinking.Budget < leastThinking:
		return refusedf("The model returned the following errors: thinking.enabled.budget_tokens: Input should be greater than "+
			"or equal to %d", leastThinking)
	case r.Config != nil && r.Config.MaxTokens != nil && *r.Config.MaxTokens <= *thinking.Budget:
		return refusedf("The model returned the following errors: `max_tokens` must be greater than `thinking.budget_tokens`.")
	case r.Config != nil && r.Config.Temperature != nil && *r.Config.Temperature != 1:
		return refusedf("The model returned the following errors: `temperature` may only be set to 1 when thinking is enabled.")
	case r.ToolConfig != nil && r.ToolConfig.Choice != nil && r.ToolConfig.Choice.Auto == nil:
		return refusedf("The model returned the following errors: Thinking may not be enabled when tool_choice forces tool use.")
	}
	return nil
}
