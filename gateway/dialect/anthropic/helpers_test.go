// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func ptr[T any](v T) *T { return &v }

// names are an application's words for fields, as another dialect's decoder gives them.
func names(f chat.Field) string { return "field" + string(rune('A'+f)) }

// canonical gives JSON in one form, so that equal values are equal strings.
func canonical(t *testing.T, b []byte) string {
	t.Helper()
	v := jsontext.Value(b).Clone()
	if err := v.Canonicalize(); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	if err := v.Indent(); err != nil {
		t.Fatal(err)
	}
	return string(v)
}

func sameJSON(t *testing.T, want string, got []byte) {
	t.Helper()
	if diff := cmp.Diff(canonical(t, []byte(want)), canonical(t, got)); diff != "" {
		t.Error(diff)
	}
}

// sameRequest compares what is asked, and not how fields are named.
func sameRequest(t *testing.T, want, got *chat.Request) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(chat.Request{}, "Names")); diff != "" {
		t.Error(diff)
	}
}

func wantRefusal(t *testing.T, err *exchange.Error, param string) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("accepted, want a refusal of %q", param)
	case err.Status != 400 || err.Param != param || err.Outcome != exchange.Refused || err.Type != exchange.TypeInvalidRequest:
		t.Errorf("%+v, want a refusal of %q", err, param)
	}
}

// user is a message of the user's that has one text.
func user(text string) chat.Message {
	return chat.Message{Role: chat.User, Parts: []chat.Part{{Text: text, At: "m.text"}}, At: "m"}
}

func member(t *testing.T, body []byte, name string) string {
	t.Helper()
	var w map[string]jsontext.Value
	if err := json.Unmarshal(body, &w); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return string(w[name])
}
