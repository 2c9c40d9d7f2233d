// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

// errorWords are each dialect's words for a status, as its reference has them.
var errorWords = map[string]map[int]string{
	"anthropic": {
		400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
		413: "request_too_large", 429: "rate_limit_error", 500: "api_error", 502: "api_error", 503: "overloaded_error",
		529: "overloaded_error",
	},
	"gemini": {
		400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 413: "INVALID_ARGUMENT",
		429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 502: "UNAVAILABLE", 503: "UNAVAILABLE",
	},
}

// checkError says whether a body is an error as an application's SDK takes it.
func checkError(t *testing.T, name string, got answer, status int) {
	t.Helper()
	if got.StatusCode != status || !strings.HasPrefix(got.Header.Get("Content-Type"), "application/json") {
		t.Errorf("status %d, want %d, %s: %s", got.StatusCode, status, got.Header.Get("Content-Type"), got.body)
	}
	var o map[string]any
	if err := json.Unmarshal([]byte(got.body), &o); err != nil {
		t.Fatalf("%v: %s", err, got.body)
	}
	inner, _ := o["error"].(map[string]any)
	if message, _ := inner["message"].(string); message == "" {
		t.Errorf("no message: %s", got.body)
	}
	members := slices.Sorted(maps.Keys(inner))
	switch dialect, _, _ := strings.Cut(name, " "); dialect {
	case "anthropic":
		want := errorWords["anthropic"][status]
		if id, _ := o["request_id"].(string); o["type"] != "error" || id == "" || inner["type"] != want {
			t.Errorf("want %s: %s", want, got.body)
		}
		if got.Header.Get("Request-Id") == "" {
			t.Errorf("header %v", got.Header)
		}
	case "gemini":
		if want := errorWords["gemini"][status]; inner["code"] != float64(status) || inner["status"] != want {
			t.Errorf("want %s: %s", want, got.body)
		}
	default:
		if !slices.Equal(members, []string{"code", "message", "param", "type"}) || inner["type"] == "" {
			t.Errorf("members %q: %s", members, got.body)
		}
	}
}

// A provider's error has the shape of the application's dialect, whatever the provider speaks, streamed or not.
func TestErrorsHaveTheShapeOfTheApplicationsDialect(t *testing.T) {
	everyPair(t, wires, func(t *testing.T, s *setup, a application, kind config.ProviderType) {
		name := nameOf(a)
		for _, status := range []int{400, 404, 413, 429, 500, 503, 529} {
			want := status
			if status == 529 && name != "anthropic" {
				// Anthropic's own word for 503, which other SDKs do not know.
				want = 503
			}
			if kind == config.OpenAI && name == "chat" && status == 529 {
				// Passed through as it is.
				want = 529
			}
			if status == 529 && (kind == config.Gemini && strings.HasPrefix(name, "gemini") || kind == config.OpenAI && name == "responses") ||
				status == 503 && kind == config.Anthropic && name == "anthropic" {
				continue // Passed through, in words that the real provider has not.
			}
			for _, stream := range []bool{false, true} {
				got := s.do(s.ask(a, fmt.Sprintf("Hi [[fake fault=status:%d]]", status), stream))
				checkError(t, name, got, want)
				if got.Header.Get("X-Spark-Reason") != "upstream_status" || strings.Contains(got.body, providerKey) {
					t.Errorf("reason %q: %s", got.Header.Get("X-Spark-Reason"), got.body)
				}
			}
		}
	})
}

// nameOf is the dialect's name in the table of applications.
func nameOf(a application) string {
	for name, other := range applications {
		if other.path == a.path && other.array == a.array {
			return name
		}
	}
	return ""
}

// The gateway's own refusals are of the same shape.
func TestRefusalsHaveTheShapeOfTheApplicationsDialect(t *testing.T) {
	s := start(t, withDocument(func(d *config.Document) {
		d.Core.Providers[0].AnyModel = false
		d.Core.Gateway.MaxBodyBytes = 4 << 10
		d.Core.Models = []config.Model{{Name: "gpt-4o", Provider: "default/fake", Upstream: "gpt-4o"}}
	}))
	for name, a := range applications {
		t.Run(name, func(t *testing.T) {
			wrong := s.ask(a, "Hi", false)
			wrong.Header.Set("Authorization", "Bearer nobody")
			checkError(t, name, s.do(wrong), 401)

			checkError(t, name, s.do(s.ask(a, strings.Repeat("x", 5<<10), false)), 413)

			elsewhere := s.ask(a, "Hi", true)
			elsewhere.URL.Path = strings.Replace(elsewhere.URL.Path, "gpt-4o", "nobody", 1)
			body := strings.Replace(fmt.Sprintf(a.body, `"Hi"`), "gpt-4o", "nobody", 1)
			checkError(t, name, s.do(s.request("POST", elsewhere.URL.RequestURI(), body)), 404)

			checkError(t, name, s.do(s.request("POST", s.ask(a, "Hi", false).URL.RequestURI(), "{")), 400)
		})
	}
}

// What cannot be said to a provider is refused in the application's words.
func TestWhatCannotBeTranslatedIsRefusedByName(t *testing.T) {
	for name, tc := range map[string]struct {
		kind                    config.ProviderType
		application, with, want string
	}{
		"chat":      {config.Anthropic, "chat", `"logit_bias":{"1":2}`, "logit_bias"},
		"responses": {config.Gemini, "responses", `"previous_response_id":"resp_1"`, "previous_response_id"},
		"anthropic": {config.OpenAI, "anthropic", `"mcp_servers":[{"type":"url","url":"https://x.example","name":"x"}]`, "mcp_servers"},
		"gemini":    {config.Anthropic, "gemini", `"cachedContent":"cachedContents/1"`, "cachedContent"},
		"no field":  {config.Bedrock, "chat", `"a_new_field":1`, "a_new_field"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, to(t, tc.kind))
			a := applications[tc.application]
			a.body = "{" + tc.with + "," + a.body[1:]
			got := s.do(s.ask(a, "Hi", false))
			checkError(t, tc.application, got, 400)
			if !strings.Contains(got.body, tc.want) || got.Header.Get("X-Spark-Reason") != "untranslatable_field" {
				t.Errorf("reason %q: %s", got.Header.Get("X-Spark-Reason"), got.body)
			}
			if n := len(s.provider.Records()); n != 0 {
				t.Errorf("the provider got %d requests", n)
			}
		})
	}
}
