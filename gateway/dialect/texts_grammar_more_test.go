// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// --- Responses'

// responsesMaker numbers events and remembers items.
type responsesMaker struct {
	r     *rand.Rand
	s     script
	items []string
}

func (m *responsesMaker) event(name, members string) {
	m.s.events = append(m.s.events, named(name, fmt.Sprintf(`{"type":%q,"sequence_number":%d,%s}`, name, len(m.s.events), members)))
}

// part says a text in deltas and then whole.
func (m *responsesMaker) part(item int, kind, index, done string) string {
	text := speech(m.r)
	m.s.texts[key(item, kind)] = text
	for _, piece := range chunks(m.r, text) {
		more := ""
		if kind == "output_text" {
			more = `,"logprobs":[{"token":"x"}]`
		}
		m.event("response."+kind+".delta", fmt.Sprintf(`"item_id":"i%d","output_index":%d%s,"delta":%s%s`, item, item, index, jsonOf(m.r, piece), more))
	}
	whole := jsonOf(m.r, text)
	m.event("response."+kind+".done", fmt.Sprintf(`"item_id":"i%d","output_index":%d%s,%q:%s`, item, item, index, done, whole))
	return whole
}

func (m *responsesMaker) item(i int) {
	added := func(item string) {
		m.event("response.output_item.added", fmt.Sprintf(`"output_index":%d,"item":%s`, i, item))
	}
	var item string
	switch m.r.IntN(3) {
	case 0:
		added(`{"type":"message","role":"assistant","content":[]}`)
		m.event("response.content_part.added", fmt.Sprintf(`"item_id":"i%d","output_index":%d,"content_index":0,"part":{"type":"output_text","text":""}`, i, i))
		text := m.part(i, "output_text", `,"content_index":0`, "text")
		m.event("response.content_part.done", fmt.Sprintf(`"item_id":"i%d","output_index":%d,"content_index":0,"part":{"type":"output_text","text":%s,"logprobs":[{"token":"x"}]}`, i, i, text))
		m.event("response.content_part.added", fmt.Sprintf(`"item_id":"i%d","output_index":%d,"content_index":1,"part":{"type":"refusal","refusal":""}`, i, i))
		refusal := m.part(i, "refusal", `,"content_index":1`, "refusal")
		m.event("response.content_part.done", fmt.Sprintf(`"item_id":"i%d","output_index":%d,"content_index":1,"part":{"type":"refusal","refusal":%s}`, i, i, refusal))
		item = `{"type":"message","role":"assistant","content":[{"type":"output_text","text":` + text + `,"annotations":[]},{"type":"refusal","refusal":` + refusal + `}]}`
	case 1:
		added(`{"type":"reasoning","summary":[]}`)
		m.event("response.reasoning_summary_part.added", fmt.Sprintf(`"item_id":"i%d","output_index":%d,"summary_index":0,"part":{"type":"summary_text","text":""}`, i, i))
		text := m.part(i, "reasoning_summary_text", `,"summary_index":0`, "text")
		m.event("response.reasoning_summary_part.done", fmt.Sprintf(`"item_id":"i%d","output_index":%d,"summary_index":0,"part":{"type":"summary_text","text":%s}`, i, i, text))
		full := m.part(i, "reasoning_text", `,"content_index":0`, "text")
		item = `{"content":[{"text":` + full + `,"type":"reasoning_text"}],"summary":[{"type":"summary_text","text":` + text + `}],"type":"reasoning"}`
	default:
		added(`{"type":"function_call","name":"f","call_id":"c","arguments":""}`)
		item = `{"type":"function_call","name":"f","call_id":"c","arguments":` + m.part(i, "function_call_arguments", "", "arguments") + `}`
	}
	m.event("response.output_item.done", fmt.Sprintf(`"output_index":%d,"item":%s`, i, item))
	m.items = append(m.items, item)
}

func makeResponses(r *rand.Rand) script {
	m := responsesMaker{r: r, s: script{texts: map[string]string{}}}
	m.event("response.created", `"response":{"id":"resp_1","status":"in_progress","output":[],"instructions":"`+secret+`"}`)
	for i := range 1 + r.IntN(3) {
		m.item(i)
	}
	m.event("response.completed", `"response":{"id":"resp_1","status":"completed","output":[`+strings.Join(m.items, ",")+`],"usage":{"total_tokens":1}}`)
	return m.s
}

// readResponses gives the deltas as the texts, and checks that what repeats them says the same.
func readResponses(t *testing.T, stream string) (map[string]string, []string) {
	texts := map[string]string{}
	var rest []string
	for n, event := range dataIn(t, stream) {
		if event["sequence_number"] != float64(n) {
			t.Fatalf("event %d has the number %v", n, event["sequence_number"])
		}
		delete(event, "sequence_number")
		kind := strings.TrimPrefix(event["type"].(string), "response.")
		if name, ok := strings.CutSuffix(kind, ".delta"); ok {
			if event["item_id"] != key("i", event["output_index"]) {
				t.Fatalf("a delta of another item: %v", event)
			}
			take(texts, key(event["output_index"], name), event, "delta")
			continue
		}
		if name, ok := strings.CutSuffix(kind, ".done"); ok {
			for _, member := range []string{"text", "refusal", "arguments"} {
				if whole, said := event[member].(string); said && whole != texts[key(event["output_index"], name)] {
					t.Fatalf("%s is %q after deltas of %q", name, whole, texts[key(event["output_index"], name)])
				}
			}
		}
		sameTexts(t, texts, event)
		rest = append(rest, blanked(asText(event), texts))
	}
	return texts, rest
}

// sameTexts checks the texts of items and of their parts.
func sameTexts(t *testing.T, texts map[string]string, event jsonObject) {
	t.Helper()
	said := asText(event["item"]) + asText(event["part"])
	if response, ok := event["response"].(jsonObject); ok {
		said = asText(response["output"])
	}
	if strings.Contains(said, secret) && !strings.Contains(strings.Join(values(texts), "|"), secret) {
		t.Fatalf("%v tells what the deltas did not", said)
	}
}

func values(texts map[string]string) []string {
	var all []string
	for _, text := range texts {
		all = append(all, text)
	}
	return all
}

// blanked removes what may have changed from an event: secrets, and the log probabilities beside them.
func blanked(event string, _ map[string]string) string {
	event = strings.ReplaceAll(event, `"logprobs":[{"token":"x"}]`, `"logprobs":[]`)
	return strings.ReplaceAll(event, secret, hidden)
}

// --- Gemini's

func makeGemini(r *rand.Rand) script {
	s := script{texts: map[string]string{}}
	var queues [][]string
	for i := range 1 + r.IntN(2) {
		var queue []string
		chunk := func(parts, more string) {
			queue = append(queue, fmt.Sprintf(`data: {"candidates":[{"content":{"parts":[%s],"role":"model"},"index":%d%s}],"usageMetadata":{"promptTokenCount":1},"modelVersion":"m","responseId":"r"}`, parts, i, more)+"\n\n")
		}
		say := func(name, before, after string) {
			text := speech(r)
			s.texts[key(i, name)] += text
			for _, piece := range chunks(r, text) {
				chunk(before+jsonOf(r, piece)+after, "")
			}
		}
		if r.IntN(2) == 0 {
			say("thought", `{"thought":true,"text":`, "}")
		}
		say("text", `{"text":`, "}")
		end := r.IntN(3)
		if end > 0 && r.IntN(2) == 0 {
			call := speech(r)
			s.texts[key(i, "args")] = call
			chunk(`{"functionCall":{"name":"f","args":{"a":[`+jsonOf(r, call)+`]}},"thoughtSignature":"`+secret+`"}`, "")
		}
		switch end {
		case 0:
			text := speech(r)
			s.texts[key(i, "text")] += text
			chunk(`{"text":`+jsonOf(r, text)+`}`, `,"finishReason":"STOP"`)
		case 1:
			chunk(`{"text":""}`, `,"finishReason":"STOP"`)
		default:
			queue = append(queue, fmt.Sprintf(`data: {"candidates":[{"finishReason":"MAX_TOKENS","index":%d}],"modelVersion":"m","responseId":"r"}`, i)+"\n\n")
		}
		queues = append(queues, queue)
	}
	s.events = mixed(r, queues...)
	return s
}

func makeGeminiArray(r *rand.Rand) script {
	s := makeGemini(r)
	for i, event := range s.events {
		data := strings.TrimSuffix(strings.TrimPrefix(event, "data: "), "\n\n")
		s.events[i] = "[,"[min(i, 1):][:1] + data + "\n"
	}
	s.events = append(s.events, "]")
	return s
}

func readGemini(t *testing.T, stream string) (map[string]string, []string) {
	var all []jsonObject
	if strings.HasPrefix(stream, "[") {
		if err := json.Unmarshal([]byte(strings.TrimSuffix(stream, "]")+"]"), &all); err != nil {
			t.Fatalf("%v in %s", err, stream)
		}
	} else {
		all = dataIn(t, stream)
	}
	texts := map[string]string{}
	var rest []string
	for _, chunk := range all {
		if chunk["modelVersion"] != "m" || chunk["responseId"] != "r" {
			t.Fatalf("a chunk of another answer: %v", chunk)
		}
		candidate := chunk["candidates"].([]any)[0].(jsonObject)
		content, _ := candidate["content"].(jsonObject)
		parts, _ := content["parts"].([]any)
		for _, p := range parts {
			part := p.(jsonObject)
			name := "text"
			if part["thought"] == true {
				name = "thought"
			}
			take(texts, key(candidate["index"], name), part, "text")
			if call, ok := part["functionCall"].(jsonObject); ok {
				texts[key(candidate["index"], "args")] += call["args"].(jsonObject)["a"].([]any)[0].(string)
				delete(call, "args")
			}
		}
		if chunk["usageMetadata"] != nil || candidate["finishReason"] != nil {
			rest = append(rest, asText(chunk))
		}
	}
	return texts, rest
}

// --- Spark's own

func makeSpark(r *rand.Rand) script {
	text := speech(r)
	s := script{texts: map[string]string{"text": text}}
	for _, piece := range chunks(r, text) {
		s.events = append(s.events, named("delta", `{"text":`+jsonOf(r, piece)+`}`))
	}
	s.events = append(s.events, named("done", `{"id":"1","text":"","model":"m","finishReason":"stop"}`))
	return s
}

func readSpark(t *testing.T, stream string) (map[string]string, []string) {
	texts := map[string]string{}
	var rest []string
	for _, event := range dataIn(t, stream) {
		take(texts, "text", event, "text")
		if len(event) > 0 {
			rest = append(rest, asText(event))
		}
	}
	return texts, rest
}

// --- transcripts

func makeTranscript(r *rand.Rand) script {
	text := speech(r)
	s := script{texts: map[string]string{"delta": text}}
	for _, piece := range chunks(r, text) {
		s.events = append(s.events, `data: {"type":"transcript.text.delta","delta":`+jsonOf(r, piece)+"}\n\n")
	}
	s.events = append(s.events, `data: {"type":"transcript.text.done","text":`+jsonOf(r, text)+`,"usage":{"total_tokens":1}}`+"\n\n")
	return s
}

func readTranscript(t *testing.T, stream string) (map[string]string, []string) {
	texts := map[string]string{}
	var rest []string
	for _, event := range dataIn(t, stream) {
		take(texts, "delta", event, "delta")
		if whole, done := event["text"]; done {
			if whole != texts["delta"] {
				t.Fatalf("the whole is %q after deltas of %q", whole, texts["delta"])
			}
			rest = append(rest, blanked(asText(event), nil))
		}
	}
	return texts, rest
}
