// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"iter"
	"net/http"
	"time"
)

// dialect is one provider's way of speaking. Each lives in its own file; the rest of the package knows only this.
type dialect interface {
	// operations maps net/http patterns to what is done there.
	operations() map[string]operation
	// headers are those that the provider puts on every response.
	headers(h http.Header, s stamp)
	// failureBody renders an error response.
	failureBody(f *failure) []byte
	// failureEvent renders an error inside a stream that has begun.
	failureEvent(f *failure) event
}

// gatekeeper is a dialect with its own way to tell who asks; the others take any key of Options.APIKeys in any header.
type gatekeeper interface {
	admit(r *http.Request, body []byte) *failure
}

// claimant is a dialect that shares paths with an earlier one, and knows its own requests.
type claimant interface {
	claims(r *http.Request) bool
}

// labeller is a dialect that names an error in the headers of its response too.
type labeller interface {
	label(h http.Header, f *failure)
}

// pinger is a dialect whose streams are kept alive by events of its own, where others send comments.
type pinger interface {
	ping() event
}

// operation understands a request to one endpoint, or says what is wrong with it.
type operation func(r *http.Request, body []byte) (call, *failure)

// call is an understood request.
type call interface {
	subject() subject
	// reply is what an obedient provider answers, shaped by those directives that concern content.
	reply(d directives, s stamp) reply
}

// subject is what rules, markers and records look at.
type subject struct {
	model        string
	stream       bool
	framing      framing // of the stream; nil: server-sent events
	prompt       string  // the last user message
	promptTokens int
}

// frames gives the framing of a stream that answers this.
func (s subject) frames() framing {
	if s.framing == nil {
		return serverSentEvents{}
	}
	return s.framing
}

// contentType is what a healthy answer to this is, unless its reply says otherwise.
func (s subject) contentType() string {
	if s.stream {
		return s.frames().contentType()
	}
	return jsonContent
}

const jsonContent = "application/json"

// reply is an answer before anything goes wrong with it: a body or, where events is set, a stream.
type reply struct {
	body        []byte
	contentType string // of the body; default application/json
	events      iter.Seq[event]
	tokens      int      // of the completion; streams say it event by event
	refusal     *failure // set: what the directives make the dialect say instead
}

// event is one event of a stream, in any framing.
type event struct {
	name      string // of the event field or header; "" leaves the field out
	data      []byte // one line
	tokens    int    // of the completion that it carries
	done      bool   // what makes the stream a whole one: the terminator, or the event that says why the answer ended
	exception bool   // an error, where the framing tells those apart
}

// stamp is what identifies one answer.
type stamp struct {
	id       string // 29 letters and digits, different for every answer
	created  int64  // Unix seconds
	millis   int64  // the provider's own processing time
	prompt   int    // tokens
	sequence int64  // rises with each request
}

// failure is an error that the provider reports.
type failure struct {
	status  int
	kind    string // the dialect's own word; "" lets the dialect choose by status
	code    string
	param   string
	message string

	id     string        // of the answer, as in stamp; set when the failure is answered
	retry  time.Duration // after which a client may try again; 0: not said
	listed bool          // it stands in a JSON array, as the answer would have
}

func badRequest(message string) *failure {
	return &failure{status: http.StatusBadRequest, message: message}
}
