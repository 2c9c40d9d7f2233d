// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"strings"
	"testing"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

type textCompletion struct {
	ID, Object string
	Choices    []struct {
		Index    int
		Text     string
		Logprobs *struct {
			Tokens  []string
			Offsets []int `json:"text_offset"`
		}
		FinishReason *string `json:"finish_reason"`
	}
	Usage *usage
}

func completed(t *testing.T, server *fakeprovider.Server, body string, headers ...string) textCompletion {
	t.Helper()
	response, content := tell(t, server, "/v1/completions", body, headers...)
	if response.StatusCode != 200 {
		t.Fatalf("%d %s", response.StatusCode, content)
	}
	var got textCompletion
	decode(t, content, &got)
	return got
}

func TestCompletionsTakeEveryShapeOfPrompt(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, c := range map[string]struct {
		body            string
		choices, prompt int
	}{
		"a string":                 {`"prompt":"12345678"`, 1, 2},
		"strings":                  {`"prompt":["1234","56781234"]`, 2, 3},
		"tokens":                   {`"prompt":[1,2,3]`, 1, 3},
		"lists of tokens":          {`"prompt":[[1,2],[3]]`, 2, 3},
		"nothing at all":           {`"suffix":"x"`, 1, 0},
		"two answers for each one": {`"prompt":["1234","5678"],"n":2`, 4, 2},
	} {
		t.Run(name, func(t *testing.T) {
			got := completed(t, server, `{"model":"m",`+c.body+`}`, "x-fake-tokens", "3")
			if len(got.Choices) != c.choices || got.Object != "text_completion" || !strings.HasPrefix(got.ID, "cmpl-") {
				t.Errorf("%+v", got)
			}
			for i, choice := range got.Choices {
				if choice.Index != i || fakeprovider.CountTokens(choice.Text) != 3 || *choice.FinishReason != "stop" {
					t.Errorf("choice %d: %+v", i, choice)
				}
			}
			wantUsage(t, got.Usage, c.prompt, 3*c.choices)
		})
	}
}

func TestCompletionsEchoStopAndTellProbabilities(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	if got := completed(t, server, `{"model":"m","prompt":"abc","echo":true,"max_tokens":0}`).Choices[0]; got.Text != "abc" || *got.FinishReason != "length" {
		t.Errorf("%+v", got)
	}
	if got := completed(t, server, `{"model":"m","prompt":"abc","stop":["asked"],"logprobs":1}`).Choices[0]; got.Text != "You " || len(got.Logprobs.Tokens) != 1 {
		t.Errorf("%+v", got)
	}
	got := completed(t, server, `{"model":"m","prompt":"abc","logprobs":0}`, "x-fake-tokens", "3").Choices[0].Logprobs
	for i, offset := range got.Offsets {
		if want := len([]rune(strings.Join(got.Tokens[:i], ""))); offset != want {
			t.Errorf("token %d begins at %d, want %d", i, offset, want)
		}
	}
	if got := completed(t, server, `{"model":"m","prompt":"abc"}`, "x-fake-tokens", "50"); *got.Choices[0].FinishReason != "length" || got.Usage.CompletionTokens != 16 {
		t.Errorf("16 tokens are all that is said unless more are asked for: %+v", got)
	}
}

func TestCompletionsStream(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	_, content := tell(t, server, "/v1/completions",
		`{"model":"m","prompt":["a","b"],"stream":true,"stream_options":{"include_usage":true}}`, "x-fake-tokens", "4")
	events := payloads(t, content)
	if events[len(events)-1] != "[DONE]" || len(events) != 2*(4+1)+1+1 {
		t.Fatalf("%d events: %q", len(events), events)
	}
	texts := map[int]string{}
	for i, payload := range events[:len(events)-1] {
		var got textCompletion
		decode(t, []byte(payload), &got)
		if i == len(events)-2 {
			wantUsage(t, got.Usage, 2, 8)
			break
		}
		texts[got.Choices[0].Index] += got.Choices[0].Text
		if !strings.Contains(payload, `"usage":null`) {
			t.Errorf("chunk %d: %s", i, payload)
		}
	}
	if fakeprovider.CountTokens(texts[0]) != 4 || fakeprovider.CountTokens(texts[1]) != 4 || texts[0] == texts[1] {
		t.Errorf("%v", texts)
	}
	_, content = tell(t, server, "/v1/completions", `{"model":"m","prompt":"a","echo":true,"stream":true}`)
	if strings.Contains(string(content), "usage") || !strings.Contains(string(content), `"text":"a"`) {
		t.Errorf("%s", content)
	}
}

func TestCompletionsAndModerationsRefuse(t *testing.T) {
	server := start(t, fakeprovider.Options{StrictModels: true, Models: []string{"m"}})
	for name, c := range map[string]struct {
		path, body string
		status     int
	}{
		"no model":                      {"/v1/completions", `{"prompt":"a"}`, 400},
		"another model":                 {"/v1/completions", `{"model":"x","prompt":"a"}`, 404},
		"a chat's messages":             {"/v1/completions", `{"model":"m","messages":[]}`, 400},
		"a prompt of no shape":          {"/v1/completions", `{"model":"m","prompt":{}}`, 400},
		"too many answers":              {"/v1/completions", `{"model":"m","prompt":"a","n":99}`, 400},
		"a length below zero":           {"/v1/completions", `{"model":"m","prompt":"a","max_tokens":-1}`, 400},
		"stream_options without stream": {"/v1/completions", `{"model":"m","prompt":"a","stream_options":{}}`, 400},
		"six probabilities":             {"/v1/completions", `{"model":"m","prompt":"a","logprobs":6}`, 400},
		"moderating nothing":            {"/v1/moderations", `{}`, 400},
		"moderating no parts":           {"/v1/moderations", `{"input":[]}`, 400},
		"moderating by another model":   {"/v1/moderations", `{"model":"x","input":"a"}`, 404},
		"moderating what is no image":   {"/v1/moderations", `{"input":[{"type":"image_url","image_url":{"url":"x"}}]}`, 400},
	} {
		t.Run(name, func(t *testing.T) {
			if response, content := tell(t, server, c.path, c.body); response.StatusCode != c.status {
				t.Errorf("%d %s, want %d", response.StatusCode, content, c.status)
			}
		})
	}
}

func TestModerations(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, c := range map[string]struct {
		input string
		flags []bool
	}{
		"a text":         {`"violence is here"`, []bool{true}},
		"texts":          {`["nice","some hate"]`, []bool{false, true}},
		"parts together": {`[{"type":"text","text":"nice"},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]`, []bool{false}},
	} {
		t.Run(name, func(t *testing.T) {
			_, content := tell(t, server, "/v1/moderations", `{"input":`+c.input+`}`)
			var got struct {
				ID, Model string
				Results   []struct {
					Flagged    bool
					Categories map[string]bool
					Scores     map[string]float64  `json:"category_scores"`
					Applied    map[string][]string `json:"category_applied_input_types"`
				}
			}
			decode(t, content, &got)
			if len(got.Results) != len(c.flags) || got.Model != "omni-moderation-latest" || !strings.HasPrefix(got.ID, "modr-") {
				t.Fatalf("%s", content)
			}
			for i, result := range got.Results {
				if result.Flagged != c.flags[i] || len(result.Categories) != 13 || len(result.Scores) != 13 || len(result.Applied["hate"]) == 0 {
					t.Errorf("result %d: %+v", i, result)
				}
			}
		})
	}
}
