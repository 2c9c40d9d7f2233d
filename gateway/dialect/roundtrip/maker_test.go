// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package roundtrip

import (
	"fmt"
	"math/rand/v2"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

func pointer[T any](v T) *T { return &v }

// maker makes neutral requests and answers, the same of the same seed. Each feature is rare, so that most requests are
// expressible to most providers.
type maker struct {
	*rand.Rand
	calls int
}

func newMaker(seed uint64) *maker { return &maker{Rand: rand.New(rand.NewPCG(seed, 20261123))} }

// one says yes once in n times.
func (m *maker) one(n int) bool { return m.IntN(n) == 0 }

func pick[T any](m *maker, from ...T) T { return from[m.IntN(len(from))] }

var words = []string{
	"Hello.", "What is 2+2?", "Zwölf Boxkämpfer 🥊 jagen", "{\"a\": 1}", "line\nbreak \"quoted\" \\ back\u2028slash",
	"<script>&amp;</script>", "[DONE]", "data: x\n\n", "{\"result\":\"x\"}", "\u0000\u001f control", " spaces ", "null",
}

func (m *maker) word() string { return pick(m, words...) }

// names gives every field a name, as a decoder does.
func names(f chat.Field) string { return fmt.Sprintf("field_%d", f) }

// request makes a conversation and what is asked of its continuation.
func (m *maker) request() *chat.Request {
	r := &chat.Request{Model: "asked", Stream: m.one(2), Names: names}
	m.tools(r)
	m.conversation(r)
	if m.one(4) {
		r.MaxTokens = pointer(pick(m, int64(1), 500, 4000, 100_000))
	}
	m.sampling(r)
	if m.one(4) {
		r.Reasoning = m.reasoning()
	}
	if m.one(6) {
		r.Format = m.format()
	}
	if m.one(8) {
		r.User = pick(m, "user-1", "Jörg Œ", "a b@c")
	}
	return r
}

func (m *maker) sampling(r *chat.Request) {
	if m.one(5) {
		r.Temperature = pointer(pick(m, 0, 0.2, 0.7, 1, 1.5, 2))
	}
	if m.one(5) {
		r.TopP = pointer(pick(m, 0.1, 0.9, 0.999, 1))
	}
	if m.one(12) {
		r.TopK = pointer(pick(m, int64(1), 40))
	}
	if m.one(8) {
		r.Stop = pick(m, []string{}, []string{"\n"}, []string{"END", "STOP"}, []string{"1", "2", "3", "4", "5", "6"})
	}
	if m.one(12) {
		r.Seed = pointer(pick(m, int64(0), 7, 1<<40, -3))
	}
	if m.one(10) {
		r.Frequency = pointer(pick(m, 0, 0.5, -1.5))
	}
	if m.one(10) {
		r.Presence = pointer(pick(m, 0, 0.5, -1.5))
	}
	if m.one(12) {
		r.Candidates = pointer(pick(m, int64(1), 1, 2, 8))
	}
	if m.one(12) {
		r.LogProbs = pointer(m.one(2))
	}
	if m.one(14) {
		r.TopLogProbs = pointer(pick(m, int64(0), 5))
	}
}

func (m *maker) reasoning() chat.Reasoning {
	r := chat.Reasoning{}
	switch m.IntN(4) {
	case 0, 1:
		r.Effort = pick(m, chat.EffortNone, chat.EffortMinimal, chat.EffortLow, chat.EffortMedium, chat.EffortHigh, chat.EffortMax)
	case 2:
		r.Budget = pointer(pick(m, int64(-1), 0, 1024, 3000, 24576, 60_000))
	}
	if m.one(3) {
		r.Show = pointer(m.one(2))
	}
	return r
}

func (m *maker) schema() jsontext.Value {
	return jsontext.Value(pick(m,
		`{"type":"object","properties":{"a":{"type":"string","description":"ä"}},"required":["a"],"additionalProperties":false}`,
		`{"type": "object", "properties": {}}`,
		`{"properties":{"n":{"type":["integer","null"],"maximum":9007199254740993}}}`,
		`{"type":"object","description":"its own","properties":{"l":{"type":"array","items":{"$ref":"#/$defs/x"}}},"$defs":{"x":{"enum":[1,"2",null]}}}`,
	))
}

func (m *maker) format() chat.Format {
	if m.one(4) {
		return chat.Format{Kind: chat.JSONObject}
	}
	f := chat.Format{Kind: chat.JSONSchema, Name: pick(m, "shape", "answer_1"), Schema: m.schema()}
	if m.one(6) {
		f.Schema = nil
	}
	if m.one(3) {
		f.Strict = pointer(m.one(2))
	}
	if m.one(4) {
		f.Description = m.word()
	}
	return f
}

var toolNames = []string{"look_up", "get-weather", "sum"}

func (m *maker) tools(r *chat.Request) {
	if m.one(2) {
		return
	}
	for i, name := range toolNames[:1+m.IntN(len(toolNames))] {
		t := chat.Tool{Name: name, At: fmt.Sprintf("tools[%d]", i), Schema: m.schema()}
		if m.one(2) {
			t.Description = m.word()
		}
		if m.one(6) {
			t.Schema = nil
		}
		if m.one(6) {
			t.Strict = pointer(m.one(2))
		}
		if m.one(8) {
			t.Cache = m.mark()
		}
		r.Tools = append(r.Tools, t)
	}
	if m.one(3) {
		r.Choice.Mode = pick(m, chat.AutoTools, chat.NoTools, chat.AnyTool, chat.OneTool)
		if r.Choice.Mode == chat.OneTool {
			r.Choice.Name = r.Tools[m.IntN(len(r.Tools))].Name
		}
	}
	if m.one(8) {
		r.ParallelCalls = pointer(m.one(2))
	}
}

func (m *maker) mark() *chat.CacheMark { return &chat.CacheMark{TTL: pick(m, "", "5m", "1h")} }

// conversation makes turns in an order that providers take: instructions, and then user and assistant by turns, where
// results answer the calls before them. Now and then it breaks off that order where the contract allows it.
func (m *maker) conversation(r *chat.Request) {
	add := func(role chat.Role, parts ...chat.Part) *chat.Message {
		at := fmt.Sprintf("messages[%d]", len(r.Messages))
		for i := range parts {
			place(&parts[i], fmt.Sprintf("%s.content[%d]", at, i))
		}
		r.Messages = append(r.Messages, chat.Message{Role: role, Parts: parts, At: at})
		return &r.Messages[len(r.Messages)-1]
	}
	for m.one(2) {
		add(pick(m, chat.System, chat.System, chat.Developer), m.texts()...)
	}
	for turn := 0; ; turn++ {
		said := add(chat.User, m.asked()...)
		if m.one(25) {
			said.Name = "alice"
		}
		if m.one(12) {
			add(chat.User, m.asked()...)
		}
		if m.one(40) {
			add(chat.System, m.texts()...)
		}
		if turn == 2 || m.one(2) {
			break
		}
		parts, calls := m.answered(len(r.Tools) > 0)
		add(chat.Assistant, parts...)
		if len(calls) > 0 {
			add(chat.User, m.results(calls)...)
		}
	}
	if m.one(30) {
		add(chat.Assistant, chat.Part{Text: "The answer is"})
	}
}

// place says where a part stands.
func place(p *chat.Part, at string) {
	p.At = at
	if p.Result == nil {
		return
	}
	for i := range p.Result.Parts {
		p.Result.Parts[i].At = fmt.Sprintf("%s.content[%d]", at, i)
	}
}

func (m *maker) texts() []chat.Part {
	parts := []chat.Part{m.text()}
	for m.one(4) {
		parts = append(parts, m.text())
	}
	return append(parts, chat.Part{Text: m.word()})
}

func (m *maker) text() chat.Part {
	p := chat.Part{Text: m.word()}
	if m.one(8) {
		p.Cache = m.mark()
	}
	if m.one(30) {
		p = chat.Part{}
	}
	return p
}

// asked makes the parts of a user's turn.
func (m *maker) asked() []chat.Part {
	parts := m.texts()
	if m.one(6) {
		parts = append(parts, m.media(m.medium()))
	}
	if m.one(4) {
		m.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	}
	return parts
}

func (m *maker) medium() chat.PartKind {
	return pick(m, chat.Image, chat.Image, chat.Image, chat.Document, chat.Document, chat.Audio, chat.Video)
}

// types are media types by kind, and how the names of such files end.
var types = map[chat.PartKind][][2]string{
	chat.Image:    {{"image/png", "png"}, {"image/jpeg", "jpg"}, {"image/heic", "heic"}},
	chat.Document: {{"application/pdf", "pdf"}, {"text/plain", "txt"}},
	chat.Audio:    {{"audio/wav", "wav"}, {"audio/mpeg", "mp3"}},
	chat.Video:    {{"video/mp4", "mp4"}},
}

func (m *maker) media(kind chat.PartKind) chat.Part {
	t := pick(m, types[kind]...)
	media := &chat.Media{}
	switch m.IntN(6) {
	case 0:
		media.URL = pick(m, "https://files.example/a.", "http://files.example/a.", "s3://bucket/a.", "gs://bucket/a.") + t[1]
		if m.one(2) {
			media.MIME = t[0]
		}
	case 1:
		media.FileID = "file-123"
	default:
		media.MIME, media.Data = t[0], pick(m, "aGVsbG8=", "AAECAwQF", "eA==")
	}
	if kind == chat.Document && m.one(2) {
		media.Name = pick(m, "report."+t[1], "Q3 (final).pdf", "notes")
	}
	if kind == chat.Image && m.one(4) {
		media.Detail = pick(m, "auto", "low", "high")
	}
	p := chat.Part{Kind: kind, Media: media}
	if m.one(8) {
		p.Cache = m.mark()
	}
	return p
}

// answered makes what a model said: thoughts, texts and calls.
func (m *maker) answered(tools bool) (parts, calls []chat.Part) {
	for m.one(5) {
		parts = append(parts, m.thought())
	}
	if !m.one(5) {
		parts = append(parts, m.text())
	}
	if m.one(12) {
		parts = append(parts, chat.Part{Kind: chat.Refusal, Text: "I cannot do that."})
	}
	for i := 0; tools && i < 3 && m.one(2); i++ {
		p := m.call()
		parts, calls = append(parts, p), append(calls, p)
		if m.one(15) {
			parts = append(parts, m.text())
		}
	}
	if len(parts) == 0 {
		parts = append(parts, chat.Part{Text: "Well."})
	}
	return parts, calls
}

func (m *maker) thought() chat.Part {
	if m.one(6) {
		return chat.Part{Kind: chat.Redacted, Signature: pick(m, "b3BhcXVl", "opaque")}
	}
	p := chat.Part{Kind: chat.Thinking, Text: m.word()}
	if m.one(2) {
		p.Signature = pick(m, "c2lnbmVk", "sig")
	}
	return p
}

func (m *maker) call() chat.Part {
	m.calls++
	p := chat.Part{Kind: chat.Call, Call: &chat.ToolCall{
		ID:        fmt.Sprintf(pick(m, "call_%d", "toolu_%dabc", "abcdefg%02d", "functions.f:%d"), m.calls),
		Name:      pick(m, toolNames...),
		Arguments: pick(m, "", "{}", `{"a":"b"}`, ` {"n": 9007199254740993, "l": [1,2 , {"x":null}]}`, `{"a":"ü\u00fc\n"}`),
	}}
	if m.one(30) {
		p.Call.Arguments = pick(m, "not json", "[1]", `{"a":`)
	}
	if m.one(6) {
		p.Signature = "c2lnbmVk"
	}
	if m.one(12) {
		p.Cache = m.mark()
	}
	return p
}

// results answers calls, each once, mostly in their order, and sometimes with more to say.
func (m *maker) results(calls []chat.Part) []chat.Part {
	parts := make([]chat.Part, len(calls))
	for i, c := range calls {
		result := &chat.ToolResult{CallID: c.Call.ID, Name: c.Call.Name, Failed: m.one(6)}
		if m.one(4) {
			result.Name = ""
		}
		if !m.one(8) {
			result.Parts = m.texts()
			if result.Parts[0].Text == "" {
				result.Parts[0].Text = "Well?"
			}
		}
		if m.one(10) {
			result.Parts = append(result.Parts, m.media(pick(m, chat.Image, chat.Document)))
		}
		parts[i] = chat.Part{Kind: chat.Result, Result: result}
		if m.one(8) {
			parts[i].Cache = m.mark()
		}
	}
	if m.one(5) {
		m.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	}
	if m.one(5) {
		parts = append(parts, m.text())
	}
	if m.one(10) {
		parts = append([]chat.Part{m.text()}, parts...)
	}
	return parts
}
