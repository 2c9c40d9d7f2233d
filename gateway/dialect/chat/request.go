// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package chat

import "github.com/go-json-experiment/json/jsontext"

// Request is what an application asks for. Pointers and empty slices say nothing was asked. Strings may be shared with
// the body that was decoded; nothing of it changes after decoding.
type Request struct {
	Model string
	// Stream asks for events; IncludeUsage for the event that tells the usage, in dialects where that is optional.
	Stream, IncludeUsage bool

	Messages []Message
	Tools    []Tool
	Choice   ToolChoice
	// ParallelCalls false forbids several tool calls in one answer.
	ParallelCalls *bool
	Format        Format
	Reasoning     Reasoning

	// MaxTokens bounds the answer, reasoning included.
	MaxTokens   *int64
	Temperature *float64
	TopP        *float64
	TopK        *int64
	Stop        []string
	Seed        *int64
	// Frequency and Presence penalize repetition, -2 to 2 as OpenAI counts.
	Frequency, Presence *float64
	// Candidates is how many answers are wanted, in parallel.
	Candidates *int64
	// LogProbs asks for log probabilities; TopLogProbs for that many alternatives of each token.
	LogProbs    *bool
	TopLogProbs *int64
	// User is the application's own name for its end user, for the provider's detection of abuse.
	User string

	// Echo is what answers in the application's dialect repeat of the request, a JSON object; nil in dialects that repeat
	// nothing. The decoder sets it, for Answer.Echo and for its own writer.
	Echo jsontext.Value

	// Names gives a field's name in the application's dialect, for refusals. The decoder sets it.
	Names func(Field) string
}

// Role is who speaks.
type Role uint8

// The roles. What a tool answered is a ToolResult among the parts of a User message.
const (
	System Role = iota
	// Developer is OpenAI's newer word for System.
	Developer
	User
	Assistant
)

// Message is one turn. Adjacent turns may be of one role: encoders for providers that want them to alternate merge
// them.
type Message struct {
	Role  Role
	Parts []Part
	// Name of the speaker, where several share a role.
	Name string
	// At is where it stands in the application's request, such as "messages[3]".
	At string
}

// PartKind says which fields of a Part mean something.
type PartKind uint8

// The kinds of parts.
const (
	// Text: Text, and Refusal where the model declined.
	Text PartKind = iota
	// Refusal: Text is the model's own words for declining.
	Refusal
	// Image, Audio, Video and Document: Media.
	Image
	Audio
	Video
	Document
	// Thinking is the model's reasoning: Text, and Signature that proves it to the provider who gave it.
	Thinking
	// Redacted is reasoning that only its provider can read: Signature holds it, opaque.
	Redacted
	// Call: the model calls a tool.
	Call
	// Result: what a tool answered.
	Result
)

// Part is one piece of a message.
type Part struct {
	Kind  PartKind
	Text  string
	Media *Media
	Call  *ToolCall
	// Result's own parts are Text, Image and Document.
	Result *ToolResult
	// Signature is opaque: of Thinking, of Redacted, and, as Gemini has it, of any part.
	Signature string
	// Cache marks the end of a prefix that the provider should cache; nil does not.
	Cache *CacheMark
	// At is where it stands in the application's request, such as "messages[3].content[0]".
	At string
}

// CacheMark is Anthropic's cache_control: TTL "5m", "1h" or empty for the default.
type CacheMark struct{ TTL string }

// Media is something other than text: Data in base64 with its MIME type, or a URL, or the ID of a file at the
// provider.
type Media struct {
	MIME, Data, URL, FileID string
	// Name of a document. Detail is OpenAI's "low", "high" or "auto" of an image.
	Name, Detail string
}

// ToolCall is a call that the model makes. Arguments is JSON text as the model wrote it, which need not be valid;
// empty means "{}".
type ToolCall struct{ ID, Name, Arguments string }

// ToolResult answers a ToolCall. Name is the tool's, where it is known.
type ToolResult struct {
	CallID, Name string
	Parts        []Part
	Failed       bool
}

// Tool is a function that the model may call. Schema is a JSON Schema object, nil for a function without parameters.
type Tool struct {
	Name, Description string
	Schema            jsontext.Value
	Strict            *bool
	Cache             *CacheMark
	At                string
}

// ToolMode says whether tools may or must be called.
type ToolMode uint8

// The modes. AutoTools is what every provider does where nothing is said.
const (
	Unsaid ToolMode = iota
	AutoTools
	NoTools
	// AnyTool: at least one must be called.
	AnyTool
	// OneTool: the one of ToolChoice.Name must be called.
	OneTool
)

// ToolChoice says which tools may or must be called.
type ToolChoice struct {
	Mode ToolMode
	Name string
}

// FormatKind is the shape of the answer's text.
type FormatKind uint8

// The kinds of formats.
const (
	PlainText FormatKind = iota
	// JSONObject: any JSON object.
	JSONObject
	// JSONSchema: JSON that Schema describes.
	JSONSchema
)

// Format is the shape of the answer's text. Name, Description and Strict belong to JSONSchema.
type Format struct {
	Kind              FormatKind
	Name, Description string
	Schema            jsontext.Value
	Strict            *bool
}
