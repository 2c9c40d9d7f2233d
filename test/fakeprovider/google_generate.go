// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// googleGenerate is generateContent and its like, of the Gemini API or of Vertex AI.
type googleGenerate struct {
	server *Server
	vertex bool
}

// googleGenerateCall is a request for content that Google would accept.
type googleGenerateCall struct {
	googleRequest
	asked
	framing framing // of a stream
	shown   bool    // thoughts are part of the answer
	signs   bool    // calls and texts carry signatures
}

func (g googleGenerate) whole(r *http.Request, body []byte) (call, *failure) {
	return g.generate(r, body, nil)
}

// streamed answers in server-sent events where alt=sse asks for them, and else in a JSON array, errors included.
func (g googleGenerate) streamed(r *http.Request, body []byte) (call, *failure) {
	if r.URL.Query().Get("alt") == "sse" {
		return g.generate(r, body, googleEvents{})
	}
	c, fail := g.generate(r, body, jsonArray{})
	if fail != nil {
		fail.listed = true
	}
	return c, fail
}

// googleEvents is the framing of Google's streams with alt=sse: events without names and without a terminator, in lines
// that end in CR LF as Google's do.
type googleEvents struct{ serverSentEvents }

func (googleEvents) contentType() string { return "text/event-stream" }

func (googleEvents) begin(f Faults) frames {
	f.CRLF = true
	return serverSentEvents{}.begin(f)
}

func (g googleGenerate) generate(r *http.Request, body []byte, stream framing) (call, *failure) {
	model, method := googleCall(r)
	var request googleRequest
	fail := decodeGoogle(body, &request)
	if fail == nil {
		fail = request.check(g.vertex)
	}
	if fail == nil && !g.server.knows(model) {
		fail = googleNoModel(model, method)
	}
	if fail != nil {
		return nil, fail
	}
	c := &googleGenerateCall{googleRequest: request, asked: request.asks(model), framing: stream}
	c.stream = stream != nil
	if c.Config != nil && c.Config.Thinking != nil {
		thinking := c.Config.Thinking
		c.shown = thinking.Include
		c.thinks = c.shown || thinking.Level != "" || thinking.Budget != nil && *thinking.Budget != 0
	}
	c.signs = c.thinks || strings.HasPrefix(model, "gemini-3")
	return c, nil
}

func googleNoModel(model, method string) *failure {
	return &failure{
		status: http.StatusNotFound,
		message: "models/" + clip(model, maxEcho) + " is not found for API version v1beta, or is not supported for " + method +
			". Call ListModels to see the list of available models and their supported methods.",
	}
}

// said is the text of a part as it counts in the prompt.
func (p googlePart) said() string {
	var text strings.Builder
	if p.Text != nil {
		text.WriteString(*p.Text)
	}
	if p.FunctionCall != nil {
		text.WriteString(p.FunctionCall.Name + string(p.FunctionCall.Args))
	}
	if p.FunctionResponse != nil {
		text.WriteString(string(p.FunctionResponse.Response))
	}
	return text.String()
}

func (c googleContents) said() string {
	var text strings.Builder
	for _, part := range c.Parts {
		text.WriteString(part.said())
	}
	return text.String()
}

// asks puts a request in no dialect's words. Thinking is left to the caller, who must know it for the answer's shape.
func (r *googleRequest) asks(model string) asked {
	a := asked{model: model, choices: 1}
	r.measure(&a)
	for _, tool := range r.Tools {
		for _, function := range tool.Functions {
			schema := function.JSONParameters
			if function.Parameters != nil {
				schema = marshal(function.Parameters)
			}
			a.offers = append(a.offers, offer{name: function.Name, schema: schema})
		}
	}
	r.choose(&a)
	if c := r.Config; c != nil {
		a.stops, a.schema = c.Stops, c.JSONSchema
		if c.Schema != nil {
			a.schema = marshal(c.Schema)
		}
		if c.MIMEType == "application/json" && a.schema == nil {
			a.schema = json.RawMessage(`{"type":"object","properties":{"answer":{"type":"string"}}}`)
		}
		if c.MaxTokens != nil {
			a.limit = *c.MaxTokens
		}
		if c.Candidates != nil {
			a.choices = *c.Candidates
		}
	}
	return a
}

func (r *googleRequest) choose(a *asked) {
	if r.ToolConfig == nil || r.ToolConfig.Calling == nil {
		return
	}
	calling := r.ToolConfig.Calling
	switch strings.ToUpper(calling.Mode) {
	case "NONE":
		a.muted = true
	case "ANY":
		a.forced = a.offers
		if len(calling.Allowed) > 0 {
			a.forced = slices.DeleteFunc(slices.Clone(a.offers), func(o offer) bool {
				return !slices.Contains(calling.Allowed, o.name)
			})
		}
	}
}

// measure finds the last thing that the user said, or that a function answered, the images of the prompt and its size.
func (r *googleRequest) measure(a *asked) {
	var texts []string
	if r.SystemInstruction != nil {
		texts = append(texts, r.SystemInstruction.said())
	}
	media := 0
	for _, content := range r.Contents {
		texts = append(texts, content.said())
		if content.Role != "model" {
			a.prompt = content.said()
		}
		for _, part := range content.Parts {
			if part.InlineData == nil && part.FileData == nil {
				continue
			}
			media++
			if seen, _ := part.look(); seen != "" { // it was looked at before
				a.images = append(a.images, seen)
			}
		}
	}
	a.tokens = PromptTokens(texts...) + media*tokensOfImage
	for _, tool := range r.Tools {
		for _, function := range tool.Functions {
			a.tokens += CountTokens(function.Name + function.Description + string(function.JSONParameters))
			if function.Parameters != nil {
				a.tokens += CountTokens(string(marshal(function.Parameters)))
			}
		}
	}
}

func (c *googleGenerateCall) subject() subject {
	return subject{
		model: c.model, stream: c.stream, framing: c.framing, prompt: c.prompt, promptTokens: c.tokens,
	}
}

// countTokens takes contents or, on the Gemini API, a whole request; on Vertex AI the request's members stand beside.
func (g googleGenerate) countTokens(r *http.Request, body []byte) (call, *failure) {
	model, method := googleCall(r)
	var request googleRequest
	var fail *failure
	if g.vertex {
		fail = decodeGoogle(body, &request)
	} else {
		var either struct {
			Contents []googleContents `json:"contents"`
			Request  *googleRequest   `json:"generateContentRequest"`
		}
		fail = decodeGoogle(body, &either)
		request.Contents = either.Contents
		if either.Request != nil {
			request = *either.Request
		}
	}
	if fail == nil {
		fail = request.check(g.vertex)
	}
	if fail == nil && !g.server.knows(model) {
		fail = googleNoModel(model, method)
	}
	if fail != nil {
		return nil, fail
	}
	asked := request.asks(model)
	return fixedCall{
		about: subject{model: model, prompt: asked.prompt, promptTokens: asked.tokens},
		body: marshal(map[string]any{
			"totalTokens": asked.tokens, "promptTokensDetails": []googleModality{{"TEXT", asked.tokens}},
		}),
	}, nil
}
