// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package converse

import (
	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// leastBudget is the least that Claude can be told to think with.
const leastBudget = 1024

// reasoning says how much to think, in the words of the model's family. To ask Claude for its thoughts is to ask it to
// think; whether thoughts of other models are shown is a wish that their own way decides on.
func (e *encoding) reasoning() *exchange.Error {
	r := e.r.Reasoning
	shown := r.Show != nil && *r.Show && e.family.maker == claude
	if r.Effort == "" && r.Budget == nil && !shown {
		return nil
	}
	if r.Effort == chat.EffortNone || r.Budget != nil && *r.Budget == 0 {
		return e.noReasoning()
	}
	effort := r.Effort
	if effort == "" && r.Budget != nil {
		effort = chat.EffortOf(*r.Budget)
	}
	if effort != "" {
		if _, known := chat.BudgetOf(effort); !known {
			return e.r.Refuse(chat.FieldReasoning, target)
		}
	}
	more := &e.body.AdditionalModelRequestFields
	switch {
	case e.family.takesBudget():
		return e.budget(effort)
	case e.family.maker == claude:
		more.Thinking = &thinking{Type: "adaptive", Display: display(r.Show)}
		e.body.OutputConfig.Effort = e.effortWord(effort)
	case e.family.maker == nova:
		more.ReasoningConfig = &novaReasoning{Type: "enabled", MaxReasoningEffort: threeWords(effort)}
	case effort == "":
		// A budget of -1 leaves it to the model, which saying nothing does as well.
	case e.family.maker == gptOSS:
		more.ReasoningEffort = threeWords(effort)
	default:
		e.body.OutputConfig.Effort = e.effortWord(effort)
	}
	return nil
}

// noReasoning says that the model shall not think. Claude and Nova can; that some of Claude's models always think is
// theirs to say.
func (e *encoding) noReasoning() *exchange.Error {
	switch {
	case e.family.maker == nova, e.family.maker == claude && e.family.silent():
		return nil
	case e.family.maker == claude:
		e.body.AdditionalModelRequestFields.Thinking = &thinking{Type: "disabled"}
		return nil
	default:
		return e.refuseWith(chat.FieldReasoning, "this model cannot be told not to reason")
	}
}

// budget says how much to think to a model of Claude that takes budgets only. The application's own goes as it is or is
// refused. One that comes from an effort, or is left to the model, is at most half of the bound on the answer, so that
// there is room for one.
func (e *encoding) budget(effort chat.Effort) *exchange.Error {
	said, bound := e.r.Reasoning.Budget, e.r.MaxTokens
	own := said != nil && *said > 0
	if !own && e.resumesUnthinking() {
		return nil
	}
	var tokens int64
	if own {
		tokens = *said
	} else {
		if effort == "" {
			effort = chat.EffortMedium
		}
		tokens, _ = chat.BudgetOf(effort)
		if bound != nil {
			tokens = max(min(tokens, *bound/2), leastBudget)
		}
	}
	if tokens < leastBudget || bound != nil && tokens >= *bound {
		return e.refuseWith(chat.FieldReasoning, "reasoning takes 1024 tokens or more, and fewer than the bound on the answer")
	}
	e.body.AdditionalModelRequestFields.Thinking = &thinking{Type: "enabled", BudgetTokens: tokens, Display: display(e.r.Reasoning.Show)}
	return nil
}

// resumesUnthinking says that the conversation goes on from results of tools, and that the calls came without thoughts:
// the models that take budgets refuse to begin to think there, and applications of dialects without signatures cannot
// give thoughts back.
func (e *encoding) resumesUnthinking() bool {
	n := len(e.body.Messages)
	if n < 2 || e.body.Messages[n-1].Content[0].ToolResult == nil {
		return false
	}
	before := e.body.Messages[n-2]
	return before.Role == "assistant" && before.Content[0].ReasoningContent == nil
}

// effortWord is Converse's own word. Claude's models of 4.6 have nothing between "high" and "max".
func (e *encoding) effortWord(effort chat.Effort) string {
	switch effort {
	case chat.EffortMinimal:
		return "low"
	case chat.EffortMax:
		if hasPrefix(e.family.name, []string{"claude-opus-4-6", "claude-sonnet-4-6"}) {
			return "max"
		}
	}
	return string(effort)
}

// threeWords is an effort where there are "low", "medium" and "high"; medium is the default where none is said.
func threeWords(effort chat.Effort) string {
	switch effort {
	case chat.EffortMinimal, chat.EffortLow:
		return "low"
	case chat.EffortHigh, chat.EffortMax:
		return "high"
	default:
		return "medium"
	}
}

func display(show *bool) string {
	switch {
	case show == nil:
		return ""
	case *show:
		return "summarized"
	default:
		return "omitted"
	}
}
