// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
)

// maxItems bounds a conversation.
const maxItems = 4096

// clientEvent is what a client says, as far as it is read.
type clientEvent struct {
	Type     string          `json:"type"`
	EventID  string          `json:"event_id"`
	Session  map[string]any  `json:"session"`
	Item     json.RawMessage `json:"item"`
	Response struct {
		Instructions string            `json:"instructions"`
		Input        []json.RawMessage `json:"input"`
	} `json:"response"`
}

// realtimeItem is one item of a conversation.
type realtimeItem struct {
	Type    string `json:"type"`
	Role    string `json:"role"`
	Content []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	} `json:"content"`
}

// name is an id of the session's.
func (s *realtimeSession) name(kind string, number int) string {
	return fmt.Sprintf("%s_%s%d", kind, s.stamp.id[:20], number)
}

func realtimeError(kind, about, message string) map[string]any {
	return map[string]any{"type": "error", "event_id": "event_error", "error": map[string]any{
		"type": kind, "code": "invalid_value", "message": message, "param": nil, "event_id": orNull(about),
	}}
}

// handle does what an event asks for; it reports whether the session goes on. What cannot be done is no end.
func (s *realtimeSession) handle(ctx context.Context, message []byte) bool {
	var e clientEvent
	if err := json.Unmarshal(message, &e); err != nil {
		return s.refuse(ctx, "", "We could not parse the JSON body of your event.")
	}
	switch e.Type {
	case "session.update":
		maps.Copy(s.settings, e.Session)
		s.settings["model"] = s.model // a session keeps its model
		return s.send(ctx, "session.updated", 0, map[string]any{"session": s.settings})
	case "conversation.item.create":
		return s.add(ctx, e)
	case "input_audio_buffer.append":
		return true
	case "input_audio_buffer.commit":
		return s.send(ctx, "input_audio_buffer.committed", 0, map[string]any{"item_id": s.name("item", len(s.items))})
	case "input_audio_buffer.clear":
		return s.send(ctx, "input_audio_buffer.cleared", 0, map[string]any{})
	case "response.create":
		return s.respond(ctx, e)
	case "response.cancel":
		return s.refuse(ctx, e.EventID, "Cancellation failed: no active response found.")
	}
	return s.refuse(ctx, e.EventID, fmt.Sprintf("Invalid value: '%s' for 'type'.", clip(e.Type, maxEcho)))
}

func (s *realtimeSession) refuse(ctx context.Context, about, message string) bool {
	return s.send(ctx, "error", 0, realtimeError("invalid_request_error", about, message))
}

// add takes an item into the conversation.
func (s *realtimeSession) add(ctx context.Context, e clientEvent) bool {
	var item realtimeItem
	if json.Unmarshal(e.Item, &item) != nil || item.Type == "" {
		return s.refuse(ctx, e.EventID, "Missing required parameter: 'item.type'.")
	}
	if len(s.items) == maxItems {
		return s.refuse(ctx, e.EventID, "The conversation is too long.")
	}
	s.read(item)
	members := map[string]any{}
	_ = json.Unmarshal(e.Item, &members) // it parsed a moment ago
	if members["id"] == nil {
		members["id"] = s.name("item", len(s.items))
	}
	members["object"], members["status"] = "realtime.item", "completed"
	s.items = append(s.items, marshal(members))
	return s.send(ctx, "conversation.item.added", 0, map[string]any{"item": members, "previous_item_id": nil}) &&
		s.send(ctx, "conversation.item.done", 0, map[string]any{"item": members, "previous_item_id": nil})
}

// read counts an item and remembers what the user said last.
func (s *realtimeSession) read(item realtimeItem) {
	text := ""
	for _, part := range item.Content {
		text += part.Text
	}
	s.tokens += messageOverhead + CountTokens(text)
	if item.Role == "user" {
		s.prompt = text
	}
}

// respond answers the conversation.
func (s *realtimeSession) respond(ctx context.Context, e clientEvent) bool {
	for _, raw := range e.Response.Input {
		var item realtimeItem
		_ = json.Unmarshal(raw, &item) // of another shape it says nothing
		s.read(item)
	}
	s.responses++
	own, err := promptDirectives(s.prompt)
	if err != nil {
		return s.refuse(ctx, e.EventID, "fakeprovider: [[fake]] marker in the last user message: "+err.Error())
	}
	d := own.over(s.directives)
	question := asked{model: s.model, prompt: s.prompt, tokens: s.tokens + replyOverhead}
	s.server.records.update(s.record, func(r *Record) { r.PromptTokens = question.tokens })
	answer := question.answer(0, d, s.stamp)
	made := &realtimeAnswer{
		id: s.name("resp", s.responses), item: s.name("item", len(s.items)), prompt: question.tokens, usage: d.faults.Usage,
	}
	for _, p := range answer.parts {
		made.tokens = append(made.tokens, p.tokens...)
	}
	if !s.say(ctx, made) {
		return false
	}
	s.items = append(s.items, marshal(made.message("completed")))
	s.tokens += messageOverhead + len(made.tokens)
	return true
}

// say sends an answer: its creation, its item between addition and end, and its end.
func (s *realtimeSession) say(ctx context.Context, a *realtimeAnswer) bool {
	place := map[string]any{"response_id": a.id, "item_id": a.item, "output_index": 0, "content_index": 0}
	item := func(status string) map[string]any {
		return map[string]any{"response_id": a.id, "output_index": 0, "item": a.message(status)}
	}
	started := s.send(ctx, "response.created", 0, map[string]any{"response": a.response("in_progress")}) &&
		s.send(ctx, "response.output_item.added", 0, item("in_progress")) &&
		s.send(ctx, "conversation.item.added", 0, map[string]any{"item": a.message("in_progress"), "previous_item_id": nil}) &&
		s.send(ctx, "response.content_part.added", 0, with(place, "part", map[string]any{"type": "text", "text": ""}))
	if !started {
		return false
	}
	for _, token := range a.tokens {
		if !s.wait(s.delay) || !s.send(ctx, "response.output_text.delta", 1, with(place, "delta", token)) {
			return false
		}
	}
	return s.send(ctx, "response.output_text.done", 0, with(place, "text", a.text())) &&
		s.send(ctx, "response.content_part.done", 0, with(place, "part", map[string]any{"type": "text", "text": a.text()})) &&
		s.send(ctx, "response.output_item.done", 0, item("completed")) &&
		s.send(ctx, "conversation.item.done", 0, map[string]any{"item": a.message("completed"), "previous_item_id": nil}) &&
		s.send(ctx, "response.done", 0, map[string]any{"response": a.response("completed")})
}

// realtimeAnswer is one answer of a session.
type realtimeAnswer struct {
	id, item string
	prompt   int // tokens
	tokens   []string
	usage    UsageFault
}

func (a *realtimeAnswer) text() string { return composition{tokens: a.tokens}.text() }

// message is the answer as an item; what is in progress has nothing in it.
func (a *realtimeAnswer) message(status string) map[string]any {
	item := map[string]any{
		"id": a.item, "object": "realtime.item", "type": "message", "status": status, "role": "assistant", "content": []any{},
	}
	if status == "completed" {
		item["content"] = []any{map[string]any{"type": "output_text", "text": a.text()}}
	}
	return item
}

// response is the answer as a response; only one that is done tells what it took.
func (a *realtimeAnswer) response(status string) map[string]any {
	made := map[string]any{
		"id": a.id, "object": "realtime.response", "status": status, "status_details": nil, "output": []any{},
		"output_modalities": []string{"text"}, "usage": nil, "metadata": nil,
	}
	if status != "completed" {
		return made
	}
	made["output"] = []any{a.message(status)}
	switch a.usage {
	case UsageMalformed:
		made["usage"] = malformedUsage
	case "":
		made["usage"] = map[string]any{
			"total_tokens": a.prompt + len(a.tokens), "input_tokens": a.prompt, "output_tokens": len(a.tokens),
			"input_token_details":  map[string]int{"text_tokens": a.prompt, "audio_tokens": 0, "cached_tokens": 0},
			"output_token_details": map[string]int{"text_tokens": len(a.tokens), "audio_tokens": 0},
		}
	}
	return made
}
