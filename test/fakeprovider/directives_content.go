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
	refusal   string // "yes", "no"; "": not said
}

// set reads one directive.
func (c *contentDirectives) set(name, value string) (err error) {
	switch name {
	case "calls":
		c.calls, err = parseCount(value, 1, maxCalls)
	case "reasoning":
		c.reasoning, err = parseCount(value, 1, maxTokens)
	case "refusal":
		if value != "yes" && value != "no" {
			return fmt.Errorf("refusal is yes or no, not %q", value)
		}
		c.refusal = value
	default:
		return fmt.Errorf("unknown directive %q; known are tokens, delay, fault, calls, reasoning, refusal", name)
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
	if c.refusal == "" {
		c.refusal = weaker.refusal
	}
	return c
}

// refuses says whether the answer is to be a refusal.
func (c contentDirectives) refuses() bool { return c.refusal == "yes" }
