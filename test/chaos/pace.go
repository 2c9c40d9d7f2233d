// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "time"

// pace is how long and how hard each scenario is, and the settings of the gateway that depend on it.
type pace struct {
	rate                    int           // requests a second
	steady, fault, recovery time.Duration // how long each phase lasts
	openFor                 time.Duration // of the breakers
	retryAfter              time.Duration // that a provider asks for; whole seconds, as the header has no others
	flap                    time.Duration // how long a provider that flaps is up, and down
	grace                   time.Duration // what a bound allows for a machine that has other things to do
}

// The two forms: the one that a report is made of, and the one that every run of the tests takes.
var (
	fullPace = pace{
		rate: 200, steady: 10 * time.Second, fault: 30 * time.Second, recovery: 20 * time.Second,
		openFor: 2 * time.Second, retryAfter: 2 * time.Second, flap: time.Second,
		grace: 250 * time.Millisecond,
	}
	shortPace = pace{
		rate: 60, steady: 600 * time.Millisecond, fault: 1900 * time.Millisecond, recovery: 1700 * time.Millisecond,
		openFor: 500 * time.Millisecond, retryAfter: time.Second, flap: 250 * time.Millisecond,
		grace: 500 * time.Millisecond, // other tests run beside
	}
)

// Settings of the gateway that both forms share.
const (
	consecutiveFailures = 5
	halfOpenProbes      = 3
	firstToken          = 300 * time.Millisecond
)

// What a provider's healthy answer is: so many tokens, one each pause. A stream begins after one.
const (
	answerTokens = 10
	answerPause  = 2 * time.Millisecond
)

// underWay bounds how long a healthy answer takes on a machine that is not idle: what began so long before a fault may be
// hit by it.
const underWay = 4 * answerTokens * answerPause

// onTheirWay bounds how long a request takes from the gateway to a provider, and a refusal back.
const onTheirWay = 100 * time.Millisecond

// unfair is how long a machine must not keep everybody waiting: a healthy provider may miss its timeout then.
const unfair = firstToken / 3

// slowAnswer is how long a whole answer takes of a provider that is slow, slowStream how long it keeps a stream silent,
// lateAnswer what one adds that is only slower than the other, hedgedLate the same where a hedge comes to help after
// hedgeAfter.
const (
	slowAnswer = 600 * time.Millisecond
	slowStream = 5 * time.Second
	lateAnswer = 100 * time.Millisecond
	hedgedLate = 200 * time.Millisecond
	hedgeAfter = 60 * time.Millisecond
)

// total is how long a scenario lasts.
func (p pace) total() time.Duration { return p.steady + p.fault + p.recovery }

// requests is how many a scenario has.
func (p pace) requests() int { return int(p.total() * time.Duration(p.rate) / time.Second) }

// due is when a request is to be sent, counted from the scenario's start.
func (p pace) due(n int) time.Duration { return time.Duration(n) * time.Second / time.Duration(p.rate) }

// within gives how many requests are sent in a while, rounded up.
func (p pace) within(d time.Duration) int {
	return int((d*time.Duration(p.rate) + time.Second - 1) / time.Second)
}

// lasting gives how long so many requests take to be sent.
func (p pace) lasting(requests float64) time.Duration {
	return time.Duration(requests * float64(time.Second) / float64(p.rate))
}
