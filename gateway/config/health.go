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
	// Status is one of the constants; Reasons are phrases that say why it is not ok.
	Status  string   `json:"status"`
	Reasons []string `json:"reasons"`
	// Gateway, Pod, Instance and Version are as in an Ack.
	Gateway  string `json:"gateway"`
	Pod      string `json:"pod"`
	Instance string `json:"instance"`
	Version  string `json:"version"`
	// At is now, by the process's clock; Started is when it began.
	At      time.Time `json:"at"`
	Started time.Time `json:"started"`
	// Configuration is what is served; nil before the first.
	Configuration *ConfigurationHealth `json:"configuration,omitempty"`
	Draining      bool                 `json:"draining"`
	// InFlight requests are being served, over Connections of clients.
	InFlight    int `json:"inFlight"`
	Connections int `json:"connections"`
	// Providers are as in State.
	Providers []ProviderState `json:"providers"`
	// Traffic is of the last 60 minutes, a minute each, the oldest first; the last one is not over.
	Traffic []TrafficMinute `json:"traffic"`
	// Cache is nil where nothing is kept, Store where state is not shared.
	Cache *CacheHealth `json:"cache,omitempty"`
	Store *StoreHealth `json:"store,omitempty"`
	// Budgets are those of which at least 80 % are spent, the fullest first, at most 50.
	Budgets []BudgetHealth `json:"budgets"`
	// Spend is of the keys that spent most since the process began, the dearest first, at most 50.
	Spend []KeySpend `json:"spend"`
	// ErrorsLastHour counts the requests that failed within 60 minutes, ErrorGroups how many ways there were.
	ErrorsLastHour int64 `json:"errorsLastHour"`
	ErrorGroups    int   `json:"errorGroups"`
}

// ConfigurationHealth is the document that is served.
type ConfigurationHealth struct {
	Revision string `json:"revision"`
	Sequence int64  `json:"sequence"`
	// Applied is when the process took it up.
	Applied time.Time `json:"applied"`
	// Rejected is as in Ack.
	Rejected *Rejection `json:"rejected,omitempty"`
	// Providers, Routes and Keys count what it has.
	Providers int `json:"providers"`
	Routes    int `json:"routes"`
	Keys      int `json:"keys"`
}

// TrafficMinute is the requests that ended within one minute.
type TrafficMinute struct {
	// At is when the minute began.
	At time.Time `json:"at"`
	// Requests are all; Failed of them failed by the gateway's or a provider's fault, Refused by the client's.
	Requests int64 `json:"requests"`
	Failed   int64 `json:"failed"`
	Refused  int64 `json:"refused"`
	// Tokens and Cost, in US dollars, are of all their attempts.
	Tokens int64   `json:"tokens"`
	Cost   float64 `json:"cost"`
	// Duration and FirstToken say how many of the answered took how long: by LatencyBucket, trailing zeros left out.
	Duration   []int64 `json:"duration,omitempty"`
	FirstToken []int64 `json:"firstToken,omitempty"`
	// Lookups are those that could have been answered from the cache, Hits those that were.
	Lookups int64 `json:"lookups"`
	Hits    int64 `json:"hits"`
}

// CacheHealth is what a process's memory keeps.
type CacheHealth struct {
	Entries  int64 `json:"entries"`
	Bytes    int64 `json:"bytes"`
	MaxBytes int64 `json:"maxBytes"`
}

// StoreHealth is what a process sees of the shared store.
type StoreHealth struct {
	Up bool `json:"up"`
	// Reason is a phrase that says why it is not up; Since is when that changed last.
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
}

// BudgetHealth is a budget near its end.
type BudgetHealth struct {
	// Holder is the ID of whom it holds for, Kind one of "key", "policy", "gateway", "user" and "address".
	Holder string `json:"holder"`
	Kind   string `json:"kind"`
	// Spent of Limit, in US dollars or tokens as Unit says, and when it is full again.
	Unit   string    `json:"unit"`
	Spent  float64   `json:"spent"`
	Limit  float64   `json:"limit"`
	Resets time.Time `json:"resets,omitzero"`
}

// KeySpend is what one key spent.
type KeySpend struct {
	// Key is "namespace/name", User whom it is for, where that is said.
	Key      string  `json:"key"`
	User     string  `json:"user,omitempty"`
	Requests int64   `json:"requests"`
	Tokens   int64   `json:"tokens"`
	Cost     float64 `json:"cost"`
}
