// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"strconv"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// Complete says that an answer that is not a stream of events is whole and good by its dialect's own words: the model ended of
// itself or to call a tool. One that was cut at a bound of tokens, filtered, refused or is an error is not, nor is anything that
// cannot be read. It is for answers that others get again.
func Complete(d exchange.Dialect, op exchange.Operation, body []byte) bool {
	if op != exchange.Chat && op != exchange.Completions {
		return completeObject(d, body)
	}
	if i := skipSpace(body, 0); i < len(body) && body[i] == '[' {
		return completeArray(d, body)
	}
	ended, bad := endOf(d, body)
	return ended && !bad && completeObject(d, body)
}

// Ending is Complete for a stream, event by event. The zero value is ready.
type Ending struct {
	Dialect         exchange.Dialect
	ended, done, no bool
}

// Event takes the data of the next event.
func (e *Ending) Event(data []byte) {
	if string(data) == Done {
		e.done = true
		return
	}
	a, ok := ReadAnswer(e.Dialect, data)
	ended, bad := endOf(e.Dialect, data)
	e.no = e.no || !ok || a.Error != nil || bad
	e.ended, e.done = e.ended || ended, e.done || a.Ended
}

// Complete says that the events are a whole stream.
func (e *Ending) Complete() bool {
	// Gemini's streams, and the gateway's own, end with the event that says why.
	return !e.no && e.ended && (e.done || e.Dialect == exchange.Gemini || e.Dialect == exchange.Spark)
}

// completeObject says that a body is a JSON object and no error.
func completeObject(d exchange.Dialect, body []byte) bool {
	a, ok := ReadAnswer(d, body)
	return ok && a.Error == nil
}

// completeArray reads the elements of a stream that came as an array.
func completeArray(d exchange.Dialect, body []byte) bool {
	w, good := walker{b: body}, false
	for i := skipSpace(body, skipSpace(body, 0)+1); ; {
		to := w.value(i, 2, false)
		if to < 0 || !completeObject(d, body[i:to]) {
			return false
		}
		if ended, bad := endOf(d, body[i:to]); bad {
			return false
		} else if ended {
			good = true
		}
		if i = skipSpace(body, to); i >= len(body) || body[i] != ',' {
			return good && i < len(body) && body[i] == ']'
		}
		i = skipSpace(body, i+1)
	}
}

// endOf reads why an answer, or what an event belongs to, ended: ended says that it did, bad that it did in a way that is none
// to give to others.
func endOf(d exchange.Dialect, data []byte) (ended, bad bool) {
	take := func(reason []byte) {
		if !told(reason) {
			return
		}
		if goodEnds[string(reason)] {
			ended = true
		} else {
			bad = true
		}
	}
	switch d {
	case exchange.Anthropic:
		take(member(data, "stop_reason"))
		take(member(member(data, "delta"), "stop_reason")) // of a stream
	case exchange.Responses:
		take(member(data, "status"))
		if response := member(data, "response"); response != nil && isTerminal(member(data, "type")) {
			take(member(response, "status"))
		}
	case exchange.Spark:
		take(member(data, "finishReason"))
		take(member(data, "finish_reason"))
	default:
		list := member(data, "choices")
		if d == exchange.Gemini {
			list = member(data, "candidates")
		}
		eachElement(list, func(one []byte) {
			take(member(one, "finish_reason"))
			take(member(one, "finishReason"))
		})
	}
	return ended, bad
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
