// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

// toOne asks provider one, which no route could lead elsewhere.
var toOne = question{model: "one/gpt"}

// operations are what types of providers differ in, beside chats.
var operations = []question{
	{path: "/v1/responses", body: `{"model":"one/gpt","input":"hello"}`},
	{path: "/v1/completions", body: `{"model":"one/gpt","prompt":"hello"}`},
	{path: "/v1/moderations", body: `{"model":"one/gpt","input":"hello"}`},
}

// protocol sees where a provider is asked for a chat and where it looks for the credential, and then for which other
// operations it is asked where.
func protocol(b *bed) any {
	var seen []string
	for _, q := range append([]question{toOne}, operations...) {
		before := len(asked(b.one))
		b.ask(q)
		records := asked(b.one)
		if len(records) == before {
			seen = append(seen, "-")
			continue
		}
		at := records[len(records)-1].Path
		if len(seen) == 0 {
			for _, name := range []string{"Authorization", "Api-Key", "X-Api-Key", "X-Goog-Api-Key"} {
				if records[0].Headers.Get(name) != "" {
					at += " " + name
				}
			}
		}
		seen = append(seen, at)
	}
	return seen
}

// typed makes provider one of a type; what the type needs beside is the block.
func typed(kind, block string) edits {
	changes := edits{"ProviderPolicy.spec.type": kind}
	if block != "" {
		name, value, _ := strings.Cut(block, ": ")
		changes["ProviderPolicy.spec."+name] = value
	}
	return changes
}

const (
	ofVertex  = "vertexAI: {project: p, location: eu}"
	ofBedrock = "bedrock: {region: eu-central-1}"
)

// typeCases are of what only some types have.
func typeCases() cases {
	openAI := []string{"/v1/chat/completions Authorization", "/v1/responses", "/v1/completions", "/v1/moderations"}
	kind := func(block string, is ...string) fieldCase {
		return fieldCase{from: "OpenAI", was: openAI, is: is, see: protocol, also: typed("", block)}
	}
	found := cases{
		"AzureOpenAI": kind("", "/openai/v1/chat/completions Api-Key", "/openai/v1/responses", "/openai/v1/completions", "/openai/v1/moderations"),
		"Anthropic":   kind("", "/v1/messages X-Api-Key", "/v1/messages", "-", "-"),
		"Gemini":      kind("", "/v1beta/models/gpt-4o:generateContent X-Goog-Api-Key", "/v1beta/models/gpt-4o:generateContent", "-", "-"),
		"VertexAI":    kind(ofVertex),
		"Bedrock":     kind(ofBedrock, "/model/gpt-4o/converse Authorization", "/model/gpt-4o/converse", "-", "-"),
		"Mistral":     kind("", "/v1/chat/completions Authorization", "/v1/chat/completions", "-", "/v1/moderations"),
		"Cohere":      kind("", "/v2/chat Authorization", "/v2/chat", "-", "-"),
		"Ollama":      kind("", "/v1/chat/completions Authorization", "/v1/chat/completions", "/v1/completions", "-"),
		"OpenAICompatible": kind("", "/v1/chat/completions Authorization", "/v1/chat/completions", "/v1/completions",
			"/v1/moderations"),
	}
	vertex := found["VertexAI"]
	const generate = "/v1/projects/p/locations/eu/publishers/google/models/gpt-4o:generateContent"
	vertex.is = []string{generate + " Authorization", generate, "-", "-"}
	vertex.also["ProviderPolicy.spec.credentials"] = "{gcp: {}}"
	found["VertexAI"] = vertex
	same := found["OpenAICompatible"]
	found["OpenAI"] = fieldCase{from: "OpenAICompatible", was: same.is, is: same.was, see: protocol}
	named := cases{}
	for name, c := range found {
		delete(c.also, "ProviderPolicy.spec.type")
		named["ProviderPolicy.spec.type="+name] = c
	}
	path := func(r fakeprovider.Record) any { return strings.TrimSuffix(r.Path+"?"+r.Query, "?") }
	onVertex := typed("VertexAI", ofVertex)
	onVertex["ProviderPolicy.spec.credentials"] = "{gcp: {}}"
	atVertex := maps.Clone(onVertex)
	atVertex["ProviderPolicy.spec.endpoint"] = ""
	atBedrock := typed("Bedrock", ofBedrock)
	atBedrock["ProviderPolicy.spec.endpoint"] = ""
	maps.Copy(named, cases{
		"ProviderPolicy.spec.endpoint": {from: "$ONE", to: "$TWO", was: "one", is: "two", see: who(1, toOne)},
		"ProviderPolicy.spec.endpoint with its path": {from: "$ONE", to: "$ONE/compatible/v1",
			was: "/v1/chat/completions", is: "/compatible/v1/chat/completions", see: received(toOne, path)},
		"ProviderPolicy.spec.endpoint where the type has one": {from: "$ONE", to: "", see: reaches(toOne),
			was: []string{"one"}, is: []string{"api.openai.com:443"}},
		"ProviderPolicy.spec.azureOpenAI.apiVersion": {with: typed("AzureOpenAI", ""), to: "2024-10-21",
			was: "/openai/v1/chat/completions", is: "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
			see: received(toOne, path)},
		"ProviderPolicy.spec.vertexAI.project": {with: onVertex, from: "p", to: "q", see: received(toOne, path),
			was: generate, is: strings.Replace(generate, "/p/", "/q/", 1)},
		"ProviderPolicy.spec.vertexAI.location": {with: onVertex, from: "eu", to: "us", see: received(toOne, path),
			was: generate, is: strings.Replace(generate, "/eu/", "/us/", 1)},
		"ProviderPolicy.spec.vertexAI.location by default": {with: atVertex, from: "eu", to: "europe-west4", see: reaches(toOne),
			was: []string{"aiplatform.eu.rep.googleapis.com:443"}, is: []string{"europe-west4-aiplatform.googleapis.com:443"}},
		"ProviderPolicy.spec.bedrock.region by default": {with: atBedrock, from: "eu-central-1", to: "us-east-1",
			see: reaches(toOne),
			was: []string{"bedrock-runtime.eu-central-1.amazonaws.com:443"}, is: []string{"bedrock-runtime.us-east-1.amazonaws.com:443"}},
	})
	return named
}

const (
	messages    = `{"model":"one/gpt","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}`
	removed     = "ProviderPolicy.spec.headers.remove="
	ofAnthropic = "Anthropic-"
)

// field sees a header field that provider one gets.
func field(name string, q question) func(*bed) any {
	return received(q, func(r fakeprovider.Record) any { return r.Headers.Get(name) })
}

// headerCases are of what goes to a provider beside the body.
func headerCases() cases {
	found := cases{
		"ProviderPolicy.spec.headers.set": {to: "{X-Team: search}", was: "", is: "search", see: field("X-Team", toOne)},
		"ProviderPolicy.spec.headers.set in place of the application's": {to: "{OpenAI-Beta: mine}", was: "theirs", is: "mine",
			see: field("OpenAI-Beta", question{model: "one/gpt", header: map[string]string{"OpenAI-Beta": "theirs"}})},
		removed + "User-Agent": {was: "spark/dev", is: "", to: "[User-Agent]", see: field("User-Agent", toOne)},
	}
	for _, name := range []string{"Accept", "Idempotency-Key", "OpenAI-Beta", "Traceparent", "Tracestate", "X-Client-Request-Id",
		"Anthropic-Beta", "Anthropic-Version"} {
		q := question{model: "one/gpt", header: map[string]string{name: "theirs"}}
		c := fieldCase{to: "[" + name + "]", was: "theirs", is: ""}
		if strings.HasPrefix(name, ofAnthropic) {
			c.with = typed("Anthropic", "")
			q.path, q.body = "/v1/messages", messages
		}
		c.see = field(name, q)
		found[removed+name] = c
	}
	return found
}

// cost sees what an answer is said to cost, of 16 tokens of prompt, two of them from the provider's cache, and 10 of answer.
func cost(b *bed) any {
	var told struct{ Cost string }
	got := b.ask(question{path: "/api/spark/generate", body: `{"model":"one/gpt","prompt":"hello [[fake tokens=10 cached=2]]"}`})
	if err := json.Unmarshal([]byte(got.body), &told); err != nil {
		b.Fatal(err, got.body)
	}
	return told.Cost
}

// modelCases are of what a provider's model is.
func modelCases() cases {
	priced := edits{"ProviderPolicy.spec.models[].price": `{inputPerMillion: "1", outputPerMillion: "1", cachedInputPerMillion: "1"}`}
	price := func(is string) fieldCase {
		return fieldCase{with: priced, from: `"1"`, to: `"2"`, see: cost, was: "0.000026", is: is}
	}
	const of = "ProviderPolicy.spec.models[]."
	return cases{
		of + "name": {from: "gpt", to: "other",
			was: 404, is: 200, see: status(question{model: "one/other"})},
		of + "upstream": {to: "gpt-9", from: "gpt-4o",
			was: "gpt-4o", is: "gpt-9", see: received(toOne, func(r fakeprovider.Record) any { return r.Model })},
		of + "maxOutputTokens": {to: "50",
			was: 200, is: 400, see: status(question{model: "one/gpt", extra: `,"max_tokens":51`})},
		of + "price.inputPerMillion":       price("0.00004"),
		of + "price.outputPerMillion":      price("0.000036"),
		of + "price.cachedInputPerMillion": price("0.000028"),
	}
}
