// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"slices"
	"strconv"
)

type responsesUsage struct {
	Input        int `json:"input_tokens"`
	InputDetails struct {
		Cached int `json:"cached_tokens"`
	} `json:"input_tokens_details"`
	Output        int `json:"output_tokens"`
	OutputDetails struct {
		Reasoning int `json:"reasoning_tokens"`
	} `json:"output_tokens_details"`
	Total int `json:"total_tokens"`
}

// outItem is one item of an output: a message, thoughts or a call.
type outItem struct {
	part
	refusal bool
	name    string // its id
	status  string
	secret  string // what encrypts it; "" where nobody asked for that
	told    string // the summary of thoughts
	certain []tokenLogprob
}

// outcome is how a response turned out.
type outcome struct {
	items    []outItem
	status   string
	usage    any
	tokens   int
	response func(status string, items []outItem, usage any) map[string]any
}

func (c *responsesCall) outcome(d directives, s stamp) outcome {
	question := c.asked
	question.thinks = c.thinks || d.content.reasoning > 0
	answer := question.answer(0, d, s)
	if answer.cause == declined {
		answer.parts = append(answer.parts, part{kind: words, tokens: Tokenize(refusalText)})
	}
	all, thoughts := answer.tokens()
	made := outcome{status: "completed", usage: c.usage(d, all, thoughts), tokens: all}
	if answer.cause == lengthLimit {
		made.status = "incomplete"
	}
	for i, p := range answer.parts {
		item := outItem{part: p, status: "completed", refusal: p.kind == words && answer.cause == declined}
		if i == len(answer.parts)-1 {
			item.status = made.status
		}
		c.dress(&item, strconv.Itoa(i), s)
		made.items = append(made.items, item)
	}
	made.response = func(status string, items []outItem, usage any) map[string]any {
		return c.body(s, status, items, usage)
	}
	return made
}

// dress gives an item its id and what was asked for beside it.
func (c *responsesCall) dress(item *outItem, number string, s stamp) {
	switch item.kind {
	case words:
		item.name = "msg_" + s.id + number
		if slices.Contains(c.request.Include, "message.output_text.logprobs") && !item.refusal {
			probable := &chatCall{request: &chatRequest{Logprobs: true, TopLogprobs: c.request.TopLogprobs}}
			item.certain = probable.logprobs(item.tokens).Content
		}
	case thought:
		item.name = "rs_" + s.id + number
		if c.tells {
			item.told = item.text()
		}
		if slices.Contains(c.request.Include, "reasoning.encrypted_content") {
			item.secret = signatureOf(s.id, item.told)
		}
	case toolUse:
		item.name = "fc_" + item.id
	}
}

func (c *responsesCall) usage(d directives, all, thoughts int) any {
	switch d.faults.Usage {
	case UsageMissing:
		return nil
	case UsageMalformed:
		return malformedUsage
	}
	usage := responsesUsage{Input: c.tokens, Output: all, Total: c.tokens + all}
	usage.InputDetails.Cached = min(d.content.cached, c.tokens)
	usage.OutputDetails.Reasoning = thoughts
	return usage
}

// render is an item as it is when it has been added, or filled when it is done.
func (o outItem) render(status string, filled bool) map[string]any {
	switch o.kind {
	case thought:
		item := map[string]any{"id": o.name, "type": "reasoning", "summary": []any{}}
		if filled && o.told != "" {
			item["summary"] = []any{summaryPart(o.told)}
		}
		if o.secret != "" && filled {
			item["encrypted_content"] = o.secret
		}
		return item
	case toolUse:
		item := map[string]any{
			"id": o.name, "type": "function_call", "status": status, "call_id": "call_" + o.id, "name": o.tool, "arguments": "",
		}
		if filled {
			item["arguments"] = o.text()
		}
		return item
	}
	item := map[string]any{"id": o.name, "type": "message", "status": status, "role": "assistant", "content": []any{}}
	if filled {
		item["content"] = []any{o.content(o.text(), o.certain)}
	}
	return item
}

// content is a message's only part with so much of its text.
func (o outItem) content(text string, certain []tokenLogprob) map[string]any {
	if o.refusal {
		return map[string]any{"type": "refusal", "refusal": text}
	}
	if certain == nil {
		certain = []tokenLogprob{}
	}
	return map[string]any{"type": "output_text", "text": text, "annotations": []any{}, "logprobs": certain}
}

func summaryPart(text string) map[string]any {
	return map[string]any{"type": "summary_text", "text": text}
}

// body is the response object: what was asked, and what came of it so far.
func (c *responsesCall) body(s stamp, status string, items []outItem, usage any) map[string]any {
	r := c.request
	output := make([]any, 0, len(items))
	for _, item := range items {
		output = append(output, item.render(item.status, true))
	}
	body := map[string]any{
		"id": "resp_" + s.id, "object": "response", "created_at": s.created, "status": status, "error": nil,
		"incomplete_details": nil, "model": r.Model, "output": output, "usage": usage, "background": r.background(),
		"instructions": r.Instructions, "max_output_tokens": r.MaxOutputTokens, "max_tool_calls": r.MaxToolCalls,
		"parallel_tool_calls": r.ParallelToolCalls == nil || *r.ParallelToolCalls, "previous_response_id": r.PreviousResponseID,
		"prompt_cache_key": r.PromptCacheKey, "safety_identifier": r.SafetyIdentifier, "service_tier": "default",
		"store": r.stored(), "temperature": orDefault(r.Temperature, 1), "top_p": orDefault(r.TopP, 1),
		"top_logprobs": orDefault(r.TopLogprobs, 0), "truncation": orDefault(r.Truncation, "disabled"),
		"tool_choice": orRaw(r.ToolChoice, `"auto"`), "tools": r.Tools, "user": r.User, "metadata": r.Metadata,
		"reasoning": c.reasoningEcho(), "text": c.textEcho(),
	}
	if r.Tools == nil {
		body["tools"] = []any{}
	}
	if r.Metadata == nil {
		body["metadata"] = map[string]string{}
	}
	if status == "incomplete" {
		body["incomplete_details"] = map[string]string{"reason": "max_output_tokens"}
	}
	return body
}

func orDefault[T any](value *T, otherwise T) T {
	if value == nil {
		return otherwise
	}
	return *value
}

func orRaw(raw json.RawMessage, otherwise string) json.RawMessage {
	if !given(raw) {
		return json.RawMessage(otherwise)
	}
	return raw
}

func (c *responsesCall) reasoningEcho() any {
	if c.request.Reasoning == nil {
		return map[string]any{"effort": nil, "summary": nil}
	}
	return map[string]any{"effort": c.request.Reasoning.Effort, "summary": c.request.Reasoning.Summary}
}

func (c *responsesCall) textEcho() any {
	echo := map[string]any{"format": map[string]string{"type": "text"}, "verbosity": "medium"}
	if t := c.request.Text; t != nil {
		if t.Format != nil {
			echo["format"] = t.Format
		}
		if t.Verbosity != nil {
			echo["verbosity"] = t.Verbosity
		}
	}
	return echo
}

func (c *responsesCall) reply(d directives, s stamp) reply {
	made := c.outcome(d, s)
	if c.stream {
		return reply{events: c.events(made, d, s)}
	}
	body := made.response(made.status, made.items, made.usage)
	c.keep(s, made, body)
	if c.request.background() {
		return reply{body: marshal(made.response("queued", nil, nil))}
	}
	return reply{body: marshal(body), tokens: made.tokens}
}

// keep makes the response one that can be asked for again, unless it is not to be stored.
func (c *responsesCall) keep(s stamp, made outcome, body map[string]any) {
	if !c.request.stored() {
		return
	}
	kept := keptResponse{
		id: "resp_" + s.id, body: body, background: c.request.background(), over: !c.request.background(), input: c.input,
		before: orDefault(c.request.PreviousResponseID, ""),
	}
	for _, item := range made.items {
		kept.output = append(kept.output, marshal(item.render(item.status, true)))
	}
	c.home.kept.put(kept.id, kept)
}
