// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/breaker"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestWhatAnAttemptSaysOfItsTarget(t *testing.T) {
	status := func(upstream, told int, outcome exchange.Outcome) exchange.Attempt {
		return exchange.Attempt{UpstreamStatus: upstream, Status: told, Outcome: outcome, Reason: exchange.ReasonProviderStatus}
	}
	tests := map[string]struct {
		rec           exchange.Attempt
		open          bool
		keeps         bool
		wantCondition config.RetryCondition
		wantResult    breaker.Result
		wantIncapable bool
	}{
		"an answer":                             {rec: status(200, 200, exchange.OK), wantResult: breaker.Success},
		"a request that is wrong":               {rec: status(400, 400, exchange.ProviderRefused), wantResult: breaker.Success},
		"a conflict":                            {rec: status(409, 409, exchange.ProviderRefused), wantResult: breaker.Success},
		"a failure":                             {rec: status(500, 500, exchange.ProviderFailed), wantCondition: config.RetryServerError, wantResult: breaker.Failure},
		"Anthropic is overloaded":               {rec: status(529, 503, exchange.ProviderFailed), wantCondition: config.RetryServerError, wantResult: breaker.Failure},
		"a timeout of the provider's own":       {rec: status(408, 408, exchange.ProviderRefused), wantCondition: config.RetryTimeout, wantResult: breaker.Failure},
		"too many requests":                     {rec: status(429, 429, exchange.ProviderRefused), wantCondition: config.RetryTooManyRequests, wantResult: breaker.Failure},
		"no credential":                         {rec: status(0, 502, exchange.ProviderFailed), wantCondition: config.RetryTargetRefused, wantResult: breaker.Failure},
		"a credential that is refused":          {rec: status(403, 502, exchange.ProviderFailed), wantCondition: config.RetryTargetRefused, wantResult: breaker.Failure},
		"a configured model that is not there":  {rec: status(404, 404, exchange.ProviderRefused), wantCondition: config.RetryTargetRefused},
		"an application's model that is not":    {rec: status(404, 404, exchange.ProviderRefused), open: true, wantResult: breaker.Success},
		"a file that is not there":              {rec: status(404, 404, exchange.ProviderRefused), keeps: true, wantResult: breaker.Success},
		"an error event that is a failure":      {rec: status(200, 500, exchange.ProviderFailed), wantCondition: config.RetryServerError, wantResult: breaker.Failure},
		"an error event about too many":         {rec: status(200, 429, exchange.ProviderFailed), wantCondition: config.RetryTooManyRequests, wantResult: breaker.Failure},
		"an error event about the request":      {rec: status(200, 400, exchange.ProviderFailed), wantResult: breaker.Success},
		"nobody there":                          {rec: exchange.Attempt{Outcome: exchange.ProviderUnreachable}, wantCondition: config.RetryConnectFailure, wantResult: breaker.Failure},
		"a connection that broke":               {rec: exchange.Attempt{Outcome: exchange.ProviderBroken, Reason: exchange.ReasonReset}, wantCondition: config.RetryConnectFailure, wantResult: breaker.Failure},
		"half an answer":                        {rec: exchange.Attempt{Outcome: exchange.ProviderBroken, Reason: exchange.ReasonTruncated}, wantCondition: config.RetryServerError, wantResult: breaker.Failure},
		"no first token":                        {rec: exchange.Attempt{Outcome: exchange.ProviderTimeout, Reason: exchange.ReasonFirstTokenTimeout}, wantCondition: config.RetryTimeout, wantResult: breaker.Failure},
		"all of the time is spent":              {rec: exchange.Attempt{Outcome: exchange.ProviderTimeout, Reason: exchange.ReasonTotalTimeout}, wantResult: breaker.Failure},
		"tokens trickle":                        {rec: exchange.Attempt{Outcome: exchange.ProviderTimeout, Reason: exchange.ReasonThroughput}, wantResult: breaker.Failure},
		"the client left":                       {rec: exchange.Attempt{Outcome: exchange.ClientGone}},
		"the gateway must leave":                {rec: exchange.Attempt{Outcome: exchange.Drained}},
		"another was faster":                    {rec: exchange.Attempt{Outcome: exchange.Overtaken}},
		"the gateway's own fault":               {rec: exchange.Attempt{Outcome: exchange.Internal}},
		"what the target's dialect cannot take": {rec: exchange.Attempt{Outcome: exchange.Refused}, wantIncapable: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			a := &Attempt{rec: &tc.rec, target: &Target{Open: tc.open}, req: Request{Operation: exchange.Chat}}
			if tc.keeps {
				a.req.Operation = exchange.Files
			}
			v := a.judge()
			if v.condition != tc.wantCondition || v.result != tc.wantResult || v.incapable != tc.wantIncapable {
				t.Errorf("condition %q, result %v, incapable %t", v.condition, v.result, v.incapable)
			}
			if (v.why != "") != (v.result == breaker.Failure) {
				t.Errorf("why %q of result %v", v.why, v.result)
			}
		})
	}
}

func TestHowLongAProviderAsksToBeLeftAlone(t *testing.T) {
	tests := map[string]struct {
		fields map[string]string
		body   time.Duration
		want   time.Duration
		within time.Duration
	}{
		"nothing":                         {},
		"seconds":                         {fields: map[string]string{"Retry-After": "7"}, want: 7 * time.Second},
		"parts of seconds":                {fields: map[string]string{"Retry-After": "0.25"}, want: 250 * time.Millisecond},
		"milliseconds are finer":          {fields: map[string]string{"Retry-After": "7", "Retry-After-Ms": "6500"}, want: 6500 * time.Millisecond},
		"a date":                          {fields: map[string]string{"Retry-After": time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)}, want: time.Minute, within: 2 * time.Second},
		"a date that is over":             {fields: map[string]string{"Retry-After": time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat)}},
		"the error's body":                {body: 13 * time.Second, want: 13 * time.Second},
		"below zero":                      {fields: map[string]string{"Retry-After": "-5"}},
		"no number":                       {fields: map[string]string{"Retry-After": "soon"}},
		"not a number":                    {fields: map[string]string{"Retry-After": "NaN"}},
		"longer than anybody would":       {fields: map[string]string{"Retry-After": "1e300"}, want: 24 * time.Hour},
		"longer than anybody would, ever": {fields: map[string]string{"Retry-After": "Inf"}, want: 24 * time.Hour},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			a := &Attempt{retryAfter: tc.body}
			for field, value := range tc.fields {
				a.call.Header.Set(field, value)
			}
			if got := a.askedToWait(); got < tc.want-tc.within || got > tc.want+tc.within {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestARetryBudgetLooksBackTenSeconds(t *testing.T) {
	b := &RetryBudget{}
	granted := func(now int64) (n int) {
		for b.Retry(now, 20) {
			n++
		}
		return n
	}
	now := 1000 * second
	if n := granted(now); n != freeRetries {
		t.Errorf("without requests %d are granted, want %d", n, freeRetries)
	}
	for range 100 {
		b.Request(now + second)
	}
	if n := granted(now + second); n != 20-freeRetries {
		t.Errorf("with 100 requests %d more are granted, want %d", n, 20-freeRetries)
	}
	if n := granted(now + 9*second); n != 0 {
		t.Errorf("%d are granted within the ten seconds, want none", n)
	}
	if n := granted(now + 10*second); n != freeRetries {
		t.Errorf("%d are granted when the first have left the window, want %d", n, freeRetries)
	}
	if n := granted(now + 500*second); n != freeRetries {
		t.Errorf("%d are granted much later, want %d", n, freeRetries)
	}
	if n := granted(now); n != 0 {
		t.Errorf("a clock that went back grants %d", n)
	}
}

func TestAStreamHasToKeepItsPace(t *testing.T) {
	least := &config.MinThroughput{TokensPerSecond: 10, Over: config.Duration(2 * time.Second)}
	tests := map[string]struct {
		least *config.MinThroughput
		ago   time.Duration // when the first token came; 0 for not yet
		bytes int64
		slow  bool
	}{
		"nobody measures":         {nil, time.Hour, 0, false},
		"no token yet":            {least, 0, 0, false},
		"the stretch is not over": {least, time.Second, 0, false},
		"fast enough":             {least, 3 * time.Second, 80, false},
		"a byte too few":          {least, 3 * time.Second, 79, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := pace{bytes: tc.bytes}
			var first time.Time
			if tc.ago > 0 {
				first = time.Now().Add(-tc.ago)
			}
			err := p.check(tc.least, first)
			if (err != nil) != tc.slow {
				t.Errorf("got %v", err)
			}
			if err != nil && (err.Reason != exchange.ReasonThroughput || err.Outcome != exchange.ProviderTimeout) {
				t.Errorf("got %+v", err)
			}
			if err == nil && tc.bytes > 0 && (p.before != tc.bytes || p.within(time.Hour) > 2*time.Second) {
				t.Errorf("the next stretch: %+v", p)
			}
		})
	}
}

func TestATricklingStreamIsBrokenOff(t *testing.T) {
	const over = 50 * time.Millisecond
	for name, tc := range map[string]struct {
		text  string
		least time.Duration // that it may go on for
	}{
		"from the first": {"a", over},
		"fast at first":  {strings.Repeat("a", 1000), 2 * over},
	} {
		t.Run(name, func(t *testing.T) {
			first := delta(tc.text)
			to := target(t, &script{hang: true, pieces: chunks(first).pieces[:2]})
			to.Provider.Timeouts.BetweenTokens, to.Provider.Timeouts.Total = config.Duration(10*time.Second), config.Duration(10*time.Second)
			to.Provider.Timeouts.MinThroughput = &config.MinThroughput{TokensPerSecond: 1000, Over: config.Duration(over)}
			r := &run{t: t, guard: &guard{}, journey: &Journey{}}
			began := time.Now()
			r.do(to, stream)
			r.finish()
			took := time.Since(began)
			if r.ex.Reason != exchange.ReasonThroughput || cutError(r.out.String()) != first+string(exchange.ReasonThroughput) {
				t.Errorf("reason %s, got %q", r.ex.Reason, r.out.String())
			}
			if took < tc.least || took > 9*time.Second {
				t.Errorf("broken off after %s, want %s", took, tc.least)
			}
		})
	}
}
