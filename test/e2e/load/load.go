// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package load is the suite's hand inside the cluster: it asks gateways single questions, keeps up a load at a given
// pace, serves pages, and stops processes by signals. It is told what to do over HTTP and answers in JSON.
package load

import (
	"net/http"
	"time"
)

// Question is one request to send.
type Question struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	// Bytes are a body that is no text; Body is empty then.
	Bytes []byte `json:"bytes,omitempty"`
}

// Answer is what came of a Question.
type Answer struct {
	Status  int         `json:"status,omitempty"`
	Headers http.Header `json:"headers,omitempty"`
	Body    string      `json:"body,omitempty"`
	// Error says why there is no answer, or not a whole one.
	Error string `json:"error,omitempty"`
}

// Page is JSON that anybody can get at /pages/PATH, as an identity provider gives its keys.
type Page struct {
	Path string `json:"path"`
	// Body is empty for a page that is taken away.
	Body string `json:"body,omitempty"`
}

// Spec is a load: chats at a steady pace, whether answers come or not.
type Spec struct {
	// Targets are base URLs, such as http://10.0.0.1:8080; each gets Rate requests a second.
	Targets []string `json:"targets"`
	Rate    float64  `json:"rate"`
	// Count of requests to each target; 0 goes on until the run is stopped.
	Count int `json:"count,omitempty"`
	// StreamEvery makes every so-many-th request a stream; 0 none.
	StreamEvery int    `json:"streamEvery,omitempty"`
	Key         string `json:"key"`
	Model       string `json:"model"`
	// Headers go with each request, beside those that a chat has anyway.
	Headers map[string]string `json:"headers,omitempty"`
	// Steer and SteerStream tell the fake provider how to answer, such as "tokens=20 delay=50ms".
	Steer       string `json:"steer,omitempty"`
	SteerStream string `json:"steerStream,omitempty"`
	// Fresh opens a connection for each request.
	Fresh bool `json:"fresh,omitempty"`
	// Halfway is after how many events a stream counts as half-way.
	Halfway int `json:"halfway,omitempty"`
}

// Report is how a run is going.
type Report struct {
	// Running requests were sent and have not ended.
	Running int              `json:"running"`
	Targets map[string]Tally `json:"targets"`
}

// Tally is what became of the requests to one target.
type Tally struct {
	Sent    int `json:"sent"`
	Streams int `json:"streams"`
	// Halfway streams have come so far.
	Halfway int `json:"halfway"`
	// OK counts whole answers: valid JSON, or a stream up to its terminator. Statuses counts the others' by status.
	OK       int            `json:"ok"`
	Statuses map[string]int `json:"statuses,omitempty"`
	// Broken counts requests without a whole answer; Samples are the first things that went wrong.
	Broken  int      `json:"broken"`
	Samples []string `json:"samples,omitempty"`
	// LastOK and FirstRefused are when the last request that was answered well, and the first that was answered 401,
	// were sent.
	LastOK       time.Time `json:"lastOK,omitzero"`
	FirstRefused time.Time `json:"firstRefused,omitzero"`
	// P50, P99 and Max are of the whole answers that were not streamed.
	P50 time.Duration `json:"p50"`
	P99 time.Duration `json:"p99"`
	Max time.Duration `json:"max"`
}

// Signal is sent to every process of one pod's containers.
type Signal struct {
	PodUID string `json:"podUID"`
	// Number as Linux counts signals.
	Number int `json:"number"`
}

// The signals that the suite sends.
const (
	SignalKill = 9
	SignalCont = 18
	SignalStop = 19
)

// Moment is when something was done, by this machine's clock.
type Moment struct {
	At time.Time `json:"at"`
	// PIDs that a signal went to.
	PIDs []int `json:"pids,omitempty"`
}

// Total adds up the tallies of all targets; times and percentiles are the latest and the worst.
func (r Report) Total() Tally {
	total := Tally{Statuses: map[string]int{}}
	for _, t := range r.Targets {
		total.Sent += t.Sent
		total.Streams += t.Streams
		total.Halfway += t.Halfway
		total.OK += t.OK
		total.Broken += t.Broken
		for status, n := range t.Statuses {
			total.Statuses[status] += n
		}
		total.Samples = append(total.Samples, t.Samples...)
		total.P50, total.P99, total.Max = max(total.P50, t.P50), max(total.P99, t.P99), max(total.Max, t.Max)
		if t.LastOK.After(total.LastOK) {
			total.LastOK = t.LastOK
		}
		if t.FirstRefused.After(total.FirstRefused) {
			total.FirstRefused = t.FirstRefused
		}
	}
	return total
}
