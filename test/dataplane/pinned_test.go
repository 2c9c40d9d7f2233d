// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

var (
	pinOfFake  = string(dialect.PinOf("default/fake"))
	pinOfOther = string(dialect.PinOf("default/other"))
)

// second starts another fake provider, which the gateway knows as "other".
func second(t testing.TB) (*fakeprovider.Server, option) {
	t.Helper()
	other := fakeprovider.New(fakeprovider.Options{APIKeys: []string{providerKey}})
	if err := other.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	return other, withDocument(func(d *config.Document) {
		p := d.Core.Providers[0]
		p.ID, p.Name, p.Endpoint = "default/other", "other", other.URL()+"/v1"
		d.Core.Providers = append(d.Core.Providers, p)
	})
}

// formOf makes a multipart body of name and value pairs; a value that begins with @ is a file of what follows.
func formOf(t testing.TB, pairs ...string) (body, contentType string) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for i := 0; i < len(pairs); i += 2 {
		content, isFile := strings.CutPrefix(pairs[i+1], "@")
		part, err := w.CreateFormField(pairs[i])
		if isFile {
			part, err = w.CreateFormFile(pairs[i], "sent.bin")
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String(), w.FormDataContentType()
}

// call makes a request with header fields, given as name and value pairs.
func (s *setup) call(method, path, body string, fields ...string) answer {
	s.t.Helper()
	req := s.request(method, path, body)
	for i := 0; i < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	return s.do(req)
}

// kept is what tests look at of files, batches, responses and errors.
type kept struct {
	ID            string
	Object        string
	Status        string
	Deleted       bool
	InputFileID   string `json:"input_file_id"`
	OutputFileID  string `json:"output_file_id"`
	PreviousID    string `json:"previous_response_id"`
	FirstID       string `json:"first_id"`
	LastID        string `json:"last_id"`
	Data, Output  []struct{ ID string }
	RequestCounts struct{ Total, Completed int } `json:"request_counts"`
	Error         *struct{ Message, Param, Code string }
}

func keptIn(t testing.TB, got answer, status int) kept {
	t.Helper()
	if got.StatusCode != status || got.err != nil {
		t.Fatalf("status %d, error %v: %s", got.StatusCode, got.err, got.body)
	}
	var k kept
	if err := json.Unmarshal([]byte(got.body), &k); err != nil {
		t.Fatalf("%v in %s", err, got.body)
	}
	return k
}

const batchLines = `{"custom_id":"one","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}}
`

// upload sends a file for batches to a provider.
func (s *setup) upload(fields ...string) answer {
	s.t.Helper()
	body, contentType := formOf(s.t, "purpose", "batch", "file", "@"+batchLines)
	return s.call("POST", "/v1/files", body, append(fields, "Content-Type", contentType)...)
}

func TestFilesAndBatchesStayWithTheirProvider(t *testing.T) {
	other, option := second(t)
	s := start(t, option)
	file := keptIn(t, s.upload("X-Spark-Provider", "other"), 200)
	if !strings.HasPrefix(file.ID, pinOfOther+"file-") {
		t.Fatalf("the file is called %q", file.ID)
	}
	if got := keptIn(t, s.call("GET", "/v1/files/"+file.ID, ""), 200); got.ID != file.ID {
		t.Errorf("asked for %s, got %s", file.ID, got.ID)
	}
	content := s.call("GET", "/v1/files/"+file.ID+"/content", "")
	if content.body != batchLines || content.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("content of type %q: %s", content.Header.Get("Content-Type"), content.body)
	}
	list := keptIn(t, s.call("GET", "/v1/files?purpose=batch&limit=5", "", "X-Spark-Provider", "default/other"), 200)
	if len(list.Data) != 1 || list.Data[0].ID != file.ID || list.FirstID != file.ID || list.LastID != file.ID {
		t.Errorf("list %+v", list)
	}
	batch := keptIn(t, s.call("POST", "/v1/batches",
		`{"input_file_id":"`+file.ID+`","endpoint":"/v1/chat/completions","completion_window":"24h"}`), 200)
	if !strings.HasPrefix(batch.ID, pinOfOther+"batch_") || batch.InputFileID != file.ID || batch.OutputFileID != "" {
		t.Errorf("batch %+v", batch)
	}
	for range 2 { // Each look takes the fake's batch a step on.
		batch = keptIn(t, s.call("GET", "/v1/batches/"+batch.ID, ""), 200)
	}
	if batch.Status != "completed" || batch.RequestCounts.Completed != 1 || !strings.HasPrefix(batch.OutputFileID, pinOfOther) {
		t.Fatalf("batch %+v", batch)
	}
	// What is in a file is as the provider wrote it.
	if got := s.call("GET", "/v1/files/"+batch.OutputFileID+"/content", ""); !strings.Contains(got.body, `{"custom_id":"one"`) ||
		!strings.Contains(got.body, `"id":"chatcmpl-`) {
		t.Errorf("output: %s", got.body)
	}
	if got := keptIn(t, s.call("GET", "/v1/batches?after="+batch.ID, ""), 200); len(got.Data) != 0 {
		t.Errorf("after the last batch: %+v", got)
	}
	if got := keptIn(t, s.call("DELETE", "/v1/files/"+file.ID, ""), 200); !got.Deleted || got.ID != file.ID {
		t.Errorf("deleted: %+v", got)
	}
	if got := s.call("GET", "/v1/files/"+file.ID, ""); got.StatusCode != 404 || keptIn(t, got, 404).Error == nil {
		t.Errorf("status %d: %s", got.StatusCode, got.body)
	}
	if n := len(s.provider.Records()); n != 0 {
		t.Errorf("the provider that had nothing to do with it got %d requests", n)
	}
	for _, r := range other.Records() {
		if strings.Contains(r.Path+r.Query+r.Body, "sp-") {
			t.Errorf("the provider saw a pin: %s %s?%s %s", r.Method, r.Path, r.Query, r.Body)
		}
	}
}

func TestABatchIsCancelledWhereItRuns(t *testing.T) {
	s := start(t)
	file := keptIn(t, s.upload(), 200)
	batch := keptIn(t, s.call("POST", "/v1/batches",
		`{"endpoint":"/v1/chat/completions","completion_window":"24h","input_file_id":"`+file.ID+`","metadata":{"id":"`+file.ID+`"}}`), 200)
	got := s.call("POST", "/v1/batches/"+batch.ID+"/cancel", "")
	if b := keptIn(t, got, 200); b.Status != "cancelling" || b.ID != batch.ID {
		t.Errorf("%+v", b)
	}
	if !strings.Contains(got.body, `"metadata":{"id":"`+file.ID+`"}`) {
		t.Errorf("the application's own metadata changed: %s", got.body)
	}
	records := s.provider.Records()
	if cancel := records[len(records)-1]; cancel.Headers.Get("Content-Length") != "0" || cancel.BodyBytes != 0 {
		t.Errorf("the cancellation was sent with %v, %d bytes", cancel.Headers, cancel.BodyBytes)
	}
}

func TestWhichProviderIsAsked(t *testing.T) {
	tests := map[string]struct {
		one        bool // the gateway has one provider only
		method     string
		path       string
		body       string
		header     string
		want       int
		wantParam  string
		wantAsked  string
		wantReason string
	}{
		"the only one, for a list":              {one: true, method: "GET", path: "/v1/files", want: 200, wantAsked: "default/fake"},
		"the only one, for an id without a pin": {one: true, method: "GET", path: "/v1/files/file-x", want: 404, wantAsked: "default/fake", wantReason: "upstream_status"},
		"the one of the pin":                    {method: "GET", path: "/v1/files/" + pinOfOther + "file-x", want: 404, wantAsked: "default/other", wantReason: "upstream_status"},
		"the one of the header":                 {method: "GET", path: "/v1/batches", header: "fake", want: 200, wantAsked: "default/fake"},
		"the one of the header, by its ID":      {method: "GET", path: "/v1/batches", header: "default/other", want: 200, wantAsked: "default/other"},
		"the one of the header, for an id without a pin": {
			method: "GET", path: "/v1/files/file-x", header: "other", want: 404, wantAsked: "default/other", wantReason: "upstream_status",
		},
		"the one of a list's cursor": {method: "GET", path: "/v1/files?after=" + pinOfOther + "file-x", want: 200, wantAsked: "default/other"},
		"the one of a batch's file": {
			method: "POST", path: "/v1/batches", body: `{"input_file_id":"` + pinOfOther + `file-x","endpoint":"/v1/embeddings","completion_window":"24h"}`,
			want: 400, wantParam: "input_file_id", wantAsked: "default/other", wantReason: "upstream_status",
		},
		"nobody can tell, for a list": {method: "GET", path: "/v1/files", want: 400, wantParam: "x-spark-provider", wantReason: "provider_of_id"},
		"nobody can tell, for a batch": {
			method: "POST", path: "/v1/batches", body: `{"input_file_id":"file-x"}`, want: 400, wantParam: "x-spark-provider", wantReason: "provider_of_id",
		},
		"nobody can tell, for an id":   {method: "GET", path: "/v1/responses/resp_x", want: 404, wantReason: "provider_of_id"},
		"the header names nobody":      {method: "GET", path: "/v1/files", header: "nobody", want: 400, wantParam: "x-spark-provider", wantReason: "provider_of_id"},
		"the header says another":      {method: "GET", path: "/v1/files/" + pinOfOther + "x", header: "fake", want: 400, wantParam: "x-spark-provider", wantReason: "provider_of_id"},
		"the provider is gone":         {method: "DELETE", path: "/v1/files/sp-00000000-x", want: 404, wantReason: "provider_of_id"},
		"a batch's provider is gone":   {method: "POST", path: "/v1/batches", body: `{"input_file_id":"sp-00000000-x"}`, want: 400, wantParam: "input_file_id", wantReason: "provider_of_id"},
		"an id that is a path":         {method: "GET", path: "/v1/files/" + pinOfOther + "..", want: 400, wantParam: "id", wantReason: "invalid_body"},
		"an id with a slash in it":     {method: "GET", path: "/v1/files/a%2Fb", want: 404, wantReason: "unknown_url"},
		"an id with strange letters":   {method: "GET", path: "/v1/files/" + pinOfOther + "a%3Fb%20c", want: 404, wantAsked: "default/other", wantReason: "upstream_status"},
		"nothing below the collection": {method: "GET", path: "/v1/files/", want: 404, wantReason: "unknown_url"},
		"something else below an id":   {method: "GET", path: "/v1/files/a/b", want: 404, wantReason: "unknown_url"},
		"another method":               {method: "PUT", path: "/v1/files/a", want: 405, wantReason: "method_not_allowed"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var opts []option
			if !tc.one {
				_, option := second(t)
				opts = append(opts, option)
			}
			s := start(t, opts...)
			var fields []string
			if tc.header != "" {
				fields = []string{"X-Spark-Provider", tc.header}
			}
			got := s.call(tc.method, tc.path, tc.body, fields...)
			l := s.lines(1)[0]
			if got.StatusCode != tc.want || l.Provider != tc.wantAsked || l.Reason != tc.wantReason || l.Key != "default/alice" {
				t.Fatalf("status %d, provider %q, reason %q: %s", got.StatusCode, l.Provider, l.Reason, got.body)
			}
			if tc.want < 400 {
				return
			}
			k := keptIn(t, got, tc.want)
			if k.Error == nil || tc.wantParam != "" && k.Error.Param != tc.wantParam {
				t.Errorf("the error is %s", got.body)
			}
		})
	}
}

func TestProvidersWithoutFilesSaySo(t *testing.T) {
	s := start(t, withDocument(func(d *config.Document) { d.Core.Providers[0].Type = config.Anthropic }))
	for _, path := range []string{"/v1/files", "/v1/batches", "/v1/responses/" + pinOfFake + "resp_x"} {
		got := s.call("GET", path, "")
		if k := keptIn(t, got, 404); k.Error == nil || k.Error.Code != "unsupported_operation" {
			t.Errorf("%s: %s", path, got.body)
		}
	}
}

func (s *setup) respond(body string) answer {
	s.t.Helper()
	return s.call("POST", "/v1/responses", body)
}

func TestStoredResponsesStayWithTheirProvider(t *testing.T) {
	other, option := second(t)
	s := start(t, option)
	made := keptIn(t, s.respond(`{"model":"other/gpt-4o","input":"hello"}`), 200)
	if !strings.HasPrefix(made.ID, pinOfOther+"resp_") || strings.HasPrefix(made.Output[0].ID, "sp-") {
		t.Fatalf("%+v", made)
	}
	if got := keptIn(t, s.call("GET", "/v1/responses/"+made.ID+"?include=file_search_call.results", ""), 200); got.ID != made.ID {
		t.Errorf("%+v", got)
	}
	items := keptIn(t, s.call("GET", "/v1/responses/"+made.ID+"/input_items?order=asc", ""), 200)
	if len(items.Data) != 1 || strings.HasPrefix(items.Data[0].ID, "sp-") || items.FirstID != items.Data[0].ID {
		t.Errorf("%+v", items)
	}
	next := keptIn(t, s.respond(`{"model":"other/gpt-4o","input":"and then?","previous_response_id":"`+made.ID+`"}`), 200)
	if next.PreviousID != made.ID || next.ID == made.ID {
		t.Errorf("%+v", next)
	}
	background := keptIn(t, s.respond(`{"model":"other/gpt-4o","input":"hello","background":true}`), 200)
	if got := keptIn(t, s.call("POST", "/v1/responses/"+background.ID+"/cancel", ""), 200); got.Status != "cancelled" || got.ID != background.ID {
		t.Errorf("%+v", got)
	}
	if got := keptIn(t, s.call("DELETE", "/v1/responses/"+made.ID, ""), 200); !got.Deleted || got.ID != made.ID {
		t.Errorf("%+v", got)
	}
	if got := s.call("GET", "/v1/responses/"+made.ID, ""); keptIn(t, got, 404).Error == nil {
		t.Errorf("%s", got.body)
	}
	if n := len(s.provider.Records()); n != 0 {
		t.Errorf("the provider that had nothing to do with it got %d requests", n)
	}
	query := ""
	for _, r := range other.Records() {
		if strings.Contains(r.Path+r.Query+r.Body, "sp-") {
			t.Errorf("the provider saw a pin: %s %s?%s %s", r.Method, r.Path, r.Query, r.Body)
		}
		query += r.Query + " "
	}
	if !strings.Contains(query, "include=file_search_call.results") || !strings.Contains(query, "order=asc") {
		t.Errorf("queries %q", query)
	}
}

func TestAStreamedResponseHasOneID(t *testing.T) {
	s := start(t)
	got := s.respond(`{"model":"gpt-4o","input":"hello [[fake tokens=3]]","stream":true}`)
	var ids []string
	items := map[string]bool{}
	for _, block := range strings.Split(strings.TrimSpace(got.body), "\n\n") {
		_, data, _ := strings.Cut(block, "data: ")
		var e struct {
			Response *struct{ ID string }
			Item     *struct{ ID string }
			ItemID   string `json:"item_id"`
		}
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			t.Fatalf("%v in %q", err, block)
		}
		if e.Response != nil {
			ids = append(ids, e.Response.ID)
		}
		if e.Item != nil {
			items[e.Item.ID] = true
		}
		if e.ItemID != "" {
			items[e.ItemID] = true
		}
	}
	if len(ids) < 3 || !strings.HasPrefix(ids[0], pinOfFake+"resp_") || ids[0] != ids[1] || ids[0] != ids[len(ids)-1] {
		t.Fatalf("ids %q of %s", ids, got.body)
	}
	if len(items) != 1 {
		t.Errorf("the one item has the names %v", items)
	}
	stored := keptIn(t, s.call("GET", "/v1/responses/"+ids[0], ""), 200)
	if stored.ID != ids[0] {
		t.Errorf("%+v", stored)
	}
	lines := s.lines(2)
	if lines[0].Usage == nil || lines[0].Usage.Completion != 3 || lines[1].Usage != nil {
		t.Errorf("reading a response again counts its usage again: %+v, %+v", lines[0].Usage, lines[1].Usage)
	}
}

func TestIDsGoToModelsOfTheirProviderOnly(t *testing.T) {
	tests := map[string]struct{ path, body, wantParam string }{
		"a response to go on from": {"/v1/responses", `{"model":"fake/gpt-4o","input":"x","previous_response_id":"%sresp_x"}`, "previous_response_id"},
		"a file in a response": {
			"/v1/responses", `{"model":"fake/gpt-4o","input":[{"role":"user","content":[{"type":"input_file","file_id":"%sfile-x"}]}]}`, "file_id",
		},
		"a file in a chat": {
			"/v1/chat/completions", `{"model":"fake/gpt-4o","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"%sfile-x"}}]}]}`, "file_id",
		},
		"files of a tool": {
			"/v1/responses", `{"model":"fake/gpt-4o","input":"x","tools":[{"type":"code_interpreter","container":{"type":"auto","file_ids":["%sfile-x"]}}]}`, "file_ids",
		},
	}
	for name, tc := range tests {
		for whose, pin := range map[string]string{"of another provider": pinOfOther, "of a provider that is gone": "sp-00000000-"} {
			t.Run(name+" "+whose, func(t *testing.T) {
				other, option := second(t)
				s := start(t, option)
				got := s.call("POST", tc.path, fmt.Sprintf(tc.body, pin))
				k := keptIn(t, got, 400)
				if k.Error == nil || k.Error.Param != tc.wantParam || !strings.Contains(k.Error.Message, tc.wantParam) {
					t.Errorf("%s", got.body)
				}
				if len(s.provider.Records())+len(other.Records()) != 0 {
					t.Error("a provider was asked")
				}
			})
		}
		t.Run(name+" of the model's", func(t *testing.T) {
			_, option := second(t)
			s := start(t, option)
			s.call("POST", tc.path, fmt.Sprintf(tc.body, pinOfFake))
			r := s.provider.Records()
			if len(r) != 1 || strings.Contains(r[0].Body, "sp-") || !strings.Contains(r[0].Body, "_x") && !strings.Contains(r[0].Body, "file-x") {
				t.Errorf("records %+v", r)
			}
		})
	}
}

func TestWhatIsKeptIsLoggedCountedAndBounded(t *testing.T) {
	s := start(t, withDocument(func(d *config.Document) { d.Core.Gateway.MaxBodyBytes = 1000 }))
	file := keptIn(t, s.upload(), 200)
	s.call("GET", "/v1/files/"+file.ID, "")
	s.call("GET", "/v1/batches", "")
	body, contentType := formOf(t, "purpose", "batch", "file", "@"+strings.Repeat("x", 1000))
	if got := s.call("POST", "/v1/files", body, "Content-Type", contentType); got.StatusCode != 413 {
		t.Errorf("status %d: %s", got.StatusCode, got.body)
	}
	type told struct {
		Operation, Provider, Outcome, Method string
		Usage                                *struct{}
	}
	s.lines(4)
	var got []told
	for text := range strings.Lines(s.log.String()) {
		var l told
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		got = append(got, l)
	}
	want := []told{
		{Operation: "files", Provider: "default/fake", Outcome: "ok", Method: "POST"},
		{Operation: "files", Provider: "default/fake", Outcome: "ok", Method: "GET"},
		{Operation: "batches", Provider: "default/fake", Outcome: "ok", Method: "GET"},
		{Operation: "files", Outcome: "refused", Method: "POST"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := s.counted("default/fake", "ok"); n != 3 {
		t.Errorf("%v requests to the provider were counted", n)
	}
}

// counted gives the requests that metrics tell of.
func (s *setup) counted(provider, outcome string) (n float64) {
	s.t.Helper()
	families, err := s.server.Registry().Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "spark_requests_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["provider"] == provider && labels["outcome"] == outcome {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

func TestAProvidersRefusalOfAKeyIsNotTheClients(t *testing.T) {
	s := start(t, withDocument(func(d *config.Document) { d.Secrets["fake"] = config.NewSecret("wrong") }))
	got := s.call("GET", "/v1/files", "")
	if k := keptIn(t, got, http.StatusBadGateway); k.Error == nil || strings.Contains(got.body, "wrong") {
		t.Errorf("%s", got.body)
	}
}
