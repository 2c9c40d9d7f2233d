// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"net/http"
	"strings"
)

type moderationsRequest struct {
	Model string          `json:"model"`
	Input json.RawMessage `json:"input"`
}

// moderationPart is one piece of an input that is a list of them.
type moderationPart struct {
	Type  string  `json:"type"`
	Text  *string `json:"text"`
	Image *struct {
		URL string `json:"url"`
	} `json:"image_url"`
}

// members are those that a kind of part has, which is one of its own name.
func (moderationPart) members(kind string) ([]string, bool) {
	return []string{kind}, kind == "text" || kind == "image_url"
}

// categories are what a text may be flagged for: it is for those that it names.
var categories = []string{
	"harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
	"self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
}

func (o openAI) moderations(_ *http.Request, body []byte) (call, *failure) {
	var request moderationsRequest
	if fail := decodeOpenAI(body, &request); fail != nil {
		return nil, fail
	}
	if request.Model == "" {
		request.Model = "omni-moderation-latest"
	} else if !o.server.knows(request.Model) {
		return nil, modelNotFound(request.Model)
	}
	texts, kinds, fail := moderated(request.Input)
	if fail != nil {
		return nil, fail
	}
	results := make([]any, len(texts))
	for i, text := range texts {
		results[i] = verdict(text, kinds)
	}
	return &markedCall{
		about: subject{model: request.Model, prompt: texts[len(texts)-1]},
		render: func(_ directives, s stamp) reply {
			return reply{body: marshal(map[string]any{"id": "modr-" + s.id, "model": request.Model, "results": results})}
		},
	}, nil
}

// markedCall is an understood request whose answer is made in one place.
type markedCall struct {
	about  subject
	render func(directives, stamp) reply
}

func (c *markedCall) subject() subject                  { return c.about }
func (c *markedCall) reply(d directives, s stamp) reply { return c.render(d, s) }

// moderated reads a text, a list of texts or a list of parts, which is judged as one.
func moderated(raw json.RawMessage) (texts, kinds []string, fail *failure) {
	var text string
	if given(raw) && json.Unmarshal(raw, &text) == nil {
		return []string{text}, []string{"text"}, nil
	}
	if json.Unmarshal(raw, &texts) == nil && len(texts) > 0 {
		return texts, []string{"text"}, nil
	}
	var parts []moderationPart
	if fail := decodePart(raw, []string{"input"}, &parts); fail != nil {
		return nil, nil, fail
	}
	if len(parts) == 0 {
		return nil, nil, invalid("input", "Invalid 'input': expected a text, or a list of texts or parts.")
	}
	var joined strings.Builder
	for _, part := range parts {
		kind := "text"
		switch {
		case part.Image != nil:
			if _, err := sightOfURL(part.Image.URL); err != nil {
				return nil, nil, invalid("input", "Invalid image: "+err.Error()+".")
			}
			kind = "image"
		case part.Text != nil:
			joined.WriteString(*part.Text)
		}
		kinds = append(kinds, kind)
	}
	return []string{joined.String()}, kinds, nil
}

func verdict(text string, kinds []string) any {
	flags, scores, applied := map[string]bool{}, map[string]float64{}, map[string][]string{}
	flagged := false
	for _, category := range categories {
		flags[category] = strings.Contains(strings.ToLower(text), category)
		flagged = flagged || flags[category]
		scores[category] = 0.0001
		if flags[category] {
			scores[category] = 0.99
		}
		applied[category] = kinds
	}
	return map[string]any{
		"flagged": flagged, "categories": flags, "category_scores": scores, "category_applied_input_types": applied,
	}
}
