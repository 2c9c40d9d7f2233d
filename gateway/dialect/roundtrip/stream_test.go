// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package roundtrip

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/sse"
)

// answer makes what a model answered, in one choice or, where several are allowed, in more.
func (m *maker) answer(several bool) *chat.Answer {
	a := &chat.Answer{ID: pick(m, "resp_1", "chatcmpl-2", "x"), Model: "model-1", Created: 1_700_000_000}
	a.Choices = []chat.Choice{m.choice()}
	for several && len(a.Choices) < 3 && m.one(6) {
		a.Choices = append(a.Choices, m.choice())
	}
	if !m.one(6) {
		u := exchange.Usage{Prompt: 100, Completion: 50, Cached: pick(m, int64(0), 30), CacheWritten: pick(m, int64(0), 20), Source: exchange.UsageReported}
		u.Reasoning = pick(m, int64(0), 10)
		u.Total = u.Prompt + u.Completion
		a.Usage = u
	}
	return a
}

func (m *maker) choice() chat.Choice {
	var c chat.Choice
	c.Finish = pick(m, chat.Stopped, chat.Stopped, chat.Stopped, chat.AtStop, chat.AtLength, chat.Filtered, chat.Declined, chat.Paused)
	if c.Finish == chat.AtStop {
		c.StopSequence = "END"
	}
	parts, calls := m.answered(true)
	for i := range parts {
		p := &parts[i]
		p.Cache = nil
		if p.Kind == chat.Text && p.Text != "" && m.one(8) {
			p.Signature = "b2ZUZXh0"
		}
		if p.Call != nil && !strings.HasPrefix(strings.TrimSpace(p.Call.Arguments), "{") || p.Call != nil && !jsontext.Value(p.Call.Arguments).IsValid() {
			p.Call.Arguments = "{}"
		}
	}
	if len(calls) > 0 && c.Finish == chat.Stopped {
		c.Finish = chat.CalledTools
	}
	if c.Parts = parts; m.one(8) && slices.ContainsFunc(parts, func(p chat.Part) bool { return p.Kind == chat.Text && p.Text != "" }) {
		c.LogProbs = jsontext.Value(`{"content":[{"token":"a","logprob":-0.5,"bytes":null,"top_logprobs":[]}]}`)
	}
	return c
}

// events makes the stream of an answer, cut into deltas anywhere but within a character.
func (m *maker) events(a *chat.Answer) []chat.Event {
	events := []chat.Event{{Kind: chat.Began, ID: a.ID, Model: a.Model, Created: a.Created}}
	if a.Usage.Source != exchange.UsageNone && m.one(3) {
		events = append(events, chat.Event{Kind: chat.Used, Usage: exchange.Usage{Prompt: 1, Total: 1, Source: exchange.UsageReported}})
	}
	queues := make([][]chat.Event, len(a.Choices))
	for i := range a.Choices {
		queues[i] = m.choiceEvents(i, &a.Choices[i])
	}
	for {
		i := m.IntN(len(queues))
		if len(queues[i]) == 0 {
			if i = slices.IndexFunc(queues, func(q []chat.Event) bool { return len(q) > 0 }); i < 0 {
				break
			}
		}
		n := 1 + m.IntN(len(queues[i]))
		events, queues[i] = append(events, queues[i][:n]...), queues[i][n:]
	}
	if a.Usage.Source != exchange.UsageNone {
		events = append(events, chat.Event{Kind: chat.Used, Usage: a.Usage})
	}
	return append(events, chat.Event{Kind: chat.Ended})
}

func (m *maker) choiceEvents(index int, c *chat.Choice) []chat.Event {
	var events []chat.Event
	probs := c.LogProbs
	for i := range c.Parts {
		p := &c.Parts[i]
		began := chat.Event{Kind: chat.PartBegan, Choice: index, Part: chat.Part{Kind: p.Kind}}
		text := p.Text
		if p.Call != nil {
			began.Part.Call, text = &chat.ToolCall{ID: p.Call.ID, Name: p.Call.Name}, p.Call.Arguments
		}
		events = append(events, began)
		for text != "" {
			n := 1 + m.IntN(len(text))
			for n < len(text) && !utf8.RuneStart(text[n]) {
				n++
			}
			delta := chat.Event{Kind: chat.Delta, Choice: index, Text: text[:n]}
			if p.Kind == chat.Text {
				delta.LogProbs, probs = probs, nil
			}
			events, text = append(events, delta), text[n:]
		}
		if p.Signature != "" {
			events = append(events, chat.Event{Kind: chat.Signed, Choice: index, Text: p.Signature})
		}
		events = append(events, chat.Event{Kind: chat.PartEnded, Choice: index})
	}
	return append(events, chat.Event{Kind: chat.Finished, Choice: index, Finish: c.Finish, StopSequence: c.StopSequence})
}

// gathered puts an answer together of the events of a stream, and fails where they are not in the order that
// chat.EventKind promises.
func gathered(t testing.TB, events []chat.Event) *chat.Answer {
	t.Helper()
	a := &chat.Answer{}
	open := map[int]bool{}
	for i := range events {
		e := &events[i]
		bad := i == 0 != (e.Kind == chat.Began) || (i == len(events)-1) != (e.Kind == chat.Ended)
		for e.Choice >= len(a.Choices) && e.Kind >= chat.PartBegan && e.Kind <= chat.Finished {
			a.Choices = append(a.Choices, chat.Choice{})
		}
		switch e.Kind {
		case chat.Began:
			a.ID, a.Model, a.Created = e.ID, e.Model, e.Created
		case chat.Used:
			a.Usage = e.Usage
		case chat.PartBegan:
			bad = bad || open[e.Choice]
			open[e.Choice] = true
			p := chat.Part{Kind: e.Part.Kind}
			if e.Part.Call != nil {
				p.Call = &chat.ToolCall{ID: e.Part.Call.ID, Name: e.Part.Call.Name}
			}
			a.Choices[e.Choice].Parts = append(a.Choices[e.Choice].Parts, p)
		case chat.Delta, chat.Signed:
			if !open[e.Choice] {
				t.Fatalf("event %d stands in no part: %+v", i, *e)
			}
			parts := a.Choices[e.Choice].Parts
			grow(&a.Choices[e.Choice], &parts[len(parts)-1], e)
		case chat.PartEnded:
			bad = bad || !open[e.Choice]
			open[e.Choice] = false
		case chat.Finished:
			bad = bad || open[e.Choice] || a.Choices[e.Choice].Finish != chat.Unfinished
			a.Choices[e.Choice].Finish, a.Choices[e.Choice].StopSequence = e.Finish, e.StopSequence
		case chat.Failed:
			bad = true
		}
		if bad {
			t.Fatalf("event %d does not belong there: %+v", i, *e)
		}
	}
	return a
}

func grow(c *chat.Choice, p *chat.Part, e *chat.Event) {
	switch {
	case e.Kind == chat.Signed:
		p.Signature = e.Text
	case p.Kind == chat.Call:
		p.Call.Arguments += e.Text
	default:
		p.Text += e.Text
	}
	if e.LogProbs != nil {
		c.LogProbs = e.LogProbs.Clone()
	}
}

// written is the stream that a dialect's applications get of events.
func written(a *application, events []chat.Event) []byte {
	w := a.NewWriter(&chat.Request{IncludeUsage: true}, chat.Meta{})
	var stream []byte
	for i := range events {
		stream = w.Write(stream, &events[i])
	}
	return stream
}

// readBack reads a stream as it comes from a provider, in pieces.
func readBack(t testing.TB, a *application, stream io.Reader) []chat.Event {
	t.Helper()
	reader := a.NewReader()
	var events []chat.Event
	var scanner sse.Scanner
	for done := false; !done; {
		_, err := scanner.Fill(stream)
		if done = errors.Is(err, io.EOF); done {
			scanner.End()
		}
		for {
			e, ok, err := scanner.Next()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			if !e.HasData {
				continue
			}
			if events, err = reader.Read(events, e.Name, e.Data); err != nil {
				t.Fatalf("%v at %s", err, e.Raw)
			}
		}
	}
	events, err := reader.End(events)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func compareAnswers(t testing.TB, want, got *chat.Answer, told []byte, forms ...[]answerRule) {
	t.Helper()
	ignored := cmpopts.IgnoreFields(chat.Answer{}, "Meta", "Echo")
	if diff := cmp.Diff(normalAnswer(want, forms...), normalAnswer(got, forms...), same, ignored); diff != "" {
		t.Fatalf("what is told is not what is read (-want +got):\n%s\n%.6000s", diff, told)
	}
}

func TestAnswersComeBackFromEveryDialect(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(applications)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := applications[name]
			for seed := range uint64(rounds) {
				answer := newMaker(seed).answer(name == "openai" || name == "gemini")
				body := a.AppendAnswer(nil, answer)
				back, err := a.DecodeAnswer(body)
				if err != nil {
					t.Fatalf("seed %d: %v\n%s", seed, err, body)
				}
				compareAnswers(t, answer, back, body, answerForms[name])
			}
		})
	}
}

func TestStreamsComeBackFromEveryDialect(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(applications)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := applications[name]
			for seed := range uint64(rounds) {
				m := newMaker(seed)
				answer := m.answer(name == "openai" || name == "gemini")
				stream := written(&a, m.events(answer))
				pieces := io.Reader(strings.NewReader(string(stream)))
				if m.one(4) {
					pieces = iotest.OneByteReader(pieces)
				}
				events := readBack(t, &a, pieces)
				compareAnswers(t, answer, gathered(t, events), stream, answerForms[name], streamForms[name])
			}
		})
	}
}

// From each dialect into each other, and read again: what both can tell arrives.
func TestStreamsGoFromEveryDialectToEveryOther(t *testing.T) {
	for _, from := range slices.Sorted(maps.Keys(applications)) {
		for _, to := range slices.Sorted(maps.Keys(applications)) {
			t.Run(fmt.Sprintf("%s to %s", from, to), func(t *testing.T) {
				t.Parallel()
				a, b := applications[from], applications[to]
				for seed := range uint64(rounds / 4) {
					m := newMaker(seed)
					events := readBack(t, &a, strings.NewReader(string(written(&a, m.events(m.answer(false))))))
					stream := written(&b, events)
					compareAnswers(t, gathered(t, events), gathered(t, readBack(t, &b, strings.NewReader(string(stream)))), stream, answerForms[to], streamForms[to])
				}
			})
		}
	}
}

// FuzzStreams makes up answers of any seed.
func FuzzStreams(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	all := slices.Sorted(maps.Keys(applications))
	f.Fuzz(func(t *testing.T, seed uint64) {
		for _, name := range all {
			m := newMaker(seed)
			a, answer := applications[name], m.answer(name == "openai" || name == "gemini")
			stream := written(&a, m.events(answer))
			compareAnswers(t, answer, gathered(t, readBack(t, &a, strings.NewReader(string(stream)))), stream, answerForms[name], streamForms[name])
		}
	})
}
