// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// ConditionType names one fact that a status tells.
type ConditionType string

// The conditions.
const (
	// Accepted: the resource compiles.
	Accepted ConditionType = "Accepted"
	// ResolvedRefs: what the resource refers to exists and is permitted.
	ResolvedRefs ConditionType = "ResolvedRefs"
	// Conflicted: another resource claimed the same first; the message names it and what still works. Only present
	// while True.
	Conflicted ConditionType = "Conflicted"
	// Programmed: every serving pod has said, itself, that it runs this.
	Programmed ConditionType = "Programmed"
	// Available: the gateway's Deployment serves.
	Available ConditionType = "Available"
	// Healthy: the provider answers its health check and no breaker is open. It says nothing about Ready, as
	// configuration cannot mend it.
	Healthy ConditionType = "Healthy"
	// LimitsEnforced: limits and budgets hold over all pods, by the store where there is one. It says nothing about Ready.
	LimitsEnforced ConditionType = "LimitsEnforced"
	// WithinBudget: no budget of the key or policy is used up. It says nothing about Ready.
	WithinBudget ConditionType = "WithinBudget"
	// Ready sums up the others.
	Ready ConditionType = "Ready"
	// Stalled: only a user can mend it.
	Stalled ConditionType = "Stalled"
)

// Reason says why a condition has its status.
type Reason string

// The reasons of Accepted and Stalled.
const (
	ReasonAccepted       Reason = "Accepted"
	ReasonInvalid        Reason = "Invalid"
	ReasonConfigTooLarge Reason = "ConfigTooLarge"
	// ReasonDuplicateSecret: an older APIKey has the same secret.
	ReasonDuplicateSecret Reason = "DuplicateSecret"
	// ReasonDuplicateName: an older ProviderPolicy of another namespace has the same name on this gateway.
	ReasonDuplicateName Reason = "DuplicateName"
	// ReasonDuplicateModel: an older ProviderPolicy serves the same model name.
	ReasonDuplicateModel Reason = "DuplicateModel"
	// ReasonDuplicateRoute: another ModelRoute takes the same requests first.
	ReasonDuplicateRoute Reason = "DuplicateRoute"
	// ReasonChildConflict: an object that the gateway needs exists and belongs to someone else.
	ReasonChildConflict Reason = "ChildConflict"
)

// The reasons of ResolvedRefs.
const (
	ReasonResolved          Reason = "Resolved"
	ReasonGatewayNotFound   Reason = "GatewayNotFound"
	ReasonNotAllowed        Reason = "NamespaceNotAllowed"
	ReasonSecretNotFound    Reason = "SecretNotFound"
	ReasonSecretKeyNotFound Reason = "SecretKeyNotFound"
	ReasonInvalidSecret     Reason = "InvalidSecret"
	ReasonSecretNotOwned    Reason = "SecretNotOwned"
	// ReasonProviderNotFound: a target names a ProviderPolicy that the gateway does not serve.
	ReasonProviderNotFound Reason = "ProviderNotFound"
	// ReasonModelNotFound: a target names a model that its ProviderPolicy does not have.
	ReasonModelNotFound Reason = "ModelNotFound"
	// ReasonUnsupportedOperation: a target's provider is of a type that cannot do what the gateway is to ask of it.
	ReasonUnsupportedOperation Reason = "UnsupportedOperation"
)

// The reasons of Programmed.
const (
	ReasonProgrammed Reason = "Programmed"
	ReasonPending    Reason = "Pending"
	ReasonNoReplicas Reason = "NoReplicas"
	ReasonRejected   Reason = "Rejected"
	ReasonAckMissing Reason = "AckMissing"
)

// The reasons of Available, Ready and Stalled.
const (
	ReasonAvailable   Reason = "Available"
	ReasonUnavailable Reason = "Unavailable"
	ReasonReady       Reason = "Ready"
	ReasonProgressing Reason = "Progressing"
	ReasonUnreadable  Reason = "Unreadable"
)

// The reasons of Healthy.
const (
	// ReasonAnswering: the health check succeeds or, without one, requests are answered.
	ReasonAnswering Reason = "Answering"
	// ReasonHealthCheckFailed: pods say that the health check fails.
	ReasonHealthCheckFailed Reason = "HealthCheckFailed"
	// ReasonBreakerOpen: pods say that breakers are open.
	ReasonBreakerOpen Reason = "BreakerOpen"
	// ReasonNotObserved: nothing has been asked of it lately, or pods are silent.
	ReasonNotObserved Reason = "NotObserved"
)

// The reasons of Ready and Programmed of a key that is refused on purpose.
const (
	ReasonDisabled Reason = "Disabled"
	ReasonExpired  Reason = "Expired"
)

// The reasons of WithinBudget.
const (
	ReasonWithinBudget Reason = "WithinBudget"
	// ReasonNearlySpent: four fifths of a budget are spent.
	ReasonNearlySpent Reason = "NearlySpent"
	// ReasonSpent: a budget is used up.
	ReasonSpent Reason = "Spent"
)

// The reasons of LimitsEnforced.
const (
	// ReasonStore: every pod reaches the store.
	ReasonStore Reason = "Store"
	// ReasonLocal: there is no store, and the pods share what they count through the operator.
	ReasonLocal Reason = "Local"
	// ReasonStoreDown: pods say that the store does not answer.
	ReasonStoreDown Reason = "StoreDown"
	// ReasonNotTold: pods have not told yet.
	ReasonNotTold Reason = "NotTold"
)
