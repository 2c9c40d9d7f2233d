// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"strconv"
	"time"

	"github.com/sparkgateway/spark/gateway/breaker"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// verdict is what an attempt says of its target, and whether another may do better.
type verdict struct {
	// result is for the breaker, why its reason.
	result breaker.Result
	why    string
	// condition is the kind of failure; empty where trying again is of no use, or there is no failure.
	condition config.RetryCondition
	// incapable says that this target cannot express what is asked, and another may.
	incapable bool
	// retryAfter is how long the provider asks to be left alone; 0 where it does not.
	retryAfter time.Duration
}

// final says that the client is to be told what the attempt brought, be it an error.
func (v *verdict) final() bool { return v.condition == "" && !v.incapable }

// judge decides on an attempt as it stands in its record.
func (a *Attempt) judge() verdict {
	rec := a.rec
	switch rec.Outcome {
	case exchange.OK:
		return verdict{result: breaker.Success}
	case exchange.ProviderUnreachable:
		return failure(config.RetryConnectFailure, "no connection")
	case exchange.ProviderTimeout:
		return timedOut(rec.Reason)
	case exchange.ProviderBroken:
		if rec.Reason == exchange.ReasonReset {
			return failure(config.RetryConnectFailure, "the connection broke")
		}
		return failure(config.RetryServerError, "the answer broke off or was not understood")
	case exchange.ProviderRefused, exchange.ProviderFailed:
		return a.judgeStatus()
	case exchange.Refused:
		// Once it answered, it is the client of a session who did what nobody may.
		return verdict{incapable: rec.UpstreamStatus == 0}
	default:
		// The client left, the gateway must, or another attempt was faster: nobody's fault.
		return verdict{}
	}
}

func failure(condition config.RetryCondition, why string) verdict {
	return verdict{result: breaker.Failure, condition: condition, why: why}
}

// timedOut leaves the total alone: it is how long the application waits, and it has waited.
func timedOut(reason exchange.Reason) verdict {
	switch reason {
	case exchange.ReasonFirstTokenTimeout, exchange.ReasonBetweenTokens:
		return failure(config.RetryTimeout, "no token in time")
	case exchange.ReasonThroughput:
		return failure("", "tokens came too slowly")
	default:
		return failure("", "no answer in time")
	}
}

// judgeStatus decides by what the provider said, or what its error event amounts to.
func (a *Attempt) judgeStatus() verdict {
	status := a.rec.UpstreamStatus
	if status == 0 {
		// It could not even be asked, for want of a credential.
		return failure(config.RetryTargetRefused, "no credential")
	}
	if status < 400 {
		status = a.rec.Status
	}
	said := "status " + strconv.Itoa(status)
	switch {
	case status == 401 || status == 403 || a.rec.Reason == exchange.ReasonAuthFailed:
		return failure(config.RetryTargetRefused, said)
	case status == 404 && !a.target.Open && !keeping(a.req.Operation):
		return verdict{condition: config.RetryTargetRefused}
	case status == 429:
		return a.tooMany(said)
	case status == 408:
		return failure(config.RetryTimeout, said)
	case status >= 500:
		v := failure(config.RetryServerError, said)
		v.retryAfter = a.askedToWait()
		return v
	default:
		// Of the client's making: the provider is there.
		return verdict{result: breaker.Success}
	}
}

// tooMany is no failure where the provider says when to come back: then it is left alone for exactly so long.
func (a *Attempt) tooMany(said string) verdict {
	v := failure(config.RetryTooManyRequests, said)
	if v.retryAfter = a.askedToWait(); v.retryAfter > 0 {
		v.result = breaker.Neutral
	}
	return v
}

// headerRetryAfterMS is OpenAI's and Azure's finer form.
var headerRetryAfterMS = []byte("Retry-After-Ms")

// askedToWait reads how long the provider asks to be left alone: milliseconds, seconds or a date (RFC 9110 10.2.3), or
// what its error's body says; 0 where nothing does.
func (a *Attempt) askedToWait() time.Duration {
	h := &a.call.Header
	if ms, err := strconv.ParseFloat(string(h.PeekCanonical(headerRetryAfterMS)), 64); err == nil && ms > 0 {
		return bounded(ms / 1000)
	}
	value := string(h.PeekCanonical(headerRetryAfter))
	if s, err := strconv.ParseFloat(value, 64); err == nil && s > 0 {
		return bounded(s)
	}
	if at, err := time.Parse(time.RFC1123, value); err == nil {
		return bounded(max(time.Until(at), 0).Seconds())
	}
	return bounded(a.retryAfter.Seconds())
}

// longestRetryAfter bounds what a provider may ask for.
const longestRetryAfter = 24 * time.Hour

func bounded(seconds float64) time.Duration {
	if !(seconds < longestRetryAfter.Seconds()) {
		return longestRetryAfter
	}
	return time.Duration(seconds * float64(time.Second))
}
