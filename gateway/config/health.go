// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import "time"

// HealthPath gives the Health of a process by GET.
const HealthPath = "/v1/health"

// The states of a Health.
const (
	// HealthOK: all is well.
	HealthOK = "ok"
	// HealthDegraded: requests are served, some of them not as they should be.
	HealthDegraded = "degraded"
	// HealthNotReady: the process should get no traffic.
	HealthNotReady = "not_ready"
)

// Health is the state of one process. Lists are never null.
type Health struct {
	// Status is one of the constants; Reasons are phrases that say why it is not ok, at most 20.
	Status  string   `json:"status"`
	Reasons []string `json:"reasons"`
	// Gateway, Pod, Instance and Version are as in an Ack; Pod is empty of a process that is no pod.
	Gateway  string `json:"gateway"`
	Pod      string `json:"pod"`
	Instance string `json:"instance"`
	Version  string `json:"version"`
	// At is now, by the process's clock; Started is when it began.
	At      time.Time `json:"at"`
	Started time.Time `json:"started"`
	// Configuration is what is served; nil before the first.
	Configuration *ConfigurationHealth `json:"configuration,omitempty"`
	// Rejected is as in an Ack.
	Rejected *Rejection `json:"rejected,omitempty"`
	Draining bool       `json:"draining"`
	// InFlight requests are being served, over Connections of clients.
	InFlight    int `json:"inFlight"`
	Connections int `json:"connections"`
	// Providers are as in State.
	Providers []ProviderState `json:"providers"`
	// Traffic is of the last 60 minutes, a minute each, the oldest first; the last one is not over. There are fewer as long as the
	// process is younger. Minutes are the wall clock's, so that those of several processes can be added.
	Traffic []TrafficMinute `json:"traffic"`
	// Cache is nil where nothing is kept, Store where state is not shared.
	Cache  *CacheHealth `json:"cache,omitempty"`
	Store  *StoreState  `json:"store,omitempty"`
	Limits LimitsHealth `json:"limits"`
	// Budgets are those of which at least 80 % are spent, the fullest first, at most 50.
	Budgets []BudgetHealth `json:"budgets"`
	// Spend is of the keys that spent most since the process began, the dearest first, at most 50.
	Spend []KeySpend `json:"spend"`
	// ErrorsLastHour counts the requests that failed in the minutes of Traffic. ErrorGroups is how many ways to fail or to be refused
	// are remembered, as GET /api/spark/errors lists them.
	ErrorsLastHour int64 `json:"errorsLastHour"`
	ErrorGroups    int   `json:"errorGroups"`
}

// ConfigurationHealth is the document that is served.
type ConfigurationHealth struct {
	// Revision and Sequence are as in an Ack.
	Revision string `json:"revision"`
	Sequence int64  `json:"sequence"`
	// Applied is when the process took it up.
	Applied time.Time `json:"applied"`
	// Providers, Routes and Keys count what it has.
	Providers int `json:"providers"`
	Routes    int `json:"routes"`
	Keys      int `json:"keys"`
}

// TrafficMinute is the requests of models, as distinct from those of the gateway's own endpoints, that ended within one minute.
type TrafficMinute struct {
	// At is when the minute began.
	At time.Time `json:"at"`
	// Requests are all; Failed of them failed by the gateway's or a provider's fault, Refused by the client's. The rest were
	// answered, or their clients left.
	Requests int64 `json:"requests"`
	Failed   int64 `json:"failed"`
	Refused  int64 `json:"refused"`
	// Tokens and Cost, in US dollars, are of all their attempts.
	Tokens int64   `json:"tokens"`
	Cost   float64 `json:"cost"`
	// Duration says how many of the answered took how long, but for sessions (realtime), and FirstToken of streamed answers how long it
	// was until they began: by LatencyBucket, trailing zeros left out.
	Duration   []int64 `json:"duration,omitempty"`
	FirstToken []int64 `json:"firstToken,omitempty"`
	// Lookups were looked for in the cache, Hits were answered from it.
	Lookups int64 `json:"lookups"`
	Hits    int64 `json:"hits"`
}

// CacheHealth is what a process's memory keeps.
type CacheHealth struct {
	// Entries are answers, which take Bytes of at most MaxBytes.
	Entries  int64 `json:"entries"`
	Bytes    int64 `json:"bytes"`
	MaxBytes int64 `json:"maxBytes"`
	// Questions are those that later ones are compared with by their meaning, and take QuestionBytes beside.
	Questions     int64 `json:"questions"`
	QuestionBytes int64 `json:"questionBytes"`
}

// LimitsHealth is how limits and budgets hold at a process just now.
type LimitsHealth struct {
	// Mode is one of the constants or, while the store is down, its OnFailure.
	Mode string `json:"mode"`
	// Replicas is how many pods share them, this one among them.
	Replicas int `json:"replicas"`
}

// The modes of limits.
const (
	// LimitsAlone: there is one pod.
	LimitsAlone = "Alone"
	// LimitsExchanged: the operator tells pods what the others used.
	LimitsExchanged = "Exchanged"
	// LimitsStored: all pods ask the store.
	LimitsStored = "Stored"
)

// BudgetHealth is a budget near its end, or past it.
type BudgetHealth struct {
	// Kind is "key" or "policy", Holder the "namespace/name" of whose budget it is.
	Kind   string `json:"kind"`
	Holder string `json:"holder"`
	// Per is the period: "Day", "Week", "Month" or "Total".
	Per Calendar `json:"per"`
	// Spent of Limit, in US dollars, by all processes as far as this one knows.
	Spent float64 `json:"spent"`
	Limit float64 `json:"limit"`
	// Resets is when the next period begins; zero of "Total", which has none.
	Resets time.Time `json:"resets,omitzero"`
	// Shadow budgets refuse nothing.
	Shadow bool `json:"shadow,omitempty"`
}

// KeySpend is what one key spent at one process since that began.
type KeySpend struct {
	// Key is "namespace/name", User whom it is for.
	Key  string `json:"key"`
	User string `json:"user,omitempty"`
	// Team is the key's label LabelTeam.
	Team string `json:"team,omitempty"`
	// Requests are those that had an answer, or went to a provider for one; Tokens and Cost, in US dollars, are of all their
	// attempts.
	Requests int64   `json:"requests"`
	Tokens   int64   `json:"tokens"`
	Cost     float64 `json:"cost"`
}
