// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package console serves the read-only page of the operator, and what it shows.
package console

import (
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// The bounds of an Overview's lists. What is beyond them is left out, the least telling first.
const (
	maxGateways = 100
	// With more than maxWhole gateways each is Brief.
	maxWhole    = 10
	maxPods     = 100
	maxAttached = 200
	maxNotReady = 50
	maxModels   = 200
	maxReasons  = 20
	maxBreakers = 100
	// Of keys, and of teams.
	maxSpend   = 50
	maxErrors  = 50
	maxBudgets = 50
)

// Overview is what the page shows: the answer to GET /console/api/overview, in JSON. Lists are never null, and sorted.
type Overview struct {
	// At is when it was put together; it may be some seconds old.
	At time.Time `json:"at"`
	// Version is the operator's.
	Version string `json:"version"`
	// Playground says that POST /console/api/play is answered.
	Playground bool `json:"playground"`
	// Omitted counts the gateways that are left out.
	Omitted int `json:"omitted"`
	// Gateways by namespace and name.
	Gateways []Gateway `json:"gateways"`
}

// Condition is one of a resource's status. Status is "True", "False" or "Unknown".
type Condition struct {
	Type    string    `json:"type"`
	Status  string    `json:"status"`
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Since   time.Time `json:"since"`
}

// Gateway is a SparkGateway and what its pods say of themselves.
type Gateway struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Brief says that something is left out because there are many gateways or many pods: Models, Traffic, Spend and Errors, or what
	// pods would have said that were not asked. Asked for alone it is whole.
	Brief bool   `json:"brief"`
	URL   string `json:"url"`
	// Revision is the one wanted; Desired is how many pods are.
	Revision string `json:"revision"`
	Desired  int32  `json:"desired"`
	// Ready is one of Conditions, Unknown where the status has none yet.
	Ready      Condition   `json:"ready"`
	Conditions []Condition `json:"conditions"`
	// Pods by name. PodsOmitted counts those that are left out, here and in all sums: ready ones first.
	Pods        []Pod `json:"pods"`
	PodsOmitted int   `json:"podsOmitted"`
	// Providers and Routes by namespace and name, those that are not ready first.
	Providers []Provider `json:"providers"`
	Routes    []Attached `json:"routes"`
	Keys      Tally      `json:"keys"`
	Policies  Tally      `json:"policies"`
	// Models are names that applications may ask for, sorted: those of routes without patterns, then those of providers.
	Models []string `json:"models"`
	// Traffic is of the last 60 minutes, the oldest first; the last one is not over. Minutes without requests are there, with zeros; it is
	// empty where no pod tells of any.
	Traffic []Minute `json:"traffic"`
	// Spend of keys, then of teams, each the dearest first: all that they ever used, over all gateways, as their statuses say.
	Spend []Spend `json:"spend"`
	// Errors are the ways in which requests failed, the last seen first.
	Errors []config.ErrorGroup `json:"errors"`
	// Budgets near their end, the fullest first.
	Budgets []config.BudgetHealth `json:"budgets"`
}

// Pod is one pod of a gateway. Of a silent one only the name, Ready and Reasons are known.
type Pod struct {
	Name string `json:"name"`
	// Ready is Kubernetes' word. Programmed says that the pod runs the gateway's revision.
	Ready      bool      `json:"ready"`
	Programmed bool      `json:"programmed"`
	Revision   string    `json:"revision"`
	Version    string    `json:"version"`
	Started    time.Time `json:"started,omitzero"`
	Draining   bool      `json:"draining"`
	InFlight   int       `json:"inFlight"`
	// Silent says that the pod does not tell of itself; the numbers above are not known then, and left out of all sums.
	Silent bool `json:"silent"`
	// Status is a Health's, "" while silent; Reasons say why it is not ok, or why it is silent.
	Status  string   `json:"status"`
	Reasons []string `json:"reasons"`
}

// Provider is a ProviderPolicy, as the pods of one gateway see it.
type Provider struct {
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Type      string    `json:"type"`
	Ready     Condition `json:"ready"`
	Healthy   Condition `json:"healthy"`
	// Attempts and Failures are of the last minute.
	Attempts int64 `json:"attempts"`
	Failures int64 `json:"failures"`
	// P50 and P95 are milliseconds until an answer began, 0 if not known.
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	// Breakers that are not closed, by pod and model.
	Breakers []Breaker `json:"breakers"`
}

// Breaker is a breaker of one pod that is not closed.
type Breaker struct {
	Pod   string `json:"pod"`
	Model string `json:"model"`
	// State is "Open" or "HalfOpen".
	State  string    `json:"state"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until,omitzero"`
}

// Attached is a resource that attaches to a gateway.
type Attached struct {
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Ready     Condition `json:"ready"`
}

// Tally counts resources and names those that are not ready.
type Tally struct {
	Count    int        `json:"count"`
	NotReady []Attached `json:"notReady"`
}

// Minute is the requests that ended within one minute, over all pods that tell.
type Minute struct {
	At       time.Time `json:"at"`
	Requests int64     `json:"requests"`
	// Failed by the gateway's or a provider's fault, Refused by the client's.
	Failed  int64 `json:"failed"`
	Refused int64 `json:"refused"`
	Tokens  int64 `json:"tokens"`
	// Cost in US dollars.
	Cost float64 `json:"cost"`
	// Milliseconds of the whole answer and to its first token; 0 if not known.
	P50      float64 `json:"p50"`
	P95      float64 `json:"p95"`
	P99      float64 `json:"p99"`
	FirstP50 float64 `json:"firstP50"`
	FirstP95 float64 `json:"firstP95"`
	// HitRate is 0 to 1, null where nothing was looked up in the cache.
	HitRate *float64 `json:"hitRate"`
}

// The kinds of a Spend.
const (
	SpendOfKey  = "key"
	SpendOfTeam = "team"
)

// Spend is what one key or team spent. A team is the value of a key's label "team".
type Spend struct {
	Kind string `json:"kind"`
	// Name is a key's "namespace/name", or a team.
	Name     string  `json:"name"`
	User     string  `json:"user"`
	Requests int64   `json:"requests"`
	Tokens   int64   `json:"tokens"`
	Cost     float64 `json:"cost"`
}

// Play is the body of POST /console/api/play.
type Play struct {
	// Gateway is "namespace/name".
	Gateway string `json:"gateway"`
	Model   string `json:"model"`
	// Prompt is of at most 8 KiB.
	Prompt string `json:"prompt"`
	Stream bool   `json:"stream"`
}

// Played is the answer to a Play. Errors of the playground itself are {"error": "…"} with a status of 4xx or 5xx.
type Played struct {
	// Status is the gateway's; 0 where it could not be reached. Error says why, or how an answer that had begun broke off.
	Status int    `json:"status"`
	Error  string `json:"error"`
	// Headers are the answer's x-spark-* and x-request-id, names in lower case.
	Headers map[string]string `json:"headers"`
	// Explain is the gateway's plan for the request, from before it was sent, and Course what became of it; each is null where the
	// pod does not tell.
	Explain *config.Explanation `json:"explain"`
	Course  *config.Course      `json:"course"`
	// Text is what the model said, or the body of an error; at most 64 KiB.
	Text  string     `json:"text"`
	Usage PlayedWork `json:"usage"`
	// FirstMS and TotalMS are milliseconds to the first token and to the end; 0 if not known.
	FirstMS float64 `json:"firstMs"`
	TotalMS float64 `json:"totalMs"`
}

// PlayedWork is the tokens that the gateway reports.
type PlayedWork struct {
	InputTokens  int64 `json:"inputTokens"`
	OutputTokens int64 `json:"outputTokens"`
}
