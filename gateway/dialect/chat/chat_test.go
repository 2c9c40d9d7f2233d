// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package chat

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

func TestWrongTypesAreNamedByTheirPlace(t *testing.T) {
	type inner struct {
		Content string `json:"content"`
	}
	type body struct {
		Messages []inner `json:"messages"`
	}
	for name, test := range map[string]struct{ body, wantParam, wantMessage string }{
		"a number where a string stands": {`{"messages":[{"content":"a"},{"content":3}]}`, "messages[1].content", "Invalid type for 'messages[1].content'."},
		"an object where a list stands":  {`{"messages":{}}`, "messages", "Invalid type for 'messages'."},
		"a name that stands twice":       {`{"messages":[{"content":"a","content":"b"}]}`, "messages[0].content", "The field 'messages[0].content' stands twice."},
		"no JSON":                        {`{`, "", "The body of your request could not be understood."},
	} {
		err := DecodeBody([]byte(test.body), &body{})
		if err == nil || err.Param != test.wantParam || err.Message != test.wantMessage || err.Status != 400 {
			t.Errorf("%s: %+v, want %q: %s", name, err, test.wantParam, test.wantMessage)
		}
	}
	if err := DecodeBody([]byte(`{"messages":[{"content":"a"}]}`), &body{}); err != nil {
		t.Errorf("a good body: %v", err)
	}
}

func TestAnUnknownFieldIsRefusedUnlessItAsksForNothing(t *testing.T) {
	for name, test := range map[string]struct {
		at      string
		members jsontext.Value
		want    string
	}{
		"none":            {"", nil, ""},
		"null":            {"", jsontext.Value(`{"a":null}`), ""},
		"in the body":     {"", jsontext.Value(`{"a":null,"b":{"c":1},"d":2}`), "b"},
		"in a message":    {"messages[2]", jsontext.Value(`{"b":false}`), "messages[2].b"},
		"an empty object": {"", jsontext.Value(`{}`), ""},
	} {
		got := ""
		if err := RefuseUnknown(test.at, test.members); err != nil {
			got = err.Param
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestASilentMemberAsksForNothing(t *testing.T) {
	silent := []Silent{{"a": {"false", `{"b":1}`}}, {"id": nil}}
	for members, want := range map[string]string{
		`{"a":false}`:             "",
		`{"a":{ "b" : 1 }}`:       "",
		`{"id":[7],"a":null}`:     "",
		`{"id":1,"a":true}`:       "a",
		`{"a":false,"other":0}`:   "other",
		`{"a":false,"id":2,"b":}`: "",
	} {
		got := ""
		if err := RefuseUnknown("", jsontext.Value(members), silent...); err != nil {
			got = err.Param
		}
		if got != want {
			t.Errorf("%s: %q, want %q", members, got, want)
		}
	}
}

func TestMembersAreGivenInOrder(t *testing.T) {
	for object, want := range map[string]string{
		`{"b":1,"a":[2, 3],"b":"x"}`: `b=1 a=[2, 3] b="x" `,
		`{}`:                         "",
		`[1]`:                        "",
		``:                           "",
		`{"a":1,`:                    "a=1 ",
	} {
		got := ""
		for name, value := range Members(jsontext.Value(object)) {
			got += name + "=" + string(value) + " "
		}
		if got != want {
			t.Errorf("%s: %q, want %q", object, got, want)
		}
	}
	for name := range Members(jsontext.Value(`{"a":1,"b":2}`)) {
		if name != "a" {
			t.Error("went on after it was told to stop")
		}
		break
	}
}

func TestInstructionsInTheMiddleAreRefusedWhereTheyStandApart(t *testing.T) {
	text := func(role Role, text, at string) Message {
		return Message{Role: role, Parts: []Part{{Text: text}}, At: at}
	}
	r := &Request{Messages: []Message{text(System, "a", "0"), text(Developer, "b", "1"), text(User, "c", "2")}}
	system, rest, err := r.SplitSystem("Anthropic")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Part{{Text: "a"}, {Text: "b"}}, system); diff != "" {
		t.Error(diff)
	}
	if len(rest) != 1 || rest[0].Parts[0].Text != "c" {
		t.Errorf("rest: %v", rest)
	}
	r.Messages = append(r.Messages, text(System, "d", "messages[3]"))
	if _, _, err := r.SplitSystem("Anthropic"); err == nil || err.Param != "messages[3]" {
		t.Errorf("instructions in the middle: %v", err)
	}
}

func TestEffortsAndBudgetsAgree(t *testing.T) {
	for _, b := range budgets {
		if got := EffortOf(b.tokens); got != b.effort {
			t.Errorf("%d tokens are %q, want %q", b.tokens, got, b.effort)
		}
		if got, ok := BudgetOf(b.effort); !ok || got != b.tokens {
			t.Errorf("%q is %d", b.effort, got)
		}
	}
	for tokens, want := range map[int64]Effort{-1: "", 1: EffortMinimal, 9000: EffortHigh, 1 << 20: EffortMax} {
		if got := EffortOf(tokens); got != want {
			t.Errorf("%d tokens are %q, want %q", tokens, got, want)
		}
	}
	if _, ok := BudgetOf("furious"); ok {
		t.Error("an unknown effort has a budget")
	}
}
