// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// client puts a response together of the events of a stream, by the rules that the official SDKs have: an item is added
// at its index, a part within its item, and deltas grow the part that they name. It fails where an event names what is not
// there.
type client struct {
	output []*clientItem
	final  map[string]any
}

type clientItem struct {
	item  map[string]any
	parts []map[string]any
	done  bool
}

type clientEvent struct {
	Type         string         `json:"type"`
	ItemID       string         `json:"item_id"`
	OutputIndex  int            `json:"output_index"`
	ContentIndex int            `json:"content_index"`
	SummaryIndex int            `json:"summary_index"`
	Delta        string         `json:"delta"`
	Text         string         `json:"text"`
	Refusal      string         `json:"refusal"`
	Arguments    string         `json:"arguments"`
	Item         map[string]any `json:"item"`
	Part         map[string]any `json:"part"`
	Response     map[string]any `json:"response"`
}

func (c *client) take(f frame) error {
	var e clientEvent
	if err := json.Unmarshal(f.data, &e); err != nil {
		return err
	}
	if c.final != nil {
		return fmt.Errorf("%s after the end", e.Type)
	}
	switch e.Type {
	case "response.created", "response.in_progress":
		return nil
	case "response.completed", "response.incomplete":
		c.final = e.Response
		return nil
	case "response.output_item.added":
		if e.OutputIndex != len(c.output) {
			return fmt.Errorf("item %d is added after %d", e.OutputIndex, len(c.output))
		}
		c.output = append(c.output, &clientItem{item: e.Item})
		return nil
	}
	if e.OutputIndex >= len(c.output) || c.output[e.OutputIndex].done {
		return fmt.Errorf("%s: item %d is not open", e.Type, e.OutputIndex)
	}
	return c.output[e.OutputIndex].take(&e)
}

func (i *clientItem) take(e *clientEvent) error {
	if e.Type == "response.output_item.done" {
		if e.Item["id"] != i.item["id"] {
			return fmt.Errorf("item %v is done, not %v", e.Item["id"], i.item["id"])
		}
		i.done = true
		return nil
	}
	if e.ItemID != i.item["id"] {
		return fmt.Errorf("%s names item %s, not %v", e.Type, e.ItemID, i.item["id"])
	}
	index := max(e.ContentIndex, e.SummaryIndex)
	switch e.Type {
	case "response.content_part.added", "response.reasoning_summary_part.added":
		if index != len(i.parts) {
			return fmt.Errorf("part %d is added after %d", index, len(i.parts))
		}
		i.parts = append(i.parts, e.Part)
		return nil
	case "response.function_call_arguments.delta":
		i.item["arguments"] = i.item["arguments"].(string) + e.Delta
		return nil
	case "response.function_call_arguments.done":
		return same(i.item["arguments"], e.Arguments)
	}
	if index >= len(i.parts) {
		return fmt.Errorf("%s: part %d has not been added", e.Type, index)
	}
	p := i.parts[index]
	switch e.Type {
	case "response.output_text.delta", "response.reasoning_summary_text.delta":
		p["text"] = p["text"].(string) + e.Delta
	case "response.refusal.delta":
		p["refusal"] = p["refusal"].(string) + e.Delta
	case "response.output_text.done", "response.reasoning_summary_text.done":
		return same(p["text"], e.Text)
	case "response.refusal.done":
		return same(p["refusal"], e.Refusal)
	case "response.content_part.done", "response.reasoning_summary_part.done":
		if diff := cmp.Diff(p, e.Part); diff != "" {
			return fmt.Errorf("the part that is done differs: %s", diff)
		}
	default:
		return fmt.Errorf("%s is none of the dialect's", e.Type)
	}
	return nil
}

func same(collected any, said string) error {
	if collected != said {
		return fmt.Errorf("collected %q, said %q", collected, said)
	}
	return nil
}

// whole gives what was collected as an output, as far as deltas tell it.
func (c *client) whole() any {
	output := []any{}
	for _, i := range c.output {
		switch i.item["type"] {
		case "message":
			i.item["content"] = partList(i.parts)
		case "reasoning":
			i.item["summary"] = partList(i.parts)
		}
		delete(i.item, "status")
		output = append(output, i.item)
	}
	return output
}

func partList(parts []map[string]any) []any {
	all := []any{}
	for _, p := range parts {
		all = append(all, p)
	}
	return all
}

// anyAnswer makes up the events of an answer.
func anyAnswer(r *rand.Rand) []chat.Event {
	events := []chat.Event{began()}
	for n := range r.IntN(6) {
		p := kindOf([]chat.PartKind{chat.Text, chat.Refusal, chat.Thinking, chat.Redacted, chat.Call}[r.IntN(5)])
		if p.Kind == chat.Call {
			p = calling(fmt.Sprint("call", n), "f")
		}
		events = append(events, opens(p))
		for range r.IntN(3) {
			if p.Kind != chat.Redacted {
				events = append(events, more([]string{"a", "é\"", "\n", "{"}[r.IntN(4)]))
			}
		}
		if p.Kind == chat.Redacted || r.IntN(3) == 0 {
			events = append(events, signed(fmt.Sprint("sig", n)))
		}
		events = append(events, partEnded())
	}
	return append(events, ends([]chat.Finish{chat.Stopped, chat.AtLength, chat.CalledTools, chat.Filtered}[r.IntN(4)])...)
}

func TestClientsCollectWhatTheLastEventSays(t *testing.T) {
	for seed := range uint64(500) {
		events := anyAnswer(rand.New(rand.NewPCG(seed, 1)))
		c := &client{}
		for _, f := range frames(t, write(events, nil)) {
			if err := c.take(f); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		for i, item := range c.output {
			if !item.done {
				t.Fatalf("seed %d: item %d is not done", seed, i)
			}
		}
		final, ok := c.final["output"].([]any)
		if !ok {
			t.Fatalf("seed %d: no output in %v", seed, c.final)
		}
		for _, item := range final {
			// Of these, deltas say nothing.
			delete(item.(map[string]any), "encrypted_content")
			delete(item.(map[string]any), "status")
		}
		if diff := cmp.Diff(any(final), c.whole()); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	}
}

// What a client sends back of a made-up answer has the parts of that answer, signatures included.
func TestMadeUpAnswersComeBackAsInput(t *testing.T) {
	for seed := range uint64(200) {
		events := anyAnswer(rand.New(rand.NewPCG(seed, 2)))
		answer := collect(events, &chat.Request{})
		var whole struct {
			Output json.RawMessage `json:"output"`
		}
		if err := json.Unmarshal(Decoder{}.AppendAnswer(nil, answer), &whole); err != nil {
			t.Fatal(err)
		}
		var got []chat.Part
		for _, m := range decode(t, `{"input":`+string(whole.Output)+`}`).Messages {
			for _, p := range m.Parts {
				p.At = ""
				got = append(got, p)
			}
		}
		want := answer.Choices[0].Parts
		for i := range want {
			if want[i].Kind == chat.Call && want[i].Call.Arguments == "" {
				want[i].Call.Arguments = "{}"
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	}
}
