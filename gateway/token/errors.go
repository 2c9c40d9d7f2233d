// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"time"

	"github.com/sparkgateway/spark/gateway/exchange"
)

func invalid(message string) *exchange.Error {
	return &exchange.Error{
		Status: 401, Type: exchange.TypeInvalidRequest, Code: "invalid_token", Message: "The token is not valid: " + message,
		Reason: exchange.ReasonInvalidToken, Outcome: exchange.Unauthenticated,
	}
}

// What is told to those whose token is not taken. Nothing of the token is in it.
var (
	errTooLarge  = invalid("it is larger than 8 KiB.")
	errMalformed = invalid("it is not a well-formed JWT.")
	errAlgorithm = invalid("its signature's algorithm is not one that this gateway takes.")
	errType      = invalid("it is of a type that is not for requests.")
	errIssuer    = invalid("its issuer is not one that this gateway trusts.")
	errSubject   = invalid("it has no usable subject.")
	errAudience  = invalid("it is not for this gateway's audience.")
	errExpiry    = invalid("it does not say when it expires.")
	errNotYet    = invalid("it is not valid yet; check the clocks.")
	errKey       = invalid("its key is not one of its issuer's.")
	errSignature = invalid("its signature is wrong.")
	errUser      = invalid("the claim that names the user is missing or unusable.")
	errClaims    = invalid("its claims are more or longer than this gateway takes.")
	errExpired   = &exchange.Error{
		Status: 401, Type: exchange.TypeInvalidRequest, Code: "token_expired", Message: "The token has expired.",
		Reason: exchange.ReasonTokenExpired, Outcome: exchange.Unauthenticated,
	}
)

// unavailable says that nobody can tell whether a token is valid, and when to try again.
func unavailable(wait time.Duration, cause error) *exchange.Error {
	return &exchange.Error{
		Status: 503, Type: exchange.TypeServer, Code: "issuer_unavailable",
		Message: "The token cannot be verified just now, as its issuer's keys cannot be had. Please try again.",
		Reason:  exchange.ReasonIssuerUnavailable, Outcome: exchange.Unauthenticated,
		RetryAfter: max(wait, time.Second), Cause: cause,
	}
}
