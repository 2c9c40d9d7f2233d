// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package conversetest reads requests to Bedrock's Converse back into neutral ones, for tests that what was asked
// survives its translation. It has structs of its own, so that it does not repeat the encoder's mistakes, and takes no
// field that the API reference does not have.
package conversetest

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

type request struct {
	Messages []struct {
		Role    string  `json:"role"`
		Content []block `json:"content"`
	} `json:"messages"`
	System          []block `json:"system"`
	InferenceConfig struct {
		MaxTokens     *int64   `json:"maxTokens"`
		Temperature   *float64 `json:"temperature"`
		TopP          *float64 `json:"topP"`
		StopSequences []string `json:"stopSequences"`
	} `json:"inferenceConfig"`
	ToolConfig *struct {
		Tools      []tool                    `json:"tools"`
		ToolChoice map[string]jsontext.Value `json:"toolChoice"`
	} `json:"toolConfig"`
	OutputConfig struct {
		TextFormat *struct {
			Type      string `json:"type"`
			Structure struct {
				JSONSchema struct {
					Schema      string `json:"schema"`
					Name        string `json:"name"`
					Description string `json:"description"`
				} `json:"jsonSchema"`
			} `json:"structure"`
		} `json:"textFormat"`
		Effort string `json:"effort"`
	} `json:"outputConfig"`
	AdditionalModelRequestFields struct {
		Thinking *struct {
			Type         string `json:"type"`
			BudgetTokens *int64 `json:"budget_tokens"`
			Display      string `json:"display"`
		} `json:"thinking"`
		TopK            *int64 `json:"top_k"`
		ReasoningConfig *struct {
			Type               string `json:"type"`
			MaxReasoningEffort string `json:"maxReasoningEffort"`
		} `json:"reasoningConfig"`
		InferenceConfig struct {
			TopK *int64 `json:"topK"`
		} `json:"inferenceConfig"`
		ReasoningEffort string `json:"reasoning_effort"`
	} `json:"additionalModelRequestFields"`
	AdditionalModelResponseFieldPaths []string          `json:"additionalModelResponseFieldPaths"`
	RequestMetadata                   map[string]string `json:"requestMetadata"`
}

type block struct {
	Text       *string `json:"text"`
	Image      *media  `json:"image"`
	Audio      *media  `json:"audio"`
	Video      *media  `json:"video"`
	Document   *media  `json:"document"`
	CachePoint *point  `json:"cachePoint"`
	ToolUse    *struct {
		ToolUseID string         `json:"toolUseId"`
		Name      string         `json:"name"`
		Input     jsontext.Value `json:"input"`
	} `json:"toolUse"`
	ToolResult *struct {
		ToolUseID string  `json:"toolUseId"`
		Content   []block `json:"content"`
		Status    string  `json:"status"`
	} `json:"toolResult"`
	ReasoningContent *struct {
		ReasoningText *struct {
			Text      string `json:"text"`
			Signature string `json:"signature"`
		} `json:"reasoningText"`
		RedactedContent string `json:"redactedContent"`
	} `json:"reasoningContent"`
}

type media struct {
	Format string `json:"format"`
	Name   string `json:"name"`
	Source struct {
		Bytes      string `json:"bytes"`
		S3Location *struct {
			URI string `json:"uri"`
		} `json:"s3Location"`
	} `json:"source"`
}

type point struct {
	Type string `json:"type"`
	TTL  string `json:"ttl"`
}

type tool struct {
	CachePoint *point `json:"cachePoint"`
	ToolSpec   *struct {
		Name        string `json:"name"`
		Description string `json:"description"`
		InputSchema struct {
			JSON jsontext.Value `json:"json"`
		} `json:"inputSchema"`
		Strict *bool `json:"strict"`
	} `json:"toolSpec"`
}

var errUnion = errors.New("a union has not one member")

// DecodeRequest reads the body of Converse. Places, names of fields, the model and whether a stream is wanted are not in
// it. Reasoning that is adaptive with no effort is a Budget of -1, reasoning that is off the effort "none".
func DecodeRequest(body []byte) (*chat.Request, error) {
	var w request
	if err := json.Unmarshal(body, &w, json.RejectUnknownMembers(true)); err != nil {
		return nil, err
	}
	r := &chat.Request{
		MaxTokens: w.InferenceConfig.MaxTokens, Temperature: w.InferenceConfig.Temperature, TopP: w.InferenceConfig.TopP,
		Stop: w.InferenceConfig.StopSequences, User: w.RequestMetadata["user_id"],
		TopK: w.AdditionalModelRequestFields.TopK,
	}
	if k := w.AdditionalModelRequestFields.InferenceConfig.TopK; k != nil {
		r.TopK = k
	}
	if err := readMessages(&w, r); err != nil {
		return nil, err
	}
	if err := readTools(&w, r); err != nil {
		return nil, err
	}
	if f := w.OutputConfig.TextFormat; f != nil {
		s := f.Structure.JSONSchema
		if f.Type != "json_schema" || !jsontext.Value(s.Schema).IsValid() {
			return nil, fmt.Errorf("a text format of type %q with the schema %s", f.Type, s.Schema)
		}
		r.Format = chat.Format{Kind: chat.JSONSchema, Name: s.Name, Description: s.Description, Schema: jsontext.Value(s.Schema)}
	}
	return r, readReasoning(&w, &r.Reasoning)
}

func readMessages(w *request, r *chat.Request) error {
	if len(w.System) > 0 {
		parts, err := readBlocks(w.System)
		if err != nil {
			return err
		}
		r.Messages = append(r.Messages, chat.Message{Role: chat.System, Parts: parts})
	}
	roles := map[string]chat.Role{"user": chat.User, "assistant": chat.Assistant, "system": chat.System}
	for i, m := range w.Messages {
		role, ok := roles[m.Role]
		if !ok || i > 0 && m.Role == w.Messages[i-1].Role {
			return fmt.Errorf("messages[%d] has the role %q", i, m.Role)
		}
		parts, err := readBlocks(m.Content)
		if err != nil {
			return fmt.Errorf("messages[%d]: %w", i, err)
		}
		r.Messages = append(r.Messages, chat.Message{Role: role, Parts: parts})
	}
	return nil
}

func readTools(w *request, r *chat.Request) error {
	if w.ToolConfig == nil {
		return nil
	}
	for _, t := range w.ToolConfig.Tools {
		switch {
		case t.ToolSpec != nil && t.CachePoint == nil:
			s := t.ToolSpec
			r.Tools = append(r.Tools, chat.Tool{Name: s.Name, Description: s.Description, Schema: s.InputSchema.JSON, Strict: s.Strict})
		case t.CachePoint != nil && t.ToolSpec == nil && len(r.Tools) > 0:
			r.Tools[len(r.Tools)-1].Cache = &chat.CacheMark{TTL: t.CachePoint.TTL}
		default:
			return errUnion
		}
	}
	modes := map[string]chat.ToolMode{"auto": chat.AutoTools, "any": chat.AnyTool, "tool": chat.OneTool}
	for word, value := range w.ToolConfig.ToolChoice {
		var named struct {
			Name string `json:"name"`
		}
		mode, ok := modes[word]
		if err := json.Unmarshal(value, &named, json.RejectUnknownMembers(true)); err != nil || !ok || len(w.ToolConfig.ToolChoice) > 1 {
			return fmt.Errorf("a tool choice of %q: %w", word, errors.Join(err, errUnion))
		}
		r.Choice = chat.ToolChoice{Mode: mode, Name: named.Name}
	}
	return nil
}

func readReasoning(w *request, r *chat.Reasoning) error {
	more := &w.AdditionalModelRequestFields
	r.Effort = chat.Effort(w.OutputConfig.Effort + more.ReasoningEffort)
	if r.Effort == "max" {
		r.Effort = chat.EffortMax
	}
	if more.ReasoningConfig != nil {
		r.Effort = chat.Effort(more.ReasoningConfig.MaxReasoningEffort)
	}
	if more.Thinking == nil {
		return nil
	}
	if d := more.Thinking.Display; d != "" {
		show := d == "summarized"
		r.Show = &show
	}
	switch more.Thinking.Type {
	case "enabled":
		r.Budget = more.Thinking.BudgetTokens
	case "disabled":
		r.Effort = chat.EffortNone
	case "adaptive":
		if r.Effort == "" {
			r.Budget = new(int64)
			*r.Budget = -1
		}
	default:
		return fmt.Errorf("thinking of type %q", more.Thinking.Type)
	}
	return nil
}
