// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package guard asks others whether texts may pass.
package guard

import (
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Text is one text of a request or an answer.
type Text struct {
	// Role is whose words they are: "system", "user", "assistant" or "tool".
	Role string
	Text []byte
}

// Question is what a guard is asked. It is only read, and nothing of it is kept.
type Question struct {
	Direction config.Direction
	RequestID string
	// Principal may be nil.
	Principal *exchange.Principal
	Operation exchange.Operation
	Dialect   exchange.Dialect
	// Model is the name that was asked for.
	Model string
	Texts []Text
	// Traceparent and Tracestate are header fields that make the guard's own spans a part of the request's trace; empty sends none.
	Traceparent, Tracestate string
}

// Verdict is what a guard says.
type Verdict struct {
	// Allow is false where the texts may not pass.
	Allow bool
	// Reason is the guard's own words, of at most MaxReason bytes. They may quote what was asked: they are for no client.
	Reason string
	// Categories are words of letters, digits and "_-./", fit for a header: at most MaxCategories, of at most MaxCategory bytes
	// each.
	Categories []string
	// Replace are the texts to go on with, as many as were asked about; nil leaves them as they are.
	Replace []string
}

// The bounds of a Verdict.
const (
	MaxReason     = 256
	MaxCategories = 16
	MaxCategory   = 64
)
