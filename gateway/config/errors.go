// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// ErrorsPath gives the ErrorReport of a process by GET.
const ErrorsPath = "/v1/errors"

// The levels of an ErrorGroup.
const (
	// LevelError: the gateway or a provider is at fault.
	LevelError = "error"
	// LevelWarning: the request is at fault.
	LevelWarning = "warning"
)

// ErrorReport is what one process knows of the requests that failed.
type ErrorReport struct {
	// Instance is as in its Ack.
	Instance string `json:"instance"`
	// Since is when it began to count.
	Since time.Time `json:"since"`
	// Dropped is how many groups were forgotten to make room for others.
	Dropped int64 `json:"dropped"`
	// Groups are those that it remembers, the last seen first; never null.
	Groups []ErrorGroup `json:"groups"`
}

// ErrorGroup is requests that failed in one way. What cannot be said of a way is empty or 0.
type ErrorGroup struct {
	// Fingerprint names the way: 16 hexadecimal digits, the same in every process and after a restart.
	Fingerprint string `json:"fingerprint"`
	// Reason is as in the x-spark-reason header; Outcome is a word of logs; Level is one of the constants.
	Reason  string `json:"reason"`
	Outcome string `json:"outcome"`
	Level   string `json:"level"`
	// Status is what clients were told, UpstreamStatus what the provider answered.
	Status         int `json:"status,omitempty"`
	UpstreamStatus int `json:"upstreamStatus,omitempty"`
	// Provider and Route are IDs, Model is a target's name in the configuration; of Route, and of Dialect, those of the first
	// request.
	Provider  string `json:"provider,omitempty"`
	Model     string `json:"model,omitempty"`
	Route     string `json:"route,omitempty"`
	Dialect   string `json:"dialect,omitempty"`
	Operation string `json:"operation,omitempty"`
	// Count is how many requests, LastHour how many of them in the last 60 minutes.
	Count    int64 `json:"count"`
	LastHour int64 `json:"lastHour"`
	// First and Last are when the first and the last of them ended.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// Sample is what the first one's client was told and its cause, redacted, of at most MaxErrorSample bytes.
	Sample string `json:"sample,omitempty"`
	// LastRequestID is the last one's.
	LastRequestID string `json:"lastRequestID,omitempty"`
}

// MaxErrorSample bounds ErrorGroup.Sample, in bytes.
const MaxErrorSample = 512

// MergeErrorGroups gives what several processes know as if one had seen it all: the groups of one fingerprint are one, with the
// sum of their counts. The last seen comes first. It changes none of its arguments.
func MergeErrorGroups(all ...[]ErrorGroup) []ErrorGroup {
	merged := []ErrorGroup{}
	at := map[string]int{}
	for _, groups := range all {
		for i := range groups {
			place, known := at[groups[i].Fingerprint]
			if !known {
				at[groups[i].Fingerprint] = len(merged)
				merged = append(merged, groups[i])
				continue
			}
			merged[place].add(&groups[i])
		}
	}
	SortErrorGroups(merged)
	return merged
}

// add takes in what another process knows of the same group. The older one's words stand.
func (g *ErrorGroup) add(o *ErrorGroup) {
	sum := *g
	if o.First.Before(g.First) {
		sum = *o
	}
	sum.Count, sum.LastHour = g.Count+o.Count, g.LastHour+o.LastHour
	sum.Last, sum.LastRequestID = g.Last, g.LastRequestID
	if o.Last.After(g.Last) {
		sum.Last, sum.LastRequestID = o.Last, o.LastRequestID
	}
	*g = sum
}

// SortErrorGroups puts the last seen first, and of those seen at once the smaller fingerprint.
func SortErrorGroups(groups []ErrorGroup) {
	slices.SortFunc(groups, func(a, b ErrorGroup) int {
		return cmp.Or(b.Last.Compare(a.Last), strings.Compare(a.Fingerprint, b.Fingerprint))
	})
}
