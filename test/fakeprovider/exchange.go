// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// exchange is one request on its way through the server.
type exchange struct {
	server  *Server
	dialect dialect
	w       http.ResponseWriter
	control *http.ResponseController
	r       *http.Request
	record  *Record
	subject subject
	faults  Faults
	delay   time.Duration
	stamp   stamp
	started time.Time
	ending  State // what the record becomes if the client stays
}

// serve runs an operation of a dialect and records it.
func (s *Server) serve(d dialect, op operation) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.handlers.RLock()
		defer s.handlers.RUnlock()
		x := s.open(w, r, d)
		defer x.close()
		x.run(op)
	}
}

func (s *Server) open(w http.ResponseWriter, r *http.Request, d dialect) *exchange {
	now := time.Now()
	x := &exchange{
		server: s, dialect: d, w: w, control: http.NewResponseController(w), r: r, started: now, ending: Completed,
		record: s.records.begin(newRecord(r, now)),
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d", s.readied.UnixNano(), x.record.ID))
	x.stamp = stamp{id: hex.EncodeToString(sum[:])[:29], created: now.Unix(), sequence: x.record.ID}
	return x
}

func (x *exchange) close() {
	state := x.ending
	// The context ends the moment the connection does, even while nothing is being written; every wait obeys it.
	if x.r.Context().Err() != nil {
		state = Cancelled
	}
	x.server.records.settle(x.record, state, time.Now())
	if log := x.server.options.Log; log != nil {
		x.server.records.update(x.record, func(r *Record) { // update only for its lock
			log.Info("request", "id", r.ID, "method", r.Method, "path", r.Path, "model", r.Model, "stream", r.Stream,
				"status", r.Status, "state", r.State, "fault", r.Fault, "events", r.EventsSent, "bytes", r.BytesSent,
				"promptTokens", r.PromptTokens, "completionTokens", r.CompletionTokens,
				"duration", r.EndedAt.Sub(r.StartedAt))
		})
	}
}

func (x *exchange) run(op operation) {
	body, fail := x.readBody()
	if fail == nil {
		fail = x.authenticate(body)
	}
	if fail != nil {
		x.fail(fail)
		return
	}
	c, fail := op(x.r, body)
	if fail != nil {
		x.fail(fail)
		return
	}
	x.subject = c.subject()
	x.stamp.prompt = x.subject.promptTokens
	directives, err := x.direct(x.subject)
	if err != nil {
		x.fail(badRequest("fakeprovider: " + err.Error()))
		return
	}
	x.faults, x.delay = directives.faults, directives.delay
	x.answer(c, directives)
}

func (x *exchange) readBody() ([]byte, *failure) {
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxRequestBody))
	kept := body[:min(len(body), x.server.options.RecordBodyLimit)]
	x.server.records.update(x.record, func(r *Record) { r.Body, r.BodyBytes = string(kept), len(body) })
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &failure{status: http.StatusRequestEntityTooLarge, message: "The request body is too large."}
	case err != nil:
		return nil, badRequest("The request body could not be read: " + err.Error())
	}
	return body, nil
}

func (x *exchange) authenticate(body []byte) *failure {
	if own, ok := x.dialect.(gatekeeper); ok {
		return own.admit(x.r, body)
	}
	keys := x.server.options.APIKeys
	if len(keys) == 0 {
		return nil
	}
	key := credential(x.r)
	if key == "" {
		return &failure{status: http.StatusUnauthorized, message: "You didn't provide an API key."}
	}
	if !slices.Contains(keys, key) {
		return &failure{
			status: http.StatusUnauthorized, code: "invalid_api_key",
			message: "Incorrect API key provided: " + redact(key) + ".",
		}
	}
	return nil
}

// direct finds out what steers this answer and writes it into the record.
func (x *exchange) direct(s subject) (directives, error) {
	x.server.records.update(x.record, func(r *Record) {
		r.Model, r.Stream, r.PromptTokens = s.model, s.stream, s.promptTokens
	})
	own, err := said(x.r.Header, s.prompt, s.model)
	if err == nil {
		err = own.faults.fits(s)
	}
	if err != nil {
		return directives{}, err
	}
	scripted := x.server.script.pick(x.r.URL.Path, s)
	d := own.over(scripted).over(defaultDirectives(x.server.options.TokenDelay))
	x.server.records.update(x.record, func(r *Record) { r.Fault, r.Rule = d.faults.spec, d.rule })
	return d, nil
}

// fail answers with an error of the dialect's, which is no fault but what a provider should say.
func (x *exchange) fail(f *failure) {
	f.id = x.stamp.id
	if own, ok := x.dialect.(labeller); ok {
		own.label(x.w.Header(), f)
	}
	body := x.dialect.failureBody(f)
	if _, listed := x.subject.frames().(jsonArray); listed || f.listed {
		body = append(append([]byte("["), body...), ']')
	}
	x.whole(f.status, reply{body: body})
}
