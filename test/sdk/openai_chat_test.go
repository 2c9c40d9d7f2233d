// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/shared"
)

func newOpenAI(key string, retries bool) openai.Client {
	options := []option.RequestOption{option.WithBaseURL(environment.url + "/v1"), option.WithAPIKey(key)}
	if !retries {
		options = append(options, option.WithMaxRetries(0))
	}
	return openai.NewClient(options...)
}

func openAIStatus(err error) (code int, said string) {
	var own *openai.Error
	if !errors.As(err, &own) {
		return 0, ""
	}
	return own.StatusCode, own.RawJSON()
}

func openAIChat() *client {
	return &client{
		dialect: "openai", name: "openai-go", status: openAIStatus,
		ask: func(ctx context.Context, key string, retries bool, q question, stream bool) (answer, error) {
			c := newOpenAI(key, retries)
			if stream {
				return chatStreamed(ctx, &c, q)
			}
			completion, err := c.Chat.Completions.New(ctx, chatOf(&q))
			if err != nil {
				return answer{}, err
			}
			return chatAnswer(completion), nil
		},
		embed: func(ctx context.Context, model string, inputs []string, dimensions int64) ([][]float64, error) {
			c := newOpenAI(environment.good, false)
			asked := openai.EmbeddingNewParams{Model: model, Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: inputs}}
			if dimensions > 0 {
				asked.Dimensions = param.NewOpt(dimensions)
			}
			got, err := c.Embeddings.New(ctx, asked)
			if err != nil {
				return nil, err
			}
			var vectors [][]float64
			for _, v := range got.Data {
				vectors = append(vectors, v.Embedding)
			}
			return vectors, nil
		},
		list: func(ctx context.Context) ([]string, error) {
			c := newOpenAI(environment.good, false)
			var names []string
			pages := c.Models.ListAutoPaging(ctx)
			for pages.Next() {
				names = append(names, pages.Current().ID)
			}
			return names, pages.Err()
		},
		retrieve: func(ctx context.Context, model string) (string, error) {
			c := newOpenAI(environment.good, false)
			got, err := c.Models.Get(ctx, model)
			if err != nil {
				return "", err
			}
			return got.ID, nil
		},
	}
}

func chatOf(q *question) openai.ChatCompletionNewParams {
	asked := openai.ChatCompletionNewParams{Model: q.model, Messages: chatMessages(q)}
	for _, t := range q.tools {
		asked.Tools = append(asked.Tools, openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name: t.name, Description: param.NewOpt(t.description), Parameters: t.schema,
		}))
	}
	switch q.choice {
	case "":
	case "any":
		asked.ToolChoice.OfAuto = param.NewOpt("required")
	case "none":
		asked.ToolChoice.OfAuto = param.NewOpt("none")
	default:
		asked.ToolChoice = openai.ToolChoiceOptionFunctionToolChoice(openai.ChatCompletionNamedToolChoiceFunctionParam{Name: q.choice})
	}
	if q.serial {
		asked.ParallelToolCalls = param.NewOpt(false)
	}
	if q.schema != nil {
		asked.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
			Name: "answer", Strict: param.NewOpt(true), Schema: q.schema,
		}}
	}
	asked.Stop.OfStringArray = q.stop
	if q.thinks {
		asked.ReasoningEffort = shared.ReasoningEffortHigh
	}
	if q.most > 0 {
		asked.MaxCompletionTokens = param.NewOpt(q.most)
	}
	return asked
}

func chatMessages(q *question) (all []openai.ChatCompletionMessageParamUnion) {
	if q.system != "" {
		all = append(all, openai.SystemMessage(q.system))
	}
	for _, t := range q.turns {
		switch {
		case t.image != "":
			all = append(all, openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
				openai.TextContentPart(t.user),
				openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: "data:image/png;base64," + t.image}),
			}))
		case t.user != "":
			all = append(all, openai.UserMessage(t.user))
		case t.assistant != "":
			all = append(all, openai.AssistantMessage(t.assistant))
		case t.said != nil:
			all = append(all, param.Override[openai.ChatCompletionMessageParamUnion](t.said))
		}
		for _, r := range t.results {
			all = append(all, openai.ToolMessage(r.text, r.call.id))
		}
	}
	return all
}

// told is what servers say beside OpenAI's own fields, and Mistral's parts of the content.
type told struct {
	Content          json.RawMessage `json:"content"`
	ReasoningContent string          `json:"reasoning_content"`
	Reasoning        string          `json:"reasoning"`
}

type toldPart struct {
	Type, Text string
	Thinking   []toldPart
}

// read gives the text and the thoughts of a message or a delta.
func read(raw string) (text, thoughts string) {
	var said told
	_ = json.Unmarshal([]byte(raw), &said) // it was read before
	var parts []toldPart
	if json.Unmarshal(said.Content, &text) == nil || json.Unmarshal(said.Content, &parts) != nil {
		return text, said.ReasoningContent + said.Reasoning
	}
	for _, part := range parts {
		text += part.Text
		for _, thought := range part.Thinking {
			thoughts += thought.Text
		}
	}
	return text, thoughts
}

var chatEnds = map[string]string{"stop": "stop", "length": "length", "tool_calls": "tools"}

func chatAnswer(c *openai.ChatCompletion) answer {
	if len(c.Choices) == 0 {
		return answer{}
	}
	message := c.Choices[0].Message
	a := answer{
		ended: chatEnds[c.Choices[0].FinishReason], prompt: c.Usage.PromptTokens, completion: c.Usage.CompletionTokens,
		said: json.RawMessage(message.RawJSON()),
	}
	a.text, a.thoughts = read(message.RawJSON())
	for _, made := range message.ToolCalls {
		a.calls = append(a.calls, callOf(made.ID, made.Function.Name, made.Function.Arguments))
	}
	return a
}

func callOf(id, name, arguments string) call {
	c := call{id: id, name: name}
	if json.Unmarshal([]byte(arguments), &c.arguments) != nil {
		c.arguments = map[string]any{"not JSON": arguments}
	}
	return c
}

func chatStreamed(ctx context.Context, c *openai.Client, q question) (answer, error) {
	asked := chatOf(&q)
	asked.StreamOptions.IncludeUsage = param.NewOpt(true)
	stream := c.Chat.Completions.NewStreaming(ctx, asked)
	var all openai.ChatCompletionAccumulator
	var text, thoughts strings.Builder
	var texts, arguments int
	for stream.Next() {
		chunk := stream.Current()
		if !all.AddChunk(chunk) {
			return answer{}, errors.New("a chunk does not fit: " + chunk.RawJSON())
		}
		if len(chunk.Choices) == 0 {
			continue
		}
		delta := chunk.Choices[0].Delta
		more, thought := read(delta.RawJSON())
		text.WriteString(more)
		thoughts.WriteString(thought)
		if more != "" {
			texts++
		}
		if len(delta.ToolCalls) > 0 && delta.ToolCalls[0].Function.Arguments != "" {
			arguments++
		}
	}
	if err := stream.Err(); err != nil {
		return answer{}, err
	}
	a := chatAnswer(&all.ChatCompletion)
	a.text, a.thoughts, a.texts, a.arguments = text.String(), thoughts.String(), texts, arguments
	if a.ended == "" {
		return a, errors.New("the stream ended cleanly without a reason to")
	}
	return a, nil
}
