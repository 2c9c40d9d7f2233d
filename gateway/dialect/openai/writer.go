// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

type chunkChoice struct {
	Index    int            `json:"index"`
	Delta    delta          `json:"delta"`
	LogProbs jsontext.Value `json:"logprobs"`
	Finish   *string        `json:"finish_reason"`
}

type delta struct {
	Role             string       `json:"role,omitzero"`
	Content          *string      `json:"content,omitzero"`
	Refusal          *string      `json:"refusal,omitzero"`
	ReasoningContent string       `json:"reasoning_content,omitzero"`
	ReasoningDetails []toldDetail `json:"reasoning_details,omitzero"`
	ToolCalls        []toldCall   `json:"tool_calls,omitzero"`
}

// writer renders a stream of chat.completion.chunk objects.
type writer struct {
	meta         chat.Meta
	includeUsage bool
	head         []byte // of every chunk, up to the choices
	usage        *toldUsage
	choices      map[int]*written
	over         bool
}

// written is what was written of a choice.
type written struct {
	part    chat.PartKind
	calls   int // begun
	details int // written
	argued  bool
	refused bool
	// thought is the text of the thought in hand, which goes out once more beside its signature.
	thought []byte
}

// maxThought bounds the text that is held until a signature comes, in bytes. A longer thought is shown but cannot go
// back to its provider.
const maxThought = 4 << 20

// NewWriter begins a stream. The chunk with the usage, and the null of it in the others, come only if they were asked
// for. [DONE] follows only an answer that is whole.
func (Decoder) NewWriter(r *chat.Request, m chat.Meta) chat.Writer {
	return &writer{meta: m, includeUsage: r.IncludeUsage, choices: make(map[int]*written)}
}

func (w *writer) Write(dst []byte, e *chat.Event) []byte {
	if w.over {
		return dst
	}
	switch e.Kind {
	case chat.Began:
		w.begin(e)
		return dst
	case chat.Used:
		w.usage = usageOf(e.Usage)
		return dst
	case chat.Ended:
		w.over = true
		if w.includeUsage && w.usage != nil {
			dst = append(w.open(dst), "],\"usage\":"...)
			dst = append(chat.Append(dst, w.usage), "}\n\n"...)
		}
		return append(dst, "data: [DONE]\n\n"...)
	case chat.Failed:
		w.over = true
		dst = append(dst, "data: "...)
		return append(AppendError(dst, e.Err), "\n\n"...)
	}
	c := w.choices[e.Choice]
	if c == nil {
		c = &written{}
		w.choices[e.Choice] = c
		empty := ""
		dst = w.chunk(dst, chunkChoice{Index: e.Choice, Delta: delta{Role: "assistant", Content: &empty}})
	}
	chunk := chunkChoice{Index: e.Choice}
	if !w.step(c, e, &chunk) {
		return dst
	}
	return w.chunk(dst, chunk)
}

func (w *writer) begin(e *chat.Event) {
	if e.ID != "" {
		w.meta.ID = e.ID
	}
	if e.Model != "" {
		w.meta.Model = e.Model
	}
	if e.Created != 0 {
		w.meta.Created = e.Created
	}
	w.head = nil
}

// step fills the chunk for an event of a choice; false where the event shows in none.
func (w *writer) step(c *written, e *chat.Event, chunk *chunkChoice) bool {
	switch e.Kind {
	case chat.PartBegan:
		c.part, c.argued, c.thought = e.Part.Kind, false, c.thought[:0]
		if c.part != chat.Call {
			return false
		}
		c.calls++
		chunk.Delta.ToolCalls = []toldCall{w.called(c, e)}
	case chat.Delta:
		chunk.LogProbs = e.LogProbs
		return c.delta(e, &chunk.Delta) || len(e.LogProbs) > 0
	case chat.Signed:
		return c.signed(e, &chunk.Delta)
	case chat.PartEnded:
		return c.ended(&chunk.Delta)
	case chat.Finished:
		chunk.Finish = finishWord(e.Finish, c.refused)
	default:
		return false
	}
	return true
}

func (w *writer) called(c *written, e *chat.Event) toldCall {
	n := c.calls - 1
	call := toldCall{Index: &n, Type: "function", Function: &toldFunction{}}
	if e.Part.Call != nil {
		call.ID, call.Function.Name = e.Part.Call.ID, e.Part.Call.Name
	}
	if call.ID == "" {
		call.ID = callID(w.meta.ID, e.Choice, n)
	}
	return call
}

func (c *written) delta(e *chat.Event, d *delta) bool {
	if e.Text == "" {
		return false
	}
	switch c.part {
	case chat.Text:
		d.Content = &e.Text
	case chat.Refusal:
		c.refused = true
		d.Refusal = &e.Text
	case chat.Thinking:
		d.ReasoningContent = e.Text
		if len(c.thought) <= maxThought {
			c.thought = append(c.thought, e.Text...)
		}
	case chat.Call:
		c.argued = true
		d.ToolCalls = []toldCall{c.piece(&toldFunction{Arguments: e.Text})}
	default:
		return false
	}
	return true
}

func (c *written) signed(e *chat.Event, d *delta) bool {
	switch c.part {
	case chat.Thinking:
		if len(c.thought) > maxThought {
			return false
		}
		d.ReasoningDetails = c.detail(toldDetail{Type: detailText, Text: string(c.thought), Signature: e.Text})
	case chat.Redacted:
		d.ReasoningDetails = c.detail(toldDetail{Type: detailEncrypted, Data: e.Text})
	case chat.Call:
		call := c.piece(nil)
		call.Extra = extra(e.Text)
		d.ToolCalls = []toldCall{call}
	default:
		return false
	}
	return true
}

// ended gives a call without arguments the empty ones, as clients parse them.
func (c *written) ended(d *delta) bool {
	if c.part != chat.Call || c.argued {
		return false
	}
	d.ToolCalls = []toldCall{c.piece(&toldFunction{Arguments: "{}"})}
	return true
}

func (c *written) detail(d toldDetail) []toldDetail {
	d.Index = c.details
	c.details++
	return []toldDetail{d}
}

// piece is a part of the call that was begun last.
func (c *written) piece(f *toldFunction) toldCall {
	n := c.calls - 1
	return toldCall{Index: &n, Function: f}
}

// open appends a chunk up to the first of its choices.
func (w *writer) open(dst []byte) []byte {
	if w.head == nil {
		head := []byte("data: {\"id\":")
		head = chat.Append(head, w.meta.ID)
		head = append(head, ",\"object\":\"chat.completion.chunk\",\"created\":"...)
		head = strconv.AppendInt(head, w.meta.Created, 10)
		head = append(head, ",\"model\":"...)
		head = chat.Append(head, w.meta.Model)
		head = append(head, ",\"choices\":["...)
		w.head = head
	}
	return append(dst, w.head...)
}

func (w *writer) chunk(dst []byte, c chunkChoice) []byte {
	dst = append(chat.Append(w.open(dst), c), ']')
	if w.includeUsage {
		dst = append(dst, ",\"usage\":null"...)
	}
	return append(dst, "}\n\n"...)
}
