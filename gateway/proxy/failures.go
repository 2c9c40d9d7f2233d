// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"errors"

	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/upstream"
)

// failures are what the client is told of a failed call.
var failures = map[upstream.Failure]exchange.Error{
	upstream.Connect: {
		Status: 502, Reason: exchange.ReasonConnect, Outcome: exchange.ProviderUnreachable,
		Message: "The gateway could not connect to the provider.",
	},
	upstream.ConnectTimeout: {
		Status: 504, Reason: exchange.ReasonConnectTimeout, Outcome: exchange.ProviderUnreachable,
		Message: "The gateway could not connect to the provider in time.",
	},
	upstream.FirstTokenTimeout: {
		Status: 504, Reason: exchange.ReasonFirstTokenTimeout, Outcome: exchange.ProviderTimeout,
		Message: "The provider did not begin its answer in time.",
	},
	upstream.BetweenTokensTimeout: {
		Status: 504, Reason: exchange.ReasonBetweenTokens, Outcome: exchange.ProviderTimeout,
		Message: "The provider stopped in the middle of its answer.",
	},
	upstream.TotalTimeout: {
		Status: 504, Reason: exchange.ReasonTotalTimeout, Outcome: exchange.ProviderTimeout,
		Message: "The provider did not finish its answer in time.",
	},
	upstream.Reset: {
		Status: 502, Reason: exchange.ReasonReset, Outcome: exchange.ProviderBroken,
		Message: "The provider closed the connection before it answered.",
	},
	upstream.Truncated: {
		Status: 502, Reason: exchange.ReasonTruncated, Outcome: exchange.ProviderBroken,
		Message: "The provider's answer broke off.",
	},
	upstream.Malformed: {
		Status: 502, Reason: exchange.ReasonInvalidResponse, Outcome: exchange.ProviderBroken,
		Message: "The provider's answer could not be understood.",
	},
}

// blame notes how an attempt failed.
func blame(rec *exchange.Attempt, e *exchange.Error) {
	rec.Outcome, rec.Reason, rec.Cause = e.Outcome, e.Reason, e.Cause
}

// failed maps a failed call to what the client is told.
func (a *Attempt) failed(err error) *exchange.Error {
	var e *upstream.Error
	if !errors.As(err, &e) {
		return broken(exchange.ReasonInvalidResponse, err)
	}
	if e.Failure == upstream.Cancelled {
		return a.cancelled()
	}
	told := failures[e.Failure]
	told.Type, told.Cause = exchange.TypeUpstream, e.Cause
	return &told
}

func broken(reason exchange.Reason, cause error) *exchange.Error {
	e := failures[upstream.Malformed]
	e.Type, e.Reason, e.Cause = exchange.TypeUpstream, reason, cause
	if reason == exchange.ReasonResponseTooLarge {
		e.Message = "The provider's answer is too large."
	}
	return &e
}

func truncated(cause error) *exchange.Error {
	e := failures[upstream.Truncated]
	e.Type, e.Cause = exchange.TypeUpstream, cause
	return &e
}

func tooLarge() *exchange.Error {
	return broken(exchange.ReasonResponseTooLarge, nil)
}

// trickled is a stream that the provider does not end for want of speed.
func trickled() *exchange.Error {
	return &exchange.Error{
		Status: 504, Type: exchange.TypeUpstream, Reason: exchange.ReasonThroughput, Outcome: exchange.ProviderTimeout,
		Message: "The provider's answer came too slowly.",
	}
}

// cancelled says which of the two left. 499 is nginx's word for a client that did; nobody reads it but the log.
func (a *Attempt) cancelled() *exchange.Error { return cancelled(a.req.Guard) }

func cancelled(by Guard) *exchange.Error {
	if by.Draining() {
		return &exchange.Error{
			Status: 503, Type: exchange.TypeServer, Reason: exchange.ReasonDraining, Outcome: exchange.Drained,
			Message: "The gateway is shutting down.",
		}
	}
	return &exchange.Error{
		Status: 499, Type: exchange.TypeServer, Reason: exchange.ReasonClientGone, Outcome: exchange.ClientGone,
		Message: "The client closed the connection.",
	}
}
