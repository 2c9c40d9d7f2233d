// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package roundtrip

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/dialect/openai"
)

// readMistral reads La Plateforme's flavor of Chat Completions, by putting what it has of its own into the original's
// words (https://docs.mistral.ai/api).
func readMistral(body []byte) (*chat.Request, error) {
	var w map[string]any
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	if err := d.Decode(&w); err != nil {
		return nil, err
	}
	for _, foreign := range []string{"seed", "max_completion_tokens", "stream_options", "top_k", "user", "logprobs"} {
		if _, there := w[foreign]; there {
			return nil, errors.New("Mistral has no " + foreign)
		}
	}
	if seed, there := w["random_seed"]; there {
		w["seed"] = seed
		delete(w, "random_seed")
	}
	if w["tool_choice"] == "any" {
		w["tool_choice"] = "required"
	}
	messages, _ := w["messages"].([]any)
	for i, each := range messages {
		m, _ := each.(map[string]any)
		if _, there := m["prefix"]; there && i == len(messages)-1 {
			delete(m, "prefix")
		}
		parts, _ := m["content"].([]any)
		var rest []any
		for _, part := range parts {
			if kept := originalPart(m, part.(map[string]any)); kept != nil {
				rest = append(rest, kept)
			}
		}
		if parts != nil {
			m["content"] = rest
		}
	}
	plain, err := json.Marshal(w)
	if err != nil {
		return nil, err
	}
	r, err := reading(openai.Decoder{})(plain)
	if err != nil {
		return nil, err
	}
	eachPart(r, func(p *chat.Part, _ *chat.ToolResult) {
		if p.Media != nil && p.Media.MIME == atURL {
			p.Media.URL, p.Media.MIME, p.Media.Data = p.Media.Data, "", ""
		}
	})
	return r, nil
}

// originalPart gives OpenAI's words for a part of a message, nil where they stand elsewhere in it.
func originalPart(m, p map[string]any) map[string]any {
	switch p["type"] {
	case "thinking":
		thought, _ := m["reasoning_content"].(string)
		for _, piece := range p["thinking"].([]any) {
			thought += piece.(map[string]any)["text"].(string)
		}
		m["reasoning_content"] = thought
		return nil
	case "input_audio":
		return map[string]any{"type": "input_audio", "input_audio": map[string]any{"data": p["input_audio"], "format": "wav"}}
	case "file":
		return map[string]any{"type": "file", "file": map[string]any{"file_id": p["file_id"]}}
	case "document_url":
		file := map[string]any{"file_data": p["document_url"]}
		if url := p["document_url"].(string); !strings.HasPrefix(url, "data:") {
			// OpenAI has no URLs of files.
			file["file_data"] = "data:" + atURL + ";base64," + url
		}
		if p["document_name"] != nil {
			file["filename"] = p["document_name"]
		}
		return map[string]any{"type": "file", "file": file}
	}
	return p
}

// atURL is the media type of a document whose data is a URL, until it is read.
const atURL = "x/url"
