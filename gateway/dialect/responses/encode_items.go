// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"slices"
	"strings"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// inMessage, inImage, inFile and inResult are items of an input and their parts. Reasoning and calls are as in an output,
// without IDs, which only the provider could give.
type inMessage struct {
	Type    string `json:"type"`
	Role    string `json:"role"`
	Content any    `json:"content"`
}

type inImage struct {
	Type   string `json:"type"`
	URL    string `json:"image_url,omitzero"`
	FileID string `json:"file_id,omitzero"`
	Detail string `json:"detail"`
}

type inFile struct {
	Type   string `json:"type"`
	Data   string `json:"file_data,omitzero"`
	URL    string `json:"file_url,omitzero"`
	FileID string `json:"file_id,omitzero"`
	Name   string `json:"filename,omitzero"`
}

type inResult struct {
	Type   string `json:"type"`
	CallID string `json:"call_id"`
	Output any    `json:"output"`
}

// itemsOf renders a turn as items: what is said as messages, and calls, results and thoughts between them, in the order
// of the parts. Signatures of texts and calls are for another provider and left out.
func itemsOf(m *chat.Message) ([]any, *exchange.Error) {
	if m.Name != "" {
		return nil, chat.RefuseAt(chat.Join(m.At, "name"), target)
	}
	var items []any
	said := 0
	for i := range m.Parts {
		apart, err := itemOf(&m.Parts[i])
		if err != nil {
			return nil, err
		}
		if apart == nil {
			continue
		}
		if items, err = appendMessage(items, m, m.Parts[said:i]); err != nil {
			return nil, err
		}
		items, said = append(items, apart), i+1
	}
	return appendMessage(items, m, m.Parts[said:])
}

// itemOf renders a part that is an item of its own, nil where it is not.
func itemOf(p *chat.Part) (any, *exchange.Error) {
	switch {
	case p.Kind == chat.Thinking:
		return outReasoning{Type: "reasoning", Summary: []outText{{"summary_text", p.Text}}, Encrypted: p.Signature}, nil
	case p.Kind == chat.Redacted:
		return outReasoning{Type: "reasoning", Summary: []outText{}, Encrypted: p.Signature}, nil
	case p.Kind == chat.Call && p.Call != nil:
		o := outCall{Type: "function_call", CallID: p.Call.ID, Name: p.Call.Name, Arguments: p.Call.Arguments}
		if o.Arguments == "" {
			o.Arguments = "{}"
		}
		return o, nil
	case p.Kind == chat.Result && p.Result != nil:
		output, err := resultOf(p.Result)
		return inResult{Type: "function_call_output", CallID: p.Result.CallID, Output: output}, err
	}
	return nil, nil
}

// resultOf renders what a tool answered. That it failed has no field of its own, so the text says it, which is all that
// the model sees.
func resultOf(r *chat.ToolResult) (any, *exchange.Error) {
	parts := r.Parts
	switch {
	case !r.Failed:
	case len(parts) > 0 && parts[0].Kind == chat.Text:
		parts = slices.Clone(parts)
		parts[0].Text = failedMark + parts[0].Text
	default:
		parts = append([]chat.Part{{Text: failedMark}}, parts...)
	}
	return contentOf(parts, "input_text")
}

// failedMark tells a model that a tool failed.
const failedMark = "Error: "

// appendMessage renders what is said in one message, if anything is.
func appendMessage(items []any, m *chat.Message, parts []chat.Part) ([]any, *exchange.Error) {
	if len(parts) == 0 {
		return items, nil
	}
	textType := "input_text"
	if m.Role == chat.Assistant {
		textType = "output_text"
	}
	content, err := contentOf(parts, textType)
	if err != nil {
		return nil, err
	}
	return append(items, inMessage{Type: "message", Role: roleWords[m.Role], Content: content}), nil
}

// contentOf renders parts as a list, or as a string where there is one text, and an empty one where there is nothing.
func contentOf(parts []chat.Part, textType string) (any, *exchange.Error) {
	if len(parts) == 0 {
		return "", nil
	}
	if len(parts) == 1 && parts[0].Kind == chat.Text {
		return parts[0].Text, nil
	}
	content := make([]any, 0, len(parts))
	for i := range parts {
		c, err := partOf(&parts[i], textType)
		if err != nil {
			return nil, err
		}
		content = append(content, c)
	}
	return content, nil
}

func partOf(p *chat.Part, textType string) (any, *exchange.Error) {
	switch {
	case p.Kind == chat.Text:
		return outText{textType, p.Text}, nil
	case p.Kind == chat.Refusal:
		return outRefusal{Type: "refusal", Refusal: p.Text}, nil
	case p.Media != nil && p.Media.URL != "" && !isWeb(p.Media.URL):
		return nil, chat.RefuseAt(p.At, target, "files are fetched from http(s) URLs only")
	case p.Kind == chat.Image && p.Media != nil:
		return imageOf(p.Media), nil
	case p.Kind == chat.Document && p.Media != nil:
		return fileOf(p.Media), nil
	}
	return nil, chat.RefuseAt(p.At, target)
}

func isWeb(url string) bool {
	return strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://")
}

func imageOf(m *chat.Media) inImage {
	o := inImage{Type: "input_image", URL: m.URL, FileID: m.FileID, Detail: m.Detail}
	if m.Data != "" {
		o.URL = dataURLOf(m)
	}
	if o.Detail == "" {
		o.Detail = "auto"
	}
	return o
}

func fileOf(m *chat.Media) inFile {
	o := inFile{Type: "input_file", URL: m.URL, FileID: m.FileID, Name: m.Name}
	if m.Data == "" {
		return o
	}
	o.Data = dataURLOf(m)
	if o.Name == "" {
		// OpenAI takes no file without a name, and looks at how it ends.
		o.Name = "file"
		for end, mime := range fileTypes {
			if mime == m.MIME {
				o.Name += end
			}
		}
	}
	return o
}

func dataURLOf(m *chat.Media) string { return "data:" + m.MIME + ";base64," + m.Data }
