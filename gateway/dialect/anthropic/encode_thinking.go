// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"fmt"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// minBudget is the least budget_tokens that the API takes.
const minBudget = 1024

// encodeReasoning says how much to think in the words of the model's generation. Models since Claude 4.6 think
// adaptively, by output_config.effort; the newest refuse budgets. Those before think by thinking.budget_tokens and know
// no effort. Efforts and budgets are hints, and become each other by chat's table.
func encodeReasoning(w *encoded, r *chat.Request, m model) *exchange.Error {
	asked := r.Reasoning
	if asked.Effort != "" {
		if _, ok := chat.BudgetOf(asked.Effort); !ok {
			return r.Refuse(chat.FieldReasoning, target)
		}
	}
	said := asked.Budget != nil || asked.Effort != ""
	switch {
	case !said && (asked.Show == nil || !*asked.Show):
		return nil
	case asked.Effort == chat.EffortNone || asked.Budget != nil && *asked.Budget == 0:
		w.Thinking = &thinking{Type: "disabled"}
		return nil
	case m.thinksByBudget():
		return encodeBudget(w, r)
	}
	w.Thinking = &thinking{Type: "adaptive", Display: display(asked.Show)}
	effort := asked.Effort
	if effort == "" && asked.Budget != nil {
		effort = chat.EffortOf(*asked.Budget)
	}
	if effort == "" {
		return nil
	}
	word := string(effort)
	switch effort {
	case chat.EffortMinimal:
		word = "low"
	case chat.EffortMax:
		word = m.mostEffort()
	}
	if w.OutputConfig == nil {
		w.OutputConfig = &outputConfig{}
	}
	w.OutputConfig.Effort = &word
	return nil
}

func display(show *bool) *string {
	if show == nil {
		return nil
	}
	word := "omitted"
	if *show {
		word = "summarized"
	}
	return &word
}

// encodeBudget gives an older model its budget, which the API wants to be at least 1024 and below max_tokens. One that
// the application said itself is given as it is or refused. One that Spark chose, for an effort or because the choice was
// left to the model, is at most half of max_tokens, so that there is room for an answer.
func encodeBudget(w *encoded, r *chat.Request) *exchange.Error {
	asked := r.Reasoning
	own := asked.Budget != nil && *asked.Budget > 0
	if !own && resumesUnthinking(w.Messages) {
		return nil
	}
	var budget int64
	if own {
		budget = *asked.Budget
	} else {
		effort := asked.Effort
		if effort == "" {
			effort = chat.EffortMedium
		}
		budget, _ = chat.BudgetOf(effort)
		if w.MaxTokens != nil {
			budget = max(min(budget, *w.MaxTokens/2), minBudget)
		}
	}
	if budget < minBudget {
		return chat.RefuseAt(r.Names(chat.FieldReasoning), target, fmt.Sprintf("this model thinks with at least %d tokens", minBudget))
	}
	if w.MaxTokens != nil && budget >= *w.MaxTokens {
		return chat.RefuseAt(r.Names(chat.FieldReasoning), target,
			fmt.Sprintf("this model wants more tokens for its answer than the %d to think with", budget))
	}
	w.Thinking = &thinking{Type: "enabled", BudgetTokens: &budget, Display: display(asked.Show)}
	return nil
}

// resumesUnthinking says that the conversation goes on from results of tools, and that the calls came without thoughts:
// older models refuse to begin to think there, and applications of other dialects cannot give back what they never saw.
func resumesUnthinking(turns []turn) bool {
	n := len(turns)
	if n < 2 || turns[n-2].Role != "assistant" || rank(turns[n-1].Content[0]) != 0 {
		return false
	}
	switch turns[n-2].Content[0].(type) {
	case thinkingBlock, redactedBlock:
		return false
	}
	return true
}
