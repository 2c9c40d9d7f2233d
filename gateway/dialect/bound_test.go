// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// bound decodes and bounds a body, in place, as the gateway does.
func bound(t *testing.T, s *Shape, body string, b Bound) (string, *Request, *exchange.Error) {
	t.Helper()
	r := &Request{}
	buffer := append(make([]byte, 0, 4*len(body)+256), body...)
	if err := r.Decode(s, buffer); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	got, err := r.Bound(buffer, b, 0)
	return string(got), r, err
}

func TestOutputIsBounded(t *testing.T) {
	const (
		chat   = `{"model":"m","messages":[]`
		claude = `{"model":"m","messages":[],"max_tokens":8000,"thinking":`
		gemini = `{"contents":[]`
	)
	clamp := Bound{Most: 4000, Clamp: true, Unasked: 3000}
	old := clamp
	old.OldName = true
	tests := map[string]struct {
		shape      *Shape
		body       string
		bound      Bound
		want       string
		wantTokens int64
	}{
		"a chat that asks for little":            {Chat, chat + `,"max_tokens":5}`, clamp, chat + `,"max_tokens":5}`, 5},
		"a chat that asks for the most":          {Chat, chat + `,"max_tokens":4000}`, clamp, chat + `,"max_tokens":4000}`, 4000},
		"a chat that asks for one more":          {Chat, chat + `,"max_tokens": 4001 }`, clamp, chat + `,"max_tokens": 4000 }`, 4000},
		"a chat that asks by the new name":       {Chat, chat + `,"max_completion_tokens":9000}`, clamp, chat + `,"max_completion_tokens":4000}`, 4000},
		"a chat that asks twice":                 {Chat, `{"max_tokens":5000,"model":"m","messages":[],"max_completion_tokens":6000}`, clamp, `{"max_tokens":4000,"model":"m","messages":[],"max_completion_tokens":4000}`, 4000},
		"a chat that asks for nothing at all":    {Chat, chat + `,"max_tokens":0}`, clamp, chat + `,"max_tokens":0}`, 0},
		"a chat that asks for all there is":      {Chat, chat + `,"max_tokens":-1}`, clamp, chat + `,"max_tokens":3000}`, 3000},
		"a chat that does not ask":               {Chat, chat + `}`, clamp, `{"max_completion_tokens":3000,` + chat[1:] + `}`, 3000},
		"a chat that does not ask an old server": {Chat, chat + `}`, old, `{"max_tokens":3000,` + chat[1:] + `}`, 3000},
		"a chat that asks with a null":           {Chat, chat + `,"max_completion_tokens":null}`, clamp, chat + `,"max_completion_tokens":3000}`, 3000},
		"a chat that asks with the other null":   {Chat, chat + `,"max_tokens":null}`, clamp, `{"max_completion_tokens":3000,` + chat[1:] + `,"max_tokens":null}`, 3000},
		"a chat that asks an old one with null":  {Chat, chat + `,"max_tokens":null}`, old, chat + `,"max_tokens":3000}`, 3000},
		"a chat with what nobody knows":          {Chat, chat + `,"x":{"max_tokens":9000},"max_tokens":9000,"é":"\u00e9"}`, clamp, chat + `,"x":{"max_tokens":9000},"max_tokens":4000,"é":"\u00e9"}`, 4000},
		"a completion":                           {Completions, `{"model":"m","prompt":"x","max_tokens":9000}`, clamp, `{"model":"m","prompt":"x","max_tokens":4000}`, 4000},
		"a completion that does not ask":         {Completions, `{"model":"m","prompt":"x"}`, clamp, `{"max_tokens":3000,"model":"m","prompt":"x"}`, 3000},
		"a response":                             {Response, `{"model":"m","input":"x","max_output_tokens":9000}`, clamp, `{"model":"m","input":"x","max_output_tokens":4000}`, 4000},
		"a response that does not ask":           {Response, `{"model":"m","input":"x"}`, clamp, `{"max_output_tokens":3000,"model":"m","input":"x"}`, 3000},
		"a message":                              {Messages, `{"model":"m","messages":[],"max_tokens":9000}`, clamp, `{"model":"m","messages":[],"max_tokens":4000}`, 4000},
		"a message that does not ask":            {Messages, `{"model":"m","messages":[]}`, clamp, `{"max_tokens":3000,"model":"m","messages":[]}`, 3000},
		"thinking keeps its share":               {Messages, claude + `{"type":"enabled","budget_tokens":6000}}`, clamp, `{"model":"m","messages":[],"max_tokens":4000,"thinking":{"type":"enabled","budget_tokens":3000}}`, 4000},
		"thinking keeps what it must have":       {Messages, claude + `{"type":"enabled","budget_tokens":1500}}`, clamp, `{"model":"m","messages":[],"max_tokens":4000,"thinking":{"type":"enabled","budget_tokens":1024}}`, 4000},
		"nearly all of it was thinking":          {Messages, claude + `{"budget_tokens":7999}}`, clamp, `{"model":"m","messages":[],"max_tokens":4000,"thinking":{"budget_tokens":3999}}`, 4000},
		"thinking over several answers":          {Messages, claude + `{"budget_tokens":8000}}`, clamp, `{"model":"m","messages":[],"max_tokens":4000,"thinking":{"budget_tokens":8000}}`, 4000},
		"no thinking":                            {Messages, claude + `{"type":"disabled"}}`, clamp, `{"model":"m","messages":[],"max_tokens":4000,"thinking":{"type":"disabled"}}`, 4000},
		"thinking of null":                       {Messages, claude + `null}`, clamp, `{"model":"m","messages":[],"max_tokens":4000,"thinking":null}`, 4000},
		"Gemini":                                 {Generate, gemini + `,"generationConfig":{"temperature":1,"maxOutputTokens":9000}}`, clamp, gemini + `,"generationConfig":{"temperature":1,"maxOutputTokens":4000}}`, 4000},
		"Gemini by the other names":              {Generate, gemini + `,"generation_config":{"max_output_tokens":9000}}`, clamp, gemini + `,"generation_config":{"max_output_tokens":4000}}`, 4000},
		"Gemini with both names":                 {Generate, gemini + `,"generationConfig":{"max_output_tokens":9000,"maxOutputTokens":1}}`, clamp, gemini + `,"generationConfig":{"max_output_tokens":4000,"maxOutputTokens":1}}`, 4000},
		"Gemini with a name in escapes":          {Generate, gemini + `,"generationConfig":{"maxOutput\u0054okens":9000}}`, clamp, gemini + `,"generationConfig":{"maxOutput\u0054okens":4000}}`, 4000},
		"Gemini without a bound":                 {Generate, gemini + `,"generationConfig":{"temperature":1}}`, clamp, gemini + `,"generationConfig":{"maxOutputTokens":3000,"temperature":1}}`, 3000},
		"Gemini with an empty configuration":     {Generate, gemini + `,"generationConfig":{ }}`, clamp, gemini + `,"generationConfig":{"maxOutputTokens":3000 }}`, 3000},
		"Gemini with a null within":              {Generate, gemini + `,"generationConfig":{"maxOutputTokens":null}}`, clamp, gemini + `,"generationConfig":{"maxOutputTokens":3000}}`, 3000},
		"Gemini with a null configuration":       {Generate, gemini + `,"generationConfig":null}`, clamp, gemini + `,"generationConfig":{"maxOutputTokens":3000}}`, 3000},
		"Gemini without a configuration":         {Generate, gemini + `}`, clamp, `{"generationConfig":{"maxOutputTokens":3000},"contents":[]}`, 3000},
		"the gateway's own dialect":              {Generation, `{"prompt":"x","maxOutputTokens":9000}`, clamp, `{"prompt":"x","maxOutputTokens":4000}`, 4000},
		"the gateway's own, of nothing":          {Generation, ` { } `, clamp, ` {"maxOutputTokens":3000 } `, 3000},
		"what gives no tokens":                   {Embeddings, `{"model":"m","input":"x","max_tokens":9000}`, clamp, `{"model":"m","input":"x","max_tokens":9000}`, 0},
		"what only counts":                       {CountTokens, `{"model":"m","messages":[],"max_tokens":9000}`, clamp, `{"model":"m","messages":[],"max_tokens":9000}`, 0},
		"a bound that is refused beyond":         {Chat, chat + `,"max_tokens":4000}`, Bound{Most: 4000, Unasked: 3000}, chat + `,"max_tokens":4000}`, 4000},
		"none where more would be refused":       {Chat, chat + `}`, Bound{Most: 4000, Unasked: 3000}, `{"max_completion_tokens":3000,` + chat[1:] + `}`, 3000},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, r, err := bound(t, tc.shape, tc.body, tc.bound)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !json.Valid([]byte(got)) {
				t.Error("this is no JSON")
			}
			if r.MaxOutputTokens != tc.wantTokens {
				t.Errorf("reads as a bound of %d", r.MaxOutputTokens)
			}
			if again, _, err := bound(t, tc.shape, got, tc.bound); err != nil || again != got && tc.wantTokens > 0 {
				t.Errorf("again: %v, %s", err, again)
			}
		})
	}
}

func TestTooMuchOutputIsRefused(t *testing.T) {
	refuse := Bound{Most: 4000, Unasked: 4000}
	tests := map[string]struct {
		shape                  *Shape
		body                   string
		bound                  Bound
		wantParam, wantMessage string
	}{
		"a chat": {
			Chat, `{"model":"m","messages":[],"max_tokens":4001}`, refuse,
			"max_tokens", "max_tokens is too large: 4001. This gateway allows at most 4000 tokens.",
		},
		"Gemini": {
			Generate, `{"contents":[],"generationConfig":{"maxOutputTokens":5000}}`, refuse,
			"generationConfig.maxOutputTokens", "generationConfig.maxOutputTokens is too large: 5000. This gateway allows at most 4000 tokens.",
		},
		"thinking that has no room": {
			Messages, `{"model":"m","messages":[],"max_tokens":4000,"thinking":{"type":"enabled","budget_tokens":2000}}`, Bound{Most: 1000, Clamp: true},
			"thinking.budget_tokens", "'thinking.budget_tokens' does not fit: this gateway allows at most 1000 tokens of output, thinking included.",
		},
		"thinking that would leave no answer": {
			Messages, `{"model":"m","messages":[],"max_tokens":4000,"thinking":{"budget_tokens":1024}}`, Bound{Most: 1024, Clamp: true},
			"thinking.budget_tokens", "'thinking.budget_tokens' does not fit: this gateway allows at most 1024 tokens of output, thinking included.",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := bound(t, tc.shape, tc.body, tc.bound)
			if err == nil {
				t.Fatal("not refused")
			}
			got := *err
			want := exchange.Error{
				Status: 400, Type: exchange.TypeInvalidRequest, Param: tc.wantParam, Message: tc.wantMessage,
				Reason: exchange.ReasonOutputTokens, Outcome: exchange.Refused,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The largest numbers that there are do not overflow what is computed with them.
func TestAnEnormousBudgetOfThinkingIsLowered(t *testing.T) {
	body := `{"model":"m","messages":[],"max_tokens":9223372036854775807,"thinking":{"budget_tokens":9223372036854775806}}`
	got, _, err := bound(t, Messages, body, Bound{Most: math.MaxInt64 - 1, Clamp: true, Unasked: 1})
	want := `{"model":"m","messages":[],"max_tokens":9223372036854775806,"thinking":{"budget_tokens":9223372036854775805}}`
	if err != nil || got != want {
		t.Errorf("%s, %v", got, err)
	}
}

func TestBoundingDoesNotAllocate(t *testing.T) {
	body := []byte(`{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("x", 1000) + `"}]}`)
	buffer := make([]byte, 0, 4096)
	var r Request
	allocations := testing.AllocsPerRun(100, func() {
		buffer = append(buffer[:0], body...)
		if err := r.Decode(Chat, buffer); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Bound(buffer, Bound{Most: 10, Clamp: true, Unasked: 10}, 0); err != nil || r.MaxOutputTokens != 10 {
			t.Fatal(err, r.MaxOutputTokens)
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

func TestWhatStandsTwiceWithinAConfigurationIsRefused(t *testing.T) {
	for name, body := range map[string]string{
		"a bound":           `{"contents":[],"generationConfig":{"maxOutputTokens":1,"maxOutputTokens":9}}`,
		"the configuration": `{"contents":[],"generationConfig":{},"generation_config":{}}`,
	} {
		t.Run(name, func(t *testing.T) {
			var r Request
			if err := r.Decode(Generate, []byte(body)); err == nil || !strings.Contains(err.Message, "stands twice") {
				t.Errorf("%v", err)
			}
		})
	}
}

func FuzzBound(f *testing.F) {
	shapes := []*Shape{Chat, Completions, Response, Messages, Generation, Generate}
	f.Add(uint8(0), `{"model":"m","messages":[],"max_tokens":null}`, int64(10), int64(5), true, false)
	f.Add(uint8(3), `{"model":"m","messages":[],"max_tokens":9000,"thinking":{"budget_tokens":8000}}`, int64(4000), int64(5), true, true)
	f.Add(uint8(5), `{"contents":[],"generationConfig":{"maxOutputTokens":-1}}`, int64(10), int64(10), true, false)
	f.Fuzz(func(t *testing.T, which uint8, body string, most, unasked int64, clamp, old bool) {
		s := shapes[int(which)%len(shapes)]
		b := Bound{Most: max(most, 1), Clamp: clamp, Unasked: min(max(unasked, 1), max(most, 1)), OldName: old}
		var r Request
		buffer := []byte(body)
		if r.Decode(s, buffer) != nil {
			return
		}
		zero := r.bounds.given && r.MaxOutputTokens == 0
		got, err := r.Bound(buffer, b, 0)
		if err != nil {
			return
		}
		if !json.Valid(got) {
			t.Fatalf("%q became %q, which is no JSON", body, got)
		}
		if r.MaxOutputTokens > b.Most || r.MaxOutputTokens == 0 && !zero {
			t.Fatalf("%q became %q, which asks for %d", body, got, r.MaxOutputTokens)
		}
	})
}
