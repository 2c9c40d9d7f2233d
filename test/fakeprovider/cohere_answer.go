// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"iter"
	"strings"
)

type cohereUsage struct {
	Billed cohereCounts `json:"billed_units"`
	Tokens cohereCounts `json:"tokens"`
	Cached int          `json:"cached_tokens"`
}

type cohereCounts struct {
	Input  int `json:"input_tokens"`
	Output int `json:"output_tokens"`
}

type cohereAnswer struct {
	ID           string        `json:"id"`
	FinishReason string        `json:"finish_reason"`
	Message      cohereReply   `json:"message"`
	Usage        any           `json:"usage,omitempty"`
	Logprobs     []cohereToken `json:"logprobs,omitempty"`
}

type cohereReply struct {
	Role      string           `json:"role"`
	Content   []coherePiece    `json:"content,omitempty"`
	ToolPlan  string           `json:"tool_plan,omitempty"`
	ToolCalls []cohereToolCall `json:"tool_calls,omitempty"`
}

// coherePiece is one piece of content, text or thinking.
type coherePiece struct {
	Type     string  `json:"type,omitempty"`
	Text     *string `json:"text,omitempty"`
	Thinking *string `json:"thinking,omitempty"`
}

type cohereToken struct {
	IDs      []int     `json:"token_ids"`
	Text     string    `json:"text"`
	Logprobs []float64 `json:"logprobs"`
}

type cohereEvent struct {
	ID    string `json:"id,omitempty"`
	Type  string `json:"type"`
	Index *int   `json:"index,omitempty"`
	Delta any    `json:"delta,omitempty"`
}

func (e cohereEvent) event(tokens int) event {
	return event{name: e.Type, data: marshal(e), tokens: tokens, done: e.Type == "message-end"}
}

var cohereCauses = map[cause]string{
	endOfTurn: "COMPLETE", lengthLimit: "MAX_TOKENS", stopSequence: "STOP_SEQUENCE", toolsCalled: "TOOL_CALL",
	declined: "COMPLETE",
}

// planned is what a model that does not think says before it calls tools.
const planned = "I will call what helps."

// coherePlan is an answer in Cohere's parts.
type coherePlan struct {
	pieces []part // thinking and words
	plan   []string
	calls  []part
	cause  cause
	tokens int
}

func (c *cohereChat) compose(d directives, s stamp) coherePlan {
	question := c.asked
	question.thinks = c.thinks || d.content.reasoning > 0
	answer := question.answer(0, d, s)
	plan := coherePlan{cause: answer.cause}
	for _, p := range answer.parts {
		if p.kind == toolUse {
			plan.calls = append(plan.calls, p)
			continue
		}
		plan.pieces = append(plan.pieces, p)
	}
	plan.tokens, _ = answer.tokens()
	switch {
	case answer.cause == declined:
		plan.pieces = append(plan.pieces, part{kind: words, tokens: Tokenize(refusalText)})
		plan.tokens += CountTokens(refusalText)
	case len(plan.calls) > 0 && !question.thinks:
		plan.plan = Tokenize(planned)
		plan.tokens += len(plan.plan)
	}
	return plan
}

func (c *cohereChat) usage(d directives, completion int) any {
	switch d.faults.Usage {
	case UsageMissing:
		return nil
	case UsageMalformed:
		return malformedUsage
	}
	return cohereUsage{
		Billed: cohereCounts{max(0, c.tokens-replyOverhead), completion}, Tokens: cohereCounts{c.tokens, completion},
		Cached: min(d.content.cached, c.tokens),
	}
}

func (c *cohereChat) reply(d directives, s stamp) reply {
	plan := c.compose(d, s)
	if c.stream {
		return reply{events: c.events(plan, d, s)}
	}
	answer := cohereAnswer{
		ID: requestUUID(s), FinishReason: cohereCauses[plan.cause], Usage: c.usage(d, plan.tokens),
		Message: cohereReply{Role: "assistant", ToolPlan: strings.Join(plan.plan, "")},
	}
	for _, p := range plan.pieces {
		answer.Message.Content = append(answer.Message.Content, pieceOf(p.kind, p.text(), true))
		if c.request.Logprobs {
			answer.Logprobs = append(answer.Logprobs, cohereTokens(p.tokens)...)
		}
	}
	for _, call := range plan.calls {
		answer.Message.ToolCalls = append(answer.Message.ToolCalls, cohereCall(call, call.text()))
	}
	return reply{body: marshal(answer), tokens: plan.tokens}
}

func pieceOf(kind partKind, text string, named bool) coherePiece {
	piece := coherePiece{Type: "text", Text: &text}
	if kind == thought {
		piece = coherePiece{Type: "thinking", Thinking: &text}
	}
	if !named {
		piece.Type = ""
	}
	return piece
}

func cohereCall(p part, arguments string) cohereToolCall {
	return cohereToolCall{ID: p.tool + "_" + p.id[:12] + p.id[20:], Type: "function", Function: toolFunction{p.tool, arguments}}
}

func cohereTokens(tokens []string) []cohereToken {
	list := make([]cohereToken, len(tokens))
	for i, token := range tokens {
		list[i] = cohereToken{IDs: []int{i}, Text: token, Logprobs: []float64{0}}
	}
	return list
}

func inMessage(name string, value any) map[string]any {
	return map[string]any{"message": map[string]any{name: value}}
}

// events gives the stream: the message's start, each piece and each call between its start and its end, the
// message's end.
func (c *cohereChat) events(plan coherePlan, d directives, s stamp) iter.Seq[event] {
	return func(yield func(event) bool) {
		send := func(tokens int, e cohereEvent) bool { return yield(e.event(tokens)) }
		if !send(0, cohereEvent{ID: requestUUID(s), Type: "message-start", Delta: map[string]any{"message": map[string]any{
			"role": "assistant", "content": []any{}, "tool_plan": "", "tool_calls": []any{}, "citations": []any{},
		}}}) {
			return
		}
		for i, p := range plan.pieces {
			if !c.piece(i, p, send) {
				return
			}
		}
		for _, token := range plan.plan {
			if !send(1, cohereEvent{Type: "tool-plan-delta", Delta: inMessage("tool_plan", token)}) {
				return
			}
		}
		for i, p := range plan.calls {
			if !cohereCallEvents(i, p, send) {
				return
			}
		}
		end := map[string]any{"finish_reason": cohereCauses[plan.cause]}
		if usage := c.usage(d, plan.tokens); usage != nil {
			end["usage"] = usage
		}
		send(0, cohereEvent{ID: requestUUID(s), Type: "message-end", Delta: end})
	}
}

func (c *cohereChat) piece(index int, p part, send func(int, cohereEvent) bool) bool {
	start := inMessage("content", pieceOf(p.kind, "", true))
	if !send(0, cohereEvent{Type: "content-start", Index: &index, Delta: start}) {
		return false
	}
	for _, token := range p.tokens {
		delta := inMessage("content", pieceOf(p.kind, token, false))
		if !send(CountTokens(token), cohereEvent{Type: "content-delta", Index: &index, Delta: delta}) {
			return false
		}
	}
	return send(0, cohereEvent{Type: "content-end", Index: &index})
}

func cohereCallEvents(index int, p part, send func(int, cohereEvent) bool) bool {
	if !send(0, cohereEvent{Type: "tool-call-start", Index: &index, Delta: inMessage("tool_calls", cohereCall(p, ""))}) {
		return false
	}
	for _, token := range p.tokens {
		arguments := map[string]any{"function": map[string]string{"arguments": token}}
		if !send(1, cohereEvent{Type: "tool-call-delta", Index: &index, Delta: inMessage("tool_calls", arguments)}) {
			return false
		}
	}
	return send(0, cohereEvent{Type: "tool-call-end", Index: &index})
}
