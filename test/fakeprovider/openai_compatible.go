// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import "net/http"

// compatible is a server that speaks OpenAI's dialect as many do: below /compatible/v1, and it takes members that it
// does not know without a word.
type compatible struct{ openAI }

func newCompatible(s *Server) compatible {
	flavor := openAIFlavor
	flavor.tier, flavor.fingerprint = "", func(string) string { return "" }
	flavor.nullRefusal = false
	return compatible{openAI{server: s, flavor: &flavor}}
}

func (c compatible) operations() map[string]operation {
	return map[string]operation{
		"POST /compatible/v1/chat/completions": c.chat,
		"POST /compatible/v1/embeddings":       c.looseEmbeddings,
		"GET /compatible/v1/models":            c.listModels,
	}
}

func (c compatible) chat(_ *http.Request, body []byte) (call, *failure) {
	var request chatRequest
	if fail := unmarshalBody(body, &request); fail != nil {
		return nil, fail
	}
	request.keepTools(body)
	if fail := request.check(); fail != nil {
		return nil, fail
	}
	return c.server.chatCall(&request, c.flavor)
}

func (c compatible) headers(h http.Header, s stamp) { h.Set("X-Request-Id", "req_"+s.id) }
