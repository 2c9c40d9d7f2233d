// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
)

const pin = dialect.Pin("sp-1a2b3c4d-")

// askFor asks a script for something that it keeps.
func askFor(t *testing.T, s *script, req Request, pinned bool) *run {
	t.Helper()
	r := &run{t: t, guard: &guard{}, journey: &Journey{}, ex: exchange.Exchange{Start: time.Now(), Stream: req.Exchange != nil}}
	to := target(t, s)
	if pinned {
		to.Pin = pin
	}
	req.Exchange, req.Fields, req.Guard, req.Clock = &r.ex, fields{}, r.guard, clock
	if r.refused = r.journey.Do(req, alone(to)); r.refused != nil {
		r.ex.Outcome, r.ex.Reason = r.refused.Outcome, r.refused.Reason
		return r
	}
	if r.journey.Answer.Streamed() {
		_, r.relay = r.journey.WriteTo(&r.out)
	} else {
		r.out.Write(r.journey.Answer.Body())
	}
	return r
}

func TestIDsOfWhatIsKeptArePinned(t *testing.T) {
	file := Request{Operation: exchange.Files, Method: "GET", Tail: []byte("/file-1")}
	stored := Request{Operation: exchange.StoredResponse, Dialect: exchange.Responses, Method: "GET", Tail: []byte("/resp_1")}
	streamed := stored
	streamed.Exchange = &exchange.Exchange{} // makes askFor ask for a stream
	opaque := file
	opaque.Opaque = true
	completed := `{"type":"response.completed","response":{"id":"resp_1","usage":{"input_tokens":3,"output_tokens":4}}}`
	tests := map[string]struct {
		script   *script
		req      Request
		unpinned bool
		want     string
	}{
		"a file":                      {script: whole(200, "application/json", `{"id":"file-1"}`), req: file, want: `{"id":"sp-1a2b3c4d-file-1"}`},
		"a file without a pin":        {script: whole(200, "application/json", `{"id":"file-1"}`), req: file, unpinned: true, want: `{"id":"file-1"}`},
		"an answer that is not JSON":  {script: whole(200, "application/json", `{"id":`), req: file, want: `{"id":`},
		"contents that look like ids": {script: whole(200, "application/json", `{"id":"x"}`), req: opaque, want: `{"id":"x"}`},
		"an error is the provider's":  {script: whole(404, "application/json", `{"error":{"message":"no","param":"id"}}`), req: file, want: `{"error":{"message":"no","param":"id"}}`},
		"a response that is kept":     {script: whole(200, "application/json", `{"id":"resp_1","usage":{"input_tokens":1,"output_tokens":2}}`), req: stored, want: `{"id":"sp-1a2b3c4d-resp_1","usage":{"input_tokens":1,"output_tokens":2}}`},
		"its events, names and ids of items as they are": {
			script: chunks("event: a\r\nid: 7\r\ndata: {\"item\":{\"id\":\"m\"},\"response\":{\"id\":\"resp_1\"}}\r\n\r\n", ": still there\n\n", "data: "+completed+"\n\n"),
			req:    streamed,
			want: "event: a\r\nid: 7\r\ndata: {\"item\":{\"id\":\"m\"},\"response\":{\"id\":\"sp-1a2b3c4d-resp_1\"}}\r\n\r\n: still there\n\ndata: " +
				strings.Replace(completed, "resp_1", "sp-1a2b3c4d-resp_1", 1) + "\n\n",
		},
		"an event whose data has several lines": {
			script: chunks("event: a\ndata: {\"response\":\ndata: {\"id\":\"resp_1\"}}\n\n", "data: "+completed+"\n\n"),
			req:    streamed,
			want: "event: a\ndata: {\"response\": {\"id\":\"sp-1a2b3c4d-resp_1\"}}\n\ndata: " +
				strings.Replace(completed, "resp_1", "sp-1a2b3c4d-resp_1", 1) + "\n\n",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := askFor(t, tc.script, tc.req, !tc.unpinned).finish()
			if r.refused != nil || r.relay != nil {
				t.Fatalf("%v, %v", r.refused, r.relay)
			}
			if diff := cmp.Diff(tc.want, r.out.String()); diff != "" {
				t.Error(diff)
			}
			if r.ex.Usage.Source != exchange.UsageNone {
				t.Errorf("what is kept was counted: %+v", r.ex.Usage)
			}
		})
	}
}

func TestAStoredStreamThatEndsEarlyIsNotWhole(t *testing.T) {
	s := chunks("data: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\n\n")
	r := askFor(t, s, Request{Operation: exchange.StoredResponse, Dialect: exchange.Responses, Method: "GET", Exchange: &exchange.Exchange{}}, true).finish()
	if r.relay == nil || r.ex.Outcome != exchange.ProviderBroken || r.ex.Reason != exchange.ReasonTruncated {
		t.Errorf("%v, %v, %s", r.relay, r.ex.Outcome, r.ex.Reason)
	}
}

func TestHowWhatIsKeptIsAskedFor(t *testing.T) {
	tests := map[string]struct {
		req                  Request
		wantLine, wantBody   string
		wantType, wantLength string
	}{
		"a GET has no body": {req: Request{Operation: exchange.Files, Method: "GET", Tail: []byte("?limit=2")}, wantLine: "GET /v1/files?limit=2"},
		"a DELETE has none": {req: Request{Operation: exchange.Files, Method: "DELETE", Tail: []byte("/a")}, wantLine: "DELETE /v1/files/a"},
		"a POST says that it has none": {
			req: Request{Operation: exchange.Batches, Method: "POST", Tail: []byte("/b/cancel")}, wantLine: "POST /v1/batches/b/cancel",
			wantType: "application/json", wantLength: "0",
		},
		"a form is sent as it came": {
			req:      Request{Operation: exchange.Files, Method: "POST", Body: []byte("--x--"), ContentType: []byte("multipart/form-data; boundary=x")},
			wantLine: "POST /v1/files", wantBody: "--x--", wantType: "multipart/form-data; boundary=x", wantLength: "5",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := whole(200, "application/json", `{}`)
			s.received, s.bodies = make(chan *http.Request, 1), make(chan string, 1)
			r := askFor(t, s, tc.req, true).finish()
			if r.refused != nil {
				t.Fatal(r.refused)
			}
			got, body := <-s.received, <-s.bodies
			if line := got.Method + " " + got.URL.String(); line != tc.wantLine || body != tc.wantBody {
				t.Errorf("%s with %q", line, body)
			}
			if got.Header.Get("Content-Type") != tc.wantType || got.Header.Get("Content-Length") != tc.wantLength {
				t.Errorf("header %v", got.Header)
			}
		})
	}
}
