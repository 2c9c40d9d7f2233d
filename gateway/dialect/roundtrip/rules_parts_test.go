// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package roundtrip

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// canonical gives JSON with its members sorted and without spaces, numbers by their digits; what is none, as it is.
func canonical(v jsontext.Value) jsontext.Value {
	var any any
	d := json.NewDecoder(bytes.NewReader(v))
	d.UseNumber()
	if len(v) == 0 || d.Decode(&any) != nil || d.More() {
		return v
	}
	out, err := json.Marshal(any)
	if err != nil {
		return v
	}
	return out
}

// withMember adds a member that an object has not.
func withMember(v jsontext.Value, name string, value any) jsontext.Value {
	members := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(v))
	d.UseNumber()
	if len(v) > 0 && d.Decode(&members) != nil {
		return v
	}
	if _, there := members[name]; !there {
		members[name] = value
	}
	out, err := json.Marshal(members)
	if err != nil {
		return v
	}
	return out
}

// Rules of turns and their parts.
var (
	developersInstruct = rule{"the developer is the system", func(r *chat.Request) {
		for i := range r.Messages {
			if r.Messages[i].Role == chat.Developer {
				r.Messages[i].Role = chat.System
			}
		}
	}}
	developersSpeak = rule{"the developer is one of the roles", func(*chat.Request) {}}
	resultsFirst    = rule{"what tools answered stands first in its turn", func(r *chat.Request) {
		order(r, chat.User, func(p *chat.Part) int {
			if p.Kind == chat.Result {
				return 0
			}
			return 1
		})
	}}
	resultsAsCalled = rule{"results stand in the order of their calls", func(r *chat.Request) {
		called := map[string]int{}
		eachPart(r, func(p *chat.Part, _ *chat.ToolResult) {
			if p.Call != nil {
				called[p.Call.ID] = len(called)
			}
		})
		for i := range r.Messages {
			isResult := func(p chat.Part) bool { return p.Kind == chat.Result }
			var results []chat.Part
			for _, p := range r.Messages[i].Parts {
				if isResult(p) {
					results = append(results, p)
				}
			}
			slices.SortStableFunc(results, func(a, b chat.Part) int { return called[a.Result.CallID] - called[b.Result.CallID] })
			for j, p := range r.Messages[i].Parts {
				if isResult(p) {
					r.Messages[i].Parts[j], results = results[0], results[1:]
				}
			}
		}
	}}
	answersOrdered = rule{"of an answer, thoughts stand first, then texts, the refusal in one, and calls", func(r *chat.Request) {
		order(r, chat.Assistant, kindOrder)
		joinParts(r, func(a, b *chat.Part) bool { return a.Kind == chat.Refusal && b.Kind == chat.Refusal })
	}}
	thoughtsFirst    = rule{"thoughts stand first", func(r *chat.Request) { order(r, chat.Assistant, kindOrder) }}
	refusalsAreTexts = ofParts("what a model said when it declined is text that it said", func(p *chat.Part) {
		if p.Kind == chat.Refusal {
			p.Kind = chat.Text
		}
	})
	plans = rule{"beside calls there are thoughts, one text, which is the plan, and then the calls", func(r *chat.Request) {
		for i := range r.Messages {
			parts := r.Messages[i].Parts
			if !slices.ContainsFunc(parts, func(p chat.Part) bool { return p.Kind == chat.Call }) {
				continue
			}
			slices.SortStableFunc(parts, func(a, b chat.Part) int { return kindOrder(&a) - kindOrder(&b) })
			r.Messages[i].Parts = joined(parts, func(a, b *chat.Part) bool { return a.Kind == chat.Text && b.Kind == chat.Text })
		}
	}}
	failureInText = rule{"that a tool failed is told by its text", func(r *chat.Request) {
		eachPart(r, func(p *chat.Part, _ *chat.ToolResult) {
			if p.Result == nil || !p.Result.Failed {
				return
			}
			p.Result.Failed = false
			if len(p.Result.Parts) == 0 || p.Result.Parts[0].Kind != chat.Text {
				p.Result.Parts = slices.Insert(p.Result.Parts, 0, chat.Part{})
			}
			p.Result.Parts[0].Text = "Error: " + p.Result.Parts[0].Text
		})
	}}
	resultTextsJoined = rule{"of a result, there is one text, an object however it is spaced, and then media", func(r *chat.Request) {
		eachPart(r, func(p *chat.Part, _ *chat.ToolResult) {
			if p.Result == nil {
				return
			}
			slices.SortStableFunc(p.Result.Parts, func(a, b chat.Part) int { return min(int(a.Kind), 1) - min(int(b.Kind), 1) })
			p.Result.Parts = joined(p.Result.Parts, func(a, b *chat.Part) bool { return a.Kind == chat.Text && b.Kind == chat.Text })
			if parts := p.Result.Parts; len(parts) > 0 && strings.HasPrefix(parts[0].Text, "{") {
				parts[0].Text = string(canonical([]byte(parts[0].Text)))
			}
		})
	}}
)

// kindOrder ranks what an answer is made of.
func kindOrder(p *chat.Part) int {
	switch p.Kind {
	case chat.Thinking, chat.Redacted:
		return 0
	case chat.Refusal:
		return 2
	case chat.Call:
		return 3
	}
	return 1
}

func order(r *chat.Request, role chat.Role, rank func(*chat.Part) int) {
	for i := range r.Messages {
		if r.Messages[i].Role == role {
			slices.SortStableFunc(r.Messages[i].Parts, func(a, b chat.Part) int { return rank(&a) - rank(&b) })
		}
	}
}

// joined makes one of neighbours that belong together.
func joined(parts []chat.Part, together func(a, b *chat.Part) bool) []chat.Part {
	var out []chat.Part
	for i := range parts {
		if n := len(out); n > 0 && together(&out[n-1], &parts[i]) {
			out[n-1].Text += parts[i].Text
			out[n-1].Signature += parts[i].Signature
			continue
		}
		out = append(out, parts[i])
	}
	return out
}

func joinParts(r *chat.Request, together func(a, b *chat.Part) bool) {
	for i := range r.Messages {
		r.Messages[i].Parts = joined(r.Messages[i].Parts, together)
	}
}

func dropParts(r *chat.Request, drop func(chat.Part) bool) {
	for i := range r.Messages {
		r.Messages[i].Parts = slices.DeleteFunc(r.Messages[i].Parts, drop)
	}
	r.Messages = slices.DeleteFunc(r.Messages, func(m chat.Message) bool { return len(m.Parts) == 0 })
}

// Rules of thoughts and signatures. A thought led to a turn and is no part of it; a signature proves it to who gave it.
var (
	thoughtsLeftOut = rule{"there are no thoughts in a question, and no signatures", func(r *chat.Request) {
		dropParts(r, func(p chat.Part) bool { return p.Kind == chat.Thinking || p.Kind == chat.Redacted })
		signaturesOfCalls.apply(r)
	}}
	thoughtsJoined = rule{"thoughts without a signature are one", func(r *chat.Request) {
		joinParts(r, func(a, b *chat.Part) bool {
			return a.Kind == chat.Thinking && b.Kind == chat.Thinking && a.Signature == "" && b.Signature == ""
		})
	}}
	thoughtsRun = rule{"thoughts up to a signature are one", func(r *chat.Request) {
		joinParts(r, func(a, b *chat.Part) bool {
			return a.Kind == chat.Thinking && b.Kind == chat.Thinking && a.Signature == ""
		})
	}}
	unsigned = rule{"thoughts have no signatures, and calls none", func(r *chat.Request) {
		dropParts(r, func(p chat.Part) bool { return p.Kind == chat.Redacted })
		eachPart(r, func(p *chat.Part, _ *chat.ToolResult) { p.Signature = "" })
		dropParts(r, func(p chat.Part) bool { return p.Kind == chat.Thinking && p.Text == "" })
	}}
	thoughtsSigned = rule{"thoughts without a signature are another's, and left out", func(r *chat.Request) {
		dropParts(r, func(p chat.Part) bool { return p.Kind == chat.Thinking && p.Signature == "" })
	}}
	signaturesOfTexts = ofParts("texts and media have no signatures", func(p *chat.Part) {
		if p.Kind != chat.Thinking && p.Kind != chat.Redacted && p.Kind != chat.Call {
			p.Signature = ""
		}
	})
	signaturesOfCalls = ofParts("calls have no signatures", func(p *chat.Part) {
		if p.Kind == chat.Call {
			p.Signature = ""
		}
	})
	placeholders = ofParts("the first call has Google's placeholder where nothing has a signature", func(p *chat.Part) {
		if p.Signature == "skip_thought_signature_validator" {
			p.Signature = ""
		}
	})
	idsMapped = rule{"calls have IDs that fit, the same in the call and its result", func(r *chat.Request) {
		ids := map[string]string{}
		fit := func(id string) string {
			if ids[id] == "" {
				ids[id] = fmt.Sprint(len(ids))
			}
			return ids[id]
		}
		eachPart(r, func(p *chat.Part, _ *chat.ToolResult) {
			if p.Call != nil {
				p.Call.ID = fit(p.Call.ID)
			}
		})
		eachPart(r, func(p *chat.Part, _ *chat.ToolResult) {
			if p.Result != nil {
				p.Result.CallID = fit(p.Result.CallID)
			}
		})
	}}
)

// Rules of marks, which are hints.
var (
	unmarked = rule{"prefixes are cached without marks", func(r *chat.Request) {
		eachPart(r, func(p *chat.Part, _ *chat.ToolResult) { p.Cache = nil })
		for i := range r.Tools {
			r.Tools[i].Cache = nil
		}
	}}
	novaMarks = rule{"marks have no time, and tools have none", func(r *chat.Request) {
		eachPart(r, func(p *chat.Part, _ *chat.ToolResult) {
			if p.Cache != nil {
				p.Cache = &chat.CacheMark{}
			}
		})
		for i := range r.Tools {
			r.Tools[i].Cache = nil
		}
	}}
	marksOfResults = rule{"a mark within a result stands after it", func(r *chat.Request) {
		eachPart(r, func(p *chat.Part, _ *chat.ToolResult) {
			if p.Result == nil {
				return
			}
			last := p.Cache
			for i := range p.Result.Parts {
				if mark := p.Result.Parts[i].Cache; mark != nil && p.Cache == nil {
					last = mark
				}
				p.Result.Parts[i].Cache = nil
			}
			p.Cache = last
		})
	}}
	thoughtsUnmarked = ofParts("thoughts have no marks", func(p *chat.Part) {
		if p.Kind == chat.Thinking || p.Kind == chat.Redacted {
			p.Cache = nil
		}
	})
)

// Rules of media.
var (
	typeAtURL = ofParts("whoever fetches a file learns its type", func(p *chat.Part) {
		if p.Media != nil && p.Media.URL != "" {
			p.Media.MIME = ""
		}
	})
	plainDetail = ofParts("images are seen in all their detail", func(p *chat.Part) {
		if p.Media != nil && p.Media.Detail == "high" {
			p.Media.Detail = ""
		}
	})
	filesNamed = ofParts("a file by its ID has no name of its own, and one without a name a default one", func(p *chat.Part) {
		if p.Media == nil {
			return
		}
		switch p.Media.Name {
		case "document", "document.pdf", "file", "file.pdf", "file.txt":
			p.Media.Name = ""
		}
		if p.Media.FileID != "" {
			p.Media.Name = ""
		}
	})
	imagesUnnamed = ofParts("only documents have names", func(p *chat.Part) {
		if p.Media != nil && p.Kind != chat.Document {
			p.Media.Name = ""
		}
	})
	unnamedFiles = rule{"files have no names, but for those that a tool answered", func(r *chat.Request) {
		eachPart(r, func(p *chat.Part, within *chat.ToolResult) {
			if p.Media != nil && within == nil {
				p.Media.Name = ""
			}
		})
	}}
	audioTypes = ofParts("a format has one type", func(p *chat.Part) {
		if p.Kind == chat.Audio && p.Media.MIME == "audio/mpeg" {
			p.Media.MIME = "audio/wav" // Mistral is not told it at all
		}
	})
	bedrockNames = ofParts("a document's name has letters and digits, and is the only one of its kind", func(p *chat.Part) {
		if p.Kind != chat.Document {
			return
		}
		p.Media.Name = counted.ReplaceAllString(notLetters.ReplaceAllString(p.Media.Name, " "), "")
		p.Media.Name = strings.Join(strings.Fields(p.Media.Name), " ")
		if p.Media.Name == "" {
			p.Media.Name = "document"
		}
	})
)

var (
	notLetters = regexp.MustCompile(`[^A-Za-z0-9()\[\]-]`)
	counted    = regexp.MustCompile(` \(\d+\)$`)
)
