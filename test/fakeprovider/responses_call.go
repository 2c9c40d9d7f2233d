// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// responsesCall is a request for a response that OpenAI would accept.
type responsesCall struct {
	asked
	home    responses
	request *responsesRequest
	tells   bool // thoughts are told in a summary
	input   []json.RawMessage
}

func (o responses) create(r *http.Request, body []byte) (call, *failure) {
	var request responsesRequest
	if fail := decodeOpenAI(body, &request); fail != nil {
		return nil, fail
	}
	return o.understand(r, &request)
}

func (o responses) understand(_ *http.Request, request *responsesRequest) (*responsesCall, *failure) {
	if fail := request.check(); fail != nil {
		return nil, fail
	}
	if !o.server.knows(request.Model) {
		return nil, modelNotFound(request.Model)
	}
	offers, fail := request.offers()
	if fail != nil {
		return nil, fail
	}
	c := &responsesCall{home: o, request: request, asked: asked{
		model: request.Model, stream: request.Stream, schema: request.Text.schema(), offers: offers,
		serial: request.ParallelToolCalls != nil && !*request.ParallelToolCalls,
	}}
	c.thinks, c.tells = request.Reasoning.thinks()
	if request.MaxOutputTokens != nil {
		c.limit = *request.MaxOutputTokens
	}
	if fail := c.choose(request.ToolChoice); fail != nil {
		return nil, fail
	}
	return c, c.see()
}

// see reads the conversation: what the response goes on from, and the input.
func (c *responsesCall) see() *failure {
	seen := &conversation{calls: map[string]bool{}}
	if c.request.Instructions != nil {
		seen.texts = append(seen.texts, *c.request.Instructions)
	}
	if c.request.PreviousResponseID != nil {
		if fail := c.home.recall(*c.request.PreviousResponseID, seen); fail != nil {
			return fail
		}
	}
	seen.items = nil
	if fail := seen.read(c.home, c.request.Input, SHA256Of(string(c.request.Input))[:24]); fail != nil {
		return fail
	}
	for id, answered := range seen.calls {
		if !answered {
			return &failure{
				status: http.StatusBadRequest, param: "input",
				message: fmt.Sprintf("No tool output found for function call %s.", clip(id, maxEcho)),
			}
		}
	}
	c.input, c.prompt, c.images = seen.items, seen.prompt, seen.images
	c.tokens = PromptTokens(seen.texts...) + seen.others*tokensOfImage
	for _, tool := range c.request.Tools {
		c.tokens += CountTokens(string(tool))
	}
	return nil
}

// maxTurns bounds how far back a conversation is read.
const maxTurns = 256

// recall reads the turns before, oldest first.
func (o responses) recall(id string, seen *conversation) *failure {
	var turns []keptResponse
	for at := id; at != "" && len(turns) < maxTurns; {
		kept, known := o.kept.get(at)
		if !known {
			return &failure{
				status: http.StatusBadRequest, code: "previous_response_not_found", param: "previous_response_id",
				message: fmt.Sprintf("Previous response with id '%s' not found.", clip(id, maxEcho)),
			}
		}
		turns, at = append(turns, kept), kept.before
	}
	for _, turn := range slices.Backward(turns) {
		for _, items := range [][]json.RawMessage{turn.input, turn.output} {
			if len(items) == 0 {
				continue
			}
			if fail := seen.read(o, marshal(items), turn.id); fail != nil {
				return fail
			}
		}
	}
	return nil
}

func (c *responsesCall) subject() subject {
	return subject{model: c.model, stream: c.stream, prompt: c.prompt, promptTokens: c.tokens}
}

// countRequest is what may be said of a response of which only the input is counted.
type countRequest struct {
	Model              string             `json:"model"`
	Input              json.RawMessage    `json:"input"`
	Instructions       *string            `json:"instructions"`
	ParallelToolCalls  *bool              `json:"parallel_tool_calls"`
	PreviousResponseID *string            `json:"previous_response_id"`
	Reasoning          *responsesThinking `json:"reasoning"`
	Text               *responsesText     `json:"text"`
	ToolChoice         json.RawMessage    `json:"tool_choice"`
	Tools              []json.RawMessage  `json:"tools"`
	Truncation         *string            `json:"truncation"`
	Conversation       json.RawMessage    `json:"conversation"`
}

func (o responses) countInput(r *http.Request, body []byte) (call, *failure) {
	var request countRequest
	if fail := decodeOpenAI(body, &request); fail != nil {
		return nil, fail
	}
	c, fail := o.understand(r, &responsesRequest{
		Model: request.Model, Input: request.Input, Instructions: request.Instructions, Tools: request.Tools,
		ParallelToolCalls: request.ParallelToolCalls, PreviousResponseID: request.PreviousResponseID, Text: request.Text,
		Reasoning: request.Reasoning, ToolChoice: request.ToolChoice, Truncation: request.Truncation,
	})
	if fail != nil {
		return nil, fail
	}
	return fixedCall{
		about: subject{model: request.Model, prompt: c.prompt},
		body:  marshal(map[string]any{"object": "response.input_tokens", "input_tokens": c.tokens}),
	}, nil
}
