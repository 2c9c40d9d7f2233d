// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"net/http"
	"strings"
)

// bedrockCall is a request that Converse would accept.
type bedrockCall struct {
	bedrockRequest
	asked
	server *Server
}

func (b bedrock) converse(r *http.Request, body []byte) (call, *failure) {
	c, fail := b.understand(r, body)
	if fail != nil {
		return nil, fail
	}
	return c, nil
}

func (b bedrock) converseStream(r *http.Request, body []byte) (call, *failure) {
	c, fail := b.understand(r, body)
	if fail != nil {
		return nil, fail
	}
	c.stream = true
	return c, nil
}

func (b bedrock) understand(r *http.Request, body []byte) (*bedrockCall, *failure) {
	var request bedrockRequest
	fail := decodeBedrock(body, &request)
	if fail == nil {
		fail = request.check()
	}
	if fail == nil {
		fail = b.knownModel(r.PathValue("id"))
	}
	if fail != nil {
		return nil, fail
	}
	return &bedrockCall{bedrockRequest: request, asked: request.asks(r.PathValue("id")), server: b.server}, nil
}

func (b bedrock) knownModel(id string) *failure {
	return refuseUnless(b.server.knows(id), "The provided model identifier is invalid.")
}

// said is the text of a block as it counts in the prompt.
func (b bedrockBlock) said() string {
	switch {
	case b.Text != nil:
		return *b.Text
	case b.ToolUse != nil:
		return b.ToolUse.Name + string(b.ToolUse.Input)
	case b.Reasoning != nil && b.Reasoning.Text != nil:
		return b.Reasoning.Text.Text
	case b.ToolResult == nil:
		return string(b.JSON)
	}
	var text strings.Builder
	for _, inner := range b.ToolResult.Content {
		text.WriteString(inner.said())
	}
	return text.String()
}

// asks puts a request in no dialect's words.
func (r *bedrockRequest) asks(model string) asked {
	a := asked{model: model, thinks: r.thinking() != nil}
	r.measure(&a)
	if r.Config != nil {
		a.stops = r.Config.Stops
		if r.Config.MaxTokens != nil {
			a.limit = *r.Config.MaxTokens
		}
	}
	if r.Output != nil && r.Output.TextFormat != nil {
		a.schema = json.RawMessage(r.Output.TextFormat.Structure.Schema.Schema)
	}
	if r.ToolConfig == nil {
		return a
	}
	for _, tool := range r.ToolConfig.Tools {
		if tool.Spec != nil {
			a.offers = append(a.offers, offer{name: tool.Spec.Name, schema: tool.Spec.Schema.JSON})
			a.tokens += CountTokens(tool.Spec.Name + tool.Spec.Description + string(tool.Spec.Schema.JSON))
		}
	}
	if choice := r.ToolConfig.Choice; choice != nil {
		switch {
		case choice.Any != nil:
			a.forced = a.offers
		case choice.Tool != nil:
			a.forced = offerNamed(a.offers, choice.Tool.Name)
		}
	}
	return a
}

// measure finds the last thing that the user said, or that a tool answered, the images of the prompt and its size.
func (r *bedrockRequest) measure(a *asked) {
	var texts []string
	var system strings.Builder
	for _, block := range r.System {
		system.WriteString(block.said())
	}
	if len(r.System) > 0 {
		texts = append(texts, system.String())
	}
	media := 0
	for _, message := range r.Messages {
		var all, own strings.Builder
		for _, block := range message.Content {
			all.WriteString(block.said())
			if block.Text != nil {
				own.WriteString(*block.Text)
			}
			inner := []bedrockBlock{block}
			if block.ToolResult != nil {
				inner = block.ToolResult.Content
			}
			media += a.noticeBedrock(inner)
		}
		texts = append(texts, all.String())
		if message.Role == "user" {
			a.prompt = own.String()
			if a.prompt == "" {
				a.prompt = all.String()
			}
		}
	}
	a.tokens = PromptTokens(texts...) + media*tokensOfImage
}

// noticeBedrock remembers the images among blocks and counts them and the documents.
func (a *asked) noticeBedrock(blocks []bedrockBlock) (media int) {
	for _, block := range blocks {
		if block.Image != nil {
			seen, _ := block.look("") // it was looked at before
			a.images = append(a.images, seen)
		}
		if block.Image != nil || block.Document != nil {
			media++
		}
	}
	return media
}

func (c *bedrockCall) subject() subject {
	return subject{
		model: c.model, stream: c.stream, framing: amazonEvents{}, prompt: c.prompt, promptTokens: c.tokens,
	}
}

func (b bedrock) countTokens(r *http.Request, body []byte) (call, *failure) {
	var request struct {
		Input struct {
			Converse *struct {
				Messages   []bedrockMessage `json:"messages"`
				System     []bedrockBlock   `json:"system"`
				ToolConfig *bedrockTools    `json:"toolConfig"`
				Additional json.RawMessage  `json:"additionalModelRequestFields"`
			} `json:"converse"`
			Invoke *struct {
				Body string `json:"body"`
			} `json:"invokeModel"`
		} `json:"input"`
	}
	if fail := decodeBedrock(body, &request); fail != nil {
		return nil, fail
	}
	about := subject{model: r.PathValue("id")}
	if fail := b.knownModel(about.model); fail != nil {
		return nil, fail
	}
	switch input := request.Input; {
	case (input.Converse == nil) == (input.Invoke == nil):
		return nil, refusedf("The input must be one of converse and invokeModel.")
	case input.Invoke != nil:
		about.promptTokens = CountTokens(input.Invoke.Body)
	default:
		whole := bedrockRequest{
			Messages: input.Converse.Messages, System: input.Converse.System, ToolConfig: input.Converse.ToolConfig,
			Additional: input.Converse.Additional,
		}
		if fail := whole.check(); fail != nil {
			return nil, fail
		}
		asked := whole.asks(about.model)
		about.prompt, about.promptTokens = asked.prompt, asked.tokens
	}
	return fixedCall{about: about, body: marshal(map[string]int{"inputTokens": about.promptTokens})}, nil
}
