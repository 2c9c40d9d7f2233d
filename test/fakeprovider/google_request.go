// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"strings"
	"unicode"
)

// googleRequest is the body of generateContent, https://ai.google.dev/api/generate-content.
type googleRequest struct {
	Model             string            `json:"model"` // only within countTokens and batches
	Contents          []googleContents  `json:"contents"`
	SystemInstruction *googleContents   `json:"systemInstruction"`
	Tools             []googleTool      `json:"tools"`
	ToolConfig        *googleToolConfig `json:"toolConfig"`
	SafetySettings    []googleSafety    `json:"safetySettings"`
	Config            *googleConfig     `json:"generationConfig"`
	CachedContent     string            `json:"cachedContent"`
	Labels            map[string]string `json:"labels"` // Vertex AI only
	ServiceTier       string            `json:"serviceTier"`
	Store             *bool             `json:"store"`
}

type googleContents struct {
	Role  string       `json:"role"`
	Parts []googlePart `json:"parts"`
}

type googlePart struct {
	Text             *string              `json:"text,omitempty"`
	Thought          bool                 `json:"thought,omitempty"`
	ThoughtSignature string               `json:"thoughtSignature,omitempty"`
	InlineData       *googleBlob          `json:"inlineData,omitempty"`
	FileData         *googleFile          `json:"fileData,omitempty"`
	FunctionCall     *googleFunctionCall  `json:"functionCall,omitempty"`
	FunctionResponse *googleFunctionReply `json:"functionResponse,omitempty"`
	ExecutableCode   json.RawMessage      `json:"executableCode,omitempty"`
	CodeResult       json.RawMessage      `json:"codeExecutionResult,omitempty"`
	VideoMetadata    json.RawMessage      `json:"videoMetadata,omitempty"`
	MediaResolution  json.RawMessage      `json:"mediaResolution,omitempty"`
}

type googleBlob struct {
	MIMEType    string `json:"mimeType"`
	Data        string `json:"data"`
	DisplayName string `json:"displayName"`
}

type googleFile struct {
	MIMEType    string `json:"mimeType"`
	FileURI     string `json:"fileUri"`
	DisplayName string `json:"displayName"`
}

type googleFunctionCall struct {
	ID   string          `json:"id,omitempty"`
	Name string          `json:"name"`
	Args json.RawMessage `json:"args"`
}

type googleFunctionReply struct {
	ID           string          `json:"id"`
	Name         string          `json:"name"`
	Response     json.RawMessage `json:"response"`
	Parts        json.RawMessage `json:"parts"`
	WillContinue *bool           `json:"willContinue"`
	Scheduling   string          `json:"scheduling"`
}

type googleTool struct {
	Functions    []googleFunction `json:"functionDeclarations"`
	Search       json.RawMessage  `json:"googleSearch"`
	Retrieval    json.RawMessage  `json:"googleSearchRetrieval"`
	Code         json.RawMessage  `json:"codeExecution"`
	URLContext   json.RawMessage  `json:"urlContext"`
	Maps         json.RawMessage  `json:"googleMaps"`
	FileSearch   json.RawMessage  `json:"fileSearch"`
	ComputerUse  json.RawMessage  `json:"computerUse"`
	MCPServers   json.RawMessage  `json:"mcpServers"`
	CloudStorage json.RawMessage  `json:"retrieval"`
}

type googleFunction struct {
	Name           string          `json:"name"`
	Description    string          `json:"description"`
	Behavior       string          `json:"behavior"`
	Parameters     *googleSchema   `json:"parameters"`
	JSONParameters json.RawMessage `json:"parametersJsonSchema"`
	Response       *googleSchema   `json:"response"`
	JSONResponse   json.RawMessage `json:"responseJsonSchema"`
}

// googleSchema is Google's own subset of OpenAPI's schemas. What JSON Schema has beyond it is refused, as by Google.
type googleSchema struct {
	Type             string                   `json:"type,omitempty"`
	Format           string                   `json:"format,omitempty"`
	Title            string                   `json:"title,omitempty"`
	Description      string                   `json:"description,omitempty"`
	Nullable         *bool                    `json:"nullable,omitempty"`
	Enum             []string                 `json:"enum,omitempty"`
	MaxItems         json.RawMessage          `json:"maxItems,omitempty"`
	MinItems         json.RawMessage          `json:"minItems,omitempty"`
	Properties       map[string]*googleSchema `json:"properties,omitempty"`
	Required         []string                 `json:"required,omitempty"`
	MinProperties    json.RawMessage          `json:"minProperties,omitempty"`
	MaxProperties    json.RawMessage          `json:"maxProperties,omitempty"`
	MinLength        json.RawMessage          `json:"minLength,omitempty"`
	MaxLength        json.RawMessage          `json:"maxLength,omitempty"`
	Pattern          string                   `json:"pattern,omitempty"`
	Example          json.RawMessage          `json:"example,omitempty"`
	AnyOf            []*googleSchema          `json:"anyOf,omitempty"`
	PropertyOrdering []string                 `json:"propertyOrdering,omitempty"`
	Default          json.RawMessage          `json:"default,omitempty"`
	Items            *googleSchema            `json:"items,omitempty"`
	Minimum          *float64                 `json:"minimum,omitempty"`
	Maximum          *float64                 `json:"maximum,omitempty"`
}

type googleToolConfig struct {
	Calling *struct {
		Mode            string   `json:"mode"`
		Allowed         []string `json:"allowedFunctionNames"`
		StreamArguments *bool    `json:"streamFunctionCallArguments"`
	} `json:"functionCallingConfig"`
	Retrieval  json.RawMessage `json:"retrievalConfig"`
	ServerSide *bool           `json:"includeServerSideToolInvocations"`
}

type googleSafety struct {
	Category  string `json:"category"`
	Threshold string `json:"threshold"`
	Method    string `json:"method"`
}

type googleConfig struct {
	Stops            []string        `json:"stopSequences"`
	MIMEType         string          `json:"responseMimeType"`
	Schema           *googleSchema   `json:"responseSchema"`
	JSONSchema       json.RawMessage `json:"responseJsonSchema"`
	Modalities       []string        `json:"responseModalities"`
	Candidates       *int            `json:"candidateCount"`
	MaxTokens        *int            `json:"maxOutputTokens"`
	Temperature      *float64        `json:"temperature"`
	TopP             *float64        `json:"topP"`
	TopK             *float64        `json:"topK"`
	Seed             *int            `json:"seed"`
	Presence         *float64        `json:"presencePenalty"`
	Frequency        *float64        `json:"frequencyPenalty"`
	ResponseLogprobs bool            `json:"responseLogprobs"`
	Logprobs         *int            `json:"logprobs"`
	CivicAnswers     *bool           `json:"enableEnhancedCivicAnswers"`
	Speech           json.RawMessage `json:"speechConfig"`
	Image            json.RawMessage `json:"imageConfig"`
	MediaResolution  string          `json:"mediaResolution"`
	AudioTimestamp   *bool           `json:"audioTimestamp"` // Vertex AI only
	Thinking         *struct {
		Include bool   `json:"includeThoughts"`
		Budget  *int   `json:"thinkingBudget"`
		Level   string `json:"thinkingLevel"`
	} `json:"thinkingConfig"`
}

// camelCase turns a name as protocol buffers write it into the one that JSON has; Google takes both.
func camelCase(name string) string {
	var out strings.Builder
	upper := false
	for _, letter := range name {
		switch {
		case letter == '_':
			upper = true
		case upper:
			out.WriteRune(unicode.ToUpper(letter))
			upper = false
		default:
			out.WriteRune(letter)
		}
	}
	return out.String()
}

// decodeGoogle reads a body in Google's words for what is wrong with it.
func decodeGoogle(body []byte, into any) *failure {
	found, err := decodeStrictly(body, into, camelCase)
	switch {
	case found != nil:
		message := `Invalid JSON payload received. Unknown name "` + found.name + `"`
		if at := googlePath(found.path); at != "" {
			message += ` at '` + at + `'`
		}
		return &failure{status: 400, message: message + ": Cannot find field."}
	case err != nil:
		return &failure{status: 400, message: "Invalid JSON payload received. " + err.Error()}
	}
	return nil
}

// googlePath writes a path as contents[0].parts[1].
func googlePath(path []string) string {
	var out strings.Builder
	for _, step := range path {
		switch {
		case step != "" && step[0] >= '0' && step[0] <= '9':
			out.WriteString("[" + step + "]")
		case out.Len() > 0:
			out.WriteString("." + step)
		default:
			out.WriteString(step)
		}
	}
	return out.String()
}
