// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"strconv"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// Complete says that an answer that is not a stream of events is whole and good by its dialect's own words: each of its choices
// ended of itself or to call a tool, or, of what is no generated text, what was asked for is there. One that was cut at a bound of
// tokens, filtered, refused or is an error is not, nor is anything that cannot be read. It is for answers that others get again.
func Complete(d exchange.Dialect, op exchange.Operation, body []byte) bool {
	if op != exchange.Chat && op != exchange.Completions {
		return completeObject(d, op, body)
	}
	end := Ending{Dialect: d}
	if i := skipSpace(body, 0); d == exchange.Gemini && i < len(body) && body[i] == '[' {
		return end.array(body)
	}
	end.object(body)
	return end.good()
}

// Ending is Complete for a stream, event by event. With its Dialect it is ready.
type Ending struct {
	Dialect         exchange.Dialect
	ended, done, no bool
	// began and over are the choices that came and that ended, a bit each.
	began, over uint64
}

// Event takes the data of the next event.
func (e *Ending) Event(data []byte) {
	if string(data) == Done {
		e.done = true
		return
	}
	e.done = e.object(data).Ended || e.done
}

// Complete says that the events are a whole stream.
func (e *Ending) Complete() bool {
	// Gemini's streams, and the gateway's own, end with the event that says why.
	return e.good() && (e.done || e.Dialect == exchange.Gemini || e.Dialect == exchange.Spark)
}

// good says that what came so far ended well.
func (e *Ending) good() bool { return !e.no && (e.ended || e.began != 0 && e.over == e.began) }

// object takes an answer, or an event of one.
func (e *Ending) object(data []byte) Answer {
	a, ok := ReadAnswer(e.Dialect, data)
	e.no = e.no || !ok || a.Error != nil
	if e.no {
		return a
	}
	switch e.Dialect {
	case exchange.Anthropic:
		e.take(member(data, "stop_reason"))
		e.take(member(member(data, "delta"), "stop_reason")) // of a stream
	case exchange.Responses:
		e.response(data)
	case exchange.Spark:
		e.take(member(data, "finishReason"))
	case exchange.Gemini:
		e.no = e.no || told(member(member(data, "promptFeedback"), "blockReason"))
		e.choices(member(data, "candidates"))
	default:
		e.choices(member(data, "choices"))
	}
	return a
}

// take takes why an answer ended, where that is said.
func (e *Ending) take(reason []byte) {
	if told(reason) {
		e.ended, e.no = true, e.no || !goodEnds[string(reason)]
	}
}

// response takes a whole answer of Responses, or an event.
func (e *Ending) response(data []byte) {
	kind := member(data, "type")
	if bytes.HasPrefix(kind, []byte(`"response.refusal.`)) {
		e.no = true
	}
	if isTerminal(kind) {
		data = member(data, "response")
	}
	e.take(member(data, "status"))
	eachElement(member(data, "output"), func(item []byte) {
		eachElement(member(item, "content"), func(part []byte) {
			e.no = e.no || string(member(part, "type")) == `"refusal"`
		})
	})
}

// maxEndings bounds the choices of an answer that can be complete.
const maxEndings = 64

// choices takes OpenAI's choices or Gemini's candidates. One without an index is at its place.
func (e *Ending) choices(list []byte) {
	place := int64(0)
	eachElement(list, func(one []byte) {
		i, ok := integer(member(one, "index"))
		if !ok {
			i = place
		}
		place++
		if i >= maxEndings {
			e.no = true
			return
		}
		e.began |= 1 << i
		for _, name := range [...]string{"finish_reason", "finishReason"} {
			if reason := member(one, name); told(reason) {
				e.over, e.no = e.over|1<<i, e.no || !goodEnds[string(reason)]
			}
		}
		for _, name := range [...]string{"message", "delta"} {
			switch refusal := member(member(one, name), "refusal"); string(refusal) {
			case "", "null", `""`:
			default:
				e.no = true
			}
		}
	})
}

// array takes the elements of a stream that came as an array, and says whether they are the whole.
func (e *Ending) array(body []byte) bool {
	w := walker{b: body}
	for i := skipSpace(body, skipSpace(body, 0)+1); ; {
		to := w.value(i, 2, false)
		if to < 0 {
			return false
		}
		e.object(body[i:to])
		if i = skipSpace(body, to); i >= len(body) || body[i] != ',' {
			return e.good() && i < len(body) && body[i] == ']' && skipSpace(body, i+1) == len(body)
		}
		i = skipSpace(body, i+1)
	}
}

// outcomes are the members of which an answer has one that is no generated text, whatever its dialect. Something else that calls
// itself a success may be JSON, too.
var outcomes = map[exchange.Operation][]string{
	exchange.Embeddings: {"data", "embeddings", "embedding"}, exchange.Moderation: {"results"}, exchange.Rerank: {"results"},
	exchange.CountTokens: {"input_tokens", "totalTokens"},
}

// completeObject says that a body is the JSON object that an operation has as its answer, and no error.
func completeObject(d exchange.Dialect, op exchange.Operation, body []byte) bool {
	a, ok := ReadAnswer(d, body)
	if !ok || a.Error != nil {
		return false
	}
	for _, name := range outcomes[op] {
		switch string(member(body, name)) {
		case "", "null", "[]", "{}":
		default:
			return true
		}
	}
	return false
}

func isTerminal(kind []byte) bool {
	switch string(kind) {
	case `"response.completed"`, `"response.incomplete"`, `"response.failed"`:
		return true
	}
	return false
}

// goodEnds are the words, as JSON, for an end that the model chose.
var goodEnds = map[string]bool{
	`"stop"`: true, `"tool_calls"`: true, `"function_call"`: true, // OpenAI
	`"end_turn"`: true, `"stop_sequence"`: true, `"tool_use"`: true, // Anthropic
	`"completed"`: true, // Responses
	`"STOP"`:      true, // Gemini
}

// eachElement calls f with the elements of an array.
func eachElement(list []byte, f func([]byte)) {
	if len(list) == 0 || list[0] != '[' {
		return
	}
	w := walker{b: list}
	for i := skipSpace(list, 1); i < len(list) && list[i] != ']'; {
		to := w.value(i, 2, false)
		if to < 0 {
			return
		}
		f(list[i:to])
		if i = skipSpace(list, to); i >= len(list) || list[i] != ',' {
			return
		}
		i = skipSpace(list, i+1)
	}
}

// Temperature gives the temperature that the request asks for, and whether it asks for one.
func (r *Request) Temperature() (float64, bool) {
	if r.form || r.open == 0 {
		return 0, false
	}
	object := r.body[r.open-1:]
	if r.shape.Config != "" {
		object = r.members[atConfig].value.in(r.body)
	}
	value := member(object, "temperature")
	if !told(value) {
		return 0, false
	}
	t, err := strconv.ParseFloat(string(value), 64)
	// What is no number is not believed to be zero.
	return max(t, 0), err == nil || t == 0
}

// Names says that the body has a member of that name at its top, other than null, false or empty.
func (r *Request) Names(name string) bool {
	if r.form || r.open == 0 {
		return false
	}
	switch value := member(r.body[r.open-1:], name); string(value) {
	case "", "null", "false", `""`, "[]", "{}":
		return false
	}
	return true
}

// Stores says that a request of Responses lets the provider keep the answer, as it does unless it is told otherwise.
func (r *Request) Stores() bool {
	return r.form || r.open == 0 || string(member(r.body[r.open-1:], "store")) != "false"
}
