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

// maxChoices bounds n; tokensOfImage is what a part that is not text counts for.
const (
	maxChoices    = 16
	tokensOfImage = 85
)

var chatRoles = []string{"system", "developer", "user", "assistant", "tool", "function"}

type chatRequest struct {
	Model         string        `json:"model"`
	Messages      []chatMessage `json:"messages"`
	Stream        bool          `json:"stream"`
	StreamOptions *struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	MaxTokens           *int            `json:"max_tokens"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
	N                   *int            `json:"n"`
	Tools               []chatTool      `json:"tools"`
	ToolChoice          json.RawMessage `json:"tool_choice"`

	rawTools json.RawMessage
}

type chatMessage struct {
	Role      string          `json:"role"`
	Content   json.RawMessage `json:"content"`
	ToolCalls json.RawMessage `json:"tool_calls"`
}

// chatCall is a chat request that OpenAI would accept.
type chatCall struct {
	chatRequest
	prompt       string
	promptTokens int
	tool         *chatTool // the one to call; nil: answer in words
}

func (o openAI) chat(_ *http.Request, body []byte) (call, *failure) {
	request, fail := decodeChat(body)
	if fail != nil {
		return nil, fail
	}
	if fail := request.check(); fail != nil {
		return nil, fail
	}
	if !o.server.knows(request.Model) {
		return nil, modelNotFound(request.Model)
	}
	tool, fail := chosenTool(request.Tools, request.ToolChoice)
	if fail != nil {
		return nil, fail
	}
	prompt, tokens := request.measure()
	return &chatCall{chatRequest: *request, prompt: prompt, promptTokens: tokens, tool: tool}, nil
}

func decodeChat(body []byte) (*chatRequest, *failure) {
	var request chatRequest
	if fail := unmarshalBody(body, &request); fail != nil {
		return nil, fail
	}
	var raw struct {
		Tools json.RawMessage `json:"tools"`
	}
	_ = json.Unmarshal(body, &raw) // it parsed a moment ago
	request.rawTools = raw.Tools
	return &request, nil
}

func (r *chatRequest) check() *failure {
	if r.Model == "" {
		return badRequest("you must provide a model parameter")
	}
	if len(r.Messages) == 0 {
		return invalid("messages", "Invalid 'messages': at least one message is needed.")
	}
	for i, message := range r.Messages {
		if !slices.Contains(chatRoles, message.Role) {
			param := fmt.Sprintf("messages[%d].role", i)
			return invalid(param, fmt.Sprintf("Invalid value: '%s'. Supported values are: %s.", message.Role,
				strings.Join(chatRoles, ", ")))
		}
	}
	if r.StreamOptions != nil && !r.Stream {
		return invalid("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	}
	for name, value := range map[string]*int{
		"max_tokens": r.MaxTokens, "max_completion_tokens": r.MaxCompletionTokens, "n": r.N,
	} {
		if value != nil && *value < 1 {
			return invalid(name, fmt.Sprintf("Invalid '%s': expected an integer of at least 1.", name))
		}
	}
	if r.N != nil && *r.N > maxChoices {
		return invalid("n", fmt.Sprintf("Invalid 'n': expected at most %d.", maxChoices))
	}
	return nil
}

func invalid(param, message string) *failure {
	return &failure{status: http.StatusBadRequest, param: param, code: "invalid_value", message: message}
}

// measure finds the last user message and the prompt's size in tokens.
func (r *chatRequest) measure() (prompt string, tokens int) {
	texts := make([]string, 0, len(r.Messages))
	images := 0
	for _, message := range r.Messages {
		text, others := contentText(message.Content)
		images += others
		if message.Role == "user" {
			prompt = text
		}
		texts = append(texts, text+string(message.ToolCalls))
	}
	return prompt, PromptTokens(texts...) + images*tokensOfImage + CountTokens(string(r.rawTools))
}

// contentText joins the text of a message's content, a string or a list of parts, and counts the other parts.
func contentText(content json.RawMessage) (text string, others int) {
	if json.Unmarshal(content, &text) == nil {
		return text, 0
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	_ = json.Unmarshal(content, &parts) // of another shape there is nothing to read
	for _, part := range parts {
		if part.Type == "text" {
			text += part.Text
		} else {
			others++
		}
	}
	return text, others
}

func (c *chatCall) subject() subject {
	return subject{model: c.Model, stream: c.Stream, prompt: c.prompt, promptTokens: c.promptTokens}
}

func (c *chatCall) choices() int {
	if c.N == nil {
		return 1
	}
	return *c.N
}

// limit is how many tokens a choice may have; 0: as many as it likes.
func (c *chatCall) limit() int {
	switch {
	case c.MaxCompletionTokens != nil:
		return *c.MaxCompletionTokens
	case c.MaxTokens != nil:
		return *c.MaxTokens
	}
	return 0
}
