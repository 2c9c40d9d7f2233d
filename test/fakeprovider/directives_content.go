// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import "fmt"

// maxCalls bounds how many tools one answer can be told to call.
const maxCalls = 16

// contentDirectives steer what an answer is made of, in every dialect that knows such a thing.
type contentDirectives struct {
	calls     int    // tool calls side by side; 0: not said, which is one where a tool is called at all
	reasoning int    // tokens of reasoning before the answer; 0: not said
	cached    int    // tokens of the prompt that a cache is said to have had, at most all of them; 0: not said
	refusal   string // "yes", "no"; "": not said
	// signatures "required" insists on those that a newer model wants back, where a dialect forgives their absence.
	signatures string
}

// set reads one directive.
func (c *contentDirectives) set(name, value string) (err error) {
	switch name {
	case "calls":
		c.calls, err = parseCount(value, 1, maxCalls)
	case "reasoning":
		c.reasoning, err = parseCount(value, 1, maxTokens)
	case "cached":
		c.cached, err = parseCount(value, 1, maxTokens)
	case "refusal":
		if value != "yes" && value != "no" {
			return fmt.Errorf("refusal is yes or no, not %q", value)
		}
		c.refusal = value
	case "signatures":
		if value != "required" {
			return fmt.Errorf("signatures is required or not said, not %q", value)
		}
		c.signatures = value
	default:
		return fmt.Errorf("unknown directive %q; known are tokens, delay, fault, calls, reasoning, refusal, "+
			"signatures", name)
	}
	return err
}

// over fills what c leaves unsaid from weaker directives.
func (c contentDirectives) over(weaker contentDirectives) contentDirectives {
	if c.calls == 0 {
		c.calls = weaker.calls
	}
	if c.reasoning == 0 {
		c.reasoning = weaker.reasoning
	}
	if c.cached == 0 {
		c.cached = weaker.cached
	}
	if c.refusal == "" {
		c.refusal = weaker.refusal
	}
	if c.signatures == "" {
		c.signatures = weaker.signatures
	}
	return c
}

// refuses says whether the answer is to be a refusal.
func (c contentDirectives) refuses() bool { return c.refusal == "yes" }
