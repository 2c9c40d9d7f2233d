// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxCandidates bounds candidateCount.
const maxCandidates = 8

// unsigned are what Google takes for a signature of a call that another model made.
var unsigned = []string{"skip_thought_signature_validator", "context_engineering_is_the_way_to_go"}

var googleNames = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$`)

// check refuses what the API refuses. vertex says whose members are allowed.
func (r *googleRequest) check(vertex bool) *failure {
	return firstFailure(r.checkContents, r.checkTurns, r.checkTools, r.checkConfig, func() *failure {
		if r.Labels != nil && !vertex {
			return refusedf("labels parameter is not supported in Gemini API.")
		}
		return nil
	})
}

func (r *googleRequest) checkContents() *failure {
	if len(r.Contents) == 0 {
		return refusedf("* GenerateContentRequest.contents: contents is not specified")
	}
	for i, content := range r.Contents {
		if !slices.Contains([]string{"", "user", "model", "function"}, content.Role) {
			return refusedf("Please use a valid role: user, model.")
		}
		if content.Role == "" && len(r.Contents) > 1 {
			return refusedf("Please use a valid role: user, model.")
		}
		if fail := content.check(fmt.Sprintf("contents[%d]", i)); fail != nil {
			return fail
		}
	}
	if r.SystemInstruction != nil {
		return r.SystemInstruction.check("system_instruction")
	}
	return nil
}

func (c googleContents) check(at string) *failure {
	if len(c.Parts) == 0 {
		return refusedf("* GenerateContentRequest.%s.parts: contents.parts must not be empty.", at)
	}
	for i, part := range c.Parts {
		if fail := part.check(fmt.Sprintf("%s.parts[%d]", at, i)); fail != nil {
			return fail
		}
	}
	return nil
}

// check wants exactly one kind of data in a part, and what it needs.
func (p googlePart) check(at string) *failure {
	kinds := 0
	for _, set := range []bool{
		p.Text != nil, p.InlineData != nil, p.FileData != nil, p.FunctionCall != nil, p.FunctionResponse != nil,
		p.ExecutableCode != nil, p.CodeResult != nil,
	} {
		if set {
			kinds++
		}
	}
	switch {
	case kinds == 0:
		return refusedf("* GenerateContentRequest.%s.data: required oneof field 'data' must have one initialized field", at)
	case kinds > 1:
		return refusedf("Invalid value at '%s' (oneof), oneof field 'data' is already set.", at)
	case p.InlineData != nil:
		if p.InlineData.MIMEType == "" || p.InlineData.Data == "" {
			return refusedf("* GenerateContentRequest.%s.inline_data: mime_type and data are required", at)
		}
		_, err := p.look()
		return refuseUnless(err == nil, "Unable to process input image. Please retry or report in "+at)
	case p.FileData != nil:
		return refuseUnless(p.FileData.FileURI != "", at+".file_data.file_uri: required")
	}
	return p.checkCall(at)
}

func (p googlePart) checkCall(at string) *failure {
	var members map[string]any
	switch {
	case p.FunctionCall != nil && !googleNames.MatchString(p.FunctionCall.Name):
		return refusedf("* GenerateContentRequest.%s.function_call.name: Name cannot be empty.", at)
	case p.FunctionCall != nil && p.FunctionCall.Args != nil && json.Unmarshal(p.FunctionCall.Args, &members) != nil:
		return refusedf("Invalid value at '%s.function_call.args' (type.googleapis.com/google.protobuf.Struct)", at)
	case p.FunctionCall != nil && p.ThoughtSignature != "":
		call := callText(p.FunctionCall.Name, p.FunctionCall.arguments())
		if !slices.Contains(unsigned, p.ThoughtSignature) && !signed(p.ThoughtSignature, call) {
			return refusedf("Thought signature is not valid.")
		}
	case p.FunctionResponse != nil && !googleNames.MatchString(p.FunctionResponse.Name):
		return refusedf("* GenerateContentRequest.%s.function_response.name: Name cannot be empty.", at)
	case p.FunctionResponse != nil && (json.Unmarshal(p.FunctionResponse.Response, &members) != nil || members == nil):
		return refusedf("Invalid value at '%s.function_response.response' (type.googleapis.com/google.protobuf.Struct)", at)
	}
	return nil
}

func (c googleFunctionCall) arguments() []byte {
	if len(c.Args) == 0 {
		return []byte("{}")
	}
	return c.Args
}

// checkTurns wants as many responses right after a turn as it made calls.
func (r *googleRequest) checkTurns() *failure {
	for i, content := range r.Contents {
		calls := content.count(func(p googlePart) bool { return p.FunctionCall != nil })
		responses := 0
		if i+1 < len(r.Contents) {
			responses = r.Contents[i+1].count(func(p googlePart) bool { return p.FunctionResponse != nil })
		}
		if responses != calls {
			return refusedf("Please ensure that the number of function response parts is equal to the number of function " +
				"call parts of the function call turn.")
		}
	}
	return refuseUnless(r.Contents[0].count(func(p googlePart) bool { return p.FunctionResponse != nil }) == 0,
		"Please ensure that function response turn comes immediately after a function call turn.")
}

func (c googleContents) count(is func(googlePart) bool) int {
	count := 0
	for _, part := range c.Parts {
		if is(part) {
			count++
		}
	}
	return count
}

// missingSignature wants, as Gemini 3 does, a signature on the first call of every step since the user last spoke.
func (r *googleRequest) missingSignature() *failure {
	start := 0
	for i, content := range r.Contents {
		if content.Role != "model" && content.count(func(p googlePart) bool { return p.Text != nil }) > 0 {
			start = i
		}
	}
	for i, content := range r.Contents[start:] {
		first := slices.IndexFunc(content.Parts, func(p googlePart) bool { return p.FunctionCall != nil })
		if first >= 0 && content.Parts[first].ThoughtSignature == "" {
			return refusedf("Function call is missing a thought_signature in functionCall parts. This is required for tools to "+
				"work correctly. Additional data, function call `%s`, position %d.",
				clip(content.Parts[first].FunctionCall.Name, maxEcho), start+i+1)
		}
	}
	return nil
}

func (r *googleRequest) checkTools() *failure {
	names := map[string]bool{}
	for i, tool := range r.Tools {
		for j, function := range tool.Functions {
			at := fmt.Sprintf("* GenerateContentRequest.tools[%d].function_declarations[%d]", i, j)
			switch {
			case !googleNames.MatchString(function.Name):
				return refusedf("%s.name: Invalid function name. Must start with a letter or an underscore.", at)
			case names[function.Name]:
				return refusedf("Duplicate function declaration found: %s", clip(function.Name, maxEcho))
			case function.Parameters != nil && function.JSONParameters != nil:
				return refusedf("%s: only one of parameters and parameters_json_schema may be set", at)
			}
			names[function.Name] = true
		}
	}
	if r.ToolConfig == nil || r.ToolConfig.Calling == nil {
		return nil
	}
	calling := r.ToolConfig.Calling
	mode := strings.ToUpper(calling.Mode)
	if !slices.Contains([]string{"", "MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"}, mode) {
		return refusedf("Invalid value at 'tool_config.function_calling_config.mode' (enum): %q", clip(calling.Mode, maxEcho))
	}
	if len(calling.Allowed) > 0 && mode != "ANY" && mode != "VALIDATED" {
		return refusedf("Function calling config is set with allowed_function_names but mode is not ANY or VALIDATED.")
	}
	for _, name := range calling.Allowed {
		if !names[name] {
			return refusedf("allowed_function_names should match [FunctionDeclaration.name]: %q", clip(name, maxEcho))
		}
	}
	return refuseUnless(mode != "ANY" || len(names) > 0,
		"Function calling mode ANY is set without function_declarations.")
}

func (r *googleRequest) checkConfig() *failure {
	c := r.Config
	if c == nil {
		return nil
	}
	schemas := c.Schema != nil || c.JSONSchema != nil
	switch {
	case c.MaxTokens != nil && *c.MaxTokens < 1:
		return refusedf("* GenerateContentRequest.generation_config.max_output_tokens: max_output_tokens must be positive.")
	case c.Candidates != nil && (*c.Candidates < 1 || *c.Candidates > maxCandidates):
		return refusedf("* GenerateContentRequest.generation_config.candidate_count: must be from 1 to %d.", maxCandidates)
	case c.Temperature != nil && (*c.Temperature < 0 || *c.Temperature > 2):
		return refusedf("* GenerateContentRequest.generation_config.temperature: temperature must be in the range [0.0, 2.0].")
	case c.TopP != nil && (*c.TopP < 0 || *c.TopP > 1):
		return refusedf("* GenerateContentRequest.generation_config.top_p: top_p must be in the range [0.0, 1.0].")
	case len(c.Stops) > 5:
		return refusedf("* GenerateContentRequest.generation_config.stop_sequences: at most 5 stop sequences are allowed.")
	case c.Schema != nil && c.JSONSchema != nil:
		return refusedf("Only one of response_schema and response_json_schema may be set.")
	case !slices.Contains([]string{"", "text/plain", "application/json", "text/x.enum"}, c.MIMEType):
		return refusedf("* GenerateContentRequest.generation_config.response_mime_type: allowed mimetypes are `text/plain`, " +
			"`application/json`, `application/xml`, `application/yaml` and `text/x.enum`.")
	case schemas && c.MIMEType != "application/json" && c.MIMEType != "text/x.enum":
		return refusedf("* GenerateContentRequest.generation_config.response_schema: only allowed when response mime_type is " +
			"`application/json`.")
	case c.Logprobs != nil && !c.ResponseLogprobs:
		return refusedf("Logprobs can only be set if response_logprobs is true.")
	case c.Thinking != nil && c.Thinking.Budget != nil && c.Thinking.Level != "":
		return refusedf("You can only set only one of thinking budget and thinking level.")
	case c.Thinking != nil && !slices.Contains([]string{"", "THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH"},
		strings.ToUpper(c.Thinking.Level)):
		return refusedf("Invalid value at 'generation_config.thinking_config.thinking_level' (enum)")
	}
	return nil
}

// look says what an image is, and that other data is none.
func (p googlePart) look() (sight, error) {
	switch {
	case p.InlineData != nil && strings.HasPrefix(p.InlineData.MIMEType, "image/"):
		return sightOfBytes(p.InlineData.MIMEType, p.InlineData.Data)
	case p.FileData != nil && (p.FileData.MIMEType == "" || strings.HasPrefix(p.FileData.MIMEType, "image/")):
		return sight(clip(p.FileData.FileURI, maxEcho)), nil
	}
	return "", nil
}
