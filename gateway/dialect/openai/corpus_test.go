// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// equalJSON compares texts by what they say, numbers by their digits.
func equalJSON(t *testing.T, want, got string) {
	t.Helper()
	if diff := cmp.Diff(decoded(t, want), decoded(t, got)); diff != "" {
		t.Errorf("(-want +got)\n%s\ngot %s", diff, got)
	}
}

func decoded(t *testing.T, text string) any {
	t.Helper()
	var v any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

// sameRequest compares requests but for how fields are named and where things stood.
var sameRequest = cmp.Options{
	cmpopts.IgnoreFields(chat.Request{}, "Names"),
	cmpopts.EquateEmpty(),
}

// nowhere leaves out where things stood.
var nowhere = cmp.Options{
	cmpopts.IgnoreFields(chat.Message{}, "At"),
	cmpopts.IgnoreFields(chat.Part{}, "At"),
	cmpopts.IgnoreFields(chat.Tool{}, "At"),
}

// read decodes a request that is known to be good.
func read(t testing.TB, body string) *chat.Request {
	t.Helper()
	r, err := Decoder{}.DecodeRequest([]byte(body))
	if err != nil {
		t.Fatalf("%s: %s (%s)", body, err.Message, err.Param)
	}
	return r
}

// asking is the body of a request that holds, beside a model and a message, some members.
func asking(members string) string {
	return `{"model":"m","messages":[{"role":"user","content":"hi"}]` + members + `}`
}

// talking is the body of a request with certain messages.
func talking(messages string) string { return `{"model":"m","messages":[` + messages + `]}` }

func pointer[T any](v T) *T { return &v }

// said is an error as a line: its status, type, code, param and message.
func said(e *exchange.Error) string {
	return fmt.Sprintf("%d %s %s %s: %s", e.Status, e.Type, e.Code, e.Param, e.Message)
}

var partWords = map[chat.PartKind]string{
	chat.Text: "text", chat.Refusal: "refusal", chat.Thinking: "thinking", chat.Redacted: "redacted", chat.Call: "call",
}

var finishWords = map[chat.Finish]string{
	chat.Unfinished: "unfinished", chat.Stopped: "stopped", chat.AtStop: "at stop", chat.AtLength: "at length",
	chat.CalledTools: "called tools", chat.Filtered: "filtered", chat.Declined: "declined", chat.Paused: "paused",
}

// line writes an event as a line.
func line(e *chat.Event) string {
	switch e.Kind {
	case chat.Began:
		return fmt.Sprintf("began %s %s %d", e.ID, e.Model, e.Created)
	case chat.PartBegan:
		text := fmt.Sprintf("%d %s", e.Choice, partWords[e.Part.Kind])
		if e.Part.Kind == chat.Call {
			text += " " + e.Part.Call.ID + " " + e.Part.Call.Name
		}
		return text
	case chat.Delta:
		text := fmt.Sprintf("%d + %s", e.Choice, e.Text)
		if e.LogProbs != nil {
			text += " " + string(e.LogProbs)
		}
		return text
	case chat.Signed:
		return fmt.Sprintf("%d signed %s", e.Choice, e.Text)
	case chat.PartEnded:
		return fmt.Sprintf("%d end", e.Choice)
	case chat.Finished:
		return strings.TrimSpace(fmt.Sprintf("%d %s %s", e.Choice, finishWords[e.Finish], e.StopSequence))
	case chat.Used:
		u := e.Usage
		return fmt.Sprintf("used %d+%d=%d cached %d reasoning %d", u.Prompt, u.Completion, u.Total, u.Cached, u.Reasoning)
	case chat.Ended:
		return "ended"
	}
	return "failed " + said(e.Err)
}

func lines(events []chat.Event) []string {
	out := make([]string, len(events))
	for i := range events {
		out[i] = line(&events[i])
	}
	return out
}

// disorder says what is wrong with the order of events, "" where nothing is. Whole says that the stream has ended.
func disorder(events []chat.Event, whole bool) string {
	type state struct{ open, finished bool }
	choices := map[int]*state{}
	over := false
	for i := range events {
		e := &events[i]
		switch {
		case over:
			return "an event after the last: " + line(e)
		case e.Kind == chat.Failed:
			if e.Err == nil {
				return "a failure without an error"
			}
			over = true
			continue
		case (e.Kind == chat.Began) != (i == 0):
			return "began is not the first: " + line(e)
		case e.Kind == chat.Began || e.Kind == chat.Used:
			continue
		case e.Kind == chat.Ended:
			over = true
			continue
		}
		c := choices[e.Choice]
		if c == nil {
			c = &state{}
			choices[e.Choice] = c
		}
		wantOpen := e.Kind == chat.Delta || e.Kind == chat.Signed || e.Kind == chat.PartEnded
		if c.finished || c.open != wantOpen {
			return "out of place: " + line(e)
		}
		switch e.Kind {
		case chat.PartBegan:
			c.open = true
			if e.Part.Kind == chat.Call && e.Part.Call == nil {
				return "a call without a name"
			}
		case chat.PartEnded:
			c.open = false
		case chat.Finished:
			c.finished = true
		}
	}
	if !whole {
		return ""
	}
	for i, c := range choices {
		if !c.finished && events[len(events)-1].Kind != chat.Failed {
			return fmt.Sprintf("choice %d did not finish", i)
		}
	}
	if !over {
		return "no end"
	}
	return ""
}

// compare wants two requests to be the same but for where things stood.
func compare(t *testing.T, want, got *chat.Request) {
	t.Helper()
	if diff := cmp.Diff(want, got, sameRequest, nowhere); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
