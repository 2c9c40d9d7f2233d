// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import "iter"

// emitter numbers the events of one response and sends them on, as long as somebody takes them.
type emitter struct {
	yield  func(event) bool
	number int
	gone   bool
}

// emit sends an event of that type with those members.
func (e *emitter) emit(kind string, tokens int, members map[string]any) {
	if e.gone {
		return
	}
	members["type"], members["sequence_number"] = kind, e.number
	e.number++
	terminal := kind == "response.completed" || kind == "response.incomplete"
	e.gone = !e.yield(event{name: kind, data: marshal(members), tokens: tokens, done: terminal})
}

// events gives the stream: the response as it is created and goes on, each item between its addition and its end, and
// the response as it ended.
func (c *responsesCall) events(made outcome, _ directives, s stamp) iter.Seq[event] {
	return func(yield func(event) bool) {
		e := &emitter{yield: yield}
		opening := []string{"response.created", "response.in_progress"}
		if c.request.background() {
			opening = []string{"response.created", "response.queued", "response.in_progress"}
		}
		for _, kind := range opening {
			e.emit(kind, 0, map[string]any{"response": made.response("in_progress", nil, nil)})
		}
		for i, item := range made.items {
			e.emit("response.output_item.added", 0, map[string]any{"output_index": i, "item": item.render("in_progress", false)})
			item.emit(e, map[string]any{"item_id": item.name, "output_index": i})
			e.emit("response.output_item.done", item.untold(), map[string]any{"output_index": i, "item": item.render(item.status, true)})
		}
		body := made.response(made.status, made.items, made.usage)
		if !e.gone {
			c.keep(s, made, body)
		}
		e.emit("response."+made.status, 0, map[string]any{"response": body})
	}
}

// emit sends what happens inside an item; place says which item it is.
func (o outItem) emit(e *emitter, place map[string]any) {
	switch o.kind {
	case toolUse:
		for _, token := range o.tokens {
			e.emit("response.function_call_arguments.delta", CountTokens(token), with(place, "delta", token))
		}
		e.emit("response.function_call_arguments.done", 0, with(with(place, "name", o.tool), "arguments", o.text()))
	case thought:
		o.emitThoughts(e, with(place, "summary_index", 0))
	default:
		o.emitWords(e, with(place, "content_index", 0))
	}
}

// untold counts thoughts that no event told.
func (o outItem) untold() int {
	if o.kind != thought || o.told != "" {
		return 0
	}
	return len(o.tokens)
}

// emitThoughts tells thoughts that are to be told.
func (o outItem) emitThoughts(e *emitter, place map[string]any) {
	if o.told == "" {
		return
	}
	e.emit("response.reasoning_summary_part.added", 0, with(place, "part", summaryPart("")))
	for _, token := range o.tokens {
		e.emit("response.reasoning_summary_text.delta", CountTokens(token), with(place, "delta", token))
	}
	e.emit("response.reasoning_summary_text.done", 0, with(place, "text", o.told))
	e.emit("response.reasoning_summary_part.done", 0, with(place, "part", summaryPart(o.told)))
}

func (o outItem) emitWords(e *emitter, place map[string]any) {
	kind, name := "response.output_text", "text"
	if o.refusal {
		kind, name = "response.refusal", "refusal"
	}
	e.emit("response.content_part.added", 0, with(place, "part", o.content("", nil)))
	for i, token := range o.tokens {
		members := with(place, "delta", token)
		if !o.refusal {
			members["logprobs"] = []tokenLogprob{}
			if o.certain != nil {
				members["logprobs"] = o.certain[i : i+1]
			}
		}
		e.emit(kind+".delta", CountTokens(token), members)
	}
	done := with(place, name, o.text())
	if !o.refusal {
		done["logprobs"] = o.content("", o.certain)["logprobs"]
	}
	e.emit(kind+".done", 0, done)
	e.emit("response.content_part.done", 0, with(place, "part", o.content(o.text(), o.certain)))
}

// with is a copy of members and one more.
func with(members map[string]any, name string, value any) map[string]any {
	copied := map[string]any{name: value}
	for name, value := range members {
		copied[name] = value
	}
	return copied
}
