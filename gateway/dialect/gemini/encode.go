// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"strings"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// target is the dialect's name in refusals.
const target = "Gemini"

// Encoder asks providers in the dialect of Gemini and reads what they answer. The zero value speaks to the Gemini API.
// It is stateless and safe for concurrent use.
type Encoder struct {
	// Vertex speaks to Vertex AI, whose v1 has no IDs of function calls (responses find their calls by name and order)
	// and counts the tokens of a request's own fields.
	Vertex bool
}

// AppendRequest renders a GenerateContentRequest, without the model, which stands in the URL, as does whether to stream.
// It refuses what Gemini cannot express; see the package for what is left out.
func (e Encoder) AppendRequest(dst []byte, r *chat.Request, t chat.Target) ([]byte, *exchange.Error) {
	w, err := e.request(r, t)
	if err != nil {
		return dst, err
	}
	if w.Config, err = configOf(r, modern(t.Model)); err != nil {
		return dst, err
	}
	return chat.Append(dst, w), nil
}

// modern says that a model is of Gemini 3 or later, which wants the signatures of its calls back, thinks by levels and
// takes the detail of each image. Models by other names, such as tuned ones, count as older.
func modern(model string) bool {
	_, version, ok := strings.Cut(model, "gemini-")
	return ok && !strings.HasPrefix(version, "1") && !strings.HasPrefix(version, "2")
}

// request gives what is read before the answer: instructions, conversation and tools.
func (e Encoder) request(r *chat.Request, t chat.Target) (*request, *exchange.Error) {
	system, rest, err := r.SplitSystem(target)
	if err != nil {
		return nil, err
	}
	w := &request{}
	if w.Instructions, err = instructionsOf(system); err != nil {
		return nil, err
	}
	c := encoding{modern: modern(t.Model), calls: map[string]called{}}
	for i := range rest {
		if err := c.message(&rest[i]); err != nil {
			return nil, err
		}
	}
	c.sign()
	if e.Vertex {
		c.byOrder()
	}
	w.Contents = c.contents
	w.Tools = toolsOf(r)
	w.ToolConfig, err = toolConfigOf(r)
	return w, err
}

func instructionsOf(system []chat.Part) (*content, *exchange.Error) {
	out := &content{}
	for i := range system {
		p := &system[i]
		if p.Kind != chat.Text {
			return nil, chat.RefuseAt(p.At, target, "instructions are text only")
		}
		if p.Text != "" {
			out.Parts = append(out.Parts, part{Text: &p.Text})
		}
	}
	if len(out.Parts) == 0 {
		return nil, nil
	}
	return out, nil
}

func toolsOf(r *chat.Request) list[tool] {
	if len(r.Tools) == 0 {
		return nil
	}
	var t tool
	for i := range r.Tools {
		t.Functions = append(t.Functions, function{
			Name: r.Tools[i].Name, Description: r.Tools[i].Description, JSONSchema: r.Tools[i].Schema,
		})
	}
	return list[tool]{t}
}

// toolConfigOf says how functions are called. A strict tool makes all of them so: calls that keep to their schemas are
// what ANY gives anyway, and VALIDATED where the model may choose.
func toolConfigOf(r *chat.Request) (*toolConfig, *exchange.Error) {
	if len(r.Tools) == 0 {
		if r.Choice.Mode == chat.AnyTool || r.Choice.Mode == chat.OneTool {
			return nil, r.Refuse(chat.FieldToolChoice, target)
		}
		return nil, nil
	}
	if r.ParallelCalls != nil && !*r.ParallelCalls && r.Choice.Mode != chat.NoTools {
		return nil, r.Refuse(chat.FieldParallelCalls, target)
	}
	c := &callingConfig{}
	switch r.Choice.Mode {
	case chat.AutoTools, chat.Unsaid:
		switch {
		case strict(r.Tools):
			c.Mode = "VALIDATED"
		case r.Choice.Mode == chat.AutoTools:
			c.Mode = "AUTO"
		default:
			return nil, nil
		}
	case chat.NoTools:
		c.Mode = "NONE"
	case chat.AnyTool:
		c.Mode = "ANY"
	case chat.OneTool:
		c.Mode, c.Allowed = "ANY", list[string]{r.Choice.Name}
	}
	return &toolConfig{Calling: c}, nil
}

func strict(tools []chat.Tool) bool {
	for i := range tools {
		if s := tools[i].Strict; s != nil && *s {
			return true
		}
	}
	return false
}
