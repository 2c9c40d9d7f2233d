// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// googleContent is the content type of everything that Google's APIs answer in one piece.
const googleContent = "application/json; charset=UTF-8"

// gemini is the dialect of the Gemini API, https://ai.google.dev/api. Members that it does not know are refused, in
// camel case and in snake case alike.
type gemini struct{ server *Server }

func (g gemini) operations() map[string]operation {
	return map[string]operation{
		"POST /v1beta/models/{call...}": googleCalls(map[string]operation{
			"generateContent":       googleGenerate{g.server, false}.whole,
			"streamGenerateContent": googleGenerate{g.server, false}.streamed,
			"countTokens":           googleGenerate{g.server, false}.countTokens,
			"embedContent":          googleEmbed(g).one,
			"batchEmbedContents":    googleEmbed(g).batch,
		}),
		"GET /v1beta/models":         g.listModels,
		"GET /v1beta/models/{id...}": g.getModel,
		"/v1beta/":                   googleUnknown,
	}
}

// admit wants a key in x-goog-api-key or in the parameter key.
func (g gemini) admit(r *http.Request, _ []byte) *failure {
	keys := g.server.options.APIKeys
	if len(keys) == 0 {
		return nil
	}
	key := r.Header.Get("X-Goog-Api-Key")
	if key == "" {
		key = r.URL.Query().Get("key")
	}
	switch {
	case key == "":
		return &failure{
			status:  http.StatusForbidden,
			message: "Method doesn't allow unregistered callers. Please use API Key or other form of API consumer identity.",
		}
	case !slices.Contains(keys, key):
		return &failure{
			status: http.StatusBadRequest, code: "API_KEY_INVALID",
			message: "API key not valid. Please pass a valid API key.",
		}
	}
	return nil
}

func (g gemini) headers(h http.Header, s stamp) { googleHeaders(h, s) }
func (g gemini) failureBody(f *failure) []byte  { return googleFailure(f) }
func (g gemini) failureEvent(f *failure) event  { return event{data: googleFailure(f)} }

// vertexAI is the dialect of Gemini's models on Google Cloud,
// https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference: the same bodies on other paths.
type vertexAI struct{ server *Server }

func (v vertexAI) operations() map[string]operation {
	return map[string]operation{
		"POST /v1/projects/{project}/locations/{location}/publishers/google/models/{call...}": googleCalls(
			map[string]operation{
				"generateContent":       googleGenerate{v.server, true}.whole,
				"streamGenerateContent": googleGenerate{v.server, true}.streamed,
				"countTokens":           googleGenerate{v.server, true}.countTokens,
				"embedContent":          googlePredict(v).embedOnVertex,
				"predict":               googlePredict(v).predict,
			}),
		"/v1/projects/": googleUnknown,
	}
}

func (v vertexAI) headers(h http.Header, s stamp) { googleHeaders(h, s) }
func (v vertexAI) failureBody(f *failure) []byte  { return googleFailure(f) }
func (v vertexAI) failureEvent(f *failure) event  { return event{data: googleFailure(f)} }

// admit wants an access token.
func (v vertexAI) admit(r *http.Request, _ []byte) *failure {
	keys := v.server.options.APIKeys
	token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if len(keys) == 0 || isBearer && slices.Contains(keys, token) {
		return nil
	}
	return &failure{
		status: http.StatusUnauthorized,
		message: "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other " +
			"valid authentication credential.",
	}
}

// googleCalls finds the method behind the colon of "{model}:{method}".
func googleCalls(methods map[string]operation) operation {
	return func(r *http.Request, body []byte) (call, *failure) {
		_, method := googleCall(r)
		operation, known := methods[method]
		if !known {
			return googleUnknown(r, body)
		}
		return operation(r, body)
	}
}

// googleCall cuts the path; the last colon counts, because a marker in the model's name may hold others.
func googleCall(r *http.Request) (model, method string) {
	path := r.PathValue("call")
	at := strings.LastIndexByte(path, ':')
	if at < 0 {
		return path, ""
	}
	return path[:at], path[at+1:]
}

func googleUnknown(r *http.Request, _ []byte) (call, *failure) {
	return nil, &failure{
		status: http.StatusNotFound, message: "Method not found: " + r.Method + " " + clip(r.URL.Path, maxEcho),
	}
}

func googleHeaders(h http.Header, s stamp) {
	h.Set("Server-Timing", "gfet4t7; dur="+strconv.FormatInt(s.millis, 10))
	h.Set("X-Content-Type-Options", "nosniff")
}

type googleError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Status  string `json:"status"`
	Details []any  `json:"details,omitempty"`
}

// googleFailure renders https://google.aip.dev/193; the wait that a limit asks for is a detail of it.
func googleFailure(f *failure) []byte {
	body := googleError{Code: f.status, Message: f.message, Status: googleStatus(f.status)}
	if f.code != "" {
		body.Details = append(body.Details, map[string]string{
			"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": f.code, "domain": "googleapis.com",
		})
	}
	if f.retry > 0 {
		body.Details = append(body.Details, map[string]string{
			"@type":      "type.googleapis.com/google.rpc.RetryInfo",
			"retryDelay": strconv.FormatFloat(f.retry.Seconds(), 'f', -1, 64) + "s",
		})
	}
	return marshal(map[string]googleError{"error": body})
}

func googleStatus(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case http.StatusForbidden:
		return "PERMISSION_DENIED"
	case http.StatusNotFound:
		return "NOT_FOUND"
	case http.StatusConflict:
		return "ABORTED"
	case http.StatusTooManyRequests:
		return "RESOURCE_EXHAUSTED"
	case 499:
		return "CANCELLED"
	case http.StatusInternalServerError:
		return "INTERNAL"
	case http.StatusNotImplemented:
		return "UNIMPLEMENTED"
	case http.StatusServiceUnavailable:
		return "UNAVAILABLE"
	case http.StatusGatewayTimeout:
		return "DEADLINE_EXCEEDED"
	}
	if status >= 500 {
		return "UNKNOWN"
	}
	return "INVALID_ARGUMENT"
}
