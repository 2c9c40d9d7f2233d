// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sanitize looks for what must not go to a model, or come from it, in the texts of requests and answers, and
// flags, replaces or refuses it as the configuration says.
package sanitize

import (
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Placeholder stands for what was replaced and has no placeholder of its own.
const Placeholder = "[REDACTED]"

// Policy is a config.Sanitizer, compiled. It is immutable and safe for concurrent use; a nil one looks for nothing. The webhook and
// the moderation are not its: whoever can make calls asks them.
type Policy struct{}

// New compiles what the configuration says; nil where it says nothing that a Policy does.
func New(cfg *config.Sanitizer) (*Policy, error) {
	return nil, nil
}

// ReadsRequests says whether Request looks at anything, ReadsAnswers whether Answer may give a policy, and ReadsSystem whether
// Answer needs the request's system texts.
func (p *Policy) ReadsRequests() bool { return false }

// ReadsAnswers is described at ReadsRequests.
func (p *Policy) ReadsAnswers() bool { return false }

// ReadsSystem is described at ReadsRequests.
func (p *Policy) ReadsSystem() bool { return false }

// Text is one text of a request.
type Text struct {
	Scope config.TextScope
	// Value is plain: what escapes mean in the body, it says. It is not kept, nor changed.
	Value []byte
}

// Replacement says what a text becomes.
type Replacement struct {
	// Index is the text's place among those given.
	Index int
	// With holds until the Scratch is used again.
	With []byte
}

// Blocked is why a request or an answer is refused. It says nothing of the text.
type Blocked struct {
	Kind exchange.Finding
	// Name is the deny pattern's, and empty of other kinds.
	Name      string
	Direction config.Direction
}

// Result is what became of a request's texts.
type Result struct {
	// Block is nil where the request may go on. Otherwise not all was looked at.
	Block    *Blocked
	Findings exchange.Findings
	// Replaced are in the order of the texts, and hold until the Scratch is used again.
	Replaced []Replacement
}

// Scratch is the memory of calls of Request, one at a time. The zero value is ready; it may be pooled.
type Scratch struct{}

// Request looks at the texts of a request. It takes time linear in the texts, and allocates nothing where nothing is found.
func (p *Policy) Request(texts []Text, scratch *Scratch) Result {
	return Result{}
}
