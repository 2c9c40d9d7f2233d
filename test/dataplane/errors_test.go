// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

const masterKey = "spark-master-0123456789abcdef0123456789abcd"

// master has a key that may read what concerns all.
func master(d *config.Document) {
	d.Keys = append(d.Keys, config.Key{ID: "default/master", User: "root", Master: true, Digest: config.DigestKey(masterKey)})
}

// errorGroups reads the groups of errors, with the bytes that tell of them.
func (s *setup) errorGroups() (groups []config.ErrorGroup, text string) {
	s.t.Helper()
	req := s.request("GET", "/api/spark/errors", "")
	req.Header.Set("Authorization", "Bearer "+masterKey)
	got := s.do(req)
	var report config.ErrorReport
	if err := json.Unmarshal([]byte(got.body), &report); got.StatusCode != 200 || err != nil {
		s.t.Fatalf("%d, %v: %s", got.StatusCode, err, got.body)
	}
	return report.Groups, got.body
}

func TestGroupsOfErrorsTellNothingThatWasWrittenOrIsSecret(t *testing.T) {
	const canary = "canary-4711-in-the-coal-mine"
	rules := &config.Sanitizer{DenyPatterns: []config.DenyPattern{{
		Name: "mines", Regex: `coal-mine`, Mode: config.SanitizeBlock, Directions: []config.Direction{config.DirectionRequest}, Scopes: config.TextScopes,
	}}}
	quote := `{"error":{"message":"I do not understand ` + canary + ` with key ` + providerKey + `","type":"invalid_request_error"}}`
	post := func(s *setup, path, body string, fields ...string) answer {
		req := s.request("POST", path, body)
		for _, f := range fields {
			name, value, _ := strings.Cut(f, ": ")
			req.Header.Set(name, value)
		}
		return s.do(req)
	}
	const chat = "/v1/chat/completions"
	tests := map[string]struct {
		pieces []string
		status int64
		kind   string
		rules  *config.Sanitizer
		do     func(*setup) answer
		want   string // the reason
	}{
		"a provider that quotes the prompt": {pieces: []string{quote}, status: 400, do: func(s *setup) answer { return post(s, chat, chatBody("gpt-4o", "", false)) }},
		"a provider's error event": {kind: "text/event-stream", pieces: []string{"data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" + canary + "\"},\"finish_reason\":null}]}\n\n", "data: " + quote + "\n\n"},
			do: func(s *setup) answer { return post(s, chat, chatBody("gpt-4o", "", true)) }, want: "upstream_error_event"},
		"an answer that is no JSON": {pieces: []string{`{"choices": ` + canary}, do: func(s *setup) answer { return post(s, chat, chatBody("gpt-4o", "", false)) }},
		"events that are no JSON": {kind: "text/event-stream", pieces: []string{"data: {" + canary + "}\n\n"},
			do: func(s *setup) answer { return post(s, chat, chatBody("gpt-4o", "", true)) }},
		"an answer that cannot be translated": {pieces: []string{`{"choices":[{"message":"` + canary + `"}]}`},
			do: func(s *setup) answer {
				return post(s, "/v1/messages", `{"model":"gpt-4o","max_tokens":9,"messages":[{"role":"user","content":"x"}]}`)
			}},
		"a prompt that is refused": {rules: rules, do: func(s *setup) answer { return post(s, chat, saying(canary, false)) }, want: "deny_pattern"},
		"a body that is no JSON":   {do: func(s *setup) answer { return post(s, chat, `{"model":"gpt-4o","messages":[`+canary) }},
		"a model of no name": {do: func(s *setup) answer {
			s.apply(master, func(d *config.Document) {
				d.Core.Providers[0].AnyModel = false
				d.Core.Routes = []config.Route{{
					ID: "default/smart", Models: []string{"gpt-4o"}, Strategy: config.Weighted,
					Targets: []config.Target{{Provider: "default/fake", Model: "gpt-4o", Upstream: "gpt-4o", Weight: 1}},
				}}
			})
			return post(s, chat, chatBody(canary, "", false))
		}},
		"a member that is unknown": {do: func(s *setup) answer {
			return post(s, "/api/spark/generate", `{"model":"gpt-4o","prompt":"x","`+canary+`":1}`)
		}},
		"an id of nobody's":  {do: func(s *setup) answer { return s.do(s.request("GET", "/v1/responses/"+canary, "")) }},
		"a path of nobody's": {do: func(s *setup) answer { return s.do(s.request("GET", "/v1/"+canary+"?q="+canary, "")) }},
		"a key of nobody's":  {do: func(s *setup) answer { return post(s, chat, "{}", "Authorization: Bearer spark-"+canary) }, want: "invalid_api_key"},
		"a provider that is named wrong": {do: func(s *setup) answer {
			return post(s, "/v1/batches", `{"input_file_id":"x","endpoint":"/v1/chat/completions","completion_window":"24h"}`, "X-Spark-Provider: "+canary)
		}},
		"a provider that does not listen": {do: func(s *setup) answer {
			s.apply(master, func(d *config.Document) { d.Core.Providers[0].Endpoint = "http://127.0.0.1:1/" + canary })
			return post(s, chat, chatBody("gpt-4o", "", false))
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			kind := test.kind
			if kind == "" {
				kind = "application/json"
			}
			opts := []option{withDocument(master)}
			if test.pieces != nil {
				p := startScripted(t, kind, test.pieces...)
				p.status.Store(test.status)
				opts = append(opts, p.instead(config.OpenAI, "/v1"))
			}
			if test.rules != nil {
				opts = append(opts, withDocument(sanitizing(test.rules)))
			}
			s := start(t, opts...)
			test.do(s)
			l := s.lines(1)[0]
			groups, text := s.errorGroups()
			if l.Outcome == "ok" {
				t.Fatalf("nothing failed: %+v", l)
			}
			if len(groups) != 1 || groups[0].Count != 1 || groups[0].Reason != l.Reason || groups[0].LastRequestID != l.ID || test.want != "" && l.Reason != test.want {
				t.Errorf("the log says %s, %s; the groups %s", l.Outcome, l.Reason, text)
			}
			for _, never := range []string{"canary", "coal-mine", providerKey, aliceKey} {
				if strings.Contains(text, never) {
					t.Errorf("the groups tell %q: %s", never, text)
				}
			}
		})
	}
}

func TestRequestsThatFailAlikeAreOneGroup(t *testing.T) {
	s := start(t, withDocument(master))
	for i := range 5 {
		if got := s.chat(fmt.Sprintf("fault=status:500 tokens=%d", i+1), false); got.StatusCode != http.StatusInternalServerError {
			t.Fatalf("%d: %s", got.StatusCode, got.body)
		}
	}
	s.lines(5)
	groups, text := s.errorGroups()
	if len(groups) != 1 || groups[0].Count != 5 || groups[0].UpstreamStatus != 500 || groups[0].Provider != "default/fake" {
		t.Errorf("%s", text)
	}
}
