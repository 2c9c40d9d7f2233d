// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

func openAIResponses() *client {
	return &client{
		dialect: "responses", name: "openai-go", status: openAIStatus,
		ask: func(ctx context.Context, key string, retries bool, q question, stream bool) (answer, error) {
			c := newOpenAI(key, retries)
			if stream {
				return responseStreamed(ctx, &c, q)
			}
			response, err := c.Responses.New(ctx, responseOf(&q))
			if err != nil {
				return answer{}, err
			}
			return responseAnswer(response), nil
		},
	}
}

func responseOf(q *question) responses.ResponseNewParams {
	asked := responses.ResponseNewParams{Model: q.model, Store: param.NewOpt(false)}
	asked.Input.OfInputItemList = responseItems(q)
	if q.system != "" {
		asked.Instructions = param.NewOpt(q.system)
	}
	for _, t := range q.tools {
		function := responses.ToolParamOfFunction(t.name, t.schema, false)
		function.OfFunction.Description = param.NewOpt(t.description)
		asked.Tools = append(asked.Tools, function)
	}
	switch q.choice {
	case "":
	case "any":
		asked.ToolChoice.OfToolChoiceMode = param.NewOpt(responses.ToolChoiceOptionsRequired)
	case "none":
		asked.ToolChoice.OfToolChoiceMode = param.NewOpt(responses.ToolChoiceOptionsNone)
	default:
		asked.ToolChoice.OfFunctionTool = &responses.ToolChoiceFunctionParam{Name: q.choice}
	}
	if q.serial {
		asked.ParallelToolCalls = param.NewOpt(false)
	}
	if q.schema != nil {
		asked.Text.Format = responses.ResponseFormatTextConfigParamOfJSONSchema("answer", q.schema)
		asked.Text.Format.OfJSONSchema.Strict = param.NewOpt(true)
	}
	if q.thinks {
		asked.Reasoning = shared.ReasoningParam{Effort: shared.ReasoningEffortHigh, Summary: shared.ReasoningSummaryAuto}
		asked.Include = []responses.ResponseIncludable{responses.ResponseIncludableReasoningEncryptedContent}
	}
	if q.most > 0 {
		asked.MaxOutputTokens = param.NewOpt(q.most)
	}
	return asked
}

func responseItems(q *question) (all responses.ResponseInputParam) {
	for _, t := range q.turns {
		switch {
		case t.image != "":
			image := responses.ResponseInputContentParamOfInputImage(responses.ResponseInputImageDetailAuto)
			image.OfInputImage.ImageURL = param.NewOpt("data:image/png;base64," + t.image)
			all = append(all, responses.ResponseInputItemParamOfMessage(responses.ResponseInputMessageContentListParam{
				responses.ResponseInputContentParamOfInputText(t.user), image,
			}, responses.EasyInputMessageRoleUser))
		case t.user != "":
			all = append(all, responses.ResponseInputItemParamOfMessage(t.user, responses.EasyInputMessageRoleUser))
		case t.assistant != "":
			all = append(all, responses.ResponseInputItemParamOfMessage(t.assistant, responses.EasyInputMessageRoleAssistant))
		case t.said != nil:
			items, _ := t.said.([]responses.ResponseOutputItemUnion)
			for _, item := range items {
				all = append(all, param.Override[responses.ResponseInputItemUnionParam](json.RawMessage(item.RawJSON())))
			}
		}
		for _, r := range t.results {
			output := responses.ResponseInputItemParamOfFunctionCallOutput(r.text)
			output.OfFunctionCallOutput.CallID = param.NewOpt(r.call.id)
			all = append(all, output)
		}
	}
	return all
}

func responseAnswer(r *responses.Response) answer {
	a := answer{text: r.OutputText(), said: r.Output, prompt: r.Usage.InputTokens, completion: r.Usage.OutputTokens}
	for _, item := range r.Output {
		switch item.Type {
		case "function_call":
			a.calls = append(a.calls, callOf(item.CallID, item.Name, item.AsFunctionCall().Arguments))
		case "reasoning":
			for _, part := range item.Summary {
				a.thoughts += part.Text
			}
			for _, part := range item.AsReasoning().Content {
				a.thoughts += part.Text
			}
		}
	}
	switch {
	case r.Status == responses.ResponseStatusCompleted && len(a.calls) > 0:
		a.ended = "tools"
	case r.Status == responses.ResponseStatusCompleted:
		a.ended = "stop"
	case r.IncompleteDetails.Reason == "max_output_tokens":
		a.ended = "length"
	}
	return a
}

func responseStreamed(ctx context.Context, c *openai.Client, q question) (answer, error) {
	stream := c.Responses.NewStreaming(ctx, responseOf(&q))
	var last *responses.Response
	var texts, arguments int
	number := int64(-1)
	for stream.Next() {
		event := stream.Current()
		if event.SequenceNumber <= number {
			return answer{}, fmt.Errorf("event %d after %d", event.SequenceNumber, number)
		}
		number = event.SequenceNumber
		switch event.Type {
		case "response.output_text.delta":
			texts++
		case "response.function_call_arguments.delta":
			arguments++
		case "response.completed", "response.incomplete":
			last = &event.Response
		case "error", "response.failed":
			return answer{}, errors.New(event.RawJSON())
		}
	}
	switch {
	case stream.Err() != nil:
		return answer{}, stream.Err()
	case last == nil:
		return answer{}, errors.New("the stream ended cleanly without a last event")
	}
	a := responseAnswer(last)
	a.texts, a.arguments = texts, arguments
	return a, nil
}
