// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package exchange

// Outcome is how a request ended, as one word of metrics and logs.
type Outcome uint8

// The outcomes.
const (
	// OK: the client got a whole answer.
	OK Outcome = iota
	// Unauthenticated: no key, or one that is not known.
	Unauthenticated
	// Limited: a request limit of the gateway.
	Limited
	// Refused: the request is not one that the gateway serves.
	Refused
	// ClientGone: the client left before the whole answer was there.
	ClientGone
	// ProviderRefused: the provider answered 4xx.
	ProviderRefused
	// ProviderFailed: the provider answered 5xx, or an error event.
	ProviderFailed
	// ProviderUnreachable: no connection to the provider.
	ProviderUnreachable
	// ProviderTimeout: a time limit of the provider's policy.
	ProviderTimeout
	// ProviderBroken: the answer broke off or was not one of the protocol.
	ProviderBroken
	// Drained: the gateway had to leave before the answer was whole.
	Drained
	// Internal: a fault of the gateway.
	Internal
	// Unavailable: every target is out, by its breaker or its quota, so that none was tried.
	Unavailable
	// Overtaken: another attempt of the request was faster.
	Overtaken
	// Blocked: the sanitizer, or a guard, refused the request or its answer.
	Blocked

	// Outcomes is their number.
	Outcomes
)

var outcomeWords = [Outcomes]string{
	OK:                  "ok",
	Unauthenticated:     "unauthenticated",
	Limited:             "limited",
	Refused:             "refused",
	ClientGone:          "client_gone",
	ProviderRefused:     "provider_refused",
	ProviderFailed:      "provider_failed",
	ProviderUnreachable: "provider_unreachable",
	ProviderTimeout:     "provider_timeout",
	ProviderBroken:      "provider_broken",
	Drained:             "drained",
	Internal:            "internal",
	Unavailable:         "unavailable",
	Overtaken:           "overtaken",
	Blocked:             "blocked",
}

// String gives the outcome's word.
func (o Outcome) String() string {
	if o < Outcomes {
		return outcomeWords[o]
	}
	return "unknown"
}

// ProviderFault says that the outcome speaks against the provider's health. A client that leaves and a request that
// the provider refuses do not.
func (o Outcome) ProviderFault() bool {
	switch o {
	case ProviderFailed, ProviderUnreachable, ProviderTimeout, ProviderBroken:
		return true
	default:
		return false
	}
}
