// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"fmt"
	"net/http"
)

// ollama is Ollama's part of OpenAI's dialect, below /ollama/v1: members that it does not know have no effect, and no
// key is asked for. It follows https://docs.ollama.com/api/openai-compatibility.
type ollama struct{ openAI }

func newOllama(s *Server) ollama {
	return ollama{openAI{server: s, flavor: &chatFlavor{
		answerID: func(s stamp) string { return fmt.Sprintf("chatcmpl-%d", s.sequence) }, callID: openAIFlavor.callID,
		fingerprint: func(string) string { return "fp_ollama" }, reasoning: reasoningField, wholeCalls: true,
	}}}
}

func (o ollama) operations() map[string]operation {
	return map[string]operation{
		"POST /ollama/v1/chat/completions": o.chat,
		"POST /ollama/v1/embeddings":       o.looseEmbeddings,
		"GET /ollama/v1/models":            o.listModels,
	}
}

func (o ollama) admit(*http.Request, []byte) *failure { return nil }

func (o ollama) chat(_ *http.Request, body []byte) (call, *failure) {
	var request chatRequest
	if fail := unmarshalBody(body, &request); fail != nil {
		return nil, fail
	}
	request.keepTools(body)
	// These are OpenAI's, and Ollama does not read them.
	request.N, request.MaxCompletionTokens, request.ParallelToolCalls, request.ToolChoice = nil, nil, nil, nil
	if request.Model == "" {
		return nil, badRequest("model is required")
	}
	if len(request.Messages) == 0 {
		return nil, badRequest("[] is too short - 'messages'")
	}
	c, fail := o.server.chatCall(&request, o.flavor)
	if fail != nil && fail.status == http.StatusNotFound {
		fail.message = fmt.Sprintf("model '%s' not found", clip(request.Model, maxEcho))
	}
	return c, fail
}

func (o ollama) headers(http.Header, stamp) {}

// failureBody names kinds of errors as Ollama does.
func (o ollama) failureBody(f *failure) []byte {
	kind := "api_error"
	switch f.status {
	case http.StatusBadRequest:
		kind = "invalid_request_error"
	case http.StatusNotFound:
		kind = "not_found_error"
	}
	return marshal(map[string]openAIError{"error": {Message: f.message, Type: kind}})
}

func (o ollama) failureEvent(f *failure) event { return event{data: o.failureBody(f)} }
