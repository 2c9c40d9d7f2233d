// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package provider

import "strings"

// Return is what becomes of a field of the provider's answer.
type Return uint8

// What can become of it.
const (
	// Drop: it concerns the connection, the gateway's account or nobody.
	Drop Return = iota
	// Pass: the client gets it.
	Pass
	// PassUnlessOurs: the client gets it unless the gateway limits the client itself, as it would contradict.
	PassUnlessOurs
	// RequestID: the provider's name for the request, which the client gets beside the gateway's own.
	RequestID
)

// UpstreamIDHeader carries the provider's x-request-id; x-request-id itself is the gateway's, the one in its log.
const UpstreamIDHeader = "X-Spark-Upstream-Request-Id"

// Returned says what becomes of a field, whose name is in canonical form. Content-Type and framing are the relay's
// business and not asked for here. Set-Cookie and Server never come back; OpenAI's organization is the gateway's.
func Returned(name []byte) Return {
	switch string(name) {
	case "Openai-Processing-Ms", "Openai-Version", "Retry-After", "Retry-After-Ms", "X-Should-Retry":
		return Pass
	case "X-Request-Id", "Request-Id", "X-Amzn-Requestid", "Apim-Request-Id":
		return RequestID
	}
	for _, prefix := range [...]string{"X-Ratelimit-", "Anthropic-Ratelimit-"} {
		if len(name) > len(prefix) && strings.EqualFold(string(name[:len(prefix)]), prefix) {
			return PassUnlessOurs
		}
	}
	return Drop
}
