// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"iter"
)

// googleAnswer is a GenerateContentResponse, whole or one of a stream.
type googleAnswer struct {
	Candidates   []googleCandidate `json:"candidates,omitempty"`
	Usage        any               `json:"usageMetadata,omitempty"`
	ModelVersion string            `json:"modelVersion"`
	ResponseID   string            `json:"responseId"`
}

type googleCandidate struct {
	Content      *googleSaid `json:"content,omitempty"`
	FinishReason string      `json:"finishReason,omitempty"`
	Index        int         `json:"index"`
}

type googleSaid struct {
	Parts []googlePart `json:"parts,omitempty"`
	Role  string       `json:"role"`
}

// googleUsage counts thoughts beside the candidates' tokens; the total holds both.
type googleUsage struct {
	Prompt     int              `json:"promptTokenCount"`
	Candidates int              `json:"candidatesTokenCount,omitempty"`
	Total      int              `json:"totalTokenCount"`
	Details    []googleModality `json:"promptTokensDetails"`
	Thoughts   int              `json:"thoughtsTokenCount,omitempty"`
}

type googleModality struct {
	Modality string `json:"modality"`
	Count    int    `json:"tokenCount"`
}

var malformedGoogleUsage = json.RawMessage(`{"promptTokenCount":"many","candidatesTokenCount":-1,"totalTokenCount":[]}`)

var googleCauses = map[cause]string{
	endOfTurn: "STOP", lengthLimit: "MAX_TOKENS", stopSequence: "STOP", toolsCalled: "STOP", declined: "SAFETY",
}

func (c *googleGenerateCall) usage(fault UsageFault, spoken, thoughts int) any {
	switch fault {
	case UsageMissing:
		return nil
	case UsageMalformed:
		return malformedGoogleUsage
	}
	return googleUsage{
		Prompt: c.tokens, Candidates: spoken, Thoughts: thoughts, Total: c.tokens + spoken + thoughts,
		Details: []googleModality{{"TEXT", c.tokens}},
	}
}

// empty is an answer that says nothing yet.
func (c *googleGenerateCall) empty(s stamp) googleAnswer {
	return googleAnswer{ModelVersion: BaseModel(c.model), ResponseID: s.id}
}

func (c *googleGenerateCall) reply(d directives, s stamp) reply {
	if d.content.signatures == "required" {
		if fail := c.missingSignature(); fail != nil {
			return reply{refusal: fail}
		}
	}
	answers := make([]answered, c.choices)
	for i := range answers {
		answers[i] = c.answer(i, d, s)
	}
	if c.stream {
		return reply{events: c.events(answers, d.faults.Usage, s)}
	}
	body, spoken, thoughts := c.empty(s), 0, 0
	for i, answer := range answers {
		all, hidden := answer.tokens()
		spoken, thoughts = spoken+all-hidden, thoughts+hidden
		candidate := googleCandidate{FinishReason: googleCauses[answer.cause], Index: i}
		if parts := c.parts(answer, s); len(parts) > 0 {
			candidate.Content = &googleSaid{Parts: parts, Role: "model"}
		}
		body.Candidates = append(body.Candidates, candidate)
	}
	body.Usage = c.usage(d.faults.Usage, spoken, thoughts)
	return reply{body: marshal(body), contentType: googleContent, tokens: spoken + thoughts}
}

// parts renders an answer. Of several calls only the first is signed, as Gemini 3 does it.
func (c *googleGenerateCall) parts(answer answered, s stamp) []googlePart {
	var parts []googlePart
	calls := 0
	for _, p := range answer.parts {
		text := p.text()
		switch {
		case p.kind == thought && c.shown:
			parts = append(parts, googlePart{Text: &text, Thought: true})
		case p.kind == words:
			part := googlePart{Text: &text}
			if c.signs {
				part.ThoughtSignature = signatureOf(s.id, "")
			}
			parts = append(parts, part)
		case p.kind == toolUse:
			parts = append(parts, c.callPart(p, calls == 0, s))
			calls++
		}
	}
	return parts
}

func (c *googleGenerateCall) callPart(p part, first bool, s stamp) googlePart {
	arguments := json.RawMessage(p.text())
	if !json.Valid(arguments) { // it was cut
		arguments = json.RawMessage(`{}`)
	}
	part := googlePart{FunctionCall: &googleFunctionCall{ID: p.id, Name: p.tool, Args: arguments}}
	if c.signs && first {
		part.ThoughtSignature = signatureOf(s.id, callText(p.tool, arguments))
	}
	return part
}

// events gives the stream: a token an answer, calls whole, usage growing with every one. The last of a candidate has
// its finishReason and, where text is signed, an empty text with the signature. Nothing follows the last of all.
func (c *googleGenerateCall) events(answers []answered, fault UsageFault, s stamp) iter.Seq[event] {
	return func(yield func(event) bool) {
		spoken, thoughts := 0, 0
		for i, answer := range answers {
			for part, tokens := range c.pieces(answer, s) {
				candidate := googleCandidate{Index: i}
				switch {
				case part == nil:
					candidate.FinishReason = googleCauses[answer.cause]
					candidate.Content = &googleSaid{Parts: c.closing(answer, s), Role: "model"}
				case part.Thought && !c.shown: // it is counted, and not shown
					thoughts += tokens
					continue
				default:
					candidate.Content = &googleSaid{Parts: []googlePart{*part}, Role: "model"}
				}
				if part != nil && part.Thought {
					thoughts += tokens
				} else {
					spoken += tokens
				}
				chunk := c.empty(s)
				chunk.Candidates = []googleCandidate{candidate}
				chunk.Usage = c.usage(fault, spoken, thoughts)
				if !yield(event{data: marshal(chunk), tokens: tokens, done: part == nil && i == len(answers)-1}) {
					return
				}
			}
		}
	}
}

// closing is what the last answer of a candidate says: the signature of its text, or an empty text.
func (c *googleGenerateCall) closing(answer answered, s stamp) []googlePart {
	part := googlePart{Text: new(string)}
	if last := len(answer.parts) - 1; last < 0 {
		return nil
	} else if c.signs && answer.parts[last].kind == words {
		part.ThoughtSignature = signatureOf(s.id, "")
	}
	return []googlePart{part}
}

// pieces gives the parts of a stream with their tokens, and a nil part at the end.
func (c *googleGenerateCall) pieces(answer answered, s stamp) iter.Seq2[*googlePart, int] {
	return func(yield func(*googlePart, int) bool) {
		calls := 0
		for _, p := range answer.parts {
			if p.kind == toolUse {
				part := c.callPart(p, calls == 0, s)
				calls++
				if !yield(&part, len(p.tokens)) {
					return
				}
				continue
			}
			for _, token := range p.tokens {
				if !yield(&googlePart{Text: &token, Thought: p.kind == thought}, CountTokens(token)) {
					return
				}
			}
		}
		yield(nil, 0)
	}
}
