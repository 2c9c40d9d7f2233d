// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/admin"
	"github.com/sparkgateway/spark/gateway/config"
)

// reloader is a Reloader that answers as told.
type reloader struct {
	offered []config.Bundle
	missing []string
	ack     config.Ack
}

func (r *reloader) Offer(b config.Bundle) (config.Ack, []string) {
	r.offered = append(r.offered, b)
	return r.ack, r.missing
}

func (r *reloader) Ack() config.Ack { return r.ack }

// witness has seen what it is.
type witness config.State

func (w witness) State() config.State { return config.State(w) }

// Explain says what it was asked, unless no path is named.
func (w witness) Explain(q config.ExplainRequest) (config.Explanation, error) {
	if q.Path == "" {
		return config.Explanation{}, errors.New("path: which?")
	}
	return config.Explanation{Path: q.Path, Model: string(q.Body), Key: &config.ExplainedKey{ID: q.Key}}, nil
}

// Exchange says what it was told.
func (w witness) Exchange(call config.UsageCall) config.UsageAnswer {
	return config.UsageAnswer{Instance: call.Instance, Cursor: call.After + 1, Holders: call.Elsewhere}
}

// ServeRecords says what it was asked.
func (w witness) ServeRecords(out http.ResponseWriter, req *http.Request) {
	_, _ = io.WriteString(out, req.URL.RawQuery)
}

// Purge forgets as many as the name is long; the tag "broken" is for a store that does not answer.
func (w witness) Purge(of config.CachePurge) (config.CachePurged, error) {
	if of.Tag == "broken" {
		return config.CachePurged{Removed: 3}, errors.New("dial redis.secret:6379")
	}
	return config.CachePurged{Removed: len(of.Key + of.Route + of.Model + of.Tag), Shared: of.All}, nil
}

// Errors says whose they are.
func (w witness) Errors() config.ErrorReport {
	return config.ErrorReport{Instance: w.Instance, Dropped: 1, Groups: []config.ErrorGroup{{Reason: "upstream_timeout", Count: 2}}}
}

// Health says whose it is.
func (w witness) Health() config.Health {
	return config.Health{Status: config.HealthDegraded, Instance: w.Instance, Providers: w.Providers}
}

// Course knows of one request.
func (w witness) Course(id string) (config.Course, bool) {
	return config.Course{ID: id, Status: 200}, id == "0af7"
}

// endless is a body that goes on.
type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	e.read += len(b)
	return len(b), nil
}

func TestPushAndAck(t *testing.T) {
	const canary = "sk-canary"
	push := config.Push{Manifest: config.Manifest{Schema: 1, Sequence: 7, Parts: map[string]string{"core": "digest"}},
		Parts: map[string][]byte{"core": []byte("{}")}}
	ack := config.Ack{Gateway: "team/main", Pod: "uid", Instance: "i", Revision: "r", Sequence: 7, Schemas: []int{1}}
	state := config.State{Instance: "i", Providers: []config.ProviderState{{
		ID: "team/llm", Attempts: 9, Failures: 2, Latency: []int64{0, 7},
		Out:    []config.BreakerState{{Model: "gpt", State: config.BreakerOpen, Reason: "5 failures in a row", Since: time.Unix(5, 0).UTC()}},
		Health: &config.HealthState{Reason: "status 503", Since: time.Unix(7, 0).UTC()},
	}}}
	asJSON := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	tests := map[string]struct {
		method, path, body string
		missing            []string
		wantStatus         int
		wantBody           string
		wantOffered        int
	}{
		"an ack is given":                  {method: "GET", path: config.AckPath, wantStatus: 200, wantBody: asJSON(ack)},
		"a push is answered by an ack":     {method: "POST", path: config.PushPath, body: asJSON(push), wantStatus: 200, wantBody: asJSON(ack), wantOffered: 1},
		"a push may fall short":            {method: "POST", path: config.PushPath, body: asJSON(push), missing: []string{"core"}, wantStatus: 409, wantBody: `{"missing":["core"]}`, wantOffered: 1},
		"what is no push is refused":       {method: "POST", path: config.PushPath, body: "[]", wantStatus: 400, wantBody: "the body is not a push"},
		"nothing is no push":               {method: "POST", path: config.PushPath, wantStatus: 400, wantBody: "the body is not a push"},
		"a broken push is not quoted back": {method: "POST", path: config.PushPath, body: `{"parts":{"secrets":["` + canary + `"]}}`, wantStatus: 400, wantBody: "the body is not a push"},
		"a push is a POST":                 {method: "GET", path: config.PushPath, wantStatus: 405},
		"an ack is a GET":                  {method: "POST", path: config.AckPath, wantStatus: 405},
		"a state is given":                 {method: "GET", path: config.StatePath, wantStatus: 200, wantBody: asJSON(state)},
		"a state is a GET":                 {method: "POST", path: config.StatePath, wantStatus: 405},
		"an explanation is given": {
			method: "POST", path: config.ExplainPath, body: asJSON(config.ExplainRequest{Path: "/v1", Body: []byte{0xff, 'b'}, Key: "k"}), wantStatus: 200,
			wantBody: asJSON(config.Explanation{Path: "/v1", Model: string([]byte{0xff, 'b'}), Key: &config.ExplainedKey{ID: "k"}}),
		},
		"what cannot be explained is told": {method: "POST", path: config.ExplainPath, body: "{}", wantStatus: 422, wantBody: "path: which?"},
		"what is no question is refused":   {method: "POST", path: config.ExplainPath, body: `"` + canary + `"`, wantStatus: 400, wantBody: "the body is not a question"},
		"a question is a POST":             {method: "GET", path: config.ExplainPath, wantStatus: 405},
		"all answers are forgotten":        {method: "POST", path: config.PurgePath, body: `{"all":true}`, wantStatus: 200, wantBody: `{"removed":0,"shared":true}`},
		"a key's answers are forgotten":    {method: "POST", path: config.PurgePath, body: `{"key":"team/alice"}`, wantStatus: 200, wantBody: `{"removed":10}`},
		"a route's answers are forgotten":  {method: "POST", path: config.PurgePath, body: `{"route":"team/r"}`, wantStatus: 200, wantBody: `{"removed":6}`},
		"a model's answers are forgotten":  {method: "POST", path: config.PurgePath, body: `{"model":"smart"}`, wantStatus: 200, wantBody: `{"removed":5}`},
		"a tag's answers are forgotten":    {method: "POST", path: config.PurgePath, body: `{"tag":"news"}`, wantStatus: 200, wantBody: `{"removed":4}`},
		"a purge of nothing is refused":    {method: "POST", path: config.PurgePath, body: `{}`, wantStatus: 400, wantBody: "a purge is of one of all, key, model, route and tag"},
		"a purge of two is refused":        {method: "POST", path: config.PurgePath, body: `{"all":true,"tag":"x"}`, wantStatus: 400, wantBody: "a purge is of one of all, key, model, route and tag"},
		"what is no purge is refused":      {method: "POST", path: config.PurgePath, body: `{"all":"` + canary + `"}`, wantStatus: 400, wantBody: "the body is not a purge"},
		"a purge is a POST":                {method: "GET", path: config.PurgePath, wantStatus: 405},
		"a large purge is refused":         {method: "POST", path: config.PurgePath, body: `{"tag":"` + strings.Repeat("x", 20<<10) + `"}`, wantStatus: 413, wantBody: "the body is not a purge"},
		"a store that is not told is said": {method: "POST", path: config.PurgePath, body: `{"tag":"broken"}`, wantStatus: 502, wantBody: "the shared store could not be told; 3 removed here"},
		"a course is given":                {method: "GET", path: config.CoursesPath + "0af7", wantStatus: 200, wantBody: asJSON(config.Course{ID: "0af7", Status: 200})},
		"a course that is not kept":        {method: "GET", path: config.CoursesPath + "0af8", wantStatus: 404, wantBody: "404 page not found"},
		"a course is a GET":                {method: "POST", path: config.CoursesPath + "0af7", wantStatus: 405},
		"errors are given": {
			method: "GET", path: config.ErrorsPath, wantStatus: 200, wantBody: asJSON(witness(state).Errors()),
		},
		"a health is given":     {method: "GET", path: config.HealthPath, wantStatus: 200, wantBody: asJSON(witness(state).Health())},
		"a health is a GET":     {method: "POST", path: config.HealthPath, wantStatus: 405},
		"errors are a GET":      {method: "POST", path: config.ErrorsPath, wantStatus: 405},
		"there is nothing else": {method: "GET", path: "/", wantStatus: 404},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := &reloader{ack: ack, missing: test.missing}
			w := httptest.NewRecorder()
			admin.Handler(r, witness(state)).ServeHTTP(w, httptest.NewRequest(test.method, test.path, strings.NewReader(test.body)))
			if w.Code != test.wantStatus || len(r.offered) != test.wantOffered {
				t.Errorf("status %d, %d offers, want %d, %d", w.Code, len(r.offered), test.wantStatus, test.wantOffered)
			}
			if got := strings.TrimSpace(w.Body.String()); test.wantBody != "" && got != test.wantBody {
				t.Errorf("body %s, want %s", got, test.wantBody)
			}
			if strings.Contains(w.Body.String(), canary) {
				t.Error("the answer quotes the body")
			}
			if len(r.offered) == 1 {
				if diff := cmp.Diff(push, r.offered[0]); diff != "" {
					t.Errorf("offered (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestWithoutAWitnessThereIsNoState(t *testing.T) {
	w := httptest.NewRecorder()
	admin.Handler(&reloader{}, nil).ServeHTTP(w, httptest.NewRequest("GET", config.StatePath, nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("status %d", w.Code)
	}
	w = httptest.NewRecorder()
	admin.Handler(&reloader{}, nil).ServeHTTP(w, httptest.NewRequest("POST", config.ExplainPath, strings.NewReader(`{"path":"/v1"}`)))
	if w.Code != http.StatusNotFound {
		t.Errorf("explain: status %d", w.Code)
	}
	w = httptest.NewRecorder()
	admin.Handler(&reloader{}, nil).ServeHTTP(w, httptest.NewRequest("POST", config.PurgePath, strings.NewReader(`{"all":true}`)))
	if w.Code != http.StatusNotFound {
		t.Errorf("purge: status %d", w.Code)
	}
}

func TestAQuestionWithoutEndIsCutOff(t *testing.T) {
	body, w := &endless{}, httptest.NewRecorder()
	admin.Handler(&reloader{}, witness{}).ServeHTTP(w, httptest.NewRequest("POST", config.ExplainPath, body))
	if w.Code != http.StatusRequestEntityTooLarge || body.read > 64<<20 {
		t.Errorf("status %d, %d bytes were read", w.Code, body.read)
	}
}

func TestTheLargestDocumentCanBePushed(t *testing.T) {
	push := config.Push{Parts: map[string][]byte{}}
	part := bytes.Repeat([]byte("x"), config.MaxPartBytes)
	push.Parts[config.CorePart], push.Parts[config.SecretsPart] = part, part
	for shard := range config.KeyShards {
		push.Parts[config.ShardPart(shard)] = part
	}
	body, err := json.Marshal(push)
	if err != nil {
		t.Fatal(err)
	}
	r, w := &reloader{}, httptest.NewRecorder()
	admin.Handler(r, nil).ServeHTTP(w, httptest.NewRequest("POST", config.PushPath, bytes.NewReader(body)))
	if w.Code != http.StatusOK || len(r.offered) != 1 || len(r.offered[0].Parts) != config.KeyShards+2 {
		t.Errorf("a push of %d bytes: status %d", len(body), w.Code)
	}
}

func TestAPushWithoutEndIsCutOff(t *testing.T) {
	body := &endless{}
	r, w := &reloader{}, httptest.NewRecorder()
	admin.Handler(r, nil).ServeHTTP(w, httptest.NewRequest("POST", config.PushPath, body))
	if w.Code != http.StatusRequestEntityTooLarge || len(r.offered) != 0 {
		t.Errorf("status %d, %d offers", w.Code, len(r.offered))
	}
	if most := 64 << 20; body.read > most {
		t.Errorf("%d bytes were read", body.read)
	}
}

func TestHealth(t *testing.T) {
	var notReady error
	h := admin.Health(func() error { return notReady }, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "metrics")
	}))
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	type answer struct {
		Status int
		Body   string
	}
	want := func(path string, want answer) {
		t.Helper()
		status, body := get(path)
		if diff := cmp.Diff(want, answer{status, body}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	want("/livez", answer{200, "ok"})
	want("/readyz", answer{200, "ok"})
	want("/metrics", answer{200, "metrics"})
	want(config.AckPath, answer{404, "404 page not found"})
	want(config.StatePath, answer{404, "404 page not found"})
	notReady = errors.Join(errors.New("draining"), errors.New("configuration: none yet"))
	want("/livez", answer{200, "ok"})
	want("/readyz", answer{503, "draining\nconfiguration: none yet"})
}
