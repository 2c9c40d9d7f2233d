// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package roundtrip

import (
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// Rules of tools and formats.
var (
	parameters = rule{"a function without parameters has none by its schema", func(r *chat.Request) {
		for i := range r.Tools {
			if len(r.Tools[i].Schema) == 0 {
				r.Tools[i].Schema = canonical(jsontext.Value(`{"type":"object","properties":{}}`))
			}
		}
	}}
	typedSchemas = rule{"a tool's schema says that it describes an object", func(r *chat.Request) {
		for i := range r.Tools {
			r.Tools[i].Schema = withMember(r.Tools[i].Schema, "type", "object")
		}
	}}
	forbiddenToolsUnknown = rule{"tools that must not be called need not be known", func(r *chat.Request) {
		if r.Choice.Mode == chat.NoTools {
			r.Tools, r.Choice.Mode = nil, chat.Unsaid
		}
	}}
	oneToolLeft = rule{"the one tool that must be called is the only one", func(r *chat.Request) {
		if r.Choice.Mode == chat.OneTool {
			r.Tools = slices.DeleteFunc(r.Tools, func(t chat.Tool) bool { return t.Name != r.Choice.Name })
			r.Choice = chat.ToolChoice{Mode: chat.AnyTool}
		}
	}}
	strictTogether = rule{"one strict tool makes all of them so, and tools that must be called are strict anyway", func(r *chat.Request) {
		strict := slices.ContainsFunc(r.Tools, func(t chat.Tool) bool { return t.Strict != nil && *t.Strict })
		for i := range r.Tools {
			r.Tools[i].Strict = nil
			if strict && r.Choice.Mode == chat.Unsaid {
				r.Tools[i].Strict = &strict
			}
		}
	}}
	namedFormat = rule{"a schema has a name", func(r *chat.Request) {
		if r.Format.Kind == chat.JSONSchema && r.Format.Name == "" {
			r.Format.Name = "answer"
		}
	}}
	namelessFormat  = rule{"a schema has no name, and is followed strictly", func(r *chat.Request) { r.Format.Name, r.Format.Strict = "", nil }}
	strictFormat    = rule{"a schema is followed strictly", func(r *chat.Request) { r.Format.Strict = nil }}
	schemaDescribed = rule{"a format's description is its schema's, which has none of its own", func(r *chat.Request) {
		if r.Format.Description != "" && !strings.Contains(string(r.Format.Schema), `"its own"`) {
			r.Format.Schema = canonical(withMember(r.Format.Schema, "description", r.Format.Description))
			r.Format.Description = ""
		}
	}}
	anyJSON = rule{"JSON without a schema is any", func(r *chat.Request) {
		if r.Format.Kind == chat.JSONSchema && len(r.Format.Schema) == 0 {
			r.Format = chat.Format{Kind: chat.JSONObject}
		}
	}}
)

// Rules of the rest.
var (
	bounded = rule{"an answer has a bound", func(r *chat.Request) {
		if r.MaxTokens == nil {
			r.MaxTokens = pointer(int64(defaultMax))
		}
	}}
	onesLeftOut = rule{"1 is the default of temperature and top_p", func(r *chat.Request) {
		r.Temperature, r.TopP = unless(r.Temperature, 1), unless(r.TopP, 1)
	}}
	nearlyOne = rule{"top_p is at most 0.99", func(r *chat.Request) {
		if r.TopP != nil && *r.TopP > 0.99 {
			r.TopP = pointer(0.99)
		}
	}}
	userUnnamed = rule{"there is no place for the end user's name", func(r *chat.Request) { r.User = "" }}
	bedrockUser = rule{"a name that metadata cannot hold is its digest", func(r *chat.Request) {
		if r.User != "" && (len(r.User) > 256 || !metadata.MatchString(r.User)) || digest.MatchString(r.User) {
			r.User = "a digest"
		}
	}}
	probabilitiesAsked = rule{"alternatives come with log probabilities", func(r *chat.Request) {
		if r.TopLogProbs != nil && *r.TopLogProbs > 0 {
			r.LogProbs = pointer(true)
		}
	}}
)

var (
	metadata = regexp.MustCompile(`^[A-Za-z0-9 :_@$#=/+,.-]*$`)
	digest   = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// Rules of reasoning. How much to think is a hint, by an effort or a budget, which chat.EffortOf and chat.BudgetOf make of
// each other.
var (
	effortsOnly = rule{"an effort says how much to think, and thoughts are shown or not", func(r *chat.Request) {
		r.Reasoning = chat.Reasoning{Effort: effortOf(r.Reasoning)}
	}}
	threeEfforts = rule{"there are three efforts, and none", func(r *chat.Request) { r.Reasoning.Effort = three(r.Reasoning.Effort) }}
	thinksOrNot  = rule{"models think or do not", func(r *chat.Request) {
		if e := r.Reasoning.Effort; e != "" && e != chat.EffortNone {
			r.Reasoning.Effort = chat.EffortHigh
		}
	}}
	summaries = rule{"an effort says how much to think; without any there is nothing to show", func(r *chat.Request) {
		show := r.Reasoning.Show
		r.Reasoning = chat.Reasoning{Effort: effortOf(r.Reasoning), Show: show}
		if r.Reasoning.Effort == chat.EffortNone {
			r.Reasoning.Show = nil
		}
		r.Reasoning.Show = unless(r.Reasoning.Show, false)
	}}
	thinksByEffort = rule{"models think adaptively, with an effort", func(r *chat.Request) { adaptive(r, pointer(int64(-1)), new(int64)) }}
	bedrockEffort  = rule{"models think adaptively, with an effort", func(r *chat.Request) { adaptive(r, nil, nil) }}

	anthropicBudget = rule{"models think by a budget", func(r *chat.Request) {
		switch {
		case off(r.Reasoning):
			r.Reasoning = chat.Reasoning{Effort: chat.EffortNone, Budget: new(int64)}
		case asks(r.Reasoning):
			byBudget(r)
		default:
			r.Reasoning = chat.Reasoning{}
		}
	}}
	bedrockBudget = rule{"models think by a budget, and not at all where nothing is said", func(r *chat.Request) {
		if off(r.Reasoning) || !asks(r.Reasoning) {
			r.Reasoning = chat.Reasoning{}
			return
		}
		byBudget(r)
	}}
	thinksByGeminiBudget = rule{"models think by a budget, which is bounded where an effort means it", func(r *chat.Request) {
		if tokens, ok := chat.BudgetOf(r.Reasoning.Effort); ok && r.Reasoning.Budget == nil {
			r.Reasoning.Budget = pointer(min(tokens, 24576))
		}
		r.Reasoning.Effort = ""
		shown(&r.Reasoning)
	}}
	thinksByLevel = rule{"models think by a level, or a budget where no effort is said", func(r *chat.Request) {
		switch r.Reasoning.Effort {
		case chat.EffortNone:
			if r.Reasoning.Budget == nil {
				r.Reasoning.Budget = new(int64)
			}
			r.Reasoning.Effort = ""
		case chat.EffortMax:
			r.Reasoning.Effort, r.Reasoning.Budget = chat.EffortHigh, nil
		case "":
		default:
			r.Reasoning.Budget = nil
		}
		shown(&r.Reasoning)
	}}
	efforts = rule{"an effort says how much to think, and the least is low", func(r *chat.Request) {
		effortsOnly.apply(r)
		if r.Reasoning.Effort == chat.EffortMinimal {
			r.Reasoning.Effort = chat.EffortLow
		}
	}}
	budgets = rule{"a budget says how much to think, and thoughts are shown", func(r *chat.Request) {
		if tokens, ok := chat.BudgetOf(r.Reasoning.Effort); ok && r.Reasoning.Budget == nil {
			r.Reasoning.Budget = &tokens
		}
		r.Reasoning = chat.Reasoning{Budget: r.Reasoning.Budget}
	}}
)

// shown asks for the thoughts that are wanted, unless told otherwise: Gemini alone does not show them unasked.
func shown(r *chat.Reasoning) {
	if r.Show == nil && (r.Effort != "" || r.Budget != nil && *r.Budget != 0) {
		r.Show = pointer(true)
	}
}

func effortOf(r chat.Reasoning) chat.Effort {
	if r.Effort == "" && r.Budget != nil {
		return chat.EffortOf(*r.Budget)
	}
	return r.Effort
}

func three(e chat.Effort) chat.Effort {
	switch e {
	case chat.EffortMinimal:
		return chat.EffortLow
	case chat.EffortMax:
		return chat.EffortHigh
	}
	return e
}

// thinksByThreeEfforts is the rule of models that think, without an effort, as much as one of three says; none of it is
// told where they are not to think.
func thinksByThreeEfforts(unsaid chat.Effort) rule {
	return rule{"there are three efforts", func(r *chat.Request) {
		said := r.Reasoning.Budget != nil || r.Reasoning.Effort != ""
		effort := three(effortOf(r.Reasoning))
		switch {
		case off(r.Reasoning):
			effort = ""
		case said && effort == "":
			effort = unsaid
		}
		r.Reasoning = chat.Reasoning{Effort: effort}
	}}
}

func off(r chat.Reasoning) bool {
	return r.Effort == chat.EffortNone || r.Budget != nil && *r.Budget == 0
}

// asks says that a request asks for thoughts, or to see them.
func asks(r chat.Reasoning) bool {
	return r.Effort != "" || r.Budget != nil || r.Show != nil && *r.Show
}

// adaptive is reasoning by an effort alone; thinking and not are how the wire's reader tells that there is any, and none.
func adaptive(r *chat.Request, thinking, not *int64) {
	switch {
	case off(r.Reasoning):
		r.Reasoning = chat.Reasoning{Effort: chat.EffortNone, Budget: not}
	case !asks(r.Reasoning):
		r.Reasoning = chat.Reasoning{}
	default:
		effort := effortOf(r.Reasoning)
		if effort == chat.EffortMinimal {
			effort = chat.EffortLow
		}
		if thinking == nil && effort == "" {
			thinking = pointer(int64(-1))
		}
		r.Reasoning = chat.Reasoning{Effort: effort, Budget: thinking, Show: r.Reasoning.Show}
	}
}

// byBudget is the budget that Claude's older models are given: the application's own, or one that leaves room for the
// answer. Where tools answered a call without thoughts, only an own one begins any.
func byBudget(r *chat.Request) {
	if own := r.Reasoning.Budget; own != nil && *own > 0 {
		r.Reasoning.Effort = ""
		return
	}
	if resumes(r) {
		r.Reasoning = chat.Reasoning{}
		return
	}
	effort := r.Reasoning.Effort
	if effort == "" {
		effort = chat.EffortMedium
	}
	tokens, _ := chat.BudgetOf(effort)
	if r.MaxTokens != nil {
		tokens = max(min(tokens, *r.MaxTokens/2), 1024)
	}
	r.Reasoning = chat.Reasoning{Budget: &tokens, Show: r.Reasoning.Show}
}

func resumes(r *chat.Request) bool {
	n := len(r.Messages)
	if n < 2 || r.Messages[n-2].Role != chat.Assistant || r.Messages[n-1].Parts[0].Kind != chat.Result {
		return false
	}
	first := r.Messages[n-2].Parts[0].Kind
	return first != chat.Thinking && first != chat.Redacted
}
