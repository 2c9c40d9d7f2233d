// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The types below are GenerateContentRequest and what it is made of. As protobuf's JSON has it, names may also come in
// snake case, which case:ignore accepts.

type request struct {
	Model        string               `json:"model,omitzero"`
	Contents     list[content]        `json:"contents,omitzero"`
	Instructions *content             `json:"systemInstruction,omitzero,case:ignore"`
	Tools        list[tool]           `json:"tools,omitzero"`
	ToolConfig   *toolConfig          `json:"toolConfig,omitzero,case:ignore"`
	Config       *config              `json:"generationConfig,omitzero,case:ignore"`
	Safety       list[jsontext.Value] `json:"safetySettings,omitzero,case:ignore"`
	Cached       string               `json:"cachedContent,omitzero,case:ignore"`
	Tier         string               `json:"serviceTier,omitzero,case:ignore"`
	Store        bool                 `json:"store,omitzero"`
	Labels       map[string]string    `json:"labels,omitzero"`
	Unknown      jsontext.Value       `json:",embed"`
}

type content struct {
	Parts   list[part]     `json:"parts,omitzero"`
	Role    string         `json:"role,omitzero"`
	Unknown jsontext.Value `json:",embed"`
}

type part struct {
	Text       *string           `json:"text,omitzero"`
	Inline     *blob             `json:"inlineData,omitzero,case:ignore"`
	File       *fileData         `json:"fileData,omitzero,case:ignore"`
	Call       *functionCall     `json:"functionCall,omitzero,case:ignore"`
	Response   *functionResponse `json:"functionResponse,omitzero,case:ignore"`
	Thought    bool              `json:"thought,omitzero"`
	Signature  string            `json:"thoughtSignature,omitzero,case:ignore"`
	Resolution *resolution       `json:"mediaResolution,omitzero,case:ignore"`
	Unknown    jsontext.Value    `json:",embed"`
}

type blob struct {
	MIME    string         `json:"mimeType,omitzero,case:ignore"`
	Data    string         `json:"data,omitzero"`
	Name    string         `json:"displayName,omitzero,case:ignore"`
	Unknown jsontext.Value `json:",embed"`
}

type fileData struct {
	MIME    string         `json:"mimeType,omitzero,case:ignore"`
	URI     string         `json:"fileUri,omitzero,case:ignore"`
	Name    string         `json:"displayName,omitzero,case:ignore"`
	Unknown jsontext.Value `json:",embed"`
}

type resolution struct {
	Level   string         `json:"level,omitzero"`
	Unknown jsontext.Value `json:",embed"`
}

type functionCall struct {
	ID      string         `json:"id,omitzero"`
	Name    string         `json:"name,omitzero"`
	Args    jsontext.Value `json:"args,omitzero"`
	Unknown jsontext.Value `json:",embed"`
}

type functionResponse struct {
	ID       string             `json:"id,omitzero"`
	Name     string             `json:"name,omitzero"`
	Response jsontext.Value     `json:"response,omitzero"`
	Parts    list[responsePart] `json:"parts,omitzero"`
	Unknown  jsontext.Value     `json:",embed"`
	// order is the place of the call that is answered among all calls, where the gateway writes.
	order int
}

type responsePart struct {
	Inline  *blob          `json:"inlineData,omitzero,case:ignore"`
	Unknown jsontext.Value `json:",embed"`
}

type tool struct {
	Functions list[function] `json:"functionDeclarations,omitzero,case:ignore"`
	Unknown   jsontext.Value `json:",embed"`
}

type function struct {
	Name        string         `json:"name,omitzero"`
	Description string         `json:"description,omitzero"`
	Schema      jsontext.Value `json:"parameters,omitzero"`
	JSONSchema  jsontext.Value `json:"parametersJsonSchema,omitzero,case:ignore"`
	Unknown     jsontext.Value `json:",embed"`
}

type toolConfig struct {
	Calling *callingConfig `json:"functionCallingConfig,omitzero,case:ignore"`
	Unknown jsontext.Value `json:",embed"`
}

type callingConfig struct {
	Mode    string         `json:"mode,omitzero"`
	Allowed list[string]   `json:"allowedFunctionNames,omitzero,case:ignore"`
	Unknown jsontext.Value `json:",embed"`
}

type config struct {
	Temperature  *float64       `json:"temperature,omitzero"`
	TopP         *float64       `json:"topP,omitzero,case:ignore"`
	TopK         *whole         `json:"topK,omitzero,case:ignore"`
	Candidates   *whole         `json:"candidateCount,omitzero,case:ignore"`
	MaxTokens    *whole         `json:"maxOutputTokens,omitzero,case:ignore"`
	Stop         list[string]   `json:"stopSequences,omitzero,case:ignore"`
	Seed         *whole         `json:"seed,omitzero"`
	Presence     *float64       `json:"presencePenalty,omitzero,case:ignore"`
	Frequency    *float64       `json:"frequencyPenalty,omitzero,case:ignore"`
	MIME         string         `json:"responseMimeType,omitzero,case:ignore"`
	Schema       jsontext.Value `json:"responseSchema,omitzero,case:ignore"`
	JSONSchema   jsontext.Value `json:"responseJsonSchema,omitzero,case:ignore"`
	LogProbs     bool           `json:"responseLogprobs,omitzero,case:ignore"`
	TopLogProbs  *whole         `json:"logprobs,omitzero"`
	Thinking     *thinking      `json:"thinkingConfig,omitzero,case:ignore"`
	Modalities   list[string]   `json:"responseModalities,omitzero,case:ignore"`
	MediaDetails string         `json:"mediaResolution,omitzero,case:ignore"`
	Unknown      jsontext.Value `json:",embed"`
}

type thinking struct {
	Show    *bool          `json:"includeThoughts,omitzero,case:ignore"`
	Budget  *whole         `json:"thinkingBudget,omitzero,case:ignore"`
	Level   string         `json:"thinkingLevel,omitzero,case:ignore"`
	Unknown jsontext.Value `json:",embed"`
}

// list is a repeated field. Google accepts a lone element where a list stands, and its own examples write so.
type list[T any] []T

// UnmarshalJSONFrom reads a list, a lone element, or null for none.
func (l *list[T]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if kind := d.PeekKind(); kind == '[' || kind == 'n' {
		return json.UnmarshalDecode(d, (*[]T)(l))
	}
	var one T
	if err := json.UnmarshalDecode(d, &one); err != nil {
		return err
	}
	*l = list[T]{one}
	return nil
}

// whole is an integer as protobuf's JSON has it: 40, 40.0 (Python's SDK writes top_k so) and "40" are one.
type whole int64

// UnmarshalJSON reads the number in any of its forms.
func (n *whole) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		*n = whole(i)
		return nil
	}
	const exact = 1 << 53 // beyond, a float64 is no longer every integer
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > exact {
		return strconv.ErrSyntax
	}
	*n = whole(f)
	return nil
}

// given says that a value stands there and is not null.
func given(v jsontext.Value) bool { return len(v) > 0 && v.Kind() != 'n' }
