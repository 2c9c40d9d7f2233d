// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// providerOf gives a provider of a type at its public address.
func providerOf(t testing.TB, typ config.ProviderType, endpoint string, change func(*config.Provider)) *Provider {
	t.Helper()
	return made(t, func(p *config.Provider) {
		p.Type, p.Endpoint = typ, endpoint
		if change != nil {
			change(p)
		}
	}, "key")
}

// The paths, methods and credentials are those of the providers' public API references.
func TestEachTypeIsAskedAsItsReferenceSays(t *testing.T) {
	deployments := func(p *config.Provider) { p.APIVersion = "2024-10-21" }
	project := func(p *config.Provider) { p.Project, p.Location = "my-project", "europe-west1" }
	const (
		openAI    = "https://api.openai.com/v1"
		azure     = "https://x.openai.azure.com"
		anthropic = "https://api.anthropic.com"
		gemini    = "https://generativelanguage.googleapis.com"
		vertex    = "https://europe-west1-aiplatform.googleapis.com"
		bedrock   = "https://bedrock-runtime.us-east-1.amazonaws.com"
	)
	bearer := map[string]string{"Authorization": "Bearer key"}
	type want struct {
		target string
		wire   exchange.Dialect
		header map[string]string
	}
	for name, tc := range map[string]struct {
		typ         config.ProviderType
		endpoint    string
		change      func(*config.Provider)
		op          exchange.Operation
		application exchange.Dialect
		model       string
		stream      bool
		want        want
	}{
		"OpenAI, chat":              {config.OpenAI, openAI, nil, exchange.Chat, exchange.OpenAI, "m", false, want{"/v1/chat/completions", exchange.OpenAI, bearer}},
		"OpenAI, chat from Gemini":  {config.OpenAI, openAI, nil, exchange.Chat, exchange.Gemini, "m", true, want{"/v1/chat/completions", exchange.OpenAI, bearer}},
		"OpenAI, a response":        {config.OpenAI, openAI, nil, exchange.Chat, exchange.Responses, "m", false, want{"/v1/responses", exchange.Responses, bearer}},
		"OpenAI, images":            {config.OpenAI, openAI, nil, exchange.ImageGeneration, exchange.OpenAI, "m", false, want{"/v1/images/generations", exchange.OpenAI, bearer}},
		"a compatible, a response":  {config.OpenAICompatible, "http://vllm:8000/v1", nil, exchange.Chat, exchange.Responses, "m", false, want{"/v1/chat/completions", exchange.OpenAI, bearer}},
		"a compatible, rerank":      {config.OpenAICompatible, "http://vllm:8000/v1", nil, exchange.Rerank, exchange.OpenAI, "m", false, want{"/v1/rerank", exchange.OpenAI, bearer}},
		"Azure's deployments, chat": {config.AzureOpenAI, azure, deployments, exchange.Chat, exchange.OpenAI, "my gpt", false, want{"/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21", exchange.OpenAI, map[string]string{"Api-Key": "key"}}},
		"the same, streamed":        {config.AzureOpenAI, azure, deployments, exchange.Chat, exchange.Anthropic, "gpt", true, want{"/openai/deployments/gpt/chat/completions?api-version=2024-10-21", exchange.OpenAI, map[string]string{"Api-Key": "key"}}},
		"Azure's v1, chat":          {config.AzureOpenAI, azure, nil, exchange.Chat, exchange.OpenAI, "gpt", false, want{"/openai/v1/chat/completions", exchange.OpenAI, map[string]string{"Api-Key": "key"}}},
		"Azure's v1, a response":    {config.AzureOpenAI, azure, nil, exchange.Chat, exchange.Responses, "gpt", false, want{"/openai/v1/responses", exchange.Responses, map[string]string{"Api-Key": "key"}}},
		"Anthropic, a message":      {config.Anthropic, anthropic, nil, exchange.Chat, exchange.Anthropic, "claude", false, want{"/v1/messages", exchange.Anthropic, map[string]string{"X-Api-Key": "key", "Anthropic-Version": "2023-06-01"}}},
		"Anthropic, chat":           {config.Anthropic, anthropic, nil, exchange.Chat, exchange.OpenAI, "claude", true, want{"/v1/messages", exchange.Anthropic, map[string]string{"X-Api-Key": "key", "Anthropic-Version": "2023-06-01"}}},
		"Anthropic, count":          {config.Anthropic, anthropic, nil, exchange.CountTokens, exchange.Anthropic, "claude", false, want{"/v1/messages/count_tokens", exchange.Anthropic, map[string]string{"X-Api-Key": "key"}}},
		"Gemini, content":           {config.Gemini, gemini, nil, exchange.Chat, exchange.Gemini, "gemini-2.5-pro", false, want{"/v1beta/models/gemini-2.5-pro:generateContent", exchange.Gemini, map[string]string{"X-Goog-Api-Key": "key"}}},
		"Gemini, content, streamed": {config.Gemini, gemini, nil, exchange.Chat, exchange.OpenAI, "gemini-2.5-pro", true, want{"/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", exchange.Gemini, map[string]string{"X-Goog-Api-Key": "key"}}},
		"Gemini, a tuned model":     {config.Gemini, gemini, nil, exchange.Chat, exchange.Gemini, "tunedModels/mine", false, want{"/v1beta/tunedModels/mine:generateContent", exchange.Gemini, nil}},
		"Gemini, count":             {config.Gemini, gemini, nil, exchange.CountTokens, exchange.Anthropic, "g", false, want{"/v1beta/models/g:countTokens", exchange.Gemini, nil}},
		"Vertex AI, content":        {config.VertexAI, vertex, project, exchange.Chat, exchange.Gemini, "g", false, want{"/v1/projects/my-project/locations/europe-west1/publishers/google/models/g:generateContent", exchange.Gemini, bearer}},
		"Bedrock, converse":         {config.Bedrock, bedrock, nil, exchange.Chat, exchange.OpenAI, "anthropic.claude-v2:1", false, want{"/model/anthropic.claude-v2%3A1/converse", exchange.Bedrock, bearer}},
		"Bedrock, an ARN, streamed": {config.Bedrock, bedrock, nil, exchange.Chat, exchange.OpenAI, "arn:aws:x/y", true, want{"/model/arn%3Aaws%3Ax%2Fy/converse-stream", exchange.Bedrock, bearer}},
		"Mistral, chat":             {config.Mistral, "https://api.mistral.ai/v1", nil, exchange.Chat, exchange.Anthropic, "m", false, want{"/v1/chat/completions", exchange.OpenAI, bearer}},
		"Cohere, chat":              {config.Cohere, "https://api.cohere.com", nil, exchange.Chat, exchange.OpenAI, "c", true, want{"/v2/chat", exchange.Cohere, bearer}},
		"Ollama, chat":              {config.Ollama, "http://ollama:11434/v1", nil, exchange.Chat, exchange.OpenAI, "llama3:8b", false, want{"/v1/chat/completions", exchange.OpenAI, bearer}},
	} {
		t.Run(name, func(t *testing.T) {
			p := providerOf(t, tc.typ, tc.endpoint, tc.change)
			way := p.Way(tc.op, tc.application)
			if way == nil {
				t.Fatal("there is no way")
			}
			h := Head{PathModel: p.PathModel(tc.model), Stream: tc.stream, Length: 2}
			r := parse(t, append(way.AppendHead(nil, &h), "\r\n"...), "{}")
			got := want{r.RequestURI, way.Wire, map[string]string{}}
			for name := range tc.want.header {
				got.header[name] = r.Header.Get(name)
			}
			if tc.want.header == nil {
				got.header = nil
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if r.Method != "POST" || string(way.AppendTarget(nil, &h)) != r.RequestURI {
				t.Errorf("%s %s", r.Method, r.RequestURI)
			}
		})
	}
}

func TestWhoOverlooksFieldsIsNeverPassedThemThrough(t *testing.T) {
	for name, tc := range map[string]struct {
		typ      config.ProviderType
		endpoint string
		want     bool
	}{
		"Ollama overlooks what it does not know": {config.Ollama, "http://ollama:11434/v1", true},
		"OpenAI refuses it itself":               {config.OpenAI, "https://api.openai.com/v1", false},
		"others may know more":                   {config.OpenAICompatible, "http://vllm:8000/v1", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := providerOf(t, tc.typ, tc.endpoint, nil).Way(exchange.Chat, exchange.OpenAI).Differs; got != tc.want {
				t.Errorf("differs: %t", got)
			}
		})
	}
}

func TestWhatATypeCannotDoHasNoWay(t *testing.T) {
	for name, tc := range map[string]struct {
		typ         config.ProviderType
		op          exchange.Operation
		application exchange.Dialect
	}{
		"Anthropic has no embeddings":             {config.Anthropic, exchange.Embeddings, exchange.OpenAI},
		"Mistral counts no tokens":                {config.Mistral, exchange.CountTokens, exchange.Anthropic},
		"Gemini makes no speech of OpenAI's":      {config.Gemini, exchange.Speech, exchange.OpenAI},
		"Bedrock lists no models where it serves": {config.Bedrock, exchange.ListModels, exchange.OpenAI},
		"Cohere completes no prompts":             {config.Cohere, exchange.Completions, exchange.OpenAI},
		"Ollama moderates nothing":                {config.Ollama, exchange.Moderation, exchange.OpenAI},
	} {
		if way := providerOf(t, tc.typ, "http://x", nil).Way(tc.op, tc.application); way != nil {
			t.Errorf("%s, but it has the way %+v", name, way)
		}
	}
}

// The operator believes config of what a gateway can ask; it is to be as the ways are.
func TestWhatTheGatewayItselfMayAskOfATypeIsWhatItHasAWayFor(t *testing.T) {
	for _, typ := range config.ProviderTypes {
		for _, version := range []string{"", "2024-10-21"} {
			p := providerOf(t, typ, "http://x", func(p *config.Provider) { p.APIVersion = version })
			if has := p.Way(exchange.Embeddings, exchange.OpenAI) != nil; typ.Embeds() != has {
				t.Errorf("%s %s embeds: %t, but whether there is a way: %t", typ, version, typ.Embeds(), has)
			}
			if has := p.Way(exchange.Moderation, exchange.OpenAI) != nil; typ.Moderates(version) != has {
				t.Errorf("%s %s moderates: %t, but whether there is a way: %t", typ, version, typ.Moderates(version), has)
			}
		}
	}
}

func TestEveryTypeChatsWithEveryApplication(t *testing.T) {
	for _, typ := range config.ProviderTypes {
		p := providerOf(t, typ, "http://x", nil)
		for _, application := range []exchange.Dialect{exchange.OpenAI, exchange.Responses, exchange.Anthropic, exchange.Gemini, exchange.Spark} {
			if p.Way(exchange.Chat, application) == nil {
				t.Errorf("%s does not chat with %s", typ, application)
			}
		}
	}
}

func TestFieldsGoOnWithinADialectOnly(t *testing.T) {
	client := fields{
		"Openai-Beta": "o", "Anthropic-Beta": "a", "Anthropic-Version": "2099-01-01", "Accept": "x/y", "Idempotency-Key": "i",
		"X-Stainless-Lang": "js", "X-Api-Key": "client", "X-Goog-Api-Key": "client",
	}
	for name, tc := range map[string]struct {
		typ         config.ProviderType
		application exchange.Dialect
		want        http.Header
	}{
		"OpenAI to OpenAI":       {config.OpenAI, exchange.OpenAI, http.Header{"Openai-Beta": {"o"}, "Accept": {"x/y"}, "Idempotency-Key": {"i"}}},
		"Anthropic to OpenAI":    {config.OpenAI, exchange.Anthropic, http.Header{"Idempotency-Key": {"i"}}},
		"Anthropic to Anthropic": {config.Anthropic, exchange.Anthropic, http.Header{"Anthropic-Beta": {"a"}, "Anthropic-Version": {"2099-01-01"}, "Accept": {"x/y"}, "Idempotency-Key": {"i"}, "X-Api-Key": {"key"}}},
		"Gemini to Gemini":       {config.Gemini, exchange.Gemini, http.Header{"Accept": {"x/y"}, "Idempotency-Key": {"i"}, "X-Goog-Api-Key": {"key"}}},
	} {
		p := providerOf(t, tc.typ, "http://x", nil)
		r := parse(t, append(p.Way(exchange.Chat, tc.application).AppendHead(nil, &Head{Fields: client, Length: 0}), "\r\n"...), "")
		for _, always := range []string{"Authorization", "User-Agent", "Accept-Encoding", "Content-Type", "Content-Length"} {
			r.Header.Del(always)
		}
		if diff := cmp.Diff(tc.want, r.Header); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestRequestsOfTheGatewaysOwnGoToAnyPath(t *testing.T) {
	common := http.Header{"User-Agent": {"spark/1.2"}, "Accept-Encoding": {"identity"}}
	with := func(name string, values ...string) http.Header {
		h := common.Clone()
		for i := range values {
			h[name] = values[i : i+1]
		}
		return h
	}
	anthropic := with("X-Api-Key", "key")
	anthropic["Anthropic-Version"] = []string{"2023-06-01"}
	tests := map[string]struct {
		change     func(*config.Provider)
		credential string
		want       http.Header
	}{
		"with the credential":           {nil, "key", with("Authorization", "Bearer key")},
		"without one":                   {nil, "", common},
		"with the version of Anthropic": {func(p *config.Provider) { p.Type = config.Anthropic }, "key", anthropic},
		"with the fields that a policy sets, and without those that it removes": {func(p *config.Provider) {
			p.SetHeaders = []config.Header{{Name: "X-Team", Value: "search"}}
			p.RemoveHeaders = []string{"Authorization"}
		}, "key", with("X-Team", "search")},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := made(t, tc.change, tc.credential)
			way, h := p.Path("/healthz?deep=1"), &Head{Method: "GET", Length: -1}
			r := parse(t, append(way.AppendHead(nil, h), "\r\n"...), "")
			if diff := cmp.Diff(tc.want, r.Header); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if r.Method != "GET" || r.RequestURI != "/healthz?deep=1" || r.Host != "api.example.com" {
				t.Errorf("%s %s of %s", r.Method, r.RequestURI, r.Host)
			}
			if target := string(way.AppendTarget(nil, h)); target != r.RequestURI {
				t.Errorf("target %s", target)
			}
		})
	}
}
