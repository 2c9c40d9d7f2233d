// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"fmt"
	"strings"
)

// offer is a tool that a request offers, in no dialect's words.
type offer struct {
	name   string
	schema json.RawMessage // JSON Schema of the arguments; nil: none
}

// asked is a chat request as far as the answer depends on it, in no dialect's words.
type asked struct {
	model  string
	prompt string
	images []sight
	stream bool
	tokens int // of the prompt
	limit  int // of the answer, in tokens, thinking included; 0: none
	stops  []string

	offers  []offer
	forced  []offer // one of these must be called; none: the directives decide
	muted   bool    // no tool may be called
	serial  bool    // no two tools may be called at once
	schema  json.RawMessage
	thinks  bool
	choices int // answers in parallel; 0 is 1
}

// partKind is what a part of an answer is.
type partKind int

const (
	words partKind = iota
	thought
	toolUse
)

// part is one piece of an answer. Of a tool's use the tokens are those of the arguments, as JSON.
type part struct {
	kind   partKind
	tokens []string
	tool   string
	id     string // of a tool's use: letters and digits, different for each
}

func (p part) text() string { return strings.Join(p.tokens, "") }

// cause is why an answer ended.
type cause int

const (
	endOfTurn cause = iota
	lengthLimit
	stopSequence
	toolsCalled
	declined
)

// answered is an answer before a dialect renders it.
type answered struct {
	parts []part
	cause cause
	stop  string // the stop sequence that was met
}

// tokens counts an answer; thoughts counts what of it is thinking.
func (a answered) tokens() (all, thoughts int) {
	for _, p := range a.parts {
		count := CountTokens(p.text())
		all += count
		if p.kind == thought {
			thoughts += count
		}
	}
	return all, thoughts
}

// answer composes one choice.
func (a *asked) answer(choice int, d directives, s stamp) answered {
	var out answered
	left := a.limit
	if a.thinks {
		thinking := cutTo(Tokenize(a.thinking(d.content.reasoning)), wish{tokens: d.content.reasoning, limit: left})
		out.parts = append(out.parts, part{kind: thought, tokens: thinking.tokens})
		if a.limit > 0 {
			left -= len(thinking.tokens)
		}
		if thinking.cut || a.limit > 0 && left == 0 {
			out.cause = lengthLimit
			return out
		}
	}
	if d.faults.BigLine > 0 && a.stream && choice == 0 {
		out.parts = append(out.parts, part{kind: words, tokens: []string{strings.Repeat("x", d.faults.BigLine)}})
	}
	if d.content.refuses() {
		out.cause = declined
		return out
	}
	if used := a.uses(d, s, choice, left); len(used.parts) > 0 {
		used.parts = append(out.parts, used.parts...)
		return used
	}
	return a.speak(out, choice, wish{tokens: d.tokens, limit: left})
}

// thinking is text of at least so many tokens.
func (a *asked) thinking(tokens int) string {
	text := "Thinking about «" + clip(a.prompt, maxEcho) + "»"
	return text + strings.Repeat(" hmm", max(0, tokens-len(text)/tokenBytes))
}

// speak adds words, or JSON where that was asked for. Words join a big line.
func (a *asked) speak(out answered, choice int, w wish) answered {
	var said composition
	if a.schema != nil {
		said = cutTo(Tokenize(string(satisfy(a.schema, a.prompt))), wish{limit: w.limit})
	} else {
		said = compose(seeing(a.prompt, a.images), BaseModel(a.model), choice, w)
	}
	if text, stop := cutAt(said.text(), a.stops); stop != "" {
		said = composition{tokens: Tokenize(text)}
		out.cause, out.stop = stopSequence, stop
	}
	if said.cut {
		out.cause = lengthLimit
	}
	if last := len(out.parts) - 1; last >= 0 && out.parts[last].kind == words {
		out.parts[last].tokens = append(out.parts[last].tokens, said.tokens...)
		return out
	}
	out.parts = append(out.parts, part{kind: words, tokens: said.tokens})
	return out
}

// uses calls tools: those that must be called, or as many as the directives say.
func (a *asked) uses(d directives, s stamp, choice, limit int) answered {
	candidates, count := a.forced, 1
	if len(candidates) == 0 {
		candidates, count = a.offers, 0
	}
	if d.content.calls > 0 {
		count = d.content.calls
	}
	if a.serial {
		count = min(count, 1)
	}
	if a.muted || len(candidates) == 0 || count == 0 {
		return answered{}
	}
	out := answered{cause: toolsCalled}
	for i := range count {
		tool := candidates[i%len(candidates)]
		arguments := cutTo(Tokenize(string(satisfy(tool.schema, a.prompt))), wish{limit: max(0, limit)})
		out.parts = append(out.parts, part{
			kind: toolUse, tokens: arguments.tokens, tool: tool.name, id: fmt.Sprintf("%s%c%c", s.id[:20], 'a'+choice, 'a'+i),
		})
		limit -= len(arguments.tokens) // which means nothing where there is no limit
		if arguments.cut || a.limit > 0 && limit == 0 && i < count-1 {
			out.cause = lengthLimit
			break
		}
	}
	return out
}

// cutAt ends text before the first stop sequence that occurs in it.
func cutAt(text string, stops []string) (before, stop string) {
	end := len(text)
	for _, candidate := range stops {
		if at := strings.Index(text, candidate); candidate != "" && at >= 0 && at < end {
			end, stop = at, candidate
		}
	}
	return text[:end], stop
}

// offerNamed finds a tool; it is nil where none has that name.
func offerNamed(offers []offer, name string) []offer {
	for i := range offers {
		if offers[i].name == name {
			return offers[i : i+1]
		}
	}
	return nil
}
