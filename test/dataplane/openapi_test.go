// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sparkgateway/spark/gateway/config"
)

// openAPI is what tests look at of the document.
type openAPI struct {
	OpenAPI string                                `json:"openapi"`
	Paths   map[string]map[string]json.RawMessage `json:"paths"`
}

// schemas compiles schemas of the served document by their JSON pointers.
type schemas struct {
	t        *testing.T
	compiler *jsonschema.Compiler
}

func newSchemas(t *testing.T, document string) schemas {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	if err := compiler.AddResource("openapi.json", parsed); err != nil {
		t.Fatal(err)
	}
	return schemas{t, compiler}
}

// check validates a value against a schema of the document.
func (s schemas) check(name string, value []byte) error {
	s.t.Helper()
	schema, err := s.compiler.Compile("openapi.json#/components/schemas/" + name)
	if err != nil {
		s.t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		return err
	}
	return schema.Validate(parsed)
}

// ownGateway serves one model with a price, to a master key and to another.
func ownGateway(t *testing.T) *setup {
	return start(t, withDocument(func(d *config.Document) {
		d.Core.Providers[0].AnyModel = false
		d.Core.Models = []config.Model{
			{Name: "fake/smart", Provider: "default/fake", Upstream: "gpt-4o", Price: &config.Price{Input: 3_000_000, Output: 15_000_000}},
			{Name: "smart", Provider: "default/fake", Upstream: "gpt-4o", Price: &config.Price{Input: 3_000_000, Output: 15_000_000}},
		}
		d.Keys[1].Master = true
		d.Core.Gateway.Ledger = &config.Ledger{Retention: config.Duration(time.Hour), MaxBytes: 1 << 20, MaxExportRecords: 100}
	}))
}

func TestTheOpenAPIDocumentSaysWhatTheGatewayDoes(t *testing.T) {
	s := ownGateway(t)
	bare := s.request("GET", "/api/openapi.json", "")
	bare.Header.Del("Authorization")
	served := s.do(bare)
	if served.StatusCode != 200 || served.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("without a key: status %d", served.StatusCode)
	}
	var document openAPI
	if err := json.Unmarshal([]byte(served.body), &document); err != nil || document.OpenAPI != "3.1.0" {
		t.Fatalf("OpenAPI %q: %v", document.OpenAPI, err)
	}
	want := []string{"/api/export", "/api/metrics", "/api/openapi.json", "/api/spark/errors", "/api/spark/generate", "/api/spark/health"}
	if got := slices.Sorted(maps.Keys(document.Paths)); !slices.Equal(got, want) {
		t.Errorf("paths %q, want %q", got, want)
	}
	for path, methods := range document.Paths {
		for _, method := range []string{"get", "post", "put", "delete"} {
			_, described := methods[method]
			got := s.do(s.request(strings.ToUpper(method), path, "{}"))
			if served := got.StatusCode != 405 && got.StatusCode != 404; served != described {
				t.Errorf("%s %s: described %t, status %d", method, path, described, got.StatusCode)
			}
		}
	}
}

func TestRealAnswersAreThoseOfTheOpenAPIDocument(t *testing.T) {
	s := ownGateway(t)
	schema := newSchemas(t, s.do(s.request("GET", "/api/openapi.json", "")).body)
	for name, tc := range map[string]struct {
		method, path, body, key string
		wantStatus              int
		wantSchema              string
		badRequest              bool // the schema of requests must refuse it as well
	}{
		"a prompt":                      {method: "POST", path: "/api/spark/generate", body: `{"prompt":"Hi [[fake tokens=3]]"}`, wantStatus: 200, wantSchema: "GenerateAnswer"},
		"messages":                      {method: "POST", path: "/api/spark/generate", body: `{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}],"model":"smart","temperature":0.5}`, wantStatus: 200, wantSchema: "GenerateAnswer"},
		"a bound":                       {method: "POST", path: "/api/spark/generate", body: `{"prompt":"Hi [[fake tokens=30]]","maxOutputTokens":2}`, wantStatus: 200, wantSchema: "GenerateAnswer"},
		"neither prompt nor messages":   {method: "POST", path: "/api/spark/generate", body: `{"model":"smart"}`, wantStatus: 400, wantSchema: "Error", badRequest: true},
		"both":                          {method: "POST", path: "/api/spark/generate", body: `{"prompt":"a","messages":[{"role":"user","content":"b"}]}`, wantStatus: 400, wantSchema: "Error", badRequest: true},
		"an unknown field":              {method: "POST", path: "/api/spark/generate", body: `{"prompt":"a","max_tokens":3}`, wantStatus: 400, wantSchema: "Error", badRequest: true},
		"a role of somebody else's":     {method: "POST", path: "/api/spark/generate", body: `{"messages":[{"role":"tool","content":"b"}]}`, wantStatus: 400, wantSchema: "Error", badRequest: true},
		"a bound of nothing":            {method: "POST", path: "/api/spark/generate", body: `{"prompt":"a","maxOutputTokens":0}`, wantStatus: 400, wantSchema: "Error", badRequest: true},
		"a model that there is not":     {method: "POST", path: "/api/spark/generate", body: `{"prompt":"a","model":"x"}`, wantStatus: 404, wantSchema: "Error"},
		"a wrong key":                   {method: "POST", path: "/api/spark/generate", body: `{"prompt":"a"}`, key: "nobody", wantStatus: 401, wantSchema: "Error"},
		"a provider that is overloaded": {method: "POST", path: "/api/spark/generate", body: `{"prompt":"a [[fake fault=status:503]]"}`, wantStatus: 503, wantSchema: "Error"},
		"health, to anybody":            {method: "GET", path: "/api/spark/health", wantStatus: 403, wantSchema: "Error"},
		"health, to a master":           {method: "GET", path: "/api/spark/health", key: bobKey, wantStatus: 200, wantSchema: "Health"},
		"metrics, to anybody":           {method: "GET", path: "/api/metrics", wantStatus: 403, wantSchema: "Error"},
	} {
		t.Run(name, func(t *testing.T) {
			req := s.request(tc.method, tc.path, tc.body)
			if tc.key != "" {
				req.Header.Set("Authorization", "Bearer "+tc.key)
			}
			got := s.do(req)
			if got.StatusCode != tc.wantStatus {
				t.Fatalf("status %d: %s", got.StatusCode, got.body)
			}
			if err := schema.check(tc.wantSchema, []byte(got.body)); err != nil {
				t.Errorf("%s: %v", got.body, err)
			}
			if tc.body == "" {
				return
			}
			if err := schema.check("GenerateRequest", []byte(tc.body)); (err != nil) != tc.badRequest {
				t.Errorf("the schema of requests says %v", err)
			}
		})
	}
}

func TestGenerateTellsWhatAnAnswerCost(t *testing.T) {
	s := ownGateway(t)
	got := s.do(s.request("POST", "/api/spark/generate", `{"prompt":"Hi [[fake tokens=7]]"}`))
	var a struct {
		Text, Provider, FinishReason, Cache string
		Cost                                *string
		Usage                               struct{ InputTokens, OutputTokens, TotalTokens int64 }
	}
	if err := json.Unmarshal([]byte(got.body), &a); err != nil {
		t.Fatal(err)
	}
	pico := a.Usage.InputTokens*3_000_000 + a.Usage.OutputTokens*15_000_000
	want := strings.TrimRight(fmt.Sprintf("0.%012d", pico), "0")
	if a.Text == "" || a.Provider != "fake" || a.FinishReason != "stop" || a.Cache != "bypass" || a.Usage.OutputTokens != 7 || *a.Cost != want {
		t.Errorf("%s, want the cost %s", got.body, want)
	}
}

func TestGenerateStreams(t *testing.T) {
	s := ownGateway(t)
	schema := newSchemas(t, s.do(s.request("GET", "/api/openapi.json", "")).body)
	whole := s.do(s.request("POST", "/api/spark/generate", `{"prompt":"Hi [[fake tokens=5]]"}`))
	got := s.do(s.request("POST", "/api/spark/generate", `{"prompt":"Hi [[fake tokens=5]]","stream":true}`))
	if got.StatusCode != 200 || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("status %d, %s", got.StatusCode, got.Header.Get("Content-Type"))
	}
	text, names := "", []string{}
	for block := range strings.SplitSeq(strings.TrimSpace(got.body), "\n\n") {
		name, data, _ := strings.Cut(strings.TrimPrefix(block, "event: "), "\ndata: ")
		names = append(names, name)
		if err := schema.check(map[string]string{"delta": "GenerateDelta", "done": "GenerateAnswer"}[name], []byte(data)); err != nil {
			t.Errorf("%s: %v", block, err)
		}
		var delta struct{ Text string }
		if err := json.Unmarshal([]byte(data), &delta); err != nil {
			t.Fatal(err)
		}
		text += delta.Text
	}
	if len(names) < 6 || names[len(names)-1] != "done" || slices.Contains(names[:len(names)-1], "done") {
		t.Errorf("events %q", names)
	}
	if !strings.Contains(whole.body, `"text":`+string(must(json.Marshal(text)))) {
		t.Errorf("streamed %q, whole %s", text, whole.body)
	}
	broken := s.do(s.request("POST", "/api/spark/generate", `{"prompt":"[[fake tokens=9 fault=reset-mid-stream:4]]","stream":true}`))
	if strings.Contains(broken.body, "event: done") || !strings.Contains(broken.body, "event: error") || broken.err == nil {
		t.Errorf("a stream that broke: %v, %s", broken.err, broken.body)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestMetricsAreForMasters(t *testing.T) {
	s := ownGateway(t)
	req := s.request("GET", "/api/metrics", "")
	req.Header.Set("Authorization", "Bearer "+bobKey)
	got := s.do(req)
	if got.StatusCode != 200 || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/plain") || !strings.Contains(got.body, "\nspark_connections ") {
		t.Errorf("status %d, %s: %.200s", got.StatusCode, got.Header.Get("Content-Type"), got.body)
	}
}
