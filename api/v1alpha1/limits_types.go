// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// LimitMode says what a limit does.
//
// +kubebuilder:validation:Enum=Enforce;Shadow
type LimitMode string

// The modes.
const (
	// LimitEnforce refuses what goes beyond.
	LimitEnforce LimitMode = "Enforce"
	// LimitShadow lets it pass, and counts it in a metric and the usage record.
	LimitShadow LimitMode = "Shadow"
)

// Limits are what one holder may use. With a store they hold over all pods of a gateway exactly; without, pods learn of
// each other's use every two seconds, and of requests, tokens and cost at most as many times the limit as there are pods
// passes until then. Concurrency is shared out among the pods evenly.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.mode) || has(self.requests) || has(self.tokens) || has(self.cost) || has(self.concurrency)",message="mode has no effect without limits"
type Limits struct {
	// mode says what the limits do. Default: Enforce.
	//
	// +optional
	Mode LimitMode `json:"mode,omitempty"`
	// requests that may be made. Default: no limit.
	//
	// +optional
	// +listType=map
	// +listMapKey=per
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Requests []RequestLimit `json:"requests,omitempty"`
	// tokens that may be used, of prompts and answers together. A request reserves an estimate, from the length of its
	// prompt and the most that its answer may be, and is charged what it used; one that is larger than a whole limit passes
	// when nothing of the limit is in use. Default: no limit.
	//
	// +optional
	// +listType=map
	// +listMapKey=per
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Tokens []TokenLimit `json:"tokens,omitempty"`
	// cost that may be caused, by the prices of the models. A request reserves the most that it may cost, and is charged
	// what it did. Default: no limit.
	//
	// +optional
	// +listType=map
	// +listMapKey=per
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Cost []CostLimit `json:"cost,omitempty"`
	// concurrency is how many requests may be under way at once. Default: no limit.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	Concurrency *int32 `json:"concurrency,omitempty"`
}

// CostLimit allows to spend amount each per, refilled evenly.
type CostLimit struct {
	// amount in US dollars.
	//
	// +required
	Amount MoneyAmount `json:"amount"`
	// per is the period that amount refers to, 1s to 24h.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="must be between 1s and 24h"
	Per Duration `json:"per"`
}

// MoneyAmount is an amount above zero and below a million US dollars, with at most six decimals, such as "50.00".
//
// +kubebuilder:validation:Pattern=`^[0-9]{1,6}(\.[0-9]{1,6})?$`
// +kubebuilder:validation:MaxLength=13
// +kubebuilder:validation:XValidation:rule="self.matches('[1-9]')",message="must be above zero"
type MoneyAmount string

// BudgetPeriod is a period of the calendar, in UTC; a week begins on Monday.
//
// +kubebuilder:validation:Enum=Day;Week;Month;Total
type BudgetPeriod string

// The periods.
const (
	BudgetDay   BudgetPeriod = "Day"
	BudgetWeek  BudgetPeriod = "Week"
	BudgetMonth BudgetPeriod = "Month"
	BudgetTotal BudgetPeriod = "Total"
)

// Budget is what may be spent in each period. A request reserves the most that it may cost before it is sent on, and what
// it did not cost is given back: with a store no budget is overrun, but for what an answer costs beyond any bound that the
// request or the model gave. Without a store, pods learn of each other's spending every two seconds and each spends at most its
// share of what was left then.
type Budget struct {
	// amount in US dollars.
	//
	// +required
	Amount MoneyAmount `json:"amount"`
	// per is the period: Day, Week, Month or Total, which never ends.
	//
	// +required
	Per BudgetPeriod `json:"per"`
	// mode says what the budget does. Default: Enforce.
	//
	// +optional
	Mode LimitMode `json:"mode,omitempty"`
}

// BudgetStatus is how a budget stands.
type BudgetStatus struct {
	// per is the period.
	//
	// +required
	Per BudgetPeriod `json:"per"`
	// amount in US dollars.
	//
	// +required
	// +kubebuilder:validation:MaxLength=32
	Amount string `json:"amount"`
	// spent in the present period, in US dollars.
	//
	// +required
	// +kubebuilder:validation:MaxLength=32
	Spent string `json:"spent"`
	// remaining of the present period, in US dollars.
	//
	// +required
	// +kubebuilder:validation:MaxLength=32
	Remaining string `json:"remaining"`
	// resetsAt is when the next period begins; absent with Total.
	//
	// +optional
	ResetsAt *metav1.Time `json:"resetsAt,omitempty"`
}

// UsageStatus is what was used, as far as gateways have told: it is written at most every seven seconds for one resource, and
// for 25 resources a second over the whole cluster.
type UsageStatus struct {
	// requests that went on to a provider.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Requests int64 `json:"requests,omitempty"`
	// tokens of prompts and answers.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Tokens int64 `json:"tokens,omitempty"`
	// cost of all that was ever used, in US dollars.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Cost string `json:"cost,omitempty"`
	// spent is what was spent in the period of the first budget or, without one, ever: "$1.92".
	//
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Spent string `json:"spent,omitempty"`
	// budget is the amount of the first budget: "$50.00".
	//
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Budget string `json:"budget,omitempty"`
	// lastUsed is when the last request was made.
	//
	// +optional
	LastUsed *metav1.Time `json:"lastUsed,omitempty"`
	// budgets in the order of spec.budgets.
	//
	// +optional
	// +listType=map
	// +listMapKey=per
	// +kubebuilder:validation:MaxItems=4
	Budgets []BudgetStatus `json:"budgets,omitempty"`
}
