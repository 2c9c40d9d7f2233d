// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

var _ chat.ErrorDecoder = Encoder{}

// failure is an error as OpenAI says it: in the body of an answer, in a response object, or in an event. Codes are
// strings at OpenAI and numbers at some that are like it.
type failure struct {
	Message string         `json:"message"`
	Type    string         `json:"type"`
	Param   string         `json:"param"`
	Code    jsontext.Value `json:"code"`
}

func (f *failure) code() string {
	switch f.Code.Kind() {
	case '0':
		return clip(string(f.Code))
	case '"':
		var s string
		if chat.DecodeAnswer(f.Code, &s) == nil {
			return clip(s)
		}
	}
	return ""
}

// maxMessage bounds what is passed on of a provider's words, in bytes.
const maxMessage = 4096

func clip(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage], "")
}

// DecodeError reads {"error":{message,type,param,code}}; the error may be a mere string.
func (Encoder) DecodeError(status int, body []byte) *exchange.Error {
	var w struct {
		Error jsontext.Value `json:"error"`
	}
	var f failure
	if chat.DecodeAnswer(body, &w) == nil {
		switch w.Error.Kind() {
		case '{':
			_ = chat.DecodeAnswer(w.Error, &f) // What could not be read stays empty.
		case '"':
			_ = chat.DecodeAnswer(w.Error, &f.Message)
		}
	}
	e := &exchange.Error{
		Status: status, Type: clip(f.Type), Code: f.code(), Param: clip(f.Param), Message: clip(f.Message),
		Reason: exchange.ReasonProviderStatus, Outcome: exchange.ProviderRefused,
	}
	if status >= 500 {
		e.Outcome = exchange.ProviderFailed
	}
	if e.Type == "" {
		e.Type = typeOf(status)
	}
	if e.Message == "" {
		e.Message = "The provider answered with an error."
	}
	return e
}

func typeOf(status int) string {
	switch {
	case status == 401 || status == 403:
		return exchange.TypeAuthentication
	case status == 429:
		return exchange.TypeRateLimit
	case status >= 500:
		return exchange.TypeUpstream
	}
	return exchange.TypeInvalidRequest
}

// statuses are what OpenAI's words for errors would be as a status, where they come when it is too late for one.
var statuses = map[string]int{
	"invalid_request_error": 400, "invalid_prompt": 400, "context_length_exceeded": 400, "bio_policy": 400,
	"misalignment_policy_violation": 400, "data_residency_mismatch": 400, "image_content_policy_violation": 400,
	"invalid_image": 400, "invalid_image_format": 400, "invalid_base64_image": 400, "invalid_image_url": 400,
	"image_too_large": 400, "image_too_small": 400, "image_parse_error": 400, "invalid_image_mode": 400,
	"image_file_too_large": 400, "unsupported_image_media_type": 400, "empty_image_file": 400,
	"failed_to_download_image": 400, "image_file_not_found": 400,
	"authentication_error": 401, "invalid_api_key": 401, "permission_error": 403, "model_not_found": 404,
	"rate_limit_error": 429, "rate_limit_exceeded": 429, "too_many_requests": 429, "insufficient_quota": 429,
	"server_overloaded": 503, "overloaded": 503, "service_unavailable": 503,
}

// event is the error of a response that failed after its status was 200; f may be nil.
func (f *failure) event() *exchange.Error {
	e := &exchange.Error{
		Status: 502, Message: "The provider could not finish its answer.",
		Reason: exchange.ReasonProviderErrorEvent, Outcome: exchange.ProviderFailed,
	}
	if f != nil {
		e.Code, e.Param = f.code(), clip(f.Param)
		if f.Message != "" {
			e.Message = clip(f.Message)
		}
		for _, word := range []string{f.Type, e.Code} {
			if status, ok := statuses[word]; ok {
				e.Status = status
			}
		}
	}
	e.Type = typeOf(e.Status)
	return e
}

// failureCode gives the word of a response object's error, of which there are few, for an error of any dialect.
func failureCode(e *exchange.Error) string {
	switch {
	case e.Status == 429:
		return "rate_limit_exceeded"
	case e.Status >= 400 && e.Status < 500 && e.Type == exchange.TypeInvalidRequest:
		return "invalid_prompt"
	}
	return "server_error"
}
