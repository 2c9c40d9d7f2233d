// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"fmt"
	"net/http"
	"slices"
)

// mistralOrder is a refusal of messages in an order that makes no sense to Mistral.
func mistralOrder(message string) *failure {
	return &failure{
		status: http.StatusBadRequest, kind: "invalid_request_message_order", code: "3230", message: message,
	}
}

// checkMessages refuses members that a role does not have, and content that is none.
func (r *mistralRequest) checkMessages() *failure {
	for i, message := range r.Messages {
		place := fmt.Sprintf("messages[%d]", i)
		if !slices.Contains([]string{"system", "user", "assistant", "tool"}, message.Role) {
			return unprocessable(place, "union_tag_invalid", fmt.Sprintf("Input tag '%s' found using 'role' does not match "+
				"any of the expected tags: 'system', 'user', 'assistant', 'tool'", clip(message.Role, maxEcho)))
		}
		place += "." + message.Role
		if name := message.stranger(); name != "" {
			return unprocessable(place+"."+name, "extra_forbidden", "Extra inputs are not permitted")
		}
		if fail := message.checkContent(place); fail != nil {
			return fail
		}
	}
	return nil
}

// stranger names a member that the message's role does not have.
func (m mistralMessage) stranger() string {
	assistant, tool := m.Role == "assistant", m.Role == "tool"
	switch {
	case m.ToolCalls != nil && !assistant:
		return "tool_calls"
	case m.Prefix != nil && !assistant:
		return "prefix"
	case m.ToolCallID != nil && !tool:
		return "tool_call_id"
	case m.Name != nil && !tool:
		return "name"
	}
	return ""
}

func (m mistralMessage) checkContent(place string) *failure {
	if !given(m.Content) || string(m.Content) == `""` {
		if m.Role == "assistant" && len(m.ToolCalls) > 0 || m.Role == "tool" {
			return nil
		}
		if m.Role == "assistant" {
			return &failure{
				status: http.StatusBadRequest, kind: "invalid_request_assistant_message", code: "3240",
				message: "Assistant message must have either content or tool_calls, but not none.",
			}
		}
		if !given(m.Content) {
			return unprocessable(place+".content", "missing", "Field required")
		}
		return nil
	}
	if m.Content[0] == '"' {
		return nil
	}
	var parts []mistralPart
	if fail := decodeMistral(m.Content, &parts); fail != nil {
		fail.param = place + ".content" + fail.param
		return fail
	}
	for i, part := range parts {
		if part.Type != "image_url" {
			continue
		}
		if _, err := sightOfURL(imageURL(part.ImageURL)); err != nil {
			return &failure{
				status: http.StatusBadRequest, kind: "invalid_request_message", code: "3310",
				message: fmt.Sprintf("Image %d could not be loaded: %s.", i, err),
			}
		}
	}
	return nil
}

// checkOrder refuses calls and answers that do not fit together, ids that Mistral could not have given, and a last
// message that leaves nothing to answer.
func (r *mistralRequest) checkOrder() *failure {
	waiting := map[string]bool{}
	for _, message := range r.Messages {
		if message.Role == "tool" {
			if message.ToolCallID == nil || !waiting[*message.ToolCallID] {
				return mistralOrder("Unexpected tool call id in tool results")
			}
			delete(waiting, *message.ToolCallID)
			continue
		}
		if len(waiting) > 0 {
			return mistralOrder("Not the same number of function calls and responses")
		}
		for _, call := range message.ToolCalls {
			if !mistralCallID.MatchString(call.ID) {
				return &failure{
					status: http.StatusBadRequest, kind: "invalid_function_call", code: "3280",
					message: fmt.Sprintf("Tool call id was %s but must be a-z, A-Z, 0-9, with a length of %d.",
						clip(call.ID, maxEcho), callIDLength),
				}
			}
			waiting[call.ID] = true
		}
	}
	if len(waiting) > 0 {
		return mistralOrder("Not the same number of function calls and responses")
	}
	last := r.Messages[len(r.Messages)-1]
	if last.Role == "user" || last.Role == "tool" || last.Role == "assistant" && last.Prefix != nil && *last.Prefix {
		return nil
	}
	return mistralOrder("Expected last role User or Tool (or Assistant with prefix True) for serving but got " + last.Role)
}
