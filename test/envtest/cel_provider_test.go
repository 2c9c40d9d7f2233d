// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import "slices"

// Of every type, what makes a valid provider of it.
var providerTypes = map[string]change{
	"OpenAI":           {},
	"AzureOpenAI":      {"spec.endpoint": "https://a.openai.azure.com"},
	"Anthropic":        {},
	"Gemini":           {},
	"VertexAI":         {"spec.credentials": map[string]any{"gcp": map[string]any{}}, "spec.vertexAI": map[string]any{"project": "p", "location": "global"}},
	"Bedrock":          {"spec.bedrock": map[string]any{"region": "eu-central-1"}},
	"Mistral":          {},
	"Cohere":           {},
	"Ollama":           {"spec.endpoint": "http://ollama:11434"},
	"OpenAICompatible": {"spec.endpoint": "http://vllm:8000"},
}

// ofType gives a valid provider of a type, changed.
func ofType(kind string, changes ...change) change {
	all := change{"spec.type": kind}
	for _, c := range append([]change{providerTypes[kind]}, changes...) {
		for path, value := range c {
			all[path] = value
		}
	}
	return all
}

// providerTypeRules are those that say what goes with which type; every type is tried.
func providerTypeRules() []rule {
	const (
		endpoint    = "endpoint is required with types AzureOpenAI, Ollama and OpenAICompatible"
		credentials = "credentials are required with every type but Ollama and OpenAICompatible"
		noKey       = "type VertexAI takes no API key: use credentials.gcp"
	)
	spec := func(name string, accept, reject change) rule {
		return rule{constraint{"ProviderPolicy", "spec", name}, accept, reject}
	}
	keyed := change{"spec.credentials": map[string]any{"secretRef": map[string]any{"name": "s"}}}
	rules := []rule{spec(noKey, ofType("Gemini", keyed), ofType("VertexAI", keyed))}
	for kind, needs := range providerTypes {
		if _, ok := needs["spec.endpoint"]; ok {
			rules = append(rules, spec(endpoint, ofType(kind), ofType(kind, change{"spec.endpoint": nil})))
		}
		if kind != "Ollama" && kind != "OpenAICompatible" {
			rules = append(rules, spec(credentials, ofType("Ollama", change{"spec.credentials": nil}), ofType(kind, change{"spec.credentials": nil})))
		}
	}
	own := map[string]map[string]change{
		"AzureOpenAI": {
			"azureOpenAI is for type AzureOpenAI only": {"spec.azureOpenAI": map[string]any{"apiVersion": "2024-10-21"}},
			"credentials.azure is for type AzureOpenAI only": {"spec.credentials": map[string]any{"azure": map[string]any{
				"tenantID": "t", "clientID": "00000000-0000-0000-0000-000000000001"}}},
		},
		"VertexAI": {
			"vertexAI is required with type VertexAI, and has no effect otherwise": {"spec.vertexAI": map[string]any{"project": "p", "location": "l"}},
			"credentials.gcp is for type VertexAI only":                            {"spec.credentials": map[string]any{"gcp": map[string]any{}}},
		},
		"Bedrock": {
			"bedrock is required with type Bedrock, and has no effect otherwise": {"spec.bedrock": map[string]any{"region": "r"}},
			"credentials.aws is for type Bedrock only":                           {"spec.credentials": map[string]any{"aws": map[string]any{}}},
		},
	}
	for of, messages := range own {
		for message, changed := range messages {
			for kind := range providerTypes {
				if kind != of {
					rules = append(rules, spec(message, ofType(of, changed), ofType(kind, changed)))
				}
			}
		}
	}
	return append(rules,
		spec("vertexAI is required with type VertexAI, and has no effect otherwise", nil, ofType("VertexAI", change{"spec.vertexAI": nil})),
		spec("bedrock is required with type Bedrock, and has no effect otherwise", nil, ofType("Bedrock", change{"spec.bedrock": nil})),
	)
}

// providerCloudRules are the bounds of what only some types have.
func providerCloudRules() []rule {
	const kind = "ProviderPolicy"
	const credentials = "spec.credentials"
	in := func(of, at string, around ...change) field { return field{kind, at, ofType(of, around...)} }
	aws := in("Bedrock", credentials+".aws", change{credentials: map[string]any{}})
	role := in("Bedrock", aws.at+".roleARN", change{credentials: map[string]any{}})
	azure := func(name string) field {
		whole := map[string]any{"tenantID": "t", "clientID": "00000000-0000-0000-0000-000000000001"}
		return in("AzureOpenAI", credentials+".azure"+name, change{credentials: map[string]any{"azure": whole}})
	}
	ref := map[string]any{"name": "s"}
	const arn = "arn:aws:iam::123456789012:role/"
	const id = "0a1B2c3D-0000-0000-0000-00000000000"
	return slices.Concat([]rule{
		{constraint{kind, credentials, "minProperties"}, nil, change{credentials: map[string]any{}}},
		{constraint{kind, credentials, "maxProperties"}, ofType("Bedrock"),
			ofType("Bedrock", change{credentials: map[string]any{"secretRef": ref, "aws": map[string]any{}}})},
		aws.rule("maxProperties", map[string]any{"secretRef": ref}, map[string]any{"secretRef": ref, "roleARN": arn + "a"}),
		{constraint{kind, aws.at + ".secretRef", "required name"}, aws.with(map[string]any{"secretRef": ref}), aws.with(map[string]any{"secretRef": map[string]any{}})},
		role.rule("minLength", arn+"a", "arn:aws:iam::1:role"),
		role.rule("maxLength", arn+repeat(600-len(arn)), arn+repeat(601-len(arn))),
		role.rule("pattern", "arn:aws-us-gov:iam::123456789012:role/path/Spark+=,.@_-9", "arn:aws:iam::12345678901:role/a"),
		role.rule("pattern", arn+"a", "arn:aws:iam::123456789012:user/a"),
		role.rule("pattern", arn+"a", arn+"a b"),
		azure("").rule("required tenantID", map[string]any{"tenantID": "t", "clientID": id + "1"}, map[string]any{"clientID": id + "1"}),
		azure("").rule("required clientID", map[string]any{"tenantID": "t", "clientID": id + "1"}, map[string]any{"tenantID": "t"}),
		azure(".tenantID").rule("pattern", "example.onmicrosoft.com", "a/b"),
		azure(".tenantID").rule("pattern", "a", ".a"),
		azure(".clientID").rule("maxLength", id+"f", id+"ff"),
		azure(".clientID").rule("pattern", id+"F", id+"g"),
		azure(".clientID").rule("pattern", id+"9", "example"),
		in("AzureOpenAI", "spec.azureOpenAI").rule("minProperties", map[string]any{"apiVersion": "v"}, map[string]any{}),
		in("AzureOpenAI", "spec.azureOpenAI.apiVersion").rule("pattern", "2025-01-01-preview_1.0", "a&b"),
		in("VertexAI", "spec.vertexAI").rule("required project", map[string]any{"project": "p", "location": "l"}, map[string]any{"location": "l"}),
		in("VertexAI", "spec.vertexAI").rule("required location", map[string]any{"project": "p", "location": "l"}, map[string]any{"project": "p"}),
		in("VertexAI", "spec.vertexAI.project").rule("pattern", "example.com:my-project-1", "a/b"),
		in("VertexAI", "spec.vertexAI.location").rule("pattern", "europe-west4", "a.b"),
		in("VertexAI", "spec.vertexAI.location").rule("pattern", "us", "-us"),
		in("Bedrock", "spec.bedrock").rule("required region", map[string]any{"region": "r"}, map[string]any{}),
		in("Bedrock", "spec.bedrock.region").rule("pattern", "us-gov-west-1", "a.b"),
		in("Bedrock", "spec.bedrock.region").rule("pattern", "a", "a-"),
	},
		in("Bedrock", aws.at+".secretRef.name", change{credentials: map[string]any{}}).name(253),
		azure(".tenantID").name(253),
		secretKey(azure(".secretRef")),
		secretKey(in("VertexAI", credentials+".gcp.secretRef")),
		in("AzureOpenAI", "spec.azureOpenAI.apiVersion").name(64),
		in("VertexAI", "spec.vertexAI.project").name(128),
		in("VertexAI", "spec.vertexAI.location").name(63),
		in("Bedrock", "spec.bedrock.region").name(63),
	)
}
