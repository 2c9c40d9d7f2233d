// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
)

// maxPrompts bounds how many prompts one request may hold; defaultCompletion is how long answers are unless max_tokens
// says otherwise, in tokens.
const (
	maxPrompts        = 128
	defaultCompletion = 16
)

// completionsRequest is what OpenAI's reference lets a request of the older kind say.
type completionsRequest struct {
	Model         string          `json:"model"`
	Prompt        json.RawMessage `json:"prompt"`
	Stream        bool            `json:"stream"`
	StreamOptions *struct {
		IncludeUsage bool `json:"include_usage"`
		Obfuscation  bool `json:"include_obfuscation"`
	} `json:"stream_options"`
	MaxTokens        *int            `json:"max_tokens"`
	N                *int            `json:"n"`
	Echo             bool            `json:"echo"`
	Suffix           *string         `json:"suffix"`
	Stop             json.RawMessage `json:"stop"`
	Logprobs         *float64        `json:"logprobs"`
	Temperature      *float64        `json:"temperature"`
	TopP             *float64        `json:"top_p"`
	FrequencyPenalty *float64        `json:"frequency_penalty"`
	PresencePenalty  *float64        `json:"presence_penalty"`

	// What follows is taken and changes nothing here.
	BestOf    *int           `json:"best_of"`
	LogitBias map[string]int `json:"logit_bias"`
	Seed      *int64         `json:"seed"`
	User      *string        `json:"user"`
}

type completionsCall struct {
	completionsRequest
	prompts []string
	tokens  int
}

type textCompletion struct {
	ID      string       `json:"id"`
	Object  string       `json:"object"`
	Created int64        `json:"created"`
	Model   string       `json:"model"`
	Choices []textChoice `json:"choices"`
	Usage   any          `json:"usage,omitempty"`
}

type textChoice struct {
	Index        int           `json:"index"`
	Text         string        `json:"text"`
	Logprobs     *textLogprobs `json:"logprobs"`
	FinishReason *finishCause  `json:"finish_reason"`
}

type textLogprobs struct {
	Tokens  []string             `json:"tokens"`
	Values  []float64            `json:"token_logprobs"`
	Top     []map[string]float64 `json:"top_logprobs"`
	Offsets []int                `json:"text_offset"`
}

func (o openAI) completions(_ *http.Request, body []byte) (call, *failure) {
	var request completionsRequest
	if fail := decodeOpenAI(body, &request); fail != nil {
		return nil, fail
	}
	if fail := request.check(); fail != nil {
		return nil, fail
	}
	if !o.server.knows(request.Model) {
		return nil, modelNotFound(request.Model)
	}
	prompts, tokens := embeddingInputs(request.Prompt) // they come in the same shapes
	if len(prompts) == 0 && (!given(request.Prompt) || string(request.Prompt) == `""`) {
		prompts = []string{""}
	}
	if len(prompts) == 0 || len(prompts) > maxPrompts {
		return nil, invalid("prompt", "Invalid 'prompt': expected a string, tokens, or a list of either.")
	}
	return &completionsCall{request, prompts, tokens}, nil
}

func (r *completionsRequest) check() *failure {
	if r.Model == "" {
		return badRequest("you must provide a model parameter")
	}
	if r.StreamOptions != nil && !r.Stream {
		return invalid("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	}
	if r.MaxTokens != nil && *r.MaxTokens < 0 {
		return invalid("max_tokens", "Invalid 'max_tokens': integer below minimum value.")
	}
	if r.N != nil && (*r.N < 1 || *r.N > maxChoices) {
		return invalid("n", fmt.Sprintf("Invalid 'n': expected from 1 to %d.", maxChoices))
	}
	return first(
		checkStop(r.Stop), within("temperature", r.Temperature, 0, 2), within("top_p", r.TopP, 0, 1),
		within("frequency_penalty", r.FrequencyPenalty, -2, 2), within("presence_penalty", r.PresencePenalty, -2, 2),
		within("logprobs", r.Logprobs, 0, 5),
	)
}

func (c *completionsCall) subject() subject {
	return subject{model: c.Model, stream: c.Stream, prompt: c.prompts[len(c.prompts)-1], promptTokens: c.tokens}
}

// textTurn is one choice before it is rendered.
type textTurn struct {
	echo   string
	tokens []string
	cause  finishCause
}

// turns composes n choices for each prompt.
func (c *completionsCall) turns(d directives, s stamp) (turns []textTurn, tokens int) {
	limit := defaultCompletion
	if c.MaxTokens != nil {
		limit = *c.MaxTokens
	}
	for _, prompt := range c.prompts {
		question := asked{model: c.Model, prompt: prompt, limit: limit, stops: stopsOf(c.Stop)}
		for n := range orDefault(c.N, 1) {
			turn := textTurn{cause: finishLength}
			if limit > 0 {
				answer := question.answer(n, d, s)
				for _, p := range answer.parts {
					turn.tokens = append(turn.tokens, p.tokens...)
				}
				turn.cause = finishOf(answer.cause)
			}
			if c.Echo {
				turn.echo = prompt
			}
			tokens += len(turn.tokens)
			turns = append(turns, turn)
		}
	}
	return turns, tokens
}

func (c *completionsCall) reply(d directives, s stamp) reply {
	turns, tokens := c.turns(d, s)
	made := textCompletion{ID: "cmpl-" + s.id, Object: "text_completion", Created: s.created, Model: c.Model}
	usage := usageOf(d, spent{prompt: c.tokens, completion: tokens})
	if c.Stream {
		return reply{events: c.events(made, turns, usage, d)}
	}
	for i, turn := range turns {
		choice := textChoice{Index: i, Text: turn.echo, FinishReason: &turn.cause, Logprobs: c.logprobs(turn.tokens)}
		for _, token := range turn.tokens {
			choice.Text += token
		}
		made.Choices = append(made.Choices, choice)
	}
	made.Usage = usage
	return reply{body: marshal(made), tokens: tokens}
}

// logprobs says how likely tokens were, if that was asked for: all of them were certain.
func (c *completionsCall) logprobs(tokens []string) *textLogprobs {
	if c.Logprobs == nil {
		return nil
	}
	list := &textLogprobs{Tokens: tokens, Values: make([]float64, len(tokens)), Top: []map[string]float64{}}
	offset := 0
	for _, token := range tokens {
		list.Offsets = append(list.Offsets, offset)
		list.Top = append(list.Top, map[string]float64{token: 0})
		offset += len([]rune(token))
	}
	return list
}

// events gives the stream: per choice its tokens one an event and its finish_reason, then the usage if it was asked
// for, and the terminator.
func (c *completionsCall) events(made textCompletion, turns []textTurn, usage any, d directives) iter.Seq[event] {
	includeUsage := c.StreamOptions != nil && c.StreamOptions.IncludeUsage && d.faults.Usage != UsageMissing
	if includeUsage {
		made.Usage = jsonNull
	}
	return func(yield func(event) bool) {
		send := func(choice textChoice, tokens int) bool {
			made.Choices = []textChoice{choice}
			return yield(event{data: marshal(made), tokens: tokens})
		}
		for i, turn := range turns {
			if turn.echo != "" && !send(textChoice{Index: i, Text: turn.echo}, 0) {
				return
			}
			for _, token := range turn.tokens {
				if !send(textChoice{Index: i, Text: token, Logprobs: c.logprobs([]string{token})}, 1) {
					return
				}
			}
			if !send(textChoice{Index: i, FinishReason: &turn.cause}, 0) {
				return
			}
		}
		if includeUsage || d.faults.Usage == UsageMalformed {
			made.Choices, made.Usage = []textChoice{}, usage
			if !yield(event{data: marshal(made)}) {
				return
			}
		}
		yield(event{data: []byte("[DONE]"), done: true})
	}
}
