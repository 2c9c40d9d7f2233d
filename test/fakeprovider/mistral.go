// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
)

// mistral is Mistral's dialect of OpenAI's, below /mistral/v1. Members that it does not know are refused.
type mistral struct{ openAI }

// callIDLength is how many letters and digits an id of a tool call has.
const callIDLength = 9

func newMistral(s *Server) mistral {
	return mistral{openAI{server: s, flavor: &chatFlavor{
		answerID: func(s stamp) string { return SHA256Of(s.id)[:32] },
		callID:   func(id string) string { return SHA256Of(id)[:callIDLength] }, fingerprint: func(string) string { return "" },
		reasoning: reasoningParts, wholeCalls: true, usageAtFinish: true,
	}}}
}

func (m mistral) operations() map[string]operation {
	return map[string]operation{
		"POST /mistral/v1/chat/completions": m.chat,
		"POST /mistral/v1/embeddings":       m.embeddings,
		"GET /mistral/v1/models":            m.listModels,
	}
}

func (m mistral) admit(r *http.Request, _ []byte) *failure {
	if m.server.knowsKey(bearer(r)) == nil {
		return nil
	}
	return &failure{status: http.StatusUnauthorized, message: "Unauthorized"}
}

func (m mistral) headers(h http.Header, s stamp) {
	h.Set("Mistral-Correlation-Id", requestUUID(s))
	h.Set("X-Ratelimit-Limit-Req-Minute", strconv.Itoa(requestsPerMinute))
	h.Set("X-Ratelimit-Remaining-Req-Minute", strconv.Itoa(requestsPerMinute-1))
}

// mistralError is Mistral's error; of a request that does not validate, the message is a list of details.
type mistralError struct {
	Object  string  `json:"object"`
	Message any     `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

type mistralDetail struct {
	Type string `json:"type"`
	Loc  []any  `json:"loc"`
	Msg  string `json:"msg"`
}

func (m mistral) failureBody(f *failure) []byte {
	body := mistralError{Object: "error", Message: f.message, Type: f.kind, Code: orNull(f.code)}
	switch f.status {
	case http.StatusUnauthorized:
		return marshal(map[string]string{"detail": f.message})
	case http.StatusUnprocessableEntity:
		detail := mistralDetail{Type: f.code, Loc: locationOf(f.param), Msg: f.message}
		body.Message, body.Code = map[string]any{"detail": []mistralDetail{detail}}, nil
	}
	if body.Type == "" {
		body.Type = mistralErrorType(f.status)
	}
	return marshal(body)
}

func mistralErrorType(status int) string {
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return "invalid_request_error"
	case http.StatusNotFound:
		return "invalid_model"
	case http.StatusTooManyRequests:
		return "rate_limited"
	}
	return "internal_server_error"
}

func (m mistral) failureEvent(f *failure) event { return event{data: m.failureBody(f)} }

// locationOf is a path as Mistral tells it: from the body, indexes as numbers.
func locationOf(path string) []any {
	loc := []any{"body"}
	for step := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		if index, err := strconv.Atoi(step); err == nil {
			loc = append(loc, index)
			continue
		}
		loc = append(loc, step)
	}
	return loc
}

// unprocessable is a request that does not validate: kind is pydantic's word for why.
func unprocessable(path, kind, message string) *failure {
	return &failure{status: http.StatusUnprocessableEntity, param: path, code: kind, message: message}
}

// decodeMistral decodes as strictly as Mistral does.
func decodeMistral(body []byte, into any) *failure {
	found, err := decodeStrictly(body, into, nil)
	var kind *json.UnmarshalTypeError
	switch {
	case found != nil && found.tag:
		return unprocessable(dotted(append(found.path, "type")), "union_tag_invalid", "Input tag '"+clip(found.name, maxEcho)+
			"' does not match any of the expected tags")
	case found != nil:
		return unprocessable(dotted(append(found.path, found.name)), "extra_forbidden", "Extra inputs are not permitted")
	case errors.As(err, &kind):
		return unprocessable(kind.Field, kind.Type.String()+"_type", "Input should be a valid "+kind.Type.String())
	case err != nil:
		return unprocessable("", "json_invalid", "JSON decode error")
	}
	return nil
}
