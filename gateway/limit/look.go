// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// Sight is what can be seen of one limit.
type Sight struct {
	Scope Scope
	// Count requests each Per are allowed, of which Burst may come at once, and Remaining now.
	Count            int64
	Per              config.Duration
	Burst, Remaining int64
	// Reset is the time until Remaining is Burst again.
	Reset time.Duration
}

// Look gives what can be seen of each limit, in the order in which they were added, and what Take would say of one more
// request. It takes nothing.
func (g *Group) Look(now int64) (each []Sight, next Decision) {
	if g == nil {
		return nil, Decision{}
	}
	for i, l := range g.limits {
		tat := l.clamp(g.buckets[i].tat.Load(), now)
		each = append(each, Sight{
			Scope: g.buckets[i].scope, Count: l.count, Per: l.per, Burst: l.burst,
			Remaining: (l.tolerance - (tat - now)) / l.interval, Reset: time.Duration(tat - now),
		})
	}
	return each, g.peek(now)
}
