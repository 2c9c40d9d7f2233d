// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"math"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// maxStops is how many stop sequences Gemini takes.
const maxStops = 5

// configOf gives the parameters of generation, nil where all are left to the provider. What asks for what is done anyway
// is left out, because many models refuse the field itself.
func configOf(r *chat.Request, modern bool) (*config, *exchange.Error) {
	c := &config{
		Temperature: r.Temperature, TopP: r.TopP, TopK: (*whole)(r.TopK), MaxTokens: (*whole)(r.MaxTokens),
		Seed: (*whole)(r.Seed), Presence: unlessZero(r.Presence), Frequency: unlessZero(r.Frequency),
		Thinking: thinkingOf(r.Reasoning, modern),
	}
	if len(r.Stop) > maxStops {
		return nil, chat.RefuseAt(r.Names(chat.FieldStop), target, "it takes at most 5 stop sequences")
	}
	if r.Seed != nil && (*r.Seed > math.MaxInt32 || *r.Seed < math.MinInt32) {
		return nil, chat.RefuseAt(r.Names(chat.FieldSeed), target, "a seed has 32 bits")
	}
	if r.MaxTokens != nil && *r.MaxTokens > math.MaxInt32 {
		return nil, chat.RefuseAt(r.Names(chat.FieldMaxTokens), target, "the bound has 32 bits")
	}
	if len(r.Stop) > 0 {
		c.Stop = r.Stop
	}
	if r.Candidates != nil && *r.Candidates != 1 {
		c.Candidates = (*whole)(r.Candidates)
	}
	c.LogProbs = r.LogProbs != nil && *r.LogProbs
	if r.TopLogProbs != nil && *r.TopLogProbs > 0 {
		if !c.LogProbs {
			return nil, chat.RefuseAt(r.Names(chat.FieldTopLogProbs), target, "alternatives come with log probabilities only")
		}
		c.TopLogProbs = (*whole)(r.TopLogProbs)
	}
	if err := c.shape(r); err != nil {
		return nil, err
	}
	if c.nothing() {
		return nil, nil
	}
	return c, nil
}

func (c *config) nothing() bool {
	return c.Temperature == nil && c.TopP == nil && c.TopK == nil && c.MaxTokens == nil && len(c.Stop) == 0 &&
		c.Seed == nil && c.Presence == nil && c.Frequency == nil && c.Thinking == nil && c.Candidates == nil &&
		!c.LogProbs && c.MIME == ""
}

func unlessZero(f *float64) *float64 {
	if f != nil && *f == 0 {
		return nil
	}
	return f
}

// shape asks for JSON. Gemini keeps to a schema always, so that strict asks for nothing more.
func (c *config) shape(r *chat.Request) *exchange.Error {
	switch r.Format.Kind {
	case chat.PlainText:
		return nil
	case chat.JSONSchema:
		if r.Format.Description != "" {
			return chat.RefuseAt(r.Names(chat.FieldFormat), target, "a format has no description there; the schema may have one")
		}
		c.JSONSchema = r.Format.Schema
	case chat.JSONObject:
	}
	c.MIME = "application/json"
	return nil
}

// levelOf are the levels of modern models for efforts. There is none above HIGH.
var levelOf = map[chat.Effort]string{
	chat.EffortMinimal: "MINIMAL", chat.EffortLow: "LOW", chat.EffortMedium: "MEDIUM", chat.EffortHigh: "HIGH",
	chat.EffortMax: "HIGH",
}

// thinkingOf says how much to think. Gemini takes a level or a budget, never both: modern models get a level where an
// effort is said, and older ones know budgets only. Thoughts that were asked for are shown where nothing is said of that,
// as other providers show them; Gemini alone wants to be told.
func thinkingOf(r chat.Reasoning, modern bool) *thinking {
	t := &thinking{Show: r.Show}
	if level := levelOf[r.Effort]; modern && level != "" {
		t.Level = level
	} else if r.Budget != nil {
		t.Budget = (*whole)(r.Budget)
	} else if tokens, ok := chat.BudgetOf(r.Effort); ok {
		budget := whole(min(tokens, maxBudget))
		t.Budget = &budget
	}
	switch {
	case t.Show != nil:
	case t.Level != "", t.Budget != nil && *t.Budget != 0:
		shown := true
		t.Show = &shown
	case t.Budget == nil:
		return nil
	}
	return t
}

// maxBudget is the most that every thinking model of Gemini 2.5 takes: Flash's.
const maxBudget = 24576
