// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package chat

// Effort is how much a model should think before it answers; "" leaves it to the provider. The words are OpenAI's.
type Effort string

// The efforts.
const (
	EffortNone    Effort = "none"
	EffortMinimal Effort = "minimal"
	EffortLow     Effort = "low"
	EffortMedium  Effort = "medium"
	EffortHigh    Effort = "high"
	EffortMax     Effort = "xhigh"
)

// Reasoning is how much to think and what to show of it. Dialects say it as an effort, as a budget in tokens, or both.
type Reasoning struct {
	Effort Effort
	// Budget is the most tokens to think with; 0 is to think not at all, -1 leaves it to the model. nil says nothing.
	Budget *int64
	// Show asks for the thoughts, or a summary of them; false asks not to.
	Show *bool
}

// budgets are what an effort is worth in tokens where a provider knows budgets only. Both are hints to the model, so
// that a translation by this table changes no meaning; docs/dialects.md shows it.
var budgets = [...]struct {
	effort Effort
	tokens int64
}{
	{EffortNone, 0},
	{EffortMinimal, 1024},
	{EffortLow, 2048},
	{EffortMedium, 8192},
	{EffortHigh, 24576},
	{EffortMax, 32768},
}

// BudgetOf gives the tokens that an effort is worth; false where it is none of the known.
func BudgetOf(e Effort) (int64, bool) {
	for _, b := range budgets {
		if b.effort == e {
			return b.tokens, true
		}
	}
	return 0, false
}

// EffortOf gives the least effort that is worth as many tokens, EffortMax above all; "" for -1, which leaves it to the
// model.
func EffortOf(tokens int64) Effort {
	if tokens < 0 {
		return ""
	}
	for _, b := range budgets {
		if tokens <= b.tokens {
			return b.effort
		}
	}
	return EffortMax
}
