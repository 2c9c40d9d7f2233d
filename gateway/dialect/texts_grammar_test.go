// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/exchange"
)

var grammars = map[string]grammar{
	"chat":         {exchange.OpenAI, false, makeChat, readChat},
	"Anthropic":    {exchange.Anthropic, false, makeAnthropic, readAnthropic},
	"Responses":    {exchange.Responses, false, makeResponses, readResponses},
	"Gemini":       {exchange.Gemini, false, makeGemini, readGemini},
	"Gemini array": {exchange.Gemini, true, makeGeminiArray, readGemini},
	"Spark":        {exchange.Spark, false, makeSpark, readSpark},
	"transcript":   {exchange.OpenAI, false, makeTranscript, readTranscript},
}

type jsonObject = map[string]any

// dataIn gives the data of the events of a stream, read as JSON.
func dataIn(t *testing.T, stream string) []jsonObject {
	t.Helper()
	var all []jsonObject
	for block := range strings.SplitSeq(stream, "\n\n") {
		_, data, ok := strings.Cut("\n"+block, "\ndata: ")
		if !ok || data == Done {
			continue
		}
		var v jsonObject
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		if name, _, named := strings.Cut(strings.TrimPrefix(block, "event: "), "\n"); named && v["type"] != nil && v["type"] != name {
			t.Fatalf("event %s of type %v", name, v["type"])
		}
		all = append(all, v)
	}
	return all
}

// take removes a string member and adds it to a text; an empty one shows only where it is the last thing to say.
func take(texts map[string]string, channel string, from jsonObject, member string) {
	if text, ok := from[member].(string); ok {
		delete(from, member)
		if text != "" {
			texts[channel] += text
		}
	}
}

func asText(v any) string {
	b, _ := json.Marshal(v) // it was JSON
	return string(b)
}

// --- chats

func chunkOf(choice string) string {
	return `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"m","choices":[` + choice + `],"obfuscation":"x"}` + "\n\n"
}

func makeChat(r *rand.Rand) script {
	s := script{texts: map[string]string{}}
	var queues [][]string
	for i := range 1 + r.IntN(2) {
		var queue []string
		say := func(name, before, after string) {
			text := speech(r)
			s.texts[key(i, name)] += text
			for _, piece := range chunks(r, text) {
				logProbs := []string{"", `,"logprobs":null`, `,"logprobs":{"content":[{"token":"x"}]}`}[r.IntN(3)]
				queue = append(queue, chunkOf(fmt.Sprintf(`{"index":%d,"delta":{%s%s%s}%s,"finish_reason":null}`, i, before, jsonOf(r, piece), after, logProbs)))
			}
		}
		queue = append(queue, chunkOf(fmt.Sprintf(`{"index":%d,"delta":{"role":"assistant","content":""},"finish_reason":null}`, i)))
		if r.IntN(2) == 0 {
			say("reasoning_content", `"reasoning_content":`, "")
		}
		say("content", `"content":`, "")
		if r.IntN(4) == 0 {
			say("refusal", `"refusal":`, "")
		}
		calls := r.IntN(3)
		for n := range calls {
			queue = append(queue, chunkOf(fmt.Sprintf(`{"index":%d,"delta":{"tool_calls":[{"index":%d,"id":"call_%d","type":"function","function":{"name":"f","arguments":""}}]}}`, i, n, n)))
			say(key("call", n), fmt.Sprintf(`"tool_calls":[{"index":%d,"function":{"arguments":`, n), "}}]")
		}
		last := ""
		if calls == 0 && r.IntN(2) == 0 {
			last = speech(r)
			s.texts[key(i, "content")] += last
			last = `"content":` + jsonOf(r, last)
		}
		queues = append(queues, append(queue, chunkOf(fmt.Sprintf(`{"delta":{%s},"finish_reason":"stop","index":%d}`, last, i))))
	}
	s.events = mixed(r, queues...)
	if r.IntN(2) == 0 {
		s.events = append(s.events, `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"m","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}`+"\n\n")
	}
	s.events = append(s.events, "data: [DONE]\n\n")
	return s
}

func readChat(t *testing.T, stream string) (map[string]string, []string) {
	texts := map[string]string{}
	var rest []string
	for _, chunk := range dataIn(t, stream) {
		if chunk["id"] != "chatcmpl-1" || chunk["model"] != "m" || chunk["created"] != 7.0 {
			t.Fatalf("a chunk of another answer: %v", chunk)
		}
		delete(chunk, "obfuscation")
		choices := chunk["choices"].([]any)
		for _, c := range choices {
			choice := c.(jsonObject)
			delta := choice["delta"].(jsonObject)
			for _, name := range []string{"content", "reasoning_content", "refusal"} {
				take(texts, key(choice["index"], name), delta, name)
			}
			calls, _ := delta["tool_calls"].([]any)
			for _, call := range calls {
				take(texts, key(choice["index"], "call", call.(jsonObject)["index"]), call.(jsonObject)["function"].(jsonObject), "arguments")
			}
			delete(choice, "logprobs")
			if choice["finish_reason"] == nil && (len(delta) == 0 || len(calls) == 1 && calls[0].(jsonObject)["id"] == nil) {
				choices = nil
			}
		}
		if choices != nil {
			rest = append(rest, asText(chunk))
		}
	}
	if strings.HasSuffix(stream, "data: [DONE]\n\n") {
		rest = append(rest, Done)
	}
	return texts, rest
}

// --- Anthropic's

func named(name, data string) string { return "event: " + name + "\ndata: " + data + "\n\n" }

func makeAnthropic(r *rand.Rand) script {
	s := script{texts: map[string]string{}}
	s.events = append(s.events, named("message_start", `{"type":"message_start","message":{"id":"msg_1","content":[],"usage":{"input_tokens":1}}}`))
	for i := range 1 + r.IntN(3) {
		kind := r.IntN(3)
		block := []string{`{"type":"text","text":""}`, `{"type":"thinking","thinking":"","signature":""}`, `{"type":"tool_use","id":"toolu_1","name":"f","input":{}}`}[kind]
		if kind == 0 && r.IntN(3) == 0 {
			begun := speech(r)
			s.texts[key(i, "text")] = begun
			block = `{"type":"text","text":` + jsonOf(r, begun) + `}`
		}
		s.events = append(s.events, named("content_block_start", fmt.Sprintf(`{"type":"content_block_start","index":%d,"content_block":%s}`, i, block)))
		delta := []string{"text_delta", "thinking_delta", "input_json_delta"}[kind]
		member := []string{"text", "thinking", "partial_json"}[kind]
		text := speech(r)
		s.texts[key(i, member)] += text
		for _, piece := range chunks(r, text) {
			s.events = append(s.events, named("content_block_delta", fmt.Sprintf(`{"type":"content_block_delta","index":%d,"delta":{"type":%q,%q:%s}}`, i, delta, member, jsonOf(r, piece))))
			if r.IntN(9) == 0 {
				s.events = append(s.events, named("ping", `{"type":"ping"}`))
			}
		}
		if kind == 1 {
			s.events = append(s.events, named("content_block_delta", fmt.Sprintf(`{"type":"content_block_delta","index":%d,"delta":{"type":"signature_delta","signature":"sig"}}`, i)))
		}
		s.events = append(s.events, named("content_block_stop", fmt.Sprintf(`{"type":"content_block_stop","index":%d}`, i)))
	}
	if r.IntN(4) == 0 {
		s.events = append(s.events, named("error", `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`))
		return s
	}
	s.events = append(s.events, named("message_delta", `{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}`))
	s.events = append(s.events, named("message_stop", `{"type":"message_stop"}`))
	return s
}

func readAnthropic(t *testing.T, stream string) (map[string]string, []string) {
	texts := map[string]string{}
	var rest []string
	open := -1.0
	for _, event := range dataIn(t, stream) {
		switch event["type"] {
		case "content_block_start":
			open = event["index"].(float64)
			block := maps.Clone(event["content_block"].(jsonObject))
			take(texts, key(open, "text"), block, "text")
			event["content_block"] = block
		case "content_block_stop":
			open = -1
		case "content_block_delta":
			if event["index"] != open {
				t.Fatalf("a delta of block %v within %v", event["index"], open)
			}
			delta := event["delta"].(jsonObject)
			member := map[any]string{"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}[delta["type"]]
			if _, said := delta[member].(string); said {
				take(texts, key(open, member), delta, member)
				continue
			}
		}
		rest = append(rest, asText(event))
	}
	return texts, rest
}
