// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// piece is what one event of a stream, or a whole answer, says.
type piece struct {
	// content says that it carries something of the answer.
	content bool
	// end says that the answer is whole.
	end bool
	// failed says that it is an error; failure is the provider's or the gateway's own word for it, if there is one.
	failed  bool
	failure string
	// input and output are tokens; 0 says nothing.
	input, output int64
}

var errNoObject = errors.New("no JSON object")

// read takes the JSON of one event, or of a whole answer, in this dialect.
func (d Dialect) read(message []byte) (piece, error) {
	switch d {
	case Responses:
		return readResponses(message)
	case Anthropic:
		return readAnthropic(message)
	case Gemini:
		return readGemini(message)
	}
	return readOpenAI(message)
}

func decode(message []byte, into any) error {
	if message = bytes.TrimSpace(message); len(message) == 0 || message[0] != '{' {
		return errNoObject
	}
	return json.Unmarshal(message, into)
}

// problem is the error of any dialect.
type problem struct {
	Type   json.RawMessage `json:"type"`
	Code   json.RawMessage `json:"code"`
	Status json.RawMessage `json:"status"`
}

// fail notes that there is an error; nil is none.
func (p *piece) fail(e *problem) {
	if e == nil {
		return
	}
	p.failed = true
	for _, member := range []json.RawMessage{e.Code, e.Status, e.Type} {
		var text string
		if json.Unmarshal(member, &text) == nil && text != "" {
			p.failure = reasonWord(text)
			return
		}
	}
}

// reasonWord is a reason that may stand in a report: what others control is bounded, and holds no more than a word.
func reasonWord(text string) string {
	const most = 48
	word := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_', r == '-', r == '.':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, text[:min(len(text), 4*most)])
	return word[:min(len(word), most)]
}

// usage has the names of OpenAI's two APIs and of Anthropic's.
type usage struct {
	Prompt     int64 `json:"prompt_tokens"`
	Completion int64 `json:"completion_tokens"`
	Input      int64 `json:"input_tokens"`
	Output     int64 `json:"output_tokens"`
}

func (p *piece) count(u *usage) {
	if u != nil {
		p.input, p.output = u.Prompt+u.Input, u.Completion+u.Output
	}
}

func readOpenAI(message []byte) (piece, error) {
	if string(message) == "[DONE]" {
		return piece{end: true}, nil
	}
	var m struct {
		Choices []struct {
			Delta struct {
				Content   string            `json:"content"`
				Refusal   string            `json:"refusal"`
				Reasoning string            `json:"reasoning_content"`
				Calls     []json.RawMessage `json:"tool_calls"`
			} `json:"delta"`
		} `json:"choices"`
		Usage *usage   `json:"usage"`
		Error *problem `json:"error"`
	}
	if err := decode(message, &m); err != nil {
		return piece{}, err
	}
	var p piece
	for i := range m.Choices {
		d := &m.Choices[i].Delta
		p.content = p.content || d.Content != "" || d.Refusal != "" || d.Reasoning != "" || len(d.Calls) > 0
	}
	p.count(m.Usage)
	p.fail(m.Error)
	return p, nil
}

func readResponses(message []byte) (piece, error) {
	type answer struct {
		Usage *usage   `json:"usage"`
		Error *problem `json:"error"`
	}
	var m struct {
		Type     string          `json:"type"`
		Code     json.RawMessage `json:"code"`
		Response *answer         `json:"response"`
		answer
	}
	if err := decode(message, &m); err != nil {
		return piece{}, err
	}
	p := piece{content: strings.HasSuffix(m.Type, ".delta")}
	switch m.Type {
	case "response.completed", "response.incomplete":
		p.end = true
	case "error":
		p.fail(&problem{Code: m.Code})
	case "response.failed":
		p.fail(&problem{})
	}
	for _, a := range []*answer{&m.answer, m.Response} {
		if a != nil {
			p.count(a.Usage)
			p.fail(a.Error)
		}
	}
	return p, nil
}

func readAnthropic(message []byte) (piece, error) {
	var m struct {
		Type    string `json:"type"`
		Message struct {
			Usage *usage `json:"usage"`
		} `json:"message"`
		Usage *usage   `json:"usage"`
		Error *problem `json:"error"`
	}
	if err := decode(message, &m); err != nil {
		return piece{}, err
	}
	p := piece{content: m.Type == "content_block_delta", end: m.Type == "message_stop"}
	p.count(m.Message.Usage)
	p.count(m.Usage)
	if m.Type == "error" && m.Error == nil {
		m.Error = &problem{}
	}
	p.fail(m.Error)
	return p, nil
}

func readGemini(message []byte) (piece, error) {
	var m struct {
		Candidates []struct {
			Content struct {
				Parts []struct {
					Text  string          `json:"text"`
					Call  json.RawMessage `json:"functionCall"`
					Bytes json.RawMessage `json:"inlineData"`
				} `json:"parts"`
			} `json:"content"`
			FinishReason string `json:"finishReason"`
		} `json:"candidates"`
		PromptFeedback struct {
			BlockReason string `json:"blockReason"`
		} `json:"promptFeedback"`
		Usage struct {
			Prompt   int64 `json:"promptTokenCount"`
			Output   int64 `json:"candidatesTokenCount"`
			Thoughts int64 `json:"thoughtsTokenCount"`
		} `json:"usageMetadata"`
		Error *problem `json:"error"`
	}
	if err := decode(message, &m); err != nil {
		return piece{}, err
	}
	p := piece{input: m.Usage.Prompt, output: m.Usage.Output + m.Usage.Thoughts, end: m.PromptFeedback.BlockReason != ""}
	for i := range m.Candidates {
		for _, part := range m.Candidates[i].Content.Parts {
			p.content = p.content || part.Text != "" || part.Call != nil || part.Bytes != nil
		}
		p.end = p.end || m.Candidates[i].FinishReason != ""
	}
	p.fail(m.Error)
	return p, nil
}
