// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package chat

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// Answer is what a model answered, whole. There is at least one choice.
type Answer struct {
	// ID and Model are the provider's words; empty where it has none.
	ID, Model string
	// Created is in Unix seconds; 0 where the provider does not say.
	Created int64
	Choices []Choice
	// Usage as the provider reported it; Source is UsageNone where it did not. Prompt includes what was cached.
	Usage exchange.Usage
	// Meta is what Fill was told.
	Meta Meta
	// Echo is the request's, set by who has both; nil leaves the application's dialect to say its defaults.
	Echo jsontext.Value
}

// Choice is one of the answers. Parts are Text, Refusal, Thinking, Redacted and Call.
type Choice struct {
	Parts  []Part
	Finish Finish
	// StopSequence is the one that ended the answer, where the provider says which.
	StopSequence string
	// LogProbs is OpenAI's logprobs object, nil where there is none.
	LogProbs jsontext.Value
}

// Finish is why an answer ended.
type Finish uint8

// The reasons to end.
const (
	// Unfinished: nothing said yet.
	Unfinished Finish = iota
	Stopped
	// AtStop: at one of the request's stop sequences.
	AtStop
	// AtLength: at the bound on tokens, or the end of the context.
	AtLength
	// CalledTools: the model waits for tools.
	CalledTools
	// Filtered: the provider cut or withheld the answer.
	Filtered
	// Declined: the model would not answer.
	Declined
	// Paused: the turn is long, and goes on when it is sent back (Anthropic's pause_turn).
	Paused
)

// Meta is what a translated answer says of itself where the provider says nothing.
type Meta struct {
	// Cache is what the gateway's cache had to do with the answer; empty is "bypass".
	Cache     string
	ID, Model string
	// Created is in Unix seconds.
	Created int64
	// Provider is the name of who answers, and Cost what a usage costs, as a decimal of US dollars, "" where nobody said
	// the price. They are for the gateway's own dialect.
	Provider string
	Cost     func(exchange.Usage) string
}

// Fill gives the answer what it lacks.
func (a *Answer) Fill(m Meta) {
	a.Meta = m
	if a.ID == "" {
		a.ID = m.ID
	}
	if a.Model == "" {
		a.Model = m.Model
	}
	if a.Created == 0 {
		a.Created = m.Created
	}
}
