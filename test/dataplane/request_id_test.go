// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"cmp"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/ledger"
)

// A request has one id, by which what is said of it in one place is found in the others.
func TestARequestHasOneIDEverywhere(t *testing.T) {
	const chat, messages = "/v1/chat/completions", "/v1/messages"
	said := func(text string) string {
		return `{"model":"dear","max_tokens":9,"messages":[{"role":"user","content":"hello [[fake ` + text + `]]"}]}`
	}
	for name, test := range map[string]struct {
		path, body string
		script     string
		key        string
		unrecorded bool   // nobody known made it
		wantReason string // empty for the access log's
	}{
		"a provider that fails":           {path: chat, body: said("tokens=3"), script: "status:500", wantReason: "upstream_status"},
		"a provider that refuses":         {path: chat, body: said("tokens=3"), script: "status:400", wantReason: "upstream_status"},
		"a stream that breaks off":        {path: chat, body: strings.Replace(said("tokens=9"), "{", `{"stream":true,`, 1), script: "reset-mid-stream:4"},
		"in the words of Anthropic":       {path: messages, body: said("tokens=3"), script: "status:500", wantReason: "upstream_status"},
		"a budget that does not cover it": {path: chat, body: strings.Replace(said("tokens=9"), `:9,`, `:999,`, 1), wantReason: "budget_exceeded"},
		"a key that nobody has":           {path: chat, body: said("tokens=3"), key: "spark-nobody", unrecorded: true, wantReason: "invalid_api_key"},
	} {
		t.Run(name, func(t *testing.T) {
			records, err := ledger.New(ledger.Options{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			s := start(t, func(o *options) { o.living.Ledger = records }, withDocument(priced), withDocument(master), withDocument(func(d *config.Document) {
				d.Keys[0].Budgets = []config.Budget{{Amount: config.Dollar, Per: config.Day}}
				d.Core.Gateway.Ledger = &config.Ledger{Retention: hour, MaxBytes: 1 << 20, MaxExportRecords: 100}
			}))
			if test.script != "" {
				mustScript(t, s.provider, test.script)
			}
			req := s.request("POST", test.path, test.body)
			req.Header.Set("X-Request-Id", "the-clients-own")
			if test.key != "" {
				req.Header.Set("Authorization", "Bearer "+test.key)
			}
			got := s.do(req)
			id := got.Header.Get("X-Request-Id")
			if len(id) != 32 || id == "the-clients-own" {
				t.Fatalf("%d, id %q: %s", got.StatusCode, id, got.body)
			}
			if test.path == messages && (got.Header.Get("Request-Id") != id || !strings.Contains(got.body, `"request_id":"`+id+`"`)) {
				t.Errorf("to an application of Anthropic's: %v, %s", got.Header, got.body)
			}
			line := s.lines(1)[0]
			want := cmp.Or(test.wantReason, line.Reason)
			if line.ID != id || line.Reason != want || want == "" {
				t.Errorf("the access log says %s of %s, want %s of %s", line.Reason, line.ID, want, id)
			}
			groups, text := s.errorGroups()
			if len(groups) != 1 || groups[0].LastRequestID != id || groups[0].Reason != want {
				t.Errorf("the errors are %s, want %s", text, id)
			}
			if test.unrecorded {
				return
			}
			var exported string
			eventually(t, func() bool {
				exported = s.do(s.request("GET", "/api/export?format=jsonl", "")).body
				return exported != ""
			}, func() string { return "nothing is recorded" })
			record, err := ledger.Parse([]byte(strings.TrimSpace(exported)))
			if err != nil || record.ID != id || record.Reason != want {
				t.Errorf("%v; the record says %s of %s, want %s of %s", err, record.Reason, record.ID, want, id)
			}
		})
	}
}
