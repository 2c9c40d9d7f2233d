// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

type messageUsage struct {
	Input   int64 `json:"input_tokens"`
	Written int64 `json:"cache_creation_input_tokens"`
	Read    int64 `json:"cache_read_input_tokens"`
	Output  int64 `json:"output_tokens"`
}

func (u messageUsage) prompt() int64 { return u.Input + u.Written + u.Read }

func wholeMessage(body []byte) (t told, err error) {
	var a struct {
		Type, Role string
		StopReason string `json:"stop_reason"`
		Content    []struct{ Type, Text string }
		Usage      messageUsage
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return t, err
	}
	for _, block := range a.Content {
		t.text += block.Text
	}
	t.prompt, t.completion = a.Usage.prompt(), a.Usage.Output
	return t, errors.Join(expect("type", a.Type, "message"), expect("role", a.Role, "assistant"),
		expect("stop_reason", a.StopReason, "end_turn"))
}

// after says which events may follow one in a stream of Anthropic's; pings may stand anywhere.
var after = map[string][]string{
	"":                    {"message_start"},
	"message_start":       {"content_block_start", "message_delta"},
	"content_block_start": {"content_block_delta", "content_block_stop"},
	"content_block_delta": {"content_block_delta", "content_block_stop"},
	"content_block_stop":  {"content_block_start", "message_delta"},
	"message_delta":       {"message_stop"},
}

// streamedMessage wants events in the order of Anthropic's grammar, up to message_stop. Usage is cumulative: the last word
// counts.
func streamedMessage(events []event) (t told, err error) {
	before, stop := "", ""
	for i, e := range events {
		var a struct {
			Type    string
			Message struct{ Usage messageUsage }
			Delta   struct {
				Text       string
				StopReason string `json:"stop_reason"`
			}
			Usage messageUsage
		}
		if err := json.Unmarshal([]byte(e.data), &a); err != nil {
			return t, err
		}
		if a.Type == "ping" {
			continue
		}
		if a.Type != e.name || !slices.Contains(after[before], a.Type) {
			return t, fmt.Errorf("event %d, after %s, is %s: %s", i, before, e.name, e.data)
		}
		before = a.Type
		t.text += a.Delta.Text
		stop = cmp.Or(stop, a.Delta.StopReason)
		t.prompt = cmp.Or(a.Usage.prompt(), a.Message.Usage.prompt(), t.prompt)
		t.completion = cmp.Or(a.Usage.Output, a.Message.Usage.Output, t.completion)
	}
	return t, errors.Join(expect("the last event", before, "message_stop"), expect("stop_reason", stop, "end_turn"))
}

type generation struct {
	Candidates []struct {
		Content struct {
			Parts []struct{ Text string }
		}
		FinishReason string
	}
	UsageMetadata *struct{ PromptTokenCount, CandidatesTokenCount, TotalTokenCount int64 }
}

// read gives the text and adds to what was told before.
func (g *generation) read(t *told) (finish string, err error) {
	if len(g.Candidates) != 1 {
		return "", fmt.Errorf("%d candidates", len(g.Candidates))
	}
	for _, part := range g.Candidates[0].Content.Parts {
		t.text += part.Text
	}
	if u := g.UsageMetadata; u != nil {
		t.prompt, t.completion = u.PromptTokenCount, u.CandidatesTokenCount
		err = expect("the total of tokens", u.TotalTokenCount, t.prompt+t.completion)
	}
	return g.Candidates[0].FinishReason, err
}

func wholeGeneration(body []byte) (t told, err error) {
	var a generation
	if err := json.Unmarshal(body, &a); err != nil {
		return t, err
	}
	finish, err := a.read(&t)
	return t, errors.Join(err, expect("finishReason", finish, "STOP"))
}

// streamedGeneration wants answers of which the last, and no other, says why it is over.
func streamedGeneration(events []event) (t told, err error) {
	finish := ""
	for i, e := range events {
		var a generation
		if err := json.Unmarshal([]byte(e.data), &a); err != nil {
			return t, err
		}
		if finish != "" {
			return t, fmt.Errorf("event %d comes after the end: %s", i, e.data)
		}
		if finish, err = a.read(&t); err != nil {
			return t, err
		}
	}
	return t, expect("finishReason", finish, "STOP")
}
