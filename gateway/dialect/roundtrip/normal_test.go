// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package roundtrip

import (
	"slices"
	"strings"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// rule is one difference that a round trip may make. It puts a request into a form in which the difference does not
// show; what is in that form already, stays as it is.
type rule struct {
	says  string
	apply func(*chat.Request)
}

// normalForms are, by wire, all that may differ: the common rules first, then the wire's own in their order.
var normalForms = map[string][]rule{
	"openai":             slices.Concat(openAIRules, []rule{thoughtsLeftOut, developersSpeak}),
	"azure":              slices.Concat(openAIRules, []rule{thoughtsLeftOut, developersSpeak}),
	"openai-compatible":  slices.Concat(openAIRules, []rule{developersInstruct, thoughtsJoined}),
	"ollama":             slices.Concat([]rule{refusalsAreTexts}, openAIRules, []rule{developersInstruct, unsigned, thoughtsJoined, forbiddenToolsUnknown, threeEfforts, userUnnamed}),
	"mistral":            slices.Concat([]rule{refusalsAreTexts}, openAIRules, []rule{developersInstruct, unsigned, thoughtsFirst, thoughtsJoined, parameters, idsMapped, thinksOrNot, userUnnamed}),
	"responses":          responsesRules,
	"anthropic":          slices.Concat(anthropicRules, []rule{thinksByEffort}),
	"anthropic-budget":   slices.Concat(anthropicRules, []rule{anthropicBudget}),
	"gemini-3":           slices.Concat(geminiRules, []rule{thinksByLevel}),
	"gemini-2":           slices.Concat(geminiRules, []rule{thinksByGeminiBudget}),
	"vertex-3":           slices.Concat(geminiRules, []rule{resultsAsCalled, idsMapped, thinksByLevel}),
	"vertex-2":           slices.Concat(geminiRules, []rule{resultsAsCalled, idsMapped, thinksByGeminiBudget}),
	"bedrock-claude":     slices.Concat(converseRules, []rule{thoughtsSigned, onesLeftOut, bedrockEffort}),
	"bedrock-claude-4-5": slices.Concat(converseRules, []rule{thoughtsSigned, onesLeftOut, bedrockBudget}),
	"bedrock-nova":       slices.Concat(converseRules, []rule{novaMarks, thinksByThreeEfforts(chat.EffortMedium)}),
	"bedrock-gpt-oss":    slices.Concat(converseRules, []rule{unmarked, thinksByThreeEfforts("")}),
	"bedrock-llama":      slices.Concat(converseRules, []rule{unmarked, efforts}),
	"bedrock-opaque":     slices.Concat(converseRules, []rule{efforts}),
	"cohere":             cohereRules,
}

var openAIRules = []rule{
	resultsFirst, answersOrdered, unmarked, failureInText, imagesUnnamed, filesNamed, typeAtURL, audioTypes, signaturesOfTexts,
	namedFormat, effortsOnly,
}

var responsesRules = []rule{
	unmarked, failureInText, imagesUnnamed, filesNamed, typeAtURL, signaturesOfTexts, signaturesOfCalls, namedFormat,
	probabilitiesAsked, summaries,
}

var anthropicRules = []rule{
	developersInstruct, refusalsAreTexts, resultsFirst, thoughtsSigned, signaturesOfTexts, signaturesOfCalls, thoughtsUnmarked,
	imagesUnnamed, typeAtURL, plainDetail, bounded, onesLeftOut, parameters, typedSchemas, namelessFormat, schemaDescribed,
}

var geminiRules = []rule{
	developersInstruct, refusalsAreTexts, unmarked, userUnnamed, unnamedFiles, resultTextsJoined, thoughtsRun, placeholders, typeAtURL,
	strictTogether, namelessFormat, anyJSON,
}

var converseRules = []rule{
	developersInstruct, refusalsAreTexts, resultsFirst, marksOfResults, signaturesOfTexts, signaturesOfCalls, imagesUnnamed, typeAtURL,
	plainDetail,
	idsMapped, bedrockNames, bedrockUser, parameters, forbiddenToolsUnknown, strictFormat,
}

var cohereRules = []rule{
	developersInstruct, refusalsAreTexts, unmarked, userUnnamed, plans, failureInText, typeAtURL, signaturesOfTexts, signaturesOfCalls, unsigned,
	resultsFirst, oneToolLeft, strictTogether, namelessFormat, schemaDescribed, anyJSON, nearlyOne, budgets,
}

// common are the rules of all wires.
var common = []rule{
	{"where a thing stood, and what a refusal would call it, is not asked", placeless},
	{"arguments and schemas are equal however they are spaced, and no arguments are an empty object", spaced},
	{"a result has the name of its call", resultsNamed},
	{"a default that every provider has says nothing", silent},
	{"an empty text says nothing, and neither does a turn of nothing", unempty},
	{"turns of one role in a row are one", merged},
}

// normal gives a request's normal form at a wire.
func normal(wire string, r *chat.Request) *chat.Request {
	r = clone(r)
	for _, rules := range [][]rule{normalForms[wire], common} {
		for _, rule := range common {
			rule.apply(r)
		}
		for _, rule := range rules {
			rule.apply(r)
		}
	}
	return r
}

// clone copies what rules change.
func clone(from *chat.Request) *chat.Request {
	r := *from
	r.Messages, r.Tools, r.Stop = slices.Clone(from.Messages), slices.Clone(from.Tools), slices.Clone(from.Stop)
	for i := range r.Messages {
		r.Messages[i].Parts = cloneParts(r.Messages[i].Parts)
	}
	return &r
}

func cloneParts(from []chat.Part) []chat.Part {
	parts := slices.Clone(from)
	for i := range parts {
		p := &parts[i]
		if p.Media != nil {
			p.Media = pointer(*p.Media)
		}
		if p.Call != nil {
			p.Call = pointer(*p.Call)
		}
		if p.Result != nil {
			p.Result = pointer(*p.Result)
			p.Result.Parts = cloneParts(p.Result.Parts)
		}
	}
	return parts
}

// eachPart visits the parts of all turns, those in results too.
func eachPart(r *chat.Request, visit func(p *chat.Part, within *chat.ToolResult)) {
	for i := range r.Messages {
		for j := range r.Messages[i].Parts {
			p := &r.Messages[i].Parts[j]
			visit(p, nil)
			if p.Result == nil {
				continue
			}
			for k := range p.Result.Parts {
				visit(&p.Result.Parts[k], p.Result)
			}
		}
	}
}

// ofParts makes a rule of what it does to each part.
func ofParts(says string, change func(p *chat.Part)) rule {
	return rule{says, func(r *chat.Request) { eachPart(r, func(p *chat.Part, _ *chat.ToolResult) { change(p) }) }}
}

func placeless(r *chat.Request) {
	r.Names, r.Echo, r.Model, r.Stream, r.IncludeUsage = nil, nil, "", false, false
	for i := range r.Messages {
		r.Messages[i].At = ""
	}
	for i := range r.Tools {
		r.Tools[i].At = ""
	}
	eachPart(r, func(p *chat.Part, _ *chat.ToolResult) { p.At = "" })
}

func spaced(r *chat.Request) {
	eachPart(r, func(p *chat.Part, _ *chat.ToolResult) {
		if p.Call != nil {
			if strings.TrimSpace(p.Call.Arguments) == "" {
				p.Call.Arguments = "{}"
			}
			p.Call.Arguments = string(canonical([]byte(p.Call.Arguments)))
		}
	})
	for i := range r.Tools {
		r.Tools[i].Schema = canonical(r.Tools[i].Schema)
	}
	r.Format.Schema = canonical(r.Format.Schema)
}

func resultsNamed(r *chat.Request) {
	called := map[string]string{}
	eachPart(r, func(p *chat.Part, _ *chat.ToolResult) {
		if p.Call != nil {
			called[p.Call.ID] = p.Call.Name
		}
		if p.Result != nil && called[p.Result.CallID] != "" {
			p.Result.Name = called[p.Result.CallID]
		}
	})
}

func silent(r *chat.Request) {
	r.Candidates, r.Frequency, r.Presence = unless(r.Candidates, 1), unless(r.Frequency, 0), unless(r.Presence, 0)
	r.LogProbs, r.TopLogProbs = unless(r.LogProbs, false), unless(r.TopLogProbs, 0)
	r.ParallelCalls = unless(r.ParallelCalls, true)
	r.Format.Strict = unless(r.Format.Strict, false)
	for i := range r.Tools {
		r.Tools[i].Strict = unless(r.Tools[i].Strict, false)
	}
	if r.Choice.Mode == chat.AutoTools || r.Choice.Mode == chat.NoTools && len(r.Tools) == 0 {
		r.Choice.Mode = chat.Unsaid
	}
	if len(r.Tools) == 0 || r.Choice.Mode == chat.NoTools {
		r.ParallelCalls = nil
	}
	if len(r.Stop) == 0 {
		r.Stop = nil
	}
	eachPart(r, func(p *chat.Part, _ *chat.ToolResult) {
		if p.Media != nil && p.Media.Detail == "auto" {
			p.Media.Detail = ""
		}
	})
}

func unless[T comparable](v *T, nothing T) *T {
	if v != nil && *v == nothing {
		return nil
	}
	return v
}

func unempty(r *chat.Request) {
	empty := func(p chat.Part) bool {
		return (p.Kind == chat.Text || p.Kind == chat.Thinking || p.Kind == chat.Refusal) && p.Text == "" && p.Signature == ""
	}
	eachPart(r, func(p *chat.Part, _ *chat.ToolResult) {
		if p.Result != nil {
			p.Result.Parts = slices.DeleteFunc(p.Result.Parts, empty)
		}
	})
	for i := range r.Messages {
		r.Messages[i].Parts = slices.DeleteFunc(r.Messages[i].Parts, empty)
	}
	r.Messages = slices.DeleteFunc(r.Messages, func(m chat.Message) bool { return len(m.Parts) == 0 })
}

func merged(r *chat.Request) {
	var out []chat.Message
	for _, m := range r.Messages {
		if n := len(out); n > 0 && out[n-1].Role == m.Role && out[n-1].Name == m.Name {
			out[n-1].Parts = append(out[n-1].Parts, m.Parts...)
			continue
		}
		out = append(out, m)
	}
	r.Messages = out
}
