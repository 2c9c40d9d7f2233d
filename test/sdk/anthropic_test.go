// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"context"
	"errors"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
	"github.com/anthropics/anthropic-sdk-go/packages/param"
)

func newAnthropic(key string, retries bool) anthropic.Client {
	options := []option.RequestOption{option.WithBaseURL(environment.url), option.WithAPIKey(key)}
	if !retries {
		options = append(options, option.WithMaxRetries(0))
	}
	return anthropic.NewClient(options...)
}

func anthropicMessages() *client {
	return &client{
		dialect: "anthropic", name: "anthropic-go",
		status: func(err error) (code int, said string) {
			var own *anthropic.Error
			if !errors.As(err, &own) {
				return 0, ""
			}
			return own.StatusCode, own.RawJSON()
		},
		ask: func(ctx context.Context, key string, retries bool, q question, stream bool) (answer, error) {
			c := newAnthropic(key, retries)
			if stream {
				return messageStreamed(ctx, &c, q)
			}
			message, err := c.Messages.New(ctx, messageOf(&q))
			if err != nil {
				return answer{}, err
			}
			return messageAnswer(message), nil
		},
		count: func(ctx context.Context, q question) (int64, error) {
			c := newAnthropic(environment.good, false)
			whole := messageOf(&q)
			got, err := c.Messages.CountTokens(ctx, anthropic.MessageCountTokensParams{Model: whole.Model, Messages: whole.Messages})
			if err != nil {
				return 0, err
			}
			return got.InputTokens, nil
		},
		list: func(ctx context.Context) ([]string, error) {
			c := newAnthropic(environment.good, false)
			var names []string
			pages := c.Models.ListAutoPaging(ctx, anthropic.ModelListParams{Limit: param.NewOpt[int64](5)})
			for pages.Next() {
				names = append(names, pages.Current().ID)
			}
			return names, pages.Err()
		},
		retrieve: func(ctx context.Context, model string) (string, error) {
			c := newAnthropic(environment.good, false)
			got, err := c.Models.Get(ctx, model, anthropic.ModelGetParams{})
			if err != nil {
				return "", err
			}
			return got.ID, nil
		},
	}
}

func messageOf(q *question) anthropic.MessageNewParams {
	asked := anthropic.MessageNewParams{
		Model: anthropic.Model(q.model), MaxTokens: 4096, Messages: messages(q), StopSequences: q.stop,
	}
	if q.system != "" {
		asked.System = []anthropic.TextBlockParam{{Text: q.system}}
	}
	for _, t := range q.tools {
		required, _ := t.schema["required"].([]string)
		made := anthropic.ToolUnionParamOfTool(anthropic.ToolInputSchemaParam{
			Properties: t.schema["properties"], Required: required, ExtraFields: map[string]any{"additionalProperties": false},
		}, t.name)
		made.OfTool.Description = param.NewOpt(t.description)
		asked.Tools = append(asked.Tools, made)
	}
	switch {
	case q.choice == "any":
		asked.ToolChoice.OfAny = &anthropic.ToolChoiceAnyParam{}
	case q.choice == "none":
		asked.ToolChoice.OfNone = &anthropic.ToolChoiceNoneParam{}
	case q.choice != "":
		asked.ToolChoice = anthropic.ToolChoiceParamOfTool(q.choice)
	case q.serial:
		asked.ToolChoice.OfAuto = &anthropic.ToolChoiceAutoParam{DisableParallelToolUse: param.NewOpt(true)}
	}
	if q.schema != nil {
		asked.OutputConfig.Format.Schema = q.schema
	}
	if q.thinks {
		asked.Thinking = anthropic.ThinkingConfigParamOfEnabled(2048)
	}
	if q.most > 0 {
		asked.MaxTokens = q.most
	}
	return asked
}

func messages(q *question) (all []anthropic.MessageParam) {
	for _, t := range q.turns {
		var blocks []anthropic.ContentBlockParamUnion
		if t.image != "" {
			blocks = append(blocks, anthropic.NewImageBlockBase64("image/png", t.image))
		}
		for _, r := range t.results {
			blocks = append(blocks, anthropic.NewToolResultBlock(r.call.id, r.text, false))
		}
		switch said, ok := t.said.(anthropic.MessageParam); {
		case ok:
			all = append(all, said)
		case t.assistant != "":
			all = append(all, anthropic.NewAssistantMessage(anthropic.NewTextBlock(t.assistant)))
		case t.user != "":
			all = append(all, anthropic.NewUserMessage(append(blocks, anthropic.NewTextBlock(t.user))...))
		default:
			all = append(all, anthropic.NewUserMessage(blocks...))
		}
	}
	return all
}

var messageEnds = map[anthropic.StopReason]string{
	"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tools",
}

func messageAnswer(m *anthropic.Message) answer {
	a := answer{
		ended: messageEnds[m.StopReason], said: m.ToParam(), completion: m.Usage.OutputTokens,
		prompt: m.Usage.InputTokens + m.Usage.CacheReadInputTokens + m.Usage.CacheCreationInputTokens,
	}
	for _, block := range m.Content {
		switch block.Type {
		case "text":
			a.text += block.Text
		case "thinking":
			a.thoughts += block.Thinking
		case "tool_use":
			a.calls = append(a.calls, callOf(block.ID, block.Name, string(block.Input)))
		}
	}
	return a
}

func messageStreamed(ctx context.Context, c *anthropic.Client, q question) (answer, error) {
	stream := c.Messages.NewStreaming(ctx, messageOf(&q))
	var whole anthropic.Message
	var texts, arguments int
	ended := false
	for stream.Next() {
		event := stream.Current()
		if err := whole.Accumulate(event); err != nil {
			return answer{}, err
		}
		switch {
		case event.Type == "message_stop":
			ended = true
		case event.Delta.Type == "text_delta":
			texts++
		case event.Delta.Type == "input_json_delta" && event.Delta.PartialJSON != "":
			arguments++
		}
	}
	switch {
	case stream.Err() != nil:
		return answer{}, stream.Err()
	case !ended:
		return answer{}, errors.New("the stream ended cleanly without message_stop")
	}
	a := messageAnswer(&whole)
	a.texts, a.arguments = texts, arguments
	return a, nil
}
