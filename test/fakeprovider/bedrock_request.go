// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"reflect"
	"strings"
)

// bedrockRequest is the body of Converse and ConverseStream.
type bedrockRequest struct {
	Messages []bedrockMessage `json:"messages"`
	System   []bedrockBlock   `json:"system"`
	Config   *struct {
		MaxTokens   *int     `json:"maxTokens"`
		Temperature *float64 `json:"temperature"`
		TopP        *float64 `json:"topP"`
		Stops       []string `json:"stopSequences"`
	} `json:"inferenceConfig"`
	ToolConfig *bedrockTools     `json:"toolConfig"`
	Guardrail  json.RawMessage   `json:"guardrailConfig"`
	Additional json.RawMessage   `json:"additionalModelRequestFields"`
	Variables  json.RawMessage   `json:"promptVariables"`
	Paths      []string          `json:"additionalModelResponseFieldPaths"`
	Metadata   map[string]string `json:"requestMetadata"`
	Latency    *struct {
		Latency string `json:"latency"`
	} `json:"performanceConfig"`
	Tier *struct {
		Type string `json:"type"`
	} `json:"serviceTier"`
	Output *struct {
		TextFormat *bedrockFormat `json:"textFormat"`
		Effort     string         `json:"effort"`
	} `json:"outputConfig"`
}

type bedrockMessage struct {
	Role    string         `json:"role"`
	Content []bedrockBlock `json:"content"`
}

// bedrockBlock is a ContentBlock, a SystemContentBlock or a ToolResultContentBlock: exactly one member is set.
type bedrockBlock struct {
	Text       *string           `json:"text"`
	Image      *bedrockMedia     `json:"image"`
	Document   *bedrockMedia     `json:"document"`
	Video      *bedrockMedia     `json:"video"`
	Audio      *bedrockMedia     `json:"audio"`
	ToolUse    *bedrockUse       `json:"toolUse"`
	ToolResult *bedrockResult    `json:"toolResult"`
	Reasoning  *bedrockReasoning `json:"reasoningContent"`
	CachePoint *bedrockCache     `json:"cachePoint"`
	JSON       json.RawMessage   `json:"json"`
	Guard      json.RawMessage   `json:"guardContent"`
	Search     json.RawMessage   `json:"searchResult"`
	Citations  json.RawMessage   `json:"citationsContent"`
}

type bedrockMedia struct {
	Format string `json:"format"`
	Source *struct {
		Bytes    string          `json:"bytes"`
		Location json.RawMessage `json:"s3Location"`
		Text     string          `json:"text"`
		Content  json.RawMessage `json:"content"`
	} `json:"source"`
	Name      string          `json:"name"`
	Context   string          `json:"context"`
	Citations json.RawMessage `json:"citations"`
}

type bedrockUse struct {
	ID    string          `json:"toolUseId"`
	Name  string          `json:"name"`
	Input json.RawMessage `json:"input"`
	Type  string          `json:"type"`
}

type bedrockResult struct {
	ID      string         `json:"toolUseId"`
	Content []bedrockBlock `json:"content"`
	Status  string         `json:"status"`
	Type    string         `json:"type"`
}

type bedrockReasoning struct {
	Text *struct {
		Text      string `json:"text"`
		Signature string `json:"signature"`
	} `json:"reasoningText"`
	Redacted string `json:"redactedContent"`
}

type bedrockCache struct {
	Type string `json:"type"`
	TTL  string `json:"ttl"`
}

type bedrockTools struct {
	Tools []struct {
		Spec       *bedrockSpec    `json:"toolSpec"`
		CachePoint *bedrockCache   `json:"cachePoint"`
		System     json.RawMessage `json:"systemTool"`
	} `json:"tools"`
	Choice *struct {
		Auto *struct{} `json:"auto"`
		Any  *struct{} `json:"any"`
		Tool *struct {
			Name string `json:"name"`
		} `json:"tool"`
	} `json:"toolChoice"`
}

type bedrockSpec struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Strict      *bool  `json:"strict"`
	Schema      *struct {
		JSON json.RawMessage `json:"json"`
	} `json:"inputSchema"`
}

// bedrockFormat holds its schema as a string.
type bedrockFormat struct {
	Type      string `json:"type"`
	Structure *struct {
		Schema *struct {
			Schema      string `json:"schema"`
			Name        string `json:"name"`
			Description string `json:"description"`
		} `json:"jsonSchema"`
	} `json:"structure"`
}

// setMembers names the members of a union that are set.
func setMembers(value any) []string {
	var names []string
	v := reflect.ValueOf(value)
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			names = append(names, v.Type().Field(i).Tag.Get("json"))
		}
	}
	return names
}

// decodeBedrock reads a body in AWS's words for what is wrong with it.
func decodeBedrock(body []byte, into any) *failure {
	found, err := decodeStrictly(body, into, nil)
	switch {
	case found != nil:
		return refusedf("The model returned the following errors: #/%s: extraneous key [%s] is not permitted",
			strings.Join(found.path, "/"), clip(found.name, maxEcho))
	case err != nil:
		return &failure{status: 400, kind: "SerializationException", message: "Unexpected token in the request body: " + err.Error()}
	}
	return nil
}
