// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
)

// maxEvent bounds one line of a stream, and an answer that is not streamed: in JSON it is longer than its text.
const maxEvent = 1 << 20

// completion is what is read of an answer, or of one event of it.
type completion struct {
	Choices []struct {
		Message struct{ Content string }
		Delta   struct{ Content string }
	}
	Usage *completionUsage
	Error *struct{ Message string }
}

type completionUsage struct {
	PromptTokens     int64 `json:"prompt_tokens"`
	CompletionTokens int64 `json:"completion_tokens"`
}

func (u *completionUsage) work() PlayedWork {
	if u == nil {
		return PlayedWork{}
	}
	return PlayedWork{InputTokens: u.PromptTokens, OutputTokens: u.CompletionTokens}
}

// readStream takes in an answer in events. since gives milliseconds.
func (p *Played) readStream(body io.Reader, since func() float64) {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 0, 4<<10), maxEvent)
	whole := false
	var text []byte
	defer func() { p.Text = clipped(text) }()
	for lines.Scan() {
		data, is := strings.CutPrefix(lines.Text(), "data:")
		if data = strings.TrimSpace(data); !is || data == "" {
			continue
		}
		if data == "[DONE]" {
			whole = true
			continue
		}
		var event completion
		if json.Unmarshal([]byte(data), &event) != nil {
			continue
		}
		if event.Error != nil {
			p.Error = event.Error.Message[:min(len(event.Error.Message), maxHeaderValue)]
			return
		}
		if event.Usage != nil {
			p.Usage = event.Usage.work()
		}
		for _, choice := range event.Choices {
			if choice.Delta.Content != "" && p.FirstMS == 0 {
				p.FirstMS = since()
			}
			text = append(text, choice.Delta.Content[:min(len(choice.Delta.Content), maxText-len(text))]...)
		}
	}
	if !whole {
		p.Error = "the stream broke off"
	}
}

// clipped gives a text within its bound, by whole characters.
func clipped(text []byte) string {
	return strings.ToValidUTF8(string(text[:min(len(text), maxText)]), "")
}
