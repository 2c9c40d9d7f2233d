// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"net/http"
	"strings"
)

// anthropicCall is a request for a message that Anthropic would accept.
type anthropicCall struct {
	anthropicRequest
	asked
	server *Server
}

func (a anthropic) messages(r *http.Request, body []byte) (call, *failure) {
	request, fail := decodeAnthropic(r, body)
	if fail == nil {
		fail = request.check()
	}
	if fail != nil {
		return nil, fail
	}
	if !a.server.knows(request.Model) {
		return nil, &failure{status: http.StatusNotFound, message: "model: " + request.Model}
	}
	return &anthropicCall{anthropicRequest: *request, asked: request.asks(), server: a.server}, nil
}

// said is the text of a block as it counts in the prompt.
func (b anthropicBlock) said() string {
	var text strings.Builder
	text.WriteString(b.Text)
	if b.Thinking != nil {
		text.WriteString(*b.Thinking)
	}
	text.WriteString(b.Name + string(b.Input))
	for _, inner := range b.Content {
		text.WriteString(inner.said())
	}
	return text.String()
}

// asks puts a request in no dialect's words.
func (r *anthropicRequest) asks() asked {
	a := asked{
		model: r.Model, stream: r.Stream, limit: *r.MaxTokens, stops: r.StopSequences, thinks: r.thinks(),
	}
	r.measure(&a)
	if format, _ := r.format(); format != nil {
		a.schema = format.Schema
	}
	for _, tool := range r.Tools {
		if tool.custom() {
			a.offers = append(a.offers, offer{name: tool.Name, schema: tool.InputSchema})
		}
	}
	if choice := r.ToolChoice; choice != nil {
		a.serial, a.muted = choice.DisableParallel, choice.Type == "none"
		switch choice.Type {
		case "any":
			a.forced = a.offers
		case "tool":
			a.forced = offerNamed(a.offers, choice.Name)
		}
	}
	return a
}

// measure finds the last thing that the user said, or that a tool answered, the images of the prompt and its size.
func (r *anthropicRequest) measure(a *asked) {
	var texts []string
	if len(r.System) > 0 {
		var system strings.Builder
		for _, block := range r.System {
			system.WriteString(block.said())
		}
		texts = append(texts, system.String())
	}
	media := 0
	for _, message := range r.Messages {
		var all, own, results strings.Builder
		for _, block := range message.Content {
			all.WriteString(block.said())
			own.WriteString(block.Text)
			if block.Type == "tool_result" {
				results.WriteString(block.said())
			}
			media += a.notice(append(anthropicContent{block}, block.Content...))
		}
		texts = append(texts, all.String())
		if message.Role == "user" {
			a.prompt = own.String()
			if a.prompt == "" {
				a.prompt = results.String()
			}
		}
	}
	a.tokens = PromptTokens(texts...) + media*tokensOfImage
	for _, tool := range r.Tools {
		a.tokens += CountTokens(tool.Name + tool.Description + string(tool.InputSchema))
	}
}

// notice remembers the images among blocks and counts them and the documents.
func (a *asked) notice(blocks anthropicContent) (media int) {
	for _, block := range blocks {
		if block.Type != "image" && block.Type != "document" {
			continue
		}
		media++
		if seen, _ := block.look(""); block.Type == "image" { // it was looked at before
			a.images = append(a.images, seen)
		}
	}
	return media
}

func (c *anthropicCall) subject() subject {
	return subject{model: c.model, stream: c.stream, prompt: c.prompt, promptTokens: c.tokens}
}

func (a anthropic) countTokens(r *http.Request, body []byte) (call, *failure) {
	request, fail := decodeAnthropic(r, body)
	if fail != nil {
		return nil, fail
	}
	if request.MaxTokens != nil {
		return nil, badRequest("max_tokens: Extra inputs are not permitted")
	}
	whole := 1 << 30
	request.MaxTokens = &whole // which the checks of a message want
	if fail := request.check(); fail != nil {
		return nil, fail
	}
	if !a.server.knows(request.Model) {
		return nil, &failure{status: http.StatusNotFound, message: "model: " + request.Model}
	}
	asked := request.asks()
	return fixedCall{
		about: subject{model: request.Model, prompt: asked.prompt, promptTokens: asked.tokens},
		body:  marshal(map[string]int{"input_tokens": asked.tokens}),
	}, nil
}
