// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// maxCourses is how many a process keeps; the oldest makes room.
const maxCourses = 64

var headerCourse = []byte(config.CourseHeader)

// courses are those of the last requests that asked for it. The zero value is ready. It is safe for concurrent use.
type courses struct {
	mu   sync.Mutex
	kept [maxCourses]config.Course
	next int
}

func (c *courses) keep(course config.Course) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept[c.next] = course
	c.next = (c.next + 1) % maxCourses
}

func (c *courses) find(id string) (config.Course, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.kept {
		if id != "" && c.kept[i].ID == id {
			return c.kept[i], true
		}
	}
	return config.Course{}, false
}

// keepCourse keeps what became of a request of somebody known that asks for it. A WebSocket has left its header behind.
func (r *request) keepCourse(end time.Time) {
	if r.ex.Principal == nil || r.ex.Operation == exchange.Realtime || len(r.ctx.Request.Header.PeekCanonical(headerCourse)) == 0 {
		return
	}
	r.srv.living.courses.keep(courseOf(&r.ex, end))
}

func courseOf(ex *exchange.Exchange, end time.Time) config.Course {
	c := config.Course{
		ID: string(ex.ID[:]), Key: ex.Principal.ID, Route: ex.Route, Status: ex.Status, Outcome: ex.Outcome.String(), Reason: string(ex.Reason),
		Cache: ex.Caching.Result.String(), CacheTier: ex.Caching.Tier.String(), CacheWhy: ex.Caching.Why,
		DurationMS: millis(end.Sub(ex.Start)), Attempts: []config.CourseAttempt{},
	}
	if !ex.Findings.Empty() {
		c.Findings = string(ex.Findings.AppendHeader(nil))
	}
	all := make([]*exchange.Attempt, 0, len(ex.Tried)+1)
	for i := range ex.Tried {
		all = append(all, &ex.Tried[i])
	}
	if !ex.Began.IsZero() {
		all = append(all, &ex.Attempt)
	}
	slices.SortStableFunc(all, func(a, b *exchange.Attempt) int { return a.Began.Compare(b.Began) })
	for _, a := range all {
		c.Attempts = append(c.Attempts, attemptOf(a, ex.Start, end))
	}
	return c
}

func attemptOf(a *exchange.Attempt, start, end time.Time) config.CourseAttempt {
	if !a.Ended.IsZero() {
		end = a.Ended
	}
	out := config.CourseAttempt{
		Kind: a.Kind.String(), Provider: a.Provider, Model: worded(a.Target), UpstreamModel: worded(a.UpstreamModel), UpstreamStatus: a.UpstreamStatus,
		Outcome: a.Outcome.String(), Reason: string(a.Reason), StartMS: millis(a.Began.Sub(start)), DurationMS: millis(end.Sub(a.Began)),
		Tokens: a.Usage.Total,
	}
	if !a.FirstToken.IsZero() {
		out.FirstMS = millis(a.FirstToken.Sub(a.Began))
	}
	return out
}

// maxCourseModel bounds the name of a model, which may be the client's, as its buffer may.
const maxCourseModel = 256

func worded(model string) string {
	return strings.ToValidUTF8(strings.Clone(model[:min(len(model), maxCourseModel)]), "")
}

// millis gives milliseconds with at most three decimals.
func millis(d time.Duration) float64 { return float64(max(d.Microseconds(), 0)) / 1000 }

// Course says what became of a request whose ID is known, to operators.
func (r Report) Course(id string) (config.Course, bool) { return r.Server.living.courses.find(id) }
