// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
)

// azure is the dialect of Azure OpenAI: OpenAI's operations on deployments, in the dated API, where the path names the
// deployment, and in v1, where model does.
type azure struct{ openAI }

var (
	azureVerdict = json.RawMessage(`{"hate":{"filtered":false,"severity":"safe"},` +
		`"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},` +
		`"violence":{"filtered":false,"severity":"safe"}}`)
	azureFlavor = chatFlavor{
		answerID: openAIFlavor.answerID, callID: openAIFlavor.callID, fingerprint: fingerprint, nullRefusal: true,
		filters:       azureVerdict,
		promptFilters: json.RawMessage(`[{"prompt_index":0,"content_filter_results":` + string(azureVerdict) + `}]`),
	}
	azureVersion = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(-preview)?$`)
)

func newAzure(s *Server) azure { return azure{openAI{server: s, flavor: &azureFlavor}} }

func (a azure) operations() map[string]operation {
	operations := map[string]operation{"GET /openai/v1/models": a.current(a.listModels)}
	for path, op := range map[string]operation{
		"/chat/completions": a.chat, "/completions": a.completions, "/embeddings": a.embeddings,
		"/images/generations": a.generateImages, "/audio/speech": a.speech,
	} {
		operations["POST /openai/deployments/{deployment}"+path] = a.dated(a.onDeployment(op))
		operations["POST /openai/v1"+path] = a.current(op)
	}
	for path, op := range map[string]operation{ // forms, which look for the deployment themselves
		"/images/edits": a.editImages, "/audio/transcriptions": a.transcriptions, "/audio/translations": a.translations,
	} {
		operations["POST /openai/deployments/{deployment}"+path] = a.dated(func(r *http.Request, body []byte) (call, *failure) {
			return deployed(op(r, body))
		})
		operations["POST /openai/v1"+path] = a.current(op)
	}
	return operations
}

// dated wants the version of the API that every call must name.
func (a azure) dated(op operation) operation {
	return func(r *http.Request, body []byte) (call, *failure) {
		if !azureVersion.MatchString(r.URL.Query().Get("api-version")) {
			return nil, &failure{status: http.StatusNotFound, code: "404", message: "Resource not found"}
		}
		return op(r, body)
	}
}

// current takes the version of the v1 API, which may be left out.
func (a azure) current(op operation) operation {
	return func(r *http.Request, body []byte) (call, *failure) {
		switch version := r.URL.Query().Get("api-version"); version {
		case "", "v1", "preview", "latest":
			return deployed(op(r, body))
		default:
			return nil, badRequest(fmt.Sprintf("API version '%s' is not supported.", clip(version, maxEcho)))
		}
	}
}

// onDeployment puts the path's deployment where OpenAI's operations look for the model, whatever stands there.
func (a azure) onDeployment(op operation) operation {
	return func(r *http.Request, body []byte) (call, *failure) {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(body, &members); err != nil || members == nil {
			return nil, badRequest("Your request contained invalid JSON.")
		}
		members["model"] = marshal(r.PathValue("deployment"))
		return deployed(op(r, marshal(members)))
	}
}

// deployed says of unknown models what Azure says of deployments.
func deployed(c call, fail *failure) (call, *failure) {
	if fail != nil && fail.code == "model_not_found" {
		fail = &failure{
			status: http.StatusNotFound, code: "DeploymentNotFound",
			message: "The API deployment for this resource does not exist. If you created the deployment within the last " +
				"5 minutes, please wait a moment and try again.",
		}
	}
	return c, fail
}

// admit takes a key in api-key or a token of Entra ID as a bearer.
func (a azure) admit(r *http.Request, _ []byte) *failure {
	for _, key := range []string{r.Header.Get("Api-Key"), bearer(r)} {
		if key != "" && a.server.knowsKey(key) == nil {
			return nil
		}
	}
	if len(a.server.options.APIKeys) == 0 {
		return nil
	}
	return &failure{
		status: http.StatusUnauthorized, code: "401",
		message: "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key " +
			"for an active subscription and use a correct regional API endpoint for your resource.",
	}
}

func (a azure) headers(h http.Header, s stamp) {
	h.Set("X-Request-Id", requestUUID(s))
	h.Set("Apim-Request-Id", requestUUID(s))
	h.Set("X-Ms-Region", "Sweden Central")
	h.Set("X-Ratelimit-Limit-Requests", strconv.Itoa(requestsPerMinute))
	h.Set("X-Ratelimit-Remaining-Requests", strconv.Itoa(requestsPerMinute-1))
	h.Set("X-Ratelimit-Limit-Tokens", strconv.Itoa(tokensPerMinute))
	h.Set("X-Ratelimit-Remaining-Tokens", strconv.Itoa(max(0, tokensPerMinute-s.prompt)))
}

// requestUUID is an answer's id in the shape of a UUID.
func requestUUID(s stamp) string {
	hex := SHA256Of(s.id)
	return hex[:8] + "-" + hex[8:12] + "-4" + hex[13:16] + "-a" + hex[17:20] + "-" + hex[20:32]
}

// failureBody is what the gateway in front of Azure's models says, or what the models do, which is as OpenAI's.
func (a azure) failureBody(f *failure) []byte {
	switch f.status {
	case http.StatusUnauthorized, http.StatusNotFound, http.StatusTooManyRequests:
		code := f.code
		if code == "" {
			code = strconv.Itoa(f.status)
		}
		return marshal(map[string]any{"error": map[string]string{"code": code, "message": f.message}})
	}
	return a.openAI.failureBody(f)
}

func (a azure) failureEvent(f *failure) event { return event{data: a.failureBody(f)} }
