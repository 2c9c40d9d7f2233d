// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Limits that the rate limit headers of the OpenAI dialect speak of, a minute.
const (
	requestsPerMinute = 10_000
	tokensPerMinute   = 2_000_000
)

// openAI is the dialect of OpenAI's API, and what the dialects of others that took it over are made of.
type openAI struct {
	server *Server
	flavor *chatFlavor
}

// newOpenAI is OpenAI itself.
func newOpenAI(s *Server) openAI { return openAI{server: s, flavor: &openAIFlavor} }

// admit wants the key as OpenAI does: as a bearer token.
func (o openAI) admit(r *http.Request, _ []byte) *failure {
	return o.server.knowsKey(bearer(r))
}

// bearer is the token of the authorization header; "" where there is none of that kind.
func bearer(r *http.Request) string {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return ""
	}
	return token
}

// knowsKey refuses a key that is not one of the server's, in OpenAI's words; a server without keys knows all.
func (s *Server) knowsKey(key string) *failure {
	switch {
	case len(s.options.APIKeys) == 0 || slices.Contains(s.options.APIKeys, key):
		return nil
	case key == "":
		return &failure{status: http.StatusUnauthorized, message: "You didn't provide an API key."}
	}
	return &failure{
		status: http.StatusUnauthorized, code: "invalid_api_key", message: "Incorrect API key provided: " + redact(key) + ".",
	}
}

func (o openAI) operations() map[string]operation {
	return map[string]operation{
		"POST /v1/chat/completions":     o.chat,
		"POST /v1/completions":          o.completions,
		"POST /v1/embeddings":           o.embeddings,
		"POST /v1/moderations":          o.moderations,
		"POST /v1/images/generations":   o.generateImages,
		"POST /v1/images/edits":         o.editImages,
		"POST /v1/images/variations":    o.varyImages,
		"POST /v1/audio/speech":         o.speech,
		"POST /v1/audio/transcriptions": o.transcriptions,
		"POST /v1/audio/translations":   o.translations,
		"GET /v1/models":                o.listModels,
		"GET /v1/models/{id...}":        o.getModel, // ids may hold slashes
	}
}

func (o openAI) headers(h http.Header, s stamp) {
	h.Set("X-Request-Id", "req_"+s.id)
	h.Set("Openai-Processing-Ms", strconv.FormatInt(s.millis, 10))
	h.Set("Openai-Version", "2020-10-01")
	h.Set("Openai-Organization", "fake-provider")
	h.Set("X-Ratelimit-Limit-Requests", strconv.Itoa(requestsPerMinute))
	h.Set("X-Ratelimit-Remaining-Requests", strconv.Itoa(requestsPerMinute-1))
	h.Set("X-Ratelimit-Reset-Requests", "6ms")
	h.Set("X-Ratelimit-Limit-Tokens", strconv.Itoa(tokensPerMinute))
	h.Set("X-Ratelimit-Remaining-Tokens", strconv.Itoa(max(0, tokensPerMinute-s.prompt)))
	h.Set("X-Ratelimit-Reset-Tokens", strconv.Itoa(s.prompt*60_000/tokensPerMinute)+"ms")
}

type openAIError struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

func (o openAI) failureBody(f *failure) []byte {
	kind := f.kind
	if kind == "" {
		kind = openAIErrorType(f.status)
	}
	code := f.code
	if code == "" && f.status == http.StatusTooManyRequests {
		code = "rate_limit_exceeded"
	}
	return marshal(map[string]openAIError{"error": {
		Message: f.message, Type: kind, Param: orNull(f.param), Code: orNull(code),
	}})
}

func (o openAI) failureEvent(f *failure) event { return event{data: o.failureBody(f)} }

func openAIErrorType(status int) string {
	switch {
	case status == http.StatusTooManyRequests:
		return "requests"
	case status == http.StatusForbidden:
		return "permission_error"
	case status >= 500:
		return "server_error"
	}
	return "invalid_request_error"
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// marshal renders what this package made itself, which always can be, and leaves <, > and & as they are.
func marshal(value any) []byte {
	var out lineBuffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	return out[:len(out)-1] // without the newline that Encode adds
}

type lineBuffer []byte

func (b *lineBuffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// unmarshalBody decodes a request or says so in OpenAI's words.
func unmarshalBody(body []byte, into any) *failure {
	if err := json.Unmarshal(body, into); err != nil {
		return badRequest("We could not parse the JSON body of your request: " + err.Error())
	}
	return nil
}
