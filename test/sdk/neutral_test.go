// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"context"
	"testing"
)

// client is an SDK: how it puts a question, in no dialect's words, into its own.
type client struct {
	dialect, name string
	status        status
	// ask asks and, where the last argument says so, streams. Without retries it fails at once.
	ask func(ctx context.Context, key string, retries bool, q question, stream bool) (answer, error)
	// embed gives vectors, count tokens, list names; retrieve the name of one model. They are nil where the dialect lacks
	// the scenario.
	embed    func(ctx context.Context, model string, inputs []string, dimensions int64) ([][]float64, error)
	count    func(ctx context.Context, q question) (int64, error)
	list     func(ctx context.Context) ([]string, error)
	retrieve func(ctx context.Context, model string) (string, error)
}

// question is what is asked. Empty fields ask for nothing.
type question struct {
	model, system string
	turns         []turn
	tools         []tool
	choice        string // "any", "none" or the name of a tool
	serial        bool   // no two tools at once
	schema        map[string]any
	stop          []string
	thinks        bool
	most          int64 // tokens of the answer
}

// turn is one of: what a user said, perhaps with an image; what the model said; an answer as the SDK gave it; results.
type turn struct {
	user      string
	image     string // base64 of a PNG
	assistant string
	said      any
	results   []result
}

type tool struct {
	name, description string
	schema            map[string]any
}

type call struct {
	id, name  string
	arguments map[string]any
}

type result struct {
	call call
	text string
}

// answer is what came. Ended is "stop", "length" or "tools", or else the dialect's own word.
type answer struct {
	text, thoughts, ended string
	prompt, completion    int64
	calls                 []call
	said                  any // to be sent back
	texts, arguments      int // deltas of a stream
}

func user(text string) []turn { return []turn{{user: text}} }

// patient asks without retries.
func (c *client) patient(t *testing.T, q question) (answer, error) {
	t.Helper()
	return c.ask(t.Context(), environment.good, false, q, false)
}

func (c *client) streamed(t *testing.T, q question) (answer, error) {
	t.Helper()
	return c.ask(t.Context(), environment.good, false, q, true)
}
