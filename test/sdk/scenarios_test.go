// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// scenario is a row of the matrix. It gives the error of the SDK that may be a refusal; all else fails the test.
type scenario struct {
	feature string
	run     func(t *testing.T, sdk *client, provider string) error
}

// The scenarios are those of js/scenarios.mjs, which says what each is about.
var scenarios = []scenario{
	{"chat", chat}, {"streaming", streaming}, {"bound on tokens", bounded}, {"stop sequences", stopping},
	{"one tool call", loop("-one", 1, false)}, {"parallel tool calls", loop("-two", 2, false)},
	{"streamed tool calls", streamedTools}, {"no parallel tool calls", oneAtATime},
	{"tool choice: any", choice("any", "", "get_weather")}, {"tool choice: one", choice("get_time", "", "get_time")},
	{"tool choice: none", choice("none", "-one")}, {"structured output", structured}, {"vision", vision},
	{"reasoning", reasoning}, {"reasoning sent back", loop("-one", 1, true)},
	{"embeddings", embeddings(1, 0)}, {"embeddings: several texts", embeddings(2, 0)},
	{"embeddings: dimensions", embeddings(1, 256)},
	{"token counting", counting}, {"model listing", listing},
	{"error: wrong key", wrongKey}, {"error: unknown model", unknownModel}, {"error: rate limit", rateLimit},
	{"error: provider fails", failure}, {"error: provider refuses", refused}, {"error: stream breaks", brokenStream},
	{"error: event in the stream", errorEvent},
}

var (
	weather = tool{"get_weather", "The weather in a city.", map[string]any{
		"type": "object", "required": []string{"city", "unit"}, "additionalProperties": false,
		"properties": map[string]any{
			"city": map[string]any{"type": "string"}, "unit": map[string]any{"type": "string", "enum": []string{"celsius", "fahrenheit"}},
		},
	}}
	hour = tool{"get_time", "The time in a city.", map[string]any{
		"type": "object", "required": []string{"city"}, "additionalProperties": false,
		"properties": map[string]any{"city": map[string]any{"type": "string"}},
	}}
	city = map[string]any{
		"type": "object", "required": []string{"name", "population"}, "additionalProperties": false,
		"properties": map[string]any{"name": map[string]any{"type": "string"}, "population": map[string]any{"type": "integer"}},
	}
)

const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

func chat(t *testing.T, sdk *client, provider string) error {
	tag, text := tagged(sdk, "And what is its capital?")
	got, err := sdk.patient(t, question{model: provider, system: "Answer as a geographer.", turns: []turn{
		{user: "Where is the Eiffel Tower?"}, {assistant: "It is in France."}, {user: text},
	}})
	if err != nil {
		return err
	}
	if !strings.HasPrefix(got.text, "You asked «"+text+"»") || got.ended != "stop" || got.prompt == 0 || got.completion == 0 {
		t.Errorf("answer: %+v", got)
	}
	sent := records(t, tag)
	for _, said := range []string{"Answer as a geographer.", "Where is the Eiffel Tower?", "It is in France."} {
		if len(sent) != 1 || !strings.Contains(sent[0].Body, said) {
			t.Errorf("the provider was not told %q: %v", said, sent)
		}
	}
	return nil
}

func streaming(t *testing.T, sdk *client, provider string) error {
	_, text := tagged(sdk, "Say something. [[fake tokens=40]]")
	q := question{model: provider, turns: user(text)}
	whole, err := sdk.patient(t, q)
	if err != nil {
		return err
	}
	streamed, err := sdk.streamed(t, q)
	if err != nil {
		t.Fatal(err)
	}
	if streamed.text != whole.text || streamed.ended != "stop" || streamed.prompt != whole.prompt || streamed.completion != 40 {
		t.Errorf("streamed %+v, whole %+v", streamed, whole)
	}
	if streamed.texts < 30 {
		t.Errorf("%d deltas for 40 tokens", streamed.texts)
	}
	return nil
}

func stopping(t *testing.T, sdk *client, provider string) error {
	_, text := tagged(sdk, "Say nothing after the mark.")
	got, err := sdk.patient(t, question{model: provider, turns: user(text), stop: []string{"»"}})
	if err == nil && (got.text != "You asked «"+text || got.ended != "stop") {
		t.Errorf("answer: %+v", got)
	}
	return err
}

func bounded(t *testing.T, sdk *client, provider string) error {
	_, text := tagged(sdk, "Go on and on. [[fake tokens=40]]")
	got, err := sdk.patient(t, question{model: provider, turns: user(text), most: 20})
	if err == nil && (got.ended != "length" || got.completion != 20) {
		t.Errorf("answer: %+v", got)
	}
	return err
}

// loop asks, lets tools be called, answers them, and asks again.
func loop(suffix string, count int, thinks bool) func(*testing.T, *client, string) error {
	return func(t *testing.T, sdk *client, provider string) error {
		marks := ""
		if thinks {
			marks = " [[fake reasoning=40]]"
		}
		tag, text := tagged(sdk, "What is the weather in Paris?"+marks)
		q := question{model: provider + suffix, system: "Use the tools.", turns: user(text), tools: []tool{weather, hour}, thinks: thinks}
		first, err := sdk.patient(t, q)
		if err != nil {
			return err
		}
		checkCalls(t, &first, count)
		if thinks && !strings.HasPrefix(first.thoughts, "Thinking about «") {
			t.Errorf("thoughts: %q", first.thoughts)
		}
		var results []result
		for i, c := range first.calls {
			results = append(results, result{c, fmt.Sprintf("Result %d of %s%s", i, tag, marks)})
		}
		q.model, q.turns = provider, append(q.turns, turn{said: first.said}, turn{results: results})
		second, err := sdk.patient(t, q)
		if err != nil {
			return err
		}
		if second.ended != "stop" || len(second.calls) > 0 || !strings.HasPrefix(second.text, "You asked «") {
			t.Errorf("answer: %+v", second)
		}
		sent := records(t, tag)
		for _, r := range results {
			if !strings.Contains(sent[len(sent)-1].Body, r.text) {
				t.Errorf("the provider was not told %q: %s", r.text, sent[len(sent)-1].Body)
			}
		}
		return nil
	}
}

// checkCalls wants so many calls, of the tools in turn, each with an ID of its own.
func checkCalls(t *testing.T, a *answer, count int) {
	t.Helper()
	names, ids := []string{}, map[string]bool{}
	for _, c := range a.calls {
		names = append(names, c.name)
		ids[c.id] = true
	}
	if !slices.Equal(names, []string{"get_weather", "get_time"}[:count]) || len(ids) != count || a.ended != "tools" {
		t.Fatalf("answer: %+v", a)
	}
	if keys := slices.Sorted(maps.Keys(a.calls[0].arguments)); !slices.Equal(keys, []string{"city", "unit"}) {
		t.Errorf("arguments: %v", a.calls[0].arguments)
	}
}

func streamedTools(t *testing.T, sdk *client, provider string) error {
	_, text := tagged(sdk, "What is the weather in Paris?")
	q := question{model: provider + "-two", turns: user(text), tools: []tool{weather, hour}}
	whole, err := sdk.patient(t, q)
	if err != nil {
		return err
	}
	streamed, err := sdk.streamed(t, q)
	if err != nil {
		t.Fatal(err)
	}
	checkCalls(t, &streamed, 2)
	for i := range streamed.calls {
		if !reflect.DeepEqual(streamed.calls[i].arguments, whole.calls[i].arguments) {
			t.Errorf("streamed %v, whole %v", streamed.calls[i], whole.calls[i])
		}
	}
	if streamed.arguments < 2 {
		t.Errorf("%d deltas of arguments", streamed.arguments)
	}
	return nil
}

func oneAtATime(t *testing.T, sdk *client, provider string) error {
	_, text := tagged(sdk, "What is the weather in Paris?")
	got, err := sdk.patient(t, question{model: provider + "-two", turns: user(text), tools: []tool{weather, hour}, serial: true})
	if err == nil && len(got.calls) != 1 {
		t.Errorf("calls: %v", got.calls)
	}
	return err
}

func choice(choice, suffix string, names ...string) func(*testing.T, *client, string) error {
	return func(t *testing.T, sdk *client, provider string) error {
		_, text := tagged(sdk, "What is the weather in Paris?")
		got, err := sdk.patient(t, question{model: provider + suffix, turns: user(text), tools: []tool{weather, hour}, choice: choice})
		if err != nil {
			return err
		}
		var called []string
		for _, c := range got.calls {
			called = append(called, c.name)
		}
		if !slices.Equal(called, names) {
			t.Errorf("called %v, want %v", called, names)
		}
		return nil
	}
}

func structured(t *testing.T, sdk *client, provider string) error {
	_, text := tagged(sdk, "Which city is the largest of France?")
	for _, ask := range []func(*testing.T, question) (answer, error){sdk.patient, sdk.streamed} {
		got, err := ask(t, question{model: provider, turns: user(text), schema: city})
		if err != nil {
			return err
		}
		var said struct {
			Name       *string
			Population *int
		}
		if err := json.Unmarshal([]byte(got.text), &said); err != nil || said.Name == nil || said.Population == nil {
			t.Errorf("%v: %s", err, got.text)
		}
	}
	return nil
}

func vision(t *testing.T, sdk *client, provider string) error {
	_, text := tagged(sdk, "What is on this picture?")
	got, err := sdk.patient(t, question{model: provider, turns: []turn{{user: text, image: pixel}}})
	if err == nil && !strings.Contains(got.text, text+" [1 image: image/png]") {
		t.Errorf("answer: %s", got.text)
	}
	return err
}

func reasoning(t *testing.T, sdk *client, provider string) error {
	_, text := tagged(sdk, "Think, then answer. [[fake reasoning=40]]")
	q := question{model: provider, turns: user(text), thinks: true}
	whole, err := sdk.patient(t, q)
	if err != nil {
		return err
	}
	streamed, err := sdk.streamed(t, q)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(whole.thoughts, "Thinking about «") || !strings.HasPrefix(whole.text, "You asked «") {
		t.Errorf("answer: %+v", whole)
	}
	if streamed.thoughts != whole.thoughts || streamed.text != whole.text {
		t.Errorf("streamed %+v, whole %+v", streamed, whole)
	}
	return nil
}
