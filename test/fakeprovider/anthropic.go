// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits that the rate limit headers of the Anthropic dialect speak of, a minute.
const (
	anthropicRequests     = 4_000
	anthropicInputTokens  = 2_000_000
	anthropicOutputTokens = 400_000
)

// anthropic is the dialect of Anthropic's API, https://platform.claude.com/docs/en/api. It refuses what the API
// refuses, members that it does not know above all, and signatures of thinking that it did not give.
type anthropic struct{ server *Server }

func (a anthropic) operations() map[string]operation {
	return map[string]operation{
		"POST /v1/messages":              a.messages,
		"POST /v1/messages/count_tokens": a.countTokens,
		"GET /v1/models":                 a.listModels,
		"GET /v1/models/{id...}":         a.getModel,
		"/v1/messages/":                  a.unknownURL,
	}
}

// claims the paths that OpenAI has too, for clients that say which version of Anthropic's API they speak.
func (a anthropic) claims(r *http.Request) bool { return r.Header.Get("Anthropic-Version") != "" }

func (a anthropic) unknownURL(*http.Request, []byte) (call, *failure) {
	return nil, &failure{status: http.StatusNotFound, message: "Not found"}
}

// admit wants a key in x-api-key, or as a Bearer token, and the version of the API.
func (a anthropic) admit(r *http.Request, _ []byte) *failure {
	if keys := a.server.options.APIKeys; len(keys) > 0 {
		key := r.Header.Get("X-Api-Key")
		if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && key == "" {
			key = bearer
		}
		switch {
		case key == "":
			return &failure{status: http.StatusUnauthorized, message: "x-api-key header is required"}
		case !slices.Contains(keys, key):
			return &failure{status: http.StatusUnauthorized, message: "invalid x-api-key"}
		}
	}
	switch version := r.Header.Get("Anthropic-Version"); version {
	case "":
		return badRequest("anthropic-version: header is required")
	case anthropicNewest, "2023-06-01", "2023-01-01":
		return nil
	default:
		return badRequest("anthropic-version: \"" + version + "\" is not a valid version")
	}
}

func (a anthropic) headers(h http.Header, s stamp) {
	h.Set("Request-Id", "req_"+s.id)
	h.Set("Anthropic-Organization-Id", "fake-provider")
	reset := time.Unix(s.created+60, 0).UTC().Format(time.RFC3339)
	for _, limit := range []struct {
		name      string
		size, use int
	}{
		{"Requests", anthropicRequests, 1},
		{"Input-Tokens", anthropicInputTokens, s.prompt},
		{"Output-Tokens", anthropicOutputTokens, 0},
		{"Tokens", anthropicInputTokens + anthropicOutputTokens, s.prompt},
	} {
		h.Set("Anthropic-Ratelimit-"+limit.name+"-Limit", strconv.Itoa(limit.size))
		h.Set("Anthropic-Ratelimit-"+limit.name+"-Remaining", strconv.Itoa(max(0, limit.size-limit.use)))
		h.Set("Anthropic-Ratelimit-"+limit.name+"-Reset", reset)
	}
}

type anthropicError struct {
	Type  string `json:"type"`
	Error struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	} `json:"error"`
	RequestID string `json:"request_id"`
}

func (a anthropic) failureBody(f *failure) []byte {
	body := anthropicError{Type: "error", RequestID: "req_" + f.id}
	body.Error.Type, body.Error.Message = f.kind, f.message
	if f.kind == "" {
		body.Error.Type = anthropicErrorType(f.status)
	}
	return marshal(body)
}

func (a anthropic) failureEvent(f *failure) event {
	return event{name: "error", data: a.failureBody(f)}
}

func (a anthropic) ping() event { return event{name: "ping", data: []byte(`{"type": "ping"}`)} }

func anthropicErrorType(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusPaymentRequired:
		return "billing_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusRequestEntityTooLarge:
		return "request_too_large"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	case http.StatusGatewayTimeout:
		return "timeout_error"
	case 529:
		return "overloaded_error"
	}
	if status >= 500 {
		return "api_error"
	}
	return "invalid_request_error"
}
