// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import "time"

// UsagePath takes a UsageCall by POST and answers with a UsageAnswer: by it the operator learns what a process counted, and
// tells it what the others did.
const UsagePath = "/v1/usage"

// RecordsPath gives the usage records that a process can read by GET, as lines of JSON.
const RecordsPath = "/v1/records"

// Holders are whoever limits hold for: what they used is counted by a name of one of these kinds and, but for HolderAll,
// an identity behind the "/".
const (
	HolderAll    = "all"     // the whole gateway
	HolderKey    = "key/"    // an APIKey, by its "namespace/name"
	HolderToken  = "token/"  // the bearer of tokens: a digest of issuer and subject
	HolderIP     = "ip/"     // a client address, IPv6 by its /64
	HolderUser   = "user/"   // a user, over all keys and tokens
	HolderPolicy = "policy/" // a UsagePolicy, by its "namespace/name"
	HolderRoute  = "route/"  // a ModelRoute, by its "namespace/name"
)

// HolderUse is what a holder used: as one process counted since it began, or together.
type HolderUse struct {
	// Holder is a name such as "key/team-a/alice".
	Holder string `json:"h"`
	// Requests that went on to a provider, the tokens of their prompts and answers, and what they cost.
	Requests int64 `json:"r,omitempty"`
	Tokens   int64 `json:"t,omitempty"`
	Cost     Money `json:"c,omitempty"`
	// Day, Week and Month are what the current windows, as known, cost.
	Day   WindowUse `json:"d,omitzero"`
	Week  WindowUse `json:"w,omitzero"`
	Month WindowUse `json:"m,omitzero"`
	// Last is when it was last used, in milliseconds since 1970.
	Last int64 `json:"l,omitempty"`
}

// WindowUse is the cost in one window of a Calendar.
type WindowUse struct {
	Window int64 `json:"n"`
	Cost   Money `json:"c"`
}

// In gives the cost in the window of a period that a time lies in; of Total, all of it.
func (u *HolderUse) In(c Calendar, at time.Time) Money {
	var w WindowUse
	switch c {
	case Day:
		w = u.Day
	case Week:
		w = u.Week
	case Month:
		w = u.Month
	default:
		return u.Cost
	}
	if w.Window != c.Window(at) {
		return 0
	}
	return w.Cost
}

// Add adds what another counted. Of windows the later one stands, and the earlier one is forgotten.
func (u *HolderUse) Add(o *HolderUse) {
	u.Requests += o.Requests
	u.Tokens += o.Tokens
	u.Cost += o.Cost
	u.Day.add(o.Day)
	u.Week.add(o.Week)
	u.Month.add(o.Month)
	u.Last = max(u.Last, o.Last)
}

func (w *WindowUse) add(o WindowUse) {
	switch {
	case o.Window > w.Window:
		*w = o
	case o.Window == w.Window:
		w.Cost += o.Cost
	}
}

// MaxHolders bounds the holders in one UsageCall or UsageAnswer.
const MaxHolders = 5000

// UsageCall tells a process what the others counted, and asks for what it counted itself.
type UsageCall struct {
	// Instance is whom the call is for, as in its Ack; another process takes nothing from it, and answers from the start.
	Instance string `json:"instance"`
	// Replicas is how many pods share the limits, this one among them. Positive.
	Replicas int `json:"replicas"`
	// After is the Cursor of the last answer, 0 before the first.
	After int64 `json:"after"`
	// Elsewhere is what all other processes together counted, of holders of which it has grown: those that have gone, and
	// those before the operator's restart, included. It replaces what was told of the holder before.
	Elsewhere []HolderUse `json:"elsewhere,omitempty"`
}

// UsageAnswer is what one process counted.
type UsageAnswer struct {
	Instance string `json:"instance"`
	// Cursor is where the next answer goes on.
	Cursor int64 `json:"cursor"`
	// Holders are those that grew since After, each as counted in all by this process; More says that there are others.
	Holders []HolderUse `json:"holders,omitempty"`
	More    bool        `json:"more,omitempty"`
	// Shared says that what is told of holders is what the store knows, of all processes together, so that the largest is
	// the truth and not the sum.
	Shared bool `json:"shared,omitempty"`
	// Store is nil without one.
	Store *StoreState `json:"store,omitempty"`
}

// StoreState is how a process finds its store.
type StoreState struct {
	Up bool `json:"up"`
	// Since is when it became so; Reason is a phrase such as "timeout", empty while up.
	Since  time.Time `json:"since"`
	Reason string    `json:"reason,omitempty"`
}
