// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// bytesPerToken is how the throughput of a stream is counted before anybody has told its tokens.
const bytesPerToken = 4

// pace is how fast the text of a stream comes. It looks at one stretch of time after another.
type pace struct {
	bytes int64 // of text, ever
	// before came before the present stretch, which ends at end; zero where nobody measures.
	before int64
	end    time.Time
}

// check looks at a stretch that is over. firstToken is when the first began; zero is not yet.
func (p *pace) check(least *config.MinThroughput, firstToken time.Time) *exchange.Error {
	if least == nil || firstToken.IsZero() {
		return nil
	}
	if p.end.IsZero() {
		p.end = firstToken.Add(least.Over.Std())
	}
	now := time.Now()
	if now.Before(p.end) {
		return nil
	}
	if float64(p.bytes-p.before) < float64(least.TokensPerSecond*bytesPerToken)*least.Over.Std().Seconds() {
		return trickled()
	}
	p.before, p.end = p.bytes, now.Add(least.Over.Std())
	return nil
}

// within gives the shorter of a wait and what is left of the stretch.
func (p *pace) within(wait time.Duration) time.Duration {
	if p.end.IsZero() {
		return wait
	}
	return min(wait, max(time.Until(p.end), time.Millisecond))
}
